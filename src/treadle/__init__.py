"""Treadle: an LLMOps platform for the whole life of a language-model application.

`import treadle` opens no socket, reads no disk and takes under 0.2 s; the SDK's client loads at first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle.client.client import Client
    from treadle.client.tracing.calls import trace
    from treadle.client.tracing.instrument import instrument
    from treadle.client.tracing.process import configure_tracing, flush, tracing_stats
    from treadle.client.tracing.spans import current_span
    from treadle.server.local import connect
    from treadle.testing.case import case

__version__ = "0.1.0"
__all__ = [
    "Client", "__version__", "case", "configure_tracing", "connect", "current_span", "flush", "instrument", "trace", "tracing_stats",
]  # fmt: skip

_ROOMS = {
    "Client": "treadle.client.client",
    "case": "treadle.testing.case",
    "configure_tracing": "treadle.client.tracing.process",
    "connect": "treadle.server.local",
    "current_span": "treadle.client.tracing.spans",
    "flush": "treadle.client.tracing.process",
    "instrument": "treadle.client.tracing.instrument",
    "trace": "treadle.client.tracing.calls",
    "tracing_stats": "treadle.client.tracing.process",
}
"""Name -> the room that defines it, loaded at first use."""


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'treadle' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_ROOMS[name]), name)

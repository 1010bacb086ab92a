"""From where traces can be brought over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from treadle.traces.importers.export import JsonDict, requests
from treadle.traces.importers.langfuse import read_langfuse
from treadle.traces.importers.mlflow import read_mlflow
from treadle.traces.importers.otlp import read_otlp
from treadle.traces.importers.phoenix import read_phoenix

_SPANS: Mapping[str, Callable[[Path], Iterator[JsonDict]]] = {
    "langfuse": read_langfuse,
    "phoenix": read_phoenix,
    "mlflow": read_mlflow,
}
SOURCES = (*_SPANS, "otlp")
"""Names of what can be read."""


def requests_of(path: Path, source: str) -> Iterator[JsonDict]:
    """Yield the OTLP export requests that a file comes to. Raises ImportRefused when it is not of that source."""
    if source == "otlp":
        return read_otlp(path)
    return requests(_SPANS[source](path), source)

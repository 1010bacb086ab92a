"""One running engine as its supervisor sees it, whatever runs inside: wait for its end, count its requests, end it.

There are two kinds, `llamacpp_process.py` and `vllm.py`. What they share is here: a clean environment, admin calls, the end of a
process. aiohttp is imported at the first call, because trainers import this room for a command line only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from typing import NamedTuple, Protocol

from treadle.core.errors import Unavailable
from treadle.core.types import JsonValue
from treadle.engines.types import Engine

STOP_SECONDS = 5.0
ADMIN_SECONDS = 10.0

_GAUGES = re.compile(
    rb"^(?:llamacpp:requests_(?:processing|deferred)|vllm:num_requests_(?:running|waiting))(?:\{[^}]*\})? ([0-9.e+]+)",
    re.MULTILINE,
)


class EngineFailed(Unavailable):
    """The engine of a model version cannot be started."""

    code = "engines.failed"

    def __init__(self, model_version_id: str, reason: str) -> None:
        super().__init__(
            f"the engine of model version '{model_version_id}' does not run: {reason}; "
            f"weights that its engine can load and free memory are needed; its log is in the workspace, in logs/; "
            f"look with: treadle doctor",
            model_version_id=model_version_id,
            reason=reason,
        )
        self.hopeless = False
        """Whether trying again cannot help."""


class PortTaken(EngineFailed):
    """Another program took the engine's port between our look and its start; another one helps."""


class Running(Protocol):
    """An engine that answered its warm-up request."""

    engine: Engine
    """Where it listens."""

    async def wait(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        ...

    async def in_flight(self) -> int | None:
        """Return how many requests it works on, from everybody; None when it does not say."""
        ...

    async def sleep(self, level: int) -> bool:
        """Give back the GPU's memory without ending, where it can; return whether it sleeps now."""
        ...

    async def wake(self) -> None:
        """Undo `sleep`. Raises Unavailable."""
        ...

    async def stop(self) -> None:
        """End it now; safe to repeat."""
        ...

    def last_words(self) -> str | None:
        """Return why it ended, as its log says; None when it does not."""
        ...


class Told(NamedTuple):
    """What an engine's admin API answered."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body in words, one line, not too long."""
        return " ".join(self.body.decode("utf-8", "replace").split())[:300]


async def ask(
    method: str, url: str, body: JsonValue = None, *, seconds: float = ADMIN_SECONDS, key: str | None = None
) -> Told:
    """Send one admin request; status 0 when nobody answers."""
    import aiohttp

    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds), trust_env=False) as session,
            session.request(method, url, json=body, headers=headers, allow_redirects=False) as reply,
        ):
            return Told(reply.status, await reply.read())
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Told(0, f"{type(error).__name__}: {error}".encode())


async def count_in_flight(url: str) -> int | None:
    """Return how many requests an engine works on or holds in its queue, by its metrics; None when it does not say."""
    told = await ask("GET", f"{url}/metrics", seconds=2.0)
    return in_flight_of(told.body) if told.status == 200 else None


def in_flight_of(metrics: bytes) -> int | None:
    """Return the requests that run and wait, from Prometheus text; None when it names none of the gauges we know."""
    values = _GAUGES.findall(metrics)
    return round(sum(float(value) for value in values)) if values else None


def environment() -> dict[str, str]:
    """Return an engine's environment: ours without secrets, and threads that sleep when there is nothing to do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREADLE_")}
    return {**kept, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "PYTHONUNBUFFERED": "1"}


async def end_process(process: asyncio.subprocess.Process, *, seconds: float = STOP_SECONDS) -> None:
    """Ask a child to end, wait, then insist."""
    for insist in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            insist()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)

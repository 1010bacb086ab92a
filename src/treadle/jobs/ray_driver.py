"""The child that speaks to Ray: `python -m treadle.jobs.ray_driver ADDRESS module:Class PARENT`; `ray_pool.py` talks to it.

Ray is imported here only: it brings threads, signal handlers and a hundred megabytes, and ends its process when the cluster goes away.
A line in, `<number>\\t<JSON>`, is one call; a line out, the same number with what came of it. Number 0 is about the pool itself.

The workers are actors that Ray starts again elsewhere when one dies. A call that was with a dead one is told as lost and never
repeated here: whoever called knows whether that may be. Only text goes to workers and comes back; they need Treadle in this version.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import socket
import sys
import time
from typing import IO, Any

from treadle import __version__
from treadle.core.errors import MissingExtra, TreadleError, describe
from treadle.core.types import JsonObject
from treadle.jobs.child import die_with_parent
from treadle.jobs.ray_pool import MAX_LINE_BYTES, RayUnreachable

REACH_SECONDS = 5.0
MOST_WORKERS = 8
CALLS_PER_WORKER = 8
"""Calls that one worker has at a time: they wait for others rather than reckon."""
CPUS_PER_WORKER = 0.1
REST_SECONDS = 2.0
"""How long a worker that was lost is passed over, where there are others."""


def main() -> None:
    """Join the cluster, say so, and hand on calls until standard input ends."""
    address, target, parent = sys.argv[1:4]
    die_with_parent(int(parent))
    # Whatever Ray prints must not break the conversation: standard output belongs to us alone.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        asyncio.run(_drive(address, target, out))
    except TreadleError as error:
        _say(out, 0, json.dumps({"error": describe(error)}))
        sys.exit(1)


async def _drive(address: str, target: str, out: IO[str]) -> None:
    _reach(address)
    ray = _load()
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        said = (str(error.__cause__ or error).strip().splitlines() or [type(error).__name__])[-1]
        raise RayUnreachable(address, said[:400]) from None
    try:
        cpus = int(ray.cluster_resources().get("CPU", 1))
        workers = _start_workers(ray, min(max(cpus, 1), MOST_WORKERS))
        for greeting in await asyncio.gather(*(each.actor.greet.remote() for each in workers)):
            _check(address, greeting)
        facts: JsonObject = {
            "version": str(ray.__version__),
            "nodes": len(ray.nodes()),
            "cpus": cpus,
            "places": len(workers) * CALLS_PER_WORKER,
        }
        _say(out, 0, json.dumps({"ready": facts}))
        await _serve(ray, workers, target, out)
    except ray.exceptions.RayError as error:
        raise RayUnreachable(
            address, f"its workers do not start: {str(error).strip().splitlines()[-1][:400]}"
        ) from None
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Find out in seconds what Ray itself would try for two minutes. Raises MissingExtra, RayUnreachable."""
    if importlib.util.find_spec("ray") is None:
        raise MissingExtra("ray", needed_for=f"work on Ray at '{address}'")
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise RayUnreachable(address, f"{type(error).__name__}: {error}") from None


def _load() -> Any:
    return importlib.import_module("ray")


class _Slot:
    """A worker as the driver sees it."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.calls = 0
        self.rests_until = 0.0


def _start_workers(ray: Any, count: int) -> list[_Slot]:
    # Sent to the workers by value, so it imports inside: where Treadle is missing, it can still say so.
    @ray.remote(
        num_cpus=CPUS_PER_WORKER, max_restarts=-1, max_concurrency=CALLS_PER_WORKER, scheduling_strategy="SPREAD"
    )
    class Worker:
        def __init__(self) -> None:
            self.work: Any = None

        async def greet(self) -> str:
            """Return the version of Treadle here, '' for none."""
            try:
                import treadle
            except ImportError:
                return ""
            return str(treadle.__version__)

        async def do(self, target: str, spec: str) -> str:
            import importlib
            import json

            from treadle.core.errors import TreadleError, describe

            try:
                if self.work is None:  # first, or started again
                    module_name, _, name = target.partition(":")
                    self.work = getattr(importlib.import_module(module_name), name)()
                return json.dumps({"answer": await self.work(json.loads(spec))})
            except TreadleError as error:
                return json.dumps({"error": describe(error)})

    made: Any = Worker
    return [_Slot(made.remote()) for _ in range(count)]


def _check(address: str, version: str) -> None:
    if version != __version__:
        has = f"have Treadle {version}" if version else "have no Treadle"
        raise RayUnreachable(
            address, f"its workers {has}, this is {__version__}: put 'treadle=={__version__}' into the cluster's image"
        )


async def _serve(ray: Any, workers: list[_Slot], target: str, out: IO[str]) -> None:
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    calls: set[asyncio.Task[None]] = set()
    async for line in reader:
        number, _, spec = line.decode().partition("\t")
        task = asyncio.create_task(_call(ray, workers, target, int(number), spec, out))
        calls.add(task)
        task.add_done_callback(calls.discard)


async def _call(ray: Any, workers: list[_Slot], target: str, number: int, spec: str, out: IO[str]) -> None:
    now = time.monotonic()
    slot = min(workers, key=lambda each: (each.rests_until > now, each.calls))
    slot.calls += 1
    try:
        answer = await slot.actor.do.remote(target, spec)
    except ray.exceptions.RayActorError as error:
        slot.rests_until = time.monotonic() + REST_SECONDS
        answer = json.dumps({"lost": str(error).strip().splitlines()[0][:400]})
    except Exception as error:  # the border of a job: what the work itself did not name
        answer = json.dumps({"lost": f"it failed there: {type(error).__name__}: {str(error).strip()[-400:]}"})
    finally:
        slot.calls -= 1
    _say(out, number, answer)


def _say(out: IO[str], number: int, text: str) -> None:
    out.write(f"{number}\t{text}\n")
    out.flush()


if __name__ == "__main__":
    main()

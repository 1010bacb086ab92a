"""Work on a Ray cluster: many calls of one class on its workers, JSON in and JSON out, through a child process that knows Ray.

The class is made once on each worker and awaited for each call, so it can keep a connection. A call whose worker died raises
`WorkerLost`, and may be made again. The child ends with us, and Ray then ends what it started: nothing is left behind after a kill.
A cluster that is not there is an error; nothing is ever done here instead.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from treadle.core.errors import TreadleError, Unavailable, rebuild
from treadle.core.types import JsonObject, Record
from treadle.jobs.scope import read_tail

MAX_LINE_BYTES = 128 * 1024 * 1024
"""A call or its answer as JSON."""
START_SECONDS = 60.0
"""How long joining the cluster and starting workers may take."""
END_SECONDS = 5.0


class RayUnreachable(Unavailable):
    """The Ray cluster that work was to be done on is not there, does not let us in, or has other software."""

    code = "jobs.ray_unreachable"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"Ray at '{address}' cannot be used: {why}; TREADLE_RAY (treadle up --ray) must name the head of a running cluster "
            f"that this machine is a node of, RAY_AUTH_TOKEN its token where it asks for one; look with: treadle doctor",
            address=address,
        )


class WorkerLost(Unavailable):
    """A worker of Ray ended, or its work failed unexpectedly, before a call was answered; it may have done some of it."""

    code = "jobs.ray_worker_lost"


class PoolFacts(Record):
    """What a pool found when it opened."""

    version: str
    """Of Ray, here."""
    nodes: int
    """Machines in the cluster."""
    cpus: int
    """Processors in the cluster."""
    places: int
    """Calls that its workers take at once."""


class RayPool:
    """The workers of a cluster, as long as `open_pool` lasts. Belongs to one event loop."""

    def __init__(self, address: str, process: asyncio.subprocess.Process, facts: PoolFacts) -> None:
        self.facts = facts
        self._address = address
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[JsonObject]] = {}
        self._has_ended = False

    async def call(self, spec: JsonObject) -> JsonObject:
        """Do one call on a worker. Raises WorkerLost; RayUnreachable when the cluster is gone; what the work raised."""
        if self._has_ended:
            raise self._gone()
        number = next(self._numbers)
        told: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._waiting[number] = told
        try:
            assert self._process.stdin is not None
            with suppress(ConnectionError):  # its end is heard of where answers come from
                self._process.stdin.write(f"{number}\t{json.dumps(spec)}\n".encode())
                await self._process.stdin.drain()
            message = await told
        finally:
            del self._waiting[number]
        match message:
            case {"answer": dict(answer)}:
                return answer
            case {"error": dict(error)}:
                raise _rebuilt(error)
        raise WorkerLost(f"a worker of Ray at '{self._address}' did not answer ({message['lost']}); ask again")

    async def listen(self) -> None:
        """Hand answers to those who wait, until the child ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            number, message = _parse(line)
            waiting = self._waiting.get(number)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            elif number == 0 and "error" in message:
                break
        self._has_ended = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._gone())

    def _gone(self) -> RayUnreachable:
        return RayUnreachable(self._address, "the connection to the cluster ended in the middle of the work")


@asynccontextmanager
async def open_pool(address: str, target: str) -> AsyncIterator[RayPool]:
    """Start workers on the cluster, to be called until the block ends. target: 'module:Class', its instances awaitable calls.

    Raises MissingExtra without Ray, RayUnreachable.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "treadle.jobs.ray_driver", address, target, str(os.getpid()),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}, limit=MAX_LINE_BYTES,
    )  # fmt: skip
    assert process.stderr is not None
    last_words = asyncio.create_task(read_tail(process.stderr))
    try:
        pool = RayPool(address, process, await _hear_ready(address, process, last_words))
        listener = asyncio.create_task(pool.listen())
        try:
            yield pool
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
    finally:
        await _end(process)
        last_words.cancel()


async def _hear_ready(
    address: str, process: asyncio.subprocess.Process, last_words: asyncio.Task[list[str]]
) -> PoolFacts:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
            said = [] if line else await last_words
    except TimeoutError:
        raise RayUnreachable(address, f"it gave no place to work within {START_SECONDS:g} s") from None
    if not line:
        raise RayUnreachable(address, said[-1] if said else "the process that speaks to it ended at once")
    _, message = _parse(line)
    if isinstance(error := message.get("error"), dict):
        raise _rebuilt(error)
    return PoolFacts.model_validate(message["ready"])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the child leave the cluster in good order; end it when it does not."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _parse(line: bytes) -> tuple[int, JsonObject]:
    number, _, text = line.partition(b"\t")
    return int(number), json.loads(text)


def _rebuilt(error: JsonObject) -> TreadleError:
    values = error["values"]
    return rebuild(
        str(error["kind"]), str(error["message"]), str(error["code"]), values if isinstance(values, dict) else {}
    )

"""One worker of `treadle gateway`: the data plane alone, in a process and an event loop of its own.

Started by `gateway.py` with a socket that listens already and one JSON line on standard input. It says `{"ready": true}` once it knows
the configuration, or `{"error": ...}`; until then it accepts nothing. SIGTERM, or the end of standard input (the master is gone), lets
it finish what it answers, store its records and end with 0.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from treadle import __version__
from treadle.core.clock import SystemClock
from treadle.core.errors import EXIT_CODE, TreadleError, Unavailable, kind_of
from treadle.engines.directory import Directory
from treadle.gateway.addresses import private_hosts
from treadle.gateway.plane import DataPlane
from treadle.gateway.refusals import lacks_v1
from treadle.gateway.traces_door import PATH as TRACES_PATH
from treadle.governance.envelope import MasterKeys
from treadle.server.gateway import BACKLOG, Orders
from treadle.server.http1 import Server
from treadle.server.turn import Message
from treadle.storage.database import Database

KEEP_ALIVE_SECONDS = 30
POOL_SIZE = 4
GC_THRESHOLDS = (10_000, 20, 20)
LOG_BYTES = 10 * 1024 * 1024
_OK = json.dumps({"status": "ok", "version": __version__}).encode()

log = logging.getLogger("treadle.gateway.worker")


class Door:
    """What the port answers: the data plane under /v1, and probes."""

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane
        self.is_draining = False
        """Whether this worker takes no new work."""

    def __call__(self, scope: Message, receive: Any, send: Any) -> Awaitable[None]:
        """Serve one request, when it is awaited."""
        path: str = scope["path"]
        if path == TRACES_PATH:
            return self._data_plane.traces(scope, receive, send)
        if path.startswith("/v1/") or lacks_v1(path):
            return self._data_plane.application(scope, receive, send)
        if path == "/healthz":
            return _respond(send, 200, _OK)
        if path == "/readyz":
            return self._tell_ready(send)
        problem = "there is nothing here; applications call /v1/..., probes /healthz and /readyz"
        return _respond(send, 404, json.dumps({"error": {"message": problem, "code": "unknown_path"}}).encode())

    async def _tell_ready(self, send: Any) -> None:
        table = self._data_plane.live.table
        if table is None or self.is_draining:
            status = "draining" if self.is_draining else "starting"
            await _respond(send, 503, json.dumps({"status": status}).encode())
        else:
            await _respond(send, 200, json.dumps({"status": "ready", "configuration": table.hash}).encode())


def main() -> None:
    """Work until told to stop."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    _log_to_file(Path(orders.log_file))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work(orders))
    except TreadleError as error:
        _say({"error": error.message, "code": error.error_code, "kind": kind_of(error).__name__})
        sys.exit(EXIT_CODE[kind_of(error)])


async def work(orders: Orders) -> None:
    """Bring the data plane up, serve, and bring it down with nothing lost."""
    told = _when_told()
    database = Database(orders.database_url, pool_size=POOL_SIZE)
    await asyncio.to_thread(database.open)
    try:
        directory = Directory(database)
        data_plane = DataPlane(
            database,
            master_keys=MasterKeys(Path(orders.keys_file)),
            spool_folder=Path(orders.spool_folder),
            find_engine=directory.find,
            clock=SystemClock(),
            hosts=private_hosts(orders.host, orders.private_hosts),
            max_body_bytes=orders.max_body_mib * 1024 * 1024,
        )
        await directory.start()
        await data_plane.start()
        try:
            if data_plane.live.table is None:
                raise Unavailable(
                    "the configuration cannot be read from the database; it needs a schema of this release: "
                    "start the platform on it once with: treadle up --database URL",
                    code="server.no_configuration",
                )
            listening = socket.socket(fileno=orders.socket_fd)
            await serve(
                data_plane, listening, told, drain_seconds=orders.drain_seconds, on_ready=lambda: _say({"ready": True})
            )
        finally:
            await data_plane.close()
            await directory.close()
    finally:
        database.close()


async def serve(
    data_plane: DataPlane,
    listening: socket.socket,
    told: asyncio.Event,
    *,
    drain_seconds: float,
    on_ready: Callable[[], None],
) -> None:
    """Answer until told to stop, then finish what is being answered, up to the limit."""
    door = Door(data_plane)
    server = Server(door, keep_seconds=KEEP_ALIVE_SECONDS)
    # What was imported lives as long as we do: the collector need not look at it again. What requests leave behind is
    # freed without it, so it looks seldom.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    listener = await asyncio.get_running_loop().create_server(server.connect, sock=listening, backlog=BACKLOG)
    on_ready()
    await told.wait()
    door.is_draining = True
    listener.close()
    if not await server.leave(drain_seconds):
        log.warning("some answers took longer than %g s to finish and were cut", drain_seconds)


def _when_told() -> asyncio.Event:
    """Return an event that is set by SIGTERM, SIGINT, or the end of standard input, which comes when the master is gone."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def tell(*_: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and we with it
            loop.call_soon_threadsafe(told.set)

    def read_to_the_end() -> None:
        # Straight from the descriptor: a thread inside a buffered reader would be in the way when the interpreter ends.
        while os.read(0, 4096):
            pass
        tell()

    # Not the loop's own handlers: those end with the loop, and a second signal would then end us before our exit code is set.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    threading.Thread(target=read_to_the_end, name="master's pipe", daemon=True).start()
    return told


def _say(facts: dict[str, Any]) -> None:
    print(json.dumps(facts), flush=True)


def _log_to_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


async def _respond(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    main()

"""The measured process: what one worker of `treadle gateway` runs, with nothing loaded beside it.

As `treadle.server.gateway_worker` does, but for two things: it knows where the upstream is without asking a directory, and
on SIGUSR1 it prints the recorder's counters. Started by `gateway.py` with one JSON line; prints one when it serves: url, pid.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import uvloop

from treadle.core.clock import SystemClock
from treadle.engines.types import Engine
from treadle.gateway.plane import DataPlane
from treadle.governance.envelope import MasterKeys
from treadle.server.gateway_worker import POOL_SIZE, serve
from treadle.storage.database import Database


async def main(database_url: str, keys_file: str, spool_folder: str, upstream_url: str) -> None:
    """Serve until told to end."""
    database = Database(database_url, pool_size=POOL_SIZE)
    await asyncio.to_thread(database.open)
    engine = Engine(model_version_id="mdv_1", url=upstream_url, pid=0, context_length=512)
    data_plane = DataPlane(
        database,
        master_keys=MasterKeys(Path(keys_file)),
        spool_folder=Path(spool_folder),
        find_engine=lambda _: engine,
        clock=SystemClock(),
    )
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(told.set))
    counters = data_plane.recorder.counters
    signal.signal(signal.SIGUSR1, lambda *_: print(msgspec.json.encode(counters).decode(), flush=True))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    facts = {"url": f"http://127.0.0.1:{listening.getsockname()[1]}", "pid": os.getpid()}
    await data_plane.start()
    await serve(data_plane, listening, told, drain_seconds=5, on_ready=lambda: print(json.dumps(facts), flush=True))
    await data_plane.close()
    database.close()


if __name__ == "__main__":
    uvloop.run(main(**json.loads(sys.stdin.readline())))

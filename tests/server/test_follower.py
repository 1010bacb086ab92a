"""The follower: what many spans leave to do is done by a child, which is told nothing of its own on the command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

import psutil

from tests.traces.test_traces import new_span
from treadle.governance.service import DEFAULT_PROJECT
from treadle.server.follower import Follower
from treadle.storage.database import Database
from treadle.traces import service
from treadle.traces.follow import count_waiting


async def test_much_to_do(database_url: str) -> None:
    """
    Where much waits, a child does it until nothing is left, with no password among its arguments, and ends with us.
    """
    database = Database(database_url)
    await asyncio.to_thread(database.open)
    for number in range(6):
        await service.record(database.for_project(DEFAULT_PROJECT), [new_span(number)])
    follower = Follower(database, look_seconds=0.01, many_blocks=3)

    follower.start()
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while await asyncio.to_thread(count_waiting, database) and time.monotonic() < deadline:
        children = psutil.Process().children() or children
        await asyncio.sleep(0.05)
    left = await asyncio.to_thread(count_waiting, database)
    commands = [" ".join(child.cmdline()) for child in children if child.is_running()]
    await follower.close()
    await asyncio.to_thread(database.close)

    assert 0 == left
    assert any("treadle.server.follower" in command for command in commands)
    assert not any("postgresql://" in command for command in commands)
    assert not any(child.is_running() and "follower" in " ".join(child.cmdline()) for child in children)


def test_the_server_was_killed_meanwhile() -> None:
    """
    A child whose parent has gone before it was ready ends at once, without a word.
    """
    command = [sys.executable, "-m", "treadle.server.follower"]
    told = {"parent": 1, "url": "postgresql://127.0.0.1:1/none", "blobs": None}

    done = subprocess.run(command, input=json.dumps(told).encode(), capture_output=True, timeout=180, check=False)

    assert (0, b"") == (done.returncode, done.stderr)

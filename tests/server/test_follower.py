"""The follower: what many spans leave to do is done by a child, which is told nothing of its own on the command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import psycopg
import pytest

from tests.conftest import PATIENCE_SECONDS
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


POISON = """create function refuse() returns trigger language plpgsql as $$ begin raise exception 'poisoned'; end $$;
create trigger poison before delete on span_blocks_waiting for each row when (old.project_id = 'prj_poisoned')
    execute function refuse();
insert into span_blocks_waiting (project_id, work, day, block_id)
    select 'prj_poisoned', work, day, block_id from span_blocks_waiting;"""


@pytest.mark.parametrize("many_blocks", [60, 0], ids=["in a thread", "by a child"])
async def test_a_poisoned_project(database_url: str, caplog: pytest.LogCaptureFixture, many_blocks: int) -> None:
    """
    A project whose spans cannot be followed holds up no other, is tried ever less often, and is logged when that begins and ends.
    """
    database = Database(database_url)
    await asyncio.to_thread(database.open)
    await service.record(database.for_project(DEFAULT_PROJECT), [new_span(1)])
    with psycopg.connect(database_url, autocommit=True) as admin:
        works = {row[0] for row in admin.execute("select distinct work from span_blocks_waiting")}
        admin.execute(POISON)
        follower = Follower(database, look_seconds=0.02, many_blocks=many_blocks)

        def told() -> list[str]:
            return [record.getMessage() for record in caplog.records if "prj_poisoned" in record.getMessage()]

        async def until(is_so: Callable[[], bool]) -> None:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not is_so():
                assert time.monotonic() < deadline, told()
                await asyncio.sleep(0.05)

        follower.start()
        await until(lambda: len(told()) >= len(works))
        await asyncio.sleep(1.5)
        begun = told()
        left = {row[0] for row in admin.execute("select distinct project_id from span_blocks_waiting")}
        admin.execute("drop trigger poison on span_blocks_waiting")
        await until(lambda: len(told()) >= 2 * len(works))
        await follower.close()
    await asyncio.to_thread(database.close)

    assert {"prj_poisoned"} == left
    assert len(works) == len(begun)
    assert all("cannot be followed" in line and "poisoned" in line for line in begun)
    assert all("can be followed again" in line for line in told()[len(begun) :])
    assert 2 * len(works) == len(told())

"""Two processes on one external database: one does the work, the other looks, and neither takes up the other's runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.conftest import RunningServer
from treadle.jobs.types import FINAL
from treadle.prompts.types import Message
from treadle.storage.role import LOCK, WorkerRole, this_process


def test_second_server_on_one_database(server: RunningServer, tmp_path: Path, database_url: str) -> None:
    """
    A second `up` on the database is refused with who does its work and how to use that one, and the first goes on.
    """
    done = _treadle(tmp_path, database_url, "up", "--port", "0")

    assert 6 == done.returncode
    assert this_process() in done.stderr
    assert "TREADLE_URL" in done.stderr
    assert "local" == server.client.access.me().actor.name


def test_command_beside_a_server_on_one_database(server: RunningServer, tmp_path: Path, database_url: str) -> None:
    """
    A command that mounts the application over a served database may look, and the server goes on knowing its own callers; work it would
    start is refused with whose that is.
    """
    server.client.prompts.create_version("greeting", [Message(role="user", template="Hello")])
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\none,a\ntwo,b\n")

    looked = _treadle(tmp_path, database_url, "prompt", "list", "--json")
    worked = _treadle(tmp_path, database_url, "data", "import", str(rows), "--name", "tiny")

    assert (0, True) == (looked.returncode, '"greeting"' in looked.stdout), looked.stderr
    assert 6 == worked.returncode, worked.stdout
    assert this_process() in worked.stderr
    assert [] == server.client.runs.list_().items


@pytest.mark.slow
def test_work_changes_hands(server: RunningServer, tmp_path: Path, database_url: str) -> None:
    """
    A server that lost the work to another process during an outage takes up nothing, and goes on once the work is free again.
    """
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\none,a\ntwo,b\n")
    other = WorkerRole(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        while not other.take():
            connection.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objid = %s",
                [LOCK],
            )
    while server.platform.role.is_ours:
        time.sleep(0.1)
    time.sleep(0.5)

    run = server.client.datasets.import_file("tiny", rows)
    time.sleep(3)
    meanwhile = server.client.runs.get(run.run_id).status
    other.give_back()

    assert "pending" == meanwhile
    deadline = time.monotonic() + 60
    while server.client.runs.get(run.run_id).status not in FINAL and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "succeeded" == server.client.runs.get(run.run_id).status


def _treadle(folder: Path, database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TREADLE_")}
    environment |= {"TREADLE_WORKSPACE": str(folder / "second"), "TREADLE_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "treadle.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=environment)

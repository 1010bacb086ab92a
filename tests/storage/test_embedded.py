"""PostgreSQL from the wheel: starts, survives what kills it, leaves nothing outside its folder."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from treadle.core.errors import Conflict, Unavailable
from treadle.storage.database import Database, Migration
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.migrations import migrate


def test_starts_twice_with_the_same_data(tmp_path: Path) -> None:
    """
    What was written is there after a stop and a start.
    """
    server = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 7 as number")
    server.stop()

    server.start()

    with psycopg.connect(server.url()) as connection:
        assert (7,) == connection.execute("select number from kept").fetchone()
        assert connection.execute("create extension vector").statusmessage == "CREATE EXTENSION"
    server.stop()


def test_leaves_nothing_outside_its_folder(tmp_path: Path) -> None:
    """
    Starting as whoever runs the tests, root included, adds no account, and stopping leaves no process.
    """
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    server = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    server.start()
    pid = server.pid

    server.stop()

    assert accounts == {entry.pw_name for entry in pwd.getpwall()}
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="ends with its parent on Linux; elsewhere the next start ends it")
def test_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """
    kill -9 of the process that started it takes the server along, and the next start finds the data whole.
    """
    program = (
        "import sys, time; from pathlib import Path; from treadle.storage.embedded import EmbeddedPostgres\n"
        f"server = EmbeddedPostgres(Path({str(tmp_path / 'pg')!r}), log_file=Path({str(tmp_path / 'log')!r}))\n"
        "server.start(); print(server.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())

    parent.kill()
    parent.wait()

    parent.stdout.close()
    assert _is_gone(pid, within_seconds=60)
    server = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    server.start()
    with psycopg.connect(server.url()) as connection:
        assert (1,) == connection.execute("select 1").fetchone()
    server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing ends with a thread")
def test_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """
    A server that was started from a thread of a pool goes on when that thread ends.
    """
    server = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.5)

    with psycopg.connect(server.url()) as connection:
        assert (1,) == connection.execute("select 1").fetchone()
    server.stop()


def test_process_id_taken_by_another_server(tmp_path: Path) -> None:
    """
    A process id that a killed server left in its folder may be anybody's by now, as after each restart of a container: even
    another workspace's server is left alone, and ours starts.
    """
    other = EmbeddedPostgres(tmp_path / "other", log_file=tmp_path / "other.log")
    other.start()
    killed = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    killed.start()
    pid = killed.pid
    assert pid is not None
    children = psutil.Process(pid).children(recursive=True)
    os.kill(pid, signal.SIGKILL)
    assert _is_gone(pid, within_seconds=60)
    assert [] == psutil.wait_procs(children, timeout=60)[1]
    pid_file = tmp_path / "pg" / "data" / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines(keepends=True)
    pid_file.write_text("".join([f"{other.pid}\n", *rest]))

    killed.start()

    for one in (killed, other):
        with psycopg.connect(one.url()) as connection:
            assert (1,) == connection.execute("select 1").fetchone()
        one.stop()


def test_password_is_ours_alone(tmp_path: Path) -> None:
    """
    The password is written whole, at once, and for nobody else to read.
    """
    server = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    server.start()
    server.stop()

    assert 0o600 == (tmp_path / "pg" / "password").stat().st_mode & 0o777
    assert 32 == len((tmp_path / "pg" / "password").read_text())
    assert ["data", "password"] == sorted(path.name for path in (tmp_path / "pg").iterdir())


def test_kill_during_migrations_loses_at_most_a_step(database_url: str) -> None:
    """
    Each step is applied whole or not at all, and running again goes on from there.
    """
    good = Migration("one", "create table first_step (x int)")
    broken = Migration("two", "create table second_step (x int); select 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database_url, {**_ours(), "try": [good, broken]})

    applied = migrate(database_url, {**_ours(), "try": [good, Migration("two", "create table second_step (x int)")]})

    assert ["try.two"] == applied


def test_database_of_a_newer_release(database_url: str) -> None:
    """
    A schema that this release does not know is refused, not guessed at.
    """
    migrate(database_url, {**_ours(), "try": [Migration("future", "create table future (x int)")]})

    with pytest.raises(Conflict) as caught:
        migrate(database_url, _ours())

    assert "storage.schema_newer" == caught.value.error_code
    assert "try.future" in caught.value.message


def test_nobody_answers() -> None:
    """
    A database that does not answer is said to be away, with its address and without its password.
    """
    database = Database("postgresql://someone:hidden@127.0.0.1:9/nothing")

    with pytest.raises(Unavailable) as caught:
        database.open()

    assert "storage.database_unavailable" == caught.value.error_code
    assert "127.0.0.1:9" in caught.value.message
    assert "hidden" not in caught.value.message


def _ours() -> dict[str, list[Migration]]:
    from treadle.server.slices import MIGRATIONS

    return {name: list(steps) for name, steps in MIGRATIONS.items()}


def _is_gone(pid: int, *, within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGQUIT)
    return False

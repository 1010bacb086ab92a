"""Who does the work of a database: one at a time, through outages."""

from __future__ import annotations

from pathlib import Path

from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.role import WorkerRole, this_process


def test_one_holds_the_role(database_url: str) -> None:
    """
    The second to ask is told who holds the role, and has it as soon as the first gives it back.
    """
    first, second = WorkerRole(database_url), WorkerRole(database_url)
    assert first.take()
    assert not second.take()
    holder = second.other
    assert holder is not None
    assert this_process() == holder.process

    first.give_back()

    assert second.take(patience_seconds=5)
    assert second.other is None
    second.give_back()


def test_roles_of_two_databases(database_url: str, postgres: EmbeddedPostgres) -> None:
    """
    Each database of a server has its own worker.
    """
    one, other = WorkerRole(database_url), WorkerRole(postgres.url("postgres"))

    assert one.take()
    assert other.take()

    one.give_back()
    other.give_back()


def test_role_survives_an_outage(tmp_path: Path) -> None:
    """
    While the database is away the work stays whose it was; once it is back, the role is taken again.
    """
    server = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    server.start()
    role = WorkerRole(server.url())
    assert role.take()
    server.stop()

    assert role.take()
    server.start()
    assert role.take()
    other = WorkerRole(server.url())
    assert not other.take()
    assert other.other is not None
    other.give_back()
    role.give_back()
    server.stop()


def test_nobody_answers() -> None:
    """
    A database that does not answer makes nobody its worker.
    """
    role = WorkerRole("postgresql://127.0.0.1:9/nothing")

    assert not role.take()
    assert role.other is None

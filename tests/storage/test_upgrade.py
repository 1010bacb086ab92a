"""A database of an earlier release, or of a user who may do little: what is done with it, and what is said before."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from treadle.core.errors import Conflict, Denied
from treadle.core.settings import Settings
from treadle.server.local import mounted
from treadle.server.slices import MIGRATIONS
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.migrations import migrate
from treadle.storage.role import WorkerRole

STEP = "scores_on_their_scales"


def make_older(database_url: str) -> None:
    """Take from a database what its release knows of one step, as if it had come before it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from treadle_migrations where slice = 'feedback' and name = %s", [STEP])


def list_steps(database_url: str) -> set[str]:
    """Return the steps that were applied."""
    with psycopg.connect(database_url) as connection:
        return {row[0] for row in connection.execute("select slice || '.' || name from treadle_migrations")}


def test_an_earlier_release_is_upgraded(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """
    Whoever opens the workspace first brings its schema up, and says before that there is no way back; the next one says nothing.
    """
    assert settings.database_url is not None
    make_older(settings.database_url)

    with mounted(settings):
        pass
    said = [record.getMessage() for record in caplog.records if "of an earlier release" in record.getMessage()]
    with mounted(settings):
        pass

    (line,) = said
    assert f"feedback.{STEP}" in line
    assert 1 == sum("of an earlier release" in record.getMessage() for record in caplog.records)
    assert f"feedback.{STEP}" in list_steps(settings.database_url)


def test_an_earlier_release_still_serves(settings: Settings) -> None:
    """
    A command of a newer release does not change the schema beneath a server that works with it; it says whose turn it is.
    """
    assert settings.database_url is not None
    make_older(settings.database_url)
    server = WorkerRole(settings.database_url)
    server.take()

    with pytest.raises(Conflict) as caught, mounted(settings):
        pass
    server.give_back()

    assert "storage.schema_older" == caught.value.error_code
    assert "stop that server" in caught.value.message
    assert f"feedback.{STEP}" not in list_steps(settings.database_url)


@pytest.fixture
def guest_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """
    An empty database of a user who may make nothing but tables in it.
    """
    name = f"guest_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(f"create role {name} login password 'guest'")
        admin.execute(f"create database {name} owner {name}")
        try:
            place = urlsplit(postgres.url(name))
            yield place._replace(netloc=f"{name}:guest@{place.hostname}:{place.port}").geturl()
        finally:
            admin.execute(f"drop database {name} with (force)")
            admin.execute(f"drop role {name}")


def test_a_user_who_may_make_no_roles(postgres: EmbeddedPostgres, guest_url: str) -> None:
    """
    What an administrator must grant is said in words; once it is granted, such a user is enough, at every start.
    """
    with pytest.raises(Denied) as caught:
        migrate(guest_url, MIGRATIONS)
    assert "storage.database_denied" == caught.value.error_code
    user = caught.value.values["user"]
    grant = f'grant treadle_app, treadle_system to "{user}"'
    assert grant in caught.value.message
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(grant.encode())

    first, again = migrate(guest_url, MIGRATIONS), migrate(guest_url, MIGRATIONS)

    assert f"feedback.{STEP}" in first
    assert [] == again

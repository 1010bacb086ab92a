"""Limits that an older release kept do what they did after its schema has moved on."""

from __future__ import annotations

import psycopg

from treadle.server.slices import MIGRATIONS
from treadle.storage.migrations import migrate


def test_limits_of_before_outages_were_set(database_url: str) -> None:
    """
    Without the database a limit in USD refused and all others went on: so they do still.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("alter table gateway_limits drop column outage")
        for unit in ("usd", "requests", "tokens", "concurrency"):
            connection.execute(
                """insert into gateway_limits (project_id, limit_id, scope, unit, amount, window_seconds)
                values ('prj_1', %s, 'project', %s, 5, 60)""",
                [f"lim_{unit}", unit],
            )
        connection.execute("delete from treadle_migrations where slice = 'limits' and name = 'outage'")

    migrate(database_url, MIGRATIONS)

    with psycopg.connect(database_url) as connection:
        found = connection.execute("select unit, outage from gateway_limits").fetchall()
    assert {("usd", "refuse"), ("requests", "share"), ("tokens", "share"), ("concurrency", "share")} == set(found)

"""What an older release kept of experiments reads as it should after its schema has moved on."""

from __future__ import annotations

from decimal import Decimal

import psycopg

from treadle.server.slices import MIGRATIONS
from treadle.storage.migrations import migrate


def test_what_experiments_of_before_cost(database_url: str) -> None:
    """
    A finished experiment of before its cost was kept has the sum of its answers' costs, and how many of them have no price.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("alter table experiments drop column cost_usd, drop column unpriced_count")
        connection.execute(
            "delete from treadle_migrations where slice = 'evals' and name like 'what experiments cost%'"
        )
        connection.execute(
            """insert into experiments (project_id, experiment_id, run_id, definition, dataset_version_id, created_by,
            created_at, finished_at)
            values ('prj_1', 'exp_1', 'run_1', '{}', 'dsv_1', 'act_1', now(), now())"""
        )
        for row, cost, error in [(1, 0.1, None), (2, 0.2, None), (3, None, None), (4, None, "no answer")]:
            connection.execute(
                """insert into experiment_results (project_id, experiment_id, row_number, input, error, scores, metadata, cost_usd,
                latency_ms)
                values ('prj_1', 'exp_1', %s, '""', %s, '[]', '{}', %s, 1)""",
                [row, error, cost],
            )

    migrate(database_url, MIGRATIONS)

    with psycopg.connect(database_url) as connection:
        found = connection.execute("select cost_usd, unpriced_count from experiments").fetchall()
    assert [(Decimal("0.3"), 1)] == found

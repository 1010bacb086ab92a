"""What an older release kept of feedback reads as it should after its schema has moved on."""

from __future__ import annotations

import psycopg

from treadle.server.slices import MIGRATIONS
from treadle.storage.migrations import migrate


def test_scores_of_before_scales_get_theirs(database_url: str) -> None:
    """
    A score that was kept before scores had scales stands on that of the feedback it comes from, where all of it has the same.
    """
    said = [("a", "helpful", 1, 1, 5), ("a", "mixed", 1, 1, 5), ("a", "mixed", 1, 0, 9), ("a", "thumbs", 1, None, None)]
    with psycopg.connect(database_url, autocommit=True) as connection:
        for number, (trace_id, name, value, low, high) in enumerate(said):
            connection.execute(
                """insert into feedback (project_id, feedback_id, trace_id, name, value, low, high, source, actor_id, created_at)
                values ('prj_1', %s, %s, %s, %s, %s, %s, 'user', 'act_1', now())""",
                [f"fbk_{number}", trace_id, name, value, low, high],
            )
            connection.execute(
                """insert into trace_scores (project_id, trace_id, name, source, value) values ('prj_1', %s, %s, 'user', 1)
                on conflict do nothing""",
                [trace_id, name],
            )
        connection.execute(
            "delete from treadle_migrations where slice = 'feedback' and name = 'scores_on_their_scales'"
        )

    migrate(database_url, MIGRATIONS)

    with psycopg.connect(database_url) as connection:
        scores = connection.execute("select name, low, high from trace_scores order by name").fetchall()
    assert [("helpful", 1.0, 5.0), ("mixed", None, None), ("thumbs", None, None)] == scores

"""Rows of several experiments in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.evals.grid.ordering import Standing
from treadle.evals.types import Result
from treadle.storage.database import Connection


def read_standings(
    db: Connection, experiment_ids: Sequence[str], scorer: str | None
) -> dict[int, list[Standing | None]]:
    """Return by row how each experiment stands by a scorer, in the order of the ids."""
    rows = db.execute(
        """select r.row_number, r.experiment_id, avg((s.score->>'value')::float8) as value, bool_or(r.error is not null) as failed
        from experiment_results r
            left join lateral (select score from jsonb_array_elements(r.scores) score where score->>'name' = %s limit 1) s on true
        where r.experiment_id = any(%s) group by r.row_number, r.experiment_id""",
        [scorer, list(experiment_ids)],
    )
    place = {experiment_id: at for at, experiment_id in enumerate(experiment_ids)}
    found: dict[int, list[Standing | None]] = {}
    for row in rows:
        of_row = found.setdefault(row["row_number"], [None] * len(place))
        of_row[place[row["experiment_id"]]] = Standing(row["value"], row["failed"])
    return found


def list_answers(
    db: Connection, experiment_ids: Sequence[str], rows: Sequence[int]
) -> dict[tuple[str, int], list[Result]]:
    """Return what experiments have of these rows, by experiment and row, each in the order of its repeats."""
    kept = db.execute(
        """select experiment_id, row_number as row, repeat, input, expected, output, error, scores, latency_ms, cost_usd,
            metadata, trace_id, cached
        from experiment_results where experiment_id = any(%s) and row_number = any(%s) order by repeat""",
        [list(experiment_ids), list(rows)],
    )
    found: dict[tuple[str, int], list[Result]] = {}
    for row in kept:
        key = (row.pop("experiment_id"), row["row"])
        found.setdefault(key, []).append(Result.model_validate(row))
    return found

"""What functions answered, in PostgreSQL; the table is in `evals/store.py`."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.evals.functions.types import NewOutput
from treadle.evals.store import as_json
from treadle.storage.database import Connection


def insert_outputs(db: Connection, experiment_id: str, outputs: Sequence[NewOutput]) -> int:
    """Keep what a function answered; what was said first stays. Returns how many are new."""
    return db.execute(
        """insert into experiment_outputs (experiment_id, row_number, repeat, said)
        select %s, * from unnest(%s::int[], %s::int[], %s::jsonb[]) on conflict do nothing""",
        [
            experiment_id,
            [one.row for one in outputs],
            [one.repeat for one in outputs],
            [as_json(one.model_dump()) for one in outputs],
        ],
    ).rowcount


def list_outputs(db: Connection, experiment_id: str, wanted: Sequence[tuple[int, int]]) -> list[NewOutput]:
    """Return what a function answered to these rows and repeats, so far."""
    rows = db.execute(
        """select o.said from experiment_outputs o join unnest(%s::int[], %s::int[]) as w(row_number, repeat)
            on o.row_number = w.row_number and o.repeat = w.repeat where o.experiment_id = %s""",
        [[row for row, _ in wanted], [repeat for _, repeat in wanted], experiment_id],
    )
    return [NewOutput.model_validate(row["said"]) for row in rows]


def answered_rows(db: Connection, experiment_id: str) -> set[tuple[int, int]]:
    """Return row and repeat of what a function has answered."""
    rows = db.execute("select row_number, repeat from experiment_outputs where experiment_id = %s", [experiment_id])
    return {(int(row["row_number"]), int(row["repeat"])) for row in rows}

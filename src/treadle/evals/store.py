"""Experiments and their results in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.types.json import Jsonb

from treadle.core.types import JsonObject, JsonValue
from treadle.evals.scoring.types import Score
from treadle.evals.types import Metric, NewExperiment, Result
from treadle.storage.database import Connection, Migration
from treadle.storage.notes import tell_change

EXPERIMENT_SQL = """
    select e.*, case when e.rows_total is not null and e.finished_at is null then
        (select count(*) from experiment_results r where r.experiment_id = e.experiment_id)
        else coalesce(e.rows_total, 0) end as rows_done
    from experiments e
"""


class Kept(NamedTuple):
    """A row of `experiments`, before its status is known."""

    experiment_id: str
    run_id: str
    new: NewExperiment
    rows_total: int | None
    rows_done: int
    errors: int
    metrics: list[Metric]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    cost_usd: Decimal | None
    unpriced_count: int
    created_by: str
    created_at: datetime
    finished_at: datetime | None


def ensure_experiment(
    db: Connection, experiment_id: str, run_id: str, new: NewExperiment, created_by: str, now: datetime
) -> bool:
    """Keep a new experiment; return False when it is there already."""
    inserted = db.execute(
        """insert into experiments (experiment_id, run_id, definition, dataset_version_id, model_version_id, created_by,
            created_at) values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
        [
            experiment_id, run_id, Jsonb(new.model_dump(mode="json")), new.dataset_version_id,
            new.target.model_version_id, created_by, now,
        ],
    )  # fmt: skip
    return inserted.rowcount == 1


def find_experiment(db: Connection, experiment_id: str, *, lock: bool = False) -> Kept | None:
    """Return an experiment, or None. lock: hold its row until the transaction ends."""
    end = " for update of e" if lock else ""
    row = db.execute(EXPERIMENT_SQL + " where e.experiment_id = %s" + end, [experiment_id]).fetchone()
    return _kept(row) if row else None


def list_experiments(
    db: Connection,
    *,
    dataset_version_id: str | None,
    model_version_id: str | None,
    prompt_version_ids: Sequence[str] | None,
    text: str | None = None,
    is_finished: bool | None = None,
    run_ids: Sequence[str] | None = None,
    before: tuple[str, str] | None,
    limit: int,
) -> list[Kept]:
    """Return experiments, newest first; text: in the name. is_finished: whether it came to its end; run_ids: done by these runs."""
    created, experiment_id = before or (None, None)
    rows = db.execute(
        EXPERIMENT_SQL
        + """ where (%(data)s::text is null or e.dataset_version_id = %(data)s)
            and (%(model)s::text is null or e.model_version_id = %(model)s)
            and (%(prompts)s::text[] is null or e.definition->'target'->>'prompt_version_id' = any(%(prompts)s))
            and (%(text)s::text is null or position(lower(%(text)s) in lower(e.definition->>'name')) > 0)
            and (%(finished)s::bool is null or (e.finished_at is not null) = %(finished)s)
            and (%(runs)s::text[] is null or e.run_id = any(%(runs)s))
            and (%(created)s::timestamptz is null or (e.created_at, e.experiment_id) < (%(created)s, %(id)s))
            order by e.created_at desc, e.experiment_id desc limit %(limit)s""",
        {
            "data": dataset_version_id,
            "model": model_version_id,
            "prompts": None if prompt_version_ids is None else list(prompt_version_ids),
            "text": text,
            "finished": is_finished,
            "runs": None if run_ids is None else list(run_ids),
            "created": created,
            "id": experiment_id,
            "limit": limit,
        },
    )
    return [_kept(row) for row in rows]


def forget_errors(db: Connection, experiment_id: str) -> None:
    """Have rows that got no answer be asked again; those of an experiment that has come to its end are what it came to, and stay."""
    db.execute(
        """delete from experiment_results r using experiments e where r.experiment_id = %s
            and e.experiment_id = r.experiment_id and e.finished_at is null and r.error is not null""",
        [experiment_id],
    )


def set_rows_total(db: Connection, experiment_id: str, rows: int) -> None:
    """Keep how many rows there are to judge."""
    db.execute("update experiments set rows_total = %s where experiment_id = %s", [rows, experiment_id])


def insert_results(db: Connection, experiment_id: str, results: Sequence[Result]) -> None:
    """Keep a batch of judged rows; those that are there already stay as they are."""
    db.execute(
        """insert into experiment_results (experiment_id, row_number, repeat, input, expected, output, error, scores,
            latency_ms, cost_usd, metadata, trace_id, cached)
        select %s, * from unnest(%s::int[], %s::int[], %s::jsonb[], %s::text[], %s::text[], %s::text[], %s::jsonb[],
            %s::float8[], %s::float8[], %s::jsonb[], %s::text[], %s::boolean[])
        on conflict do nothing""",
        [
            experiment_id,
            [result.row for result in results],
            [result.repeat for result in results],
            [as_json(result.input) for result in results],
            [_text(result.expected) for result in results],
            [_text(result.output) for result in results],
            [_text(result.error) for result in results],
            [_scores(result.scores) for result in results],
            [result.latency_ms for result in results],
            [result.cost_usd for result in results],
            [as_json(result.metadata) for result in results],
            [result.trace_id for result in results],
            [result.cached for result in results],
        ],
    )


def set_scores(db: Connection, experiment_id: str, scores: Mapping[tuple[int, int], Sequence[Score]]) -> None:
    """Keep the scores of rows and repeats, all of an answer's at once, in place of those that were there."""
    db.execute(
        """update experiment_results r set scores = s.scores
        from unnest(%s::int[], %s::int[], %s::jsonb[]) as s(row_number, repeat, scores)
        where r.experiment_id = %s and r.row_number = s.row_number and r.repeat = s.repeat""",
        [
            [row for row, _ in scores],
            [repeat for _, repeat in scores],
            [_scores(of_row) for of_row in scores.values()],
            experiment_id,
        ],
    )


def judged_rows(db: Connection, experiment_id: str) -> set[tuple[int, int]]:
    """Return row and repeat of what is judged."""
    rows = db.execute("select row_number, repeat from experiment_results where experiment_id = %s", [experiment_id])
    return {(int(row["row_number"]), int(row["repeat"])) for row in rows}


def list_results(
    db: Connection,
    experiment_id: str,
    *,
    after: tuple[int, int] = (0, 0),
    limit: int | None = None,
    below: float | None = None,
) -> list[Result]:
    """Return results by row and repeat. below: only those whose first score is less than this."""
    rows = db.execute(
        """select row_number as row, repeat, input, expected, output, error, scores, latency_ms, cost_usd, metadata,
            trace_id, cached
        from experiment_results
        where experiment_id = %(id)s and (row_number, repeat) > (%(row)s, %(repeat)s)
            and (%(below)s::float8 is null or (scores->0->>'value')::float8 < %(below)s)
        order by row_number, repeat limit %(limit)s""",
        {"id": experiment_id, "row": after[0], "repeat": after[1], "limit": limit, "below": below},
    )
    return [Result.model_validate(row) for row in rows]


def find_by_traces(db: Connection, trace_ids: Sequence[str]) -> dict[str, Result]:
    """Return the results whose traces these are, by trace."""
    rows = db.execute(
        """select row_number as row, repeat, input, expected, output, error, scores, latency_ms, cost_usd, metadata,
            trace_id, cached
        from experiment_results where trace_id = any(%s)""",
        [list(trace_ids)],
    )
    return {str(row["trace_id"]): Result.model_validate(row) for row in rows}


def find_remembered(db: Connection, key: str) -> JsonObject | None:
    """Return an answer or a judgement that was kept under a key."""
    row = db.execute("select value from evaluation_cache where key = %s", [key]).fetchone()
    return None if row is None else row["value"]


def remember(db: Connection, values: Mapping[str, JsonObject], now: datetime) -> None:
    """Keep answers and judgements under their keys; what was kept first stays."""
    db.execute(
        """insert into evaluation_cache (key, value, created_at)
        select key, value, %s from unnest(%s::text[], %s::jsonb[]) as v(key, value) on conflict do nothing""",
        [now, list(values), [as_json(value) for value in values.values()]],
    )


def finish(db: Connection, experiment_id: str, metrics: Sequence[Metric], now: datetime) -> None:
    """Keep what the rows came to; the first time counts."""
    db.execute(
        """update experiments e set metrics = %s, finished_at = %s, errors = s.errors,
            latency_p50_ms = s.p50, latency_p95_ms = s.p95, cost_usd = s.cost, unpriced_count = s.unpriced_count
        from (select count(error) as errors, percentile_cont(0.5) within group (order by latency_ms) as p50,
                percentile_cont(0.95) within group (order by latency_ms) as p95, sum(cost_usd::numeric) as cost,
                count(*) filter (where cost_usd is null and error is null) as unpriced_count
            from experiment_results where experiment_id = %s) s
        where e.experiment_id = %s and e.finished_at is null""",
        [Jsonb([metric.model_dump(mode="json") for metric in metrics]), now, experiment_id, experiment_id],
    )
    tell_change(db, "experiment", experiment_id)


def set_metrics(db: Connection, experiment_id: str, metrics: Sequence[Metric]) -> None:
    """Keep an experiment's metrics anew, after people have judged its rows."""
    stated = Jsonb([metric.model_dump(mode="json") for metric in metrics])
    db.execute("update experiments set metrics = %s where experiment_id = %s", [stated, experiment_id])


def _kept(row: dict[str, object]) -> Kept:
    return Kept(
        experiment_id=str(row["experiment_id"]),
        run_id=str(row["run_id"]),
        new=NewExperiment.model_validate(row["definition"]),
        rows_total=row["rows_total"],  # type: ignore[arg-type]
        rows_done=row["rows_done"],  # type: ignore[arg-type]
        errors=row["errors"],  # type: ignore[arg-type]
        metrics=[Metric.model_validate(metric) for metric in row["metrics"]],  # type: ignore[attr-defined]
        latency_p50_ms=row["latency_p50_ms"],  # type: ignore[arg-type]
        latency_p95_ms=row["latency_p95_ms"],  # type: ignore[arg-type]
        cost_usd=row["cost_usd"],  # type: ignore[arg-type]
        unpriced_count=row["unpriced_count"],  # type: ignore[arg-type]
        created_by=str(row["created_by"]),
        created_at=row["created_at"],  # type: ignore[arg-type]
        finished_at=row["finished_at"],  # type: ignore[arg-type]
    )


def _scores(scores: Sequence[Score]) -> str:
    return as_json([score.model_dump(mode="json", exclude_none=True) for score in scores])


def as_json(value: JsonValue) -> str:
    """Return a value as the JSON that PostgreSQL takes."""
    # PostgreSQL has no NUL in text; a model may well say one.
    return json.dumps(value, ensure_ascii=True).replace("\\u0000", "\\ufffd")


def _text(value: str | None) -> str | None:
    return None if value is None else value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


MIGRATIONS = (
    Migration(
        "evals",
        """
        create table experiments (
            project_id text not null default current_setting('treadle.project'),
            experiment_id text not null, run_id text not null, definition jsonb not null,
            dataset_version_id text not null, model_version_id text not null,
            rows_total int, errors int not null default 0, metrics jsonb not null default '[]',
            latency_p50_ms float8, latency_p95_ms float8,
            created_by text not null, created_at timestamptz not null, finished_at timestamptz,
            primary key (project_id, experiment_id)
        );
        create index experiments_newest on experiments (project_id, created_at desc, experiment_id desc);
        create table experiment_results (
            project_id text not null default current_setting('treadle.project'),
            experiment_id text not null, row_number int not null, input jsonb not null, expected text, output text,
            error text, scores jsonb not null, latency_ms float8 not null,
            primary key (project_id, experiment_id, row_number)
        );
        select treadle_isolate('experiments'), treadle_isolate('experiment_results');
        """,
    ),
    Migration(
        "what rows carry",
        """
        alter table experiment_results add column cost_usd float8, add column metadata jsonb not null default '{}';
        """,
    ),
    Migration(
        "repeats, traces, functions, calibrations",
        """
        alter table experiment_results add column repeat int not null default 1, add column trace_id text,
            add column cached boolean not null default false;
        alter table experiment_results drop constraint experiment_results_pkey,
            add primary key (project_id, experiment_id, row_number, repeat);
        create index experiment_results_traces on experiment_results (project_id, trace_id);
        alter table experiments alter column model_version_id drop not null;
        create table experiment_outputs (
            project_id text not null default current_setting('treadle.project'),
            experiment_id text not null, row_number int not null, repeat int not null, said jsonb not null,
            primary key (project_id, experiment_id, row_number, repeat)
        );
        create table evaluation_cache (
            project_id text not null default current_setting('treadle.project'),
            key text not null, value jsonb not null, created_at timestamptz not null, primary key (project_id, key)
        );
        create table judge_calibrations (
            project_id text not null default current_setting('treadle.project'),
            calibration_id text not null, judge text not null, body jsonb not null, created_at timestamptz not null,
            primary key (project_id, calibration_id)
        );
        create index judge_calibrations_newest on judge_calibrations (project_id, judge, created_at desc);
        select treadle_isolate('experiment_outputs'), treadle_isolate('evaluation_cache'),
            treadle_isolate('judge_calibrations');
        """,
    ),
    Migration(
        "runs of harnesses",
        """
        create table harness_runs (
            project_id text not null default current_setting('treadle.project'),
            harness_run_id text not null, endpoint text not null, body jsonb not null, created_at timestamptz not null,
            primary key (project_id, harness_run_id)
        );
        create index harness_runs_newest on harness_runs (project_id, created_at desc, harness_run_id desc);
        select treadle_isolate('harness_runs');
        """,
    ),
    Migration(
        "what experiments cost",
        """
        alter table experiments add column cost_usd float8, add column unpriced int not null default 0;
        update experiments e set cost_usd = s.cost, unpriced = s.unpriced
        from (select project_id, experiment_id, sum(cost_usd) as cost,
                count(*) filter (where cost_usd is null and error is null) as unpriced
            from experiment_results group by project_id, experiment_id) s
        where e.project_id = s.project_id and e.experiment_id = s.experiment_id and e.finished_at is not null;
        """,
    ),
    Migration(
        "what experiments cost, exactly",
        # Once more for databases whose owner sees no rows by itself: there the migration before found none.
        """
        alter table experiments alter column cost_usd type numeric using cost_usd::numeric;
        alter table experiments rename column unpriced to unpriced_count;
        set local role treadle_system;
        update experiments e set cost_usd = s.cost, unpriced_count = s.unpriced_count
        from (select project_id, experiment_id, sum(cost_usd::numeric) as cost,
                count(*) filter (where cost_usd is null and error is null) as unpriced_count
            from experiment_results group by project_id, experiment_id) s
        where e.project_id = s.project_id and e.experiment_id = s.experiment_id and e.finished_at is not null;
        reset role;
        """,
    ),
)

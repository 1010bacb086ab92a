"""Traces over time counted one by one, where they are few enough: what the filter finds, or all of the time."""

from __future__ import annotations

from treadle.storage.database import Connection
from treadle.traces.asking.axis import IN_DAYS, ORIGIN, P95, Axis
from treadle.traces.asking.compiled import Asked
from treadle.traces.asking.language import Term, flat
from treadle.traces.asking.sampled import used
from treadle.traces.asking.scan import TRACES
from treadle.traces.asking.types import TraceBar
from treadle.traces.used import known_cost

MAX_COUNTED = 10_000
"""Some 30 us each, the sum of their spans' cost with it."""


def read_counted(db: Connection, asked: Asked, axis: Axis) -> tuple[list[TraceBar], int] | None:
    """Return the bars, and how many traces are in them; None where they are too many."""
    if not (_is_small(db, axis) or _is_narrow(asked)):
        return None
    rows = db.execute(
        f"""with c as materialized (select s.trace_key, s.trace_id, s.started_at, s.status, s.latency_ms from spans s
            where {TRACES.base} and s.started_at >= %s and s.started_at < %s and {IN_DAYS} and {asked.where.text} limit %s)
        select date_bin(%s, s.started_at, %s) as at, count(*) as count, count(*) filter (where s.status = 'error') as error_count,
            percentile_disc({P95}) within group (order by s.latency_ms) filter (where s.status = 'ok') as latency_p95_ms,
            sum(u.cost_usd) as cost_usd, sum(u.unpriced_count)::bigint as unpriced_count
        from c s cross join lateral {used("(select count(*) from c) <= %s")} u group by 1 order by 1""",
        [
            *(axis.since, axis.until, *axis.days),
            *asked.where.values,
            *(MAX_COUNTED + 1, axis.width, ORIGIN, MAX_COUNTED),
        ],
    ).fetchall()
    num = sum(row["count"] for row in rows)
    told = [TraceBar(**row | {"cost_usd": known_cost(row["cost_usd"], row["unpriced_count"])}) for row in rows]
    return None if num > MAX_COUNTED else (told, num)


def _is_small(db: Connection, axis: Axis) -> bool:
    row = db.execute(
        f"""select count(*) as num from (select 1 from spans s where {TRACES.base} and s.started_at >= %s and s.started_at < %s
            and {IN_DAYS} limit %s) n""",
        [axis.since, axis.until, *axis.days, MAX_COUNTED + 1],
    ).fetchone()
    assert row is not None
    return int(row["num"]) <= MAX_COUNTED


def _is_narrow(asked: Asked) -> bool:
    """Tell whether an index finds what is asked for, and not the whole time."""
    return asked.is_indexed and any(
        isinstance(part, Term) and part.field not in ("started", "age") for part in flat(asked.tree)
    )

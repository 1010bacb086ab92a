"""Traces over time from a sample: the newest of each quarter of a bar, each taken for as many as its own quarter has of them.

A quarter with few traces is looked at as a whole and stands for itself. Of a fuller one the newest are looked at; how many it has is
first guessed from how close together those lie, then set right by what the kept sums tell of the minutes or hours around it. So a busy
quarter does not weigh a quiet one, and a bar that the time cuts counts what lies within. Sums count a request that the gateway answered
within a trace beside it: what is estimated is too high by those. At most 10,000 traces are looked at, however many bars there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from treadle.storage.database import Connection
from treadle.traces.asking.axis import NEAR, P95, Axis
from treadle.traces.asking.compiled import Asked
from treadle.traces.asking.scan import TRACES
from treadle.traces.asking.summed import ALL, read_sums, unit_of
from treadle.traces.asking.types import TraceBar
from treadle.traces.schema import OTHER_DAY
from treadle.traces.used import known_cost

SLICES, PER_SLICE = 4, 50
"""A sample is the newest of each quarter of a bar."""
MAX_LOOKED = 10_000
"""Of all of them: fewer of each where there are many."""


class _Slice(NamedTuple):
    """A quarter of a bar, as far as it lies in the time."""

    begins: datetime
    ends: datetime


def used(only: str = "true") -> str:
    """Return SQL of what a trace `s` cost, and how many of its calls nobody knows the price of. only: where it is wanted."""
    return f"""(select coalesce(sum(x.cost_usd), 0) as cost_usd,
        count(*) filter (where x.cost_usd is null and (x.input_tokens > 0 or x.output_tokens > 0)) as unpriced_count
        from spans x where x.trace_key = s.trace_key and x.trace_id = s.trace_id{NEAR} and {only})"""


def read_sample(db: Connection, asked: Asked, axis: Axis, now: datetime) -> tuple[list[TraceBar], int]:
    """Return the bars, and how many traces were looked at."""
    slices = _slices(axis)
    size = max(1, min(PER_SLICE, MAX_LOOKED // len(slices)))
    rows = db.execute(
        f"""with c as materialized (
            select b.number, s.* from unnest(%s::timestamptz[], %s::timestamptz[], %s::date[], %s::date[])
                with ordinality as b(begins, ends, first_day, last_day, number) cross join lateral (
                select s.trace_key, s.trace_id, s.started_at, s.status, s.latency_ms, ({asked.where.text}) is true as matches from spans s
                where {TRACES.base} and s.started_at >= b.begins and s.started_at < b.ends
                    and (s.day between b.first_day and b.last_day or s.day = '{OTHER_DAY}')
                order by s.started_at desc, s.trace_id desc limit %s) s)
        select s.number, count(*) as looked, min(s.started_at) as oldest_at, count(*) filter (where s.matches) as count,
            count(*) filter (where s.matches and s.status = 'error') as error_count,
            coalesce(array_agg(s.latency_ms) filter (where s.matches and s.status = 'ok'), '{{}}') as took,
            sum(u.cost_usd) as cost_usd, sum(u.unpriced_count)::bigint as unpriced_count
        from c s cross join lateral {used("s.matches")} u group by 1 order by 1""",
        [
            [one.begins for one in slices],
            [one.ends for one in slices],
            [one.begins.date() for one in slices],
            [one.ends.date() for one in slices],
            *asked.where.values,
            size,
        ],
    ).fetchall()
    grain = _grain(axis)
    _, sums = read_sums(db, ALL, axis._replace(width=grain))
    weights = _weights(rows, slices, axis._replace(width=grain), {bar.at: bar.count for bar in sums}, size, now)
    by_bar: defaultdict[datetime, list[tuple[Mapping[str, Any], float]]] = defaultdict(list)
    for row, weight in zip(rows, weights, strict=True):
        by_bar[axis.begin_of(slices[row["number"] - 1].begins)].append((row, weight))
    return [_bar(at, by_bar[at]) for at in sorted(by_bar)], sum(row["looked"] for row in rows)


def _slices(axis: Axis) -> list[_Slice]:
    begins, found = axis.begins, list[_Slice]()
    while begins < axis.until:
        for part in range(SLICES):
            low, high = (begins + axis.width * number / SLICES for number in (part, part + 1))
            if low < axis.until and high > axis.since:
                found.append(_Slice(max(low, axis.since), min(high, axis.until)))
        begins += axis.width
    return found


def _grain(axis: Axis) -> timedelta:
    """Return the least time of whole quarters, or of whole units of the sums, that both have."""
    unit = unit_of(axis)
    quarter = axis.width / SLICES
    return quarter if quarter % unit == timedelta(0) else max(axis.width, unit)


def _weights(
    rows: Sequence[Mapping[str, Any]],
    slices: Sequence[_Slice],
    grains: Axis,
    totals: Mapping[datetime, int],
    size: int,
    now: datetime,
) -> list[float]:
    """Return what a trace of each slice stands for. Pure.

    grains, totals: in which steps it is known how many there were in all. size: a slice with so many may have more.
    """
    guesses, known, guessed = [], defaultdict[datetime, int](int), defaultdict[datetime, float](float)
    for row in rows:
        one = slices[row["number"] - 1]
        guess = float(row["looked"])
        if row["looked"] < size:
            known[grains.begin_of(one.begins)] += row["looked"]
        else:
            guess *= (one.ends - one.begins) / (one.ends - row["oldest_at"])
            guessed[grains.begin_of(one.begins)] += guess
        guesses.append(guess)
    found = []
    for row, guess in zip(rows, guesses, strict=True):
        at = grains.begin_of(slices[row["number"] - 1].begins)
        is_whole = at >= grains.since and (at + grains.width <= grains.until or grains.until > now)
        if row["looked"] >= size and is_whole and at in totals:
            guess *= (totals[at] - known[at]) / guessed[at]
        found.append(max(1.0, guess / row["looked"]))
    return found


def _bar(at: datetime, parts: Sequence[tuple[Mapping[str, Any], float]]) -> TraceBar:
    def in_all(name: str) -> int:
        return round(sum(float(row[name]) * weight for row, weight in parts))

    cost = sum((row["cost_usd"] * Decimal(str(round(weight, 6))) for row, weight in parts), Decimal(0))
    unpriced = in_all("unpriced_count")
    return TraceBar(
        at=at,
        count=in_all("count"),
        error_count=in_all("error_count"),
        latency_p95_ms=_p95([(took, weight) for row, weight in parts for took in row["took"]]),
        cost_usd=known_cost(cost, unpriced),
        unpriced_count=unpriced,
    )


def _p95(weighted: list[tuple[float, float]]) -> float | None:
    """Return the least that 95 % of the weight does not exceed; None of nothing."""
    left = P95 * sum(weight for _, weight in weighted)
    for took, weight in sorted(weighted):
        left -= weight
        if left <= 1e-9:
            return took
    return None

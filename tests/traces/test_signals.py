"""Signals of traffic: counted once, by minute and hour, as soon as committed, and right to the sketch's promise."""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import running
from tests.traces.home import Home, new_home
from tests.traces.test_traces import START, new_span, record
from treadle.core.errors import InvalidInput
from treadle.core.settings import Settings
from treadle.traces import outcomes, rollup_store
from treadle.traces.signals import SignalPoint, SignalQuery

DAY = {"since": START, "until": START + timedelta(days=1)}
WHOLE_DAY = {"since": START.replace(hour=0), "until": START.replace(hour=0) + timedelta(days=1)}


def follow(home: Home) -> None:
    """Count what waits, as the follower does."""
    asyncio.run(home.ctx.db.write(rollup_store.follow))


def ask(home: Home, **query: Any) -> list[SignalPoint]:
    """Return the points of a query about the first day."""
    return asyncio.run(outcomes.list_signal(home.ctx, SignalQuery(**{**DAY, **query}))).items


def test_what_a_point_says(home: Home) -> None:
    """
    A point adds up its spans: by hand, three answers and one error within one hour.
    """
    told: dict[str, Any] = {"model": "m", "input_tokens": 10, "output_tokens": 20}
    record(
        home,
        [
            new_span(0, **told, cost_usd=Decimal("0.5"), latency_ms=100, time_to_first_token_ms=50),
            new_span(1, **told, latency_ms=200, time_to_first_token_ms=100, attributes={"treadle.cache": "exact"}),
            new_span(2, **told, latency_ms=300, attributes={"treadle.signals": ["refusal", "guard:pii"]}),
            new_span(3, model="m", status="error", error_code="timeout"),
        ],
    )

    [point] = ask(home)

    assert (4, 1, {"timeout": 1}) == (point.count, point.error_count, point.errors)
    assert (30, 60, Decimal("0.5"), 2) == (
        point.input_tokens,
        point.output_tokens,
        point.cost_usd,
        point.unpriced_count,
    )
    assert (1, 1, 1) == (point.cache_hits, point.refusals, point.guard_hits)
    assert 60 / 0.450 == pytest.approx(point.tokens_per_second)
    assert point.latency_ms is not None
    assert (200, 300) == (point.latency_ms.p50, point.latency_ms.p99)
    assert point.time_to_first_token_ms is not None
    assert 100 == point.time_to_first_token_ms.p99


def test_counted_once(home: Home) -> None:
    """
    Whether blocks are counted already, still wait, or come again, every span is in the sum once; late ones too.
    """
    spans = [new_span(number, latency_ms=number) for number in range(100)]
    sums = []
    for part in (spans[:40], spans[:60], spans[50:]):
        record(home, part)
        sums.append(sum(point.count for point in ask(home)))
        follow(home)
        sums.append(sum(point.count for point in ask(home, step="minute")))

    assert [40, 40, 60, 60, 100, 100] == sums


BY: list[tuple[dict[str, Any], list[tuple[datetime, str | None, int]]]] = [
    ({"by": ["model"]}, [(START, "a", 4), (START, "b", 3), (START + timedelta(hours=1), "a", 3)]),
    ({"by": ["model"], "step": "day", "model": "a"}, [(START.replace(hour=0), "a", 7)]),
    ({"by": ["model"], "kind": "tool"}, []),
    ({"by": ["model"], "user_id": "u1", "model": "b"}, [(START, "b", 1)]),
]


@pytest.mark.parametrize("is_counted", [True, False])
def test_groups_and_filters(home: Home, is_counted: bool) -> None:
    """
    Points are kept apart by what is asked for, filtered by what is asked for, from rollups and from what waits alike.
    """
    hour = timedelta(hours=1)
    spans = [
        new_span(n, model="ab"[n % 2], user_id=f"u{n % 3}", started_at=START + timedelta(minutes=n)) for n in range(7)
    ]
    record(home, [*spans, *(new_span(n, model="a", started_at=START + hour) for n in range(3))])
    if is_counted:
        follow(home)

    found = [[(point.at, point.model, point.count) for point in ask(home, **query)] for query, _ in BY]

    assert [expected for _, expected in BY] == found


def test_where_the_database_keeps_another_time(settings: Settings) -> None:
    """
    A database whose own clock is set half an hour and five off draws the same hours and days: they are always UTC's.
    """
    with psycopg.connect(settings.database_url or "", autocommit=True) as connection:
        connection.execute(
            sql.SQL("alter database {} set timezone = 'Asia/Kolkata'").format(sql.Identifier(connection.info.dbname))
        )
    times = [START, START.replace(hour=19, minute=59), START.replace(hour=23, minute=10)]

    with contextmanager(running)(settings) as server, new_home(server) as home:
        record(home, [new_span(n, user_id="u", started_at=at) for n, at in enumerate(times)])
        by_hour, by_day = (ask(home, by=["user_id"], step=step, user_id="u", **WHOLE_DAY) for step in ("hour", "day"))
        trace = home.client.traces.list_(limit=1).items[0]

    assert [(START.replace(hour=hour), 1) for hour in (12, 19, 23)] == [(point.at, point.count) for point in by_hour]
    assert [(START.replace(hour=0), 3)] == [(point.at, point.count) for point in by_day]
    assert times[2] == trace.started_at
    assert timedelta(0) == trace.started_at.utcoffset()


def test_by_user(home: Home) -> None:
    """
    Series by end user are counted from the spans themselves.
    """
    record(home, [new_span(number, user_id=f"u{number % 2}", latency_ms=number) for number in range(5)])

    points = ask(home, by=["user_id"], step="day")

    assert [("u0", 3), ("u1", 2)] == [(point.user_id, point.count) for point in points]


def test_quantiles_of_merged_sketches(home: Home) -> None:
    """
    Quantiles of what was counted in many pieces are within 5 % of the exact ones (100 pieces of log-normal latencies).
    """
    draw = random.Random(1)
    values = [draw.lognormvariate(5, 1) for _ in range(3_000)]
    spans = [new_span(0, latency_ms=value, started_at=START + timedelta(seconds=n)) for n, value in enumerate(values)]
    for begin in range(0, len(spans), 300):
        record(home, spans[begin : begin + 300])
        follow(home)

    [point] = ask(home, step="day")

    ordered = sorted(values)
    assert point.latency_ms is not None
    assert [ordered[1500], ordered[2850], ordered[2970]] == pytest.approx(
        [point.latency_ms.p50, point.latency_ms.p95, point.latency_ms.p99], rel=0.05
    )


def test_quantiles_of_a_whole_time(home: Home) -> None:
    """
    One point for the whole time has the quantiles of all of it, not those of one of its minutes.
    """
    spans = [
        new_span(latency_ms=100.0 * minute, started_at=START + timedelta(minutes=minute))
        for minute in range(1, 6)
        for _ in range(20)
    ]
    record(home, spans)

    found = ask(home, step="minute", as_one=True)

    assert [(START, 100)] == [(point.at, point.count) for point in found]
    assert found[0].latency_ms is not None
    assert (300, 500) == (found[0].latency_ms.p50, found[0].latency_ms.p99)


def test_too_many_points(home: Home) -> None:
    """
    A year by the minute is refused with what to do instead.
    """
    with pytest.raises(InvalidInput) as caught:
        ask(home, step="minute", until=START + timedelta(days=365))

    assert "traces.too_many_points" == caught.value.error_code


def test_answers_as_json(home: Home) -> None:
    """
    Answers that were asked for as JSON or begin like it are counted, and those of them that are JSON; parts and prose are not.
    """
    asked = {"gen_ai.output.type": "json"}
    texts = ['{"a": 1}', " [1, 2]", '{"a": 1', "[1,]", "where is my card?"]
    spans = [new_span(number, output_text=text) for number, text in enumerate(texts)]
    spans += [new_span(8, output_text="Sure! {}", attributes=asked), new_span(9, output_text="7", attributes=asked)]
    record(home, spans)

    (point,) = ask(home)

    assert (7, 6, 3) == (point.count, point.json_answers, point.json_valid)
    assert 3 == len(home.client.traces.list_("signal:json:invalid").items)


def test_users_of_a_segment(home: Home) -> None:
    """
    A segment is the beginning of users' ids, taken as it stands.
    """
    names = ["acme/ann", "acme/bob", "acme%", "trial/zoe", None]
    record(home, [new_span(number, user_id=name) for number, name in enumerate(names)])

    assert [2] == [point.count for point in ask(home, segment="acme/")]
    assert [] == ask(home, segment="a_me/")

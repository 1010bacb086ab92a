"""A list of traces over time, through the HTTP contract and the command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from tests.traces.home import Home
from tests.traces.test_asking import part_of
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.storage.database import APP_ROLE
from treadle.traces import rollup_store
from treadle.traces.asking import counted, sampled
from treadle.traces.asking.types import TraceChart
from treadle.traces.retention import forget

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
DAY = f"started>={(NOW - timedelta(hours=23)).isoformat()} started<{(NOW + timedelta(hours=1)).isoformat()}"


def request(number: int, hours_ago: int, latency_ms: float = 10.0, **more: Any) -> Any:
    """Return the root of a trace of an hour of the day."""
    at = NOW - timedelta(hours=hours_ago) + timedelta(seconds=number)
    return new_span(number, **{"started_at": at, "latency_ms": latency_ms, "status": "ok", **more})


def drawn(told: TraceChart) -> list[tuple[int, int, int]]:
    """Return each bar as hours ago, traces and failed ones."""
    return [(int((NOW - bar.at) / timedelta(hours=1)), bar.count, bar.error_count) for bar in told.bars]


def test_every_trace_is_counted(home: Home) -> None:
    """
    A chart has a bar for each step in which traces of the list began: how many, how many failed, what one in twenty exceeded, and
    what all their spans cost, unknown prices beside it.
    """
    roots = [request(n, 2, float(n)) for n in range(1, 21)]
    failed = request(30, 5, status="error", error_code="timeout", input_tokens=5)
    record(home, [*roots, failed, part_of(roots[3], cost_usd=Decimal("0.25"), input_tokens=9)])

    told = home.client.traces.chart(DAY, bars=24)

    assert ("all", 21, 3_600) == (told.counted, told.looked_count, told.step_seconds)
    assert [(5, 1, 1), (2, 20, 0)] == drawn(told)
    old, new = told.bars
    assert (None, None, 1) == (old.latency_p95_ms, old.cost_usd, old.unpriced_count)
    assert (19.0, Decimal("0.25"), 0) == (new.latency_p95_ms, new.cost_usd, new.unpriced_count)


def test_the_lists_own_filter(home: Home) -> None:
    """
    A chart takes any filter that the list takes: fields, sums of spans, scores, and what only the content tells.
    """
    rows = [
        request(n, n % 3, 100.0 * n, attributes={"shop": "a" if n % 2 else "b"}, session_id=f"s{n}") for n in range(6)
    ]
    record(home, rows)

    assert [(1, 1, 0), (0, 1, 0)] == drawn(home.client.traces.chart(f"{DAY} latency>=300 -latency:500"))
    assert [(1, 1, 0)] == drawn(home.client.traces.chart(f"{DAY} session:s4"))
    by_content = home.client.traces.chart(f"{DAY} attr.shop:a", bars=24)
    assert ("all", [(2, 1, 0), (1, 1, 0), (0, 1, 0)]) == (by_content.counted, drawn(by_content))
    assert [(0, 1, 0)] == drawn(home.client.traces.chart(f"{DAY} q3", bars=24))


def test_a_time_that_nobody_named(home: Home) -> None:
    """
    Where the filter names no time it is the day that ends with the newest trace; without any trace there is no bar.
    """
    nothing = home.client.traces.chart("")
    at = datetime.now(UTC) - timedelta(days=3)
    record(home, [new_span(1, started_at=at), new_span(2, started_at=at - timedelta(days=2))])

    told = home.client.traces.chart("", bars=24)

    assert [] == nothing.bars
    assert [1] == [bar.count for bar in told.bars]
    assert told.until - told.since <= timedelta(hours=25)
    assert told.since <= at < told.until


def test_too_many_to_count(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of more traces than are counted one by one, the kept sums tell what they are kept by, and else a sample of each bar is taken for the
    whole (of the newest five of each forty, one failed); the answer says which.
    """
    monkeypatch.setattr(counted, "MAX_COUNTED", 20)
    monkeypatch.setattr(sampled, "PER_SLICE", 5)
    rows = [
        request(n, n % 2, endpoint="a" if n % 4 < 2 else "b", status="error" if n % 8 < 2 else "ok") for n in range(80)
    ]
    record(home, rows)

    sums = home.client.traces.chart(f"{DAY} endpoint:a", bars=24)
    sample = home.client.traces.chart(f"{DAY} status:error", bars=24)
    narrow = home.client.traces.chart(f"{DAY} trace:{rows[5].trace_id}", bars=24)

    assert ("sums", [(1, 20, 10), (0, 20, 10)]) == (sums.counted, drawn(sums))
    assert ("sample", 10) == (sample.counted, sample.looked_count)
    assert [(1, 8, 8), (0, 8, 8)] == drawn(sample)
    assert ("all", 1) == (narrow.counted, narrow.looked_count)


def test_a_quiet_quarter_stands_for_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A busy quarter of a bar does not weigh a quiet one: what failed in an outage is counted as it is, and the busy quarter by its own sum.
    """
    monkeypatch.setattr(counted, "MAX_COUNTED", 20)
    monkeypatch.setattr(sampled, "PER_SLICE", 6)
    outage = [request(35 * 60 + n, 2, 5.0, status="error", cost_usd=Decimal("0.5")) for n in range(5)]
    record(home, [*(request(n, 2, float(n)) for n in range(40)), *outage])

    failed = home.client.traces.chart(f"{DAY} status:error", bars=24)
    well = home.client.traces.chart(f"{DAY} status:ok", bars=24)

    assert ("sample", 11, [(2, 5, 5)]) == (failed.counted, failed.looked_count, drawn(failed))
    assert Decimal("2.5") == failed.bars[0].cost_usd
    assert ([(2, 40, 0)], 39.0) == (drawn(well), well.bars[0].latency_p95_ms)


def test_a_bar_that_the_time_cuts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of a bar that began before the time, a sample counts what lies within: of eighty, one each 45 seconds, the 53 of forty minutes.
    """
    monkeypatch.setattr(counted, "MAX_COUNTED", 20)
    monkeypatch.setattr(sampled, "PER_SLICE", 6)
    record(home, [request(45 * n, 0) for n in range(80)])
    since, until = NOW + timedelta(minutes=20), NOW + timedelta(hours=1)

    told = home.client.traces.chart(f"started>={since.isoformat()} started<{until.isoformat()} status:ok", bars=1)

    assert ("sample", 18, [(0, 53, 0)]) == (told.counted, told.looked_count, drawn(told))


def test_no_more_is_looked_at(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However many bars there are, a sample looks at so many traces and no more.
    """
    monkeypatch.setattr(counted, "MAX_COUNTED", 20)
    monkeypatch.setattr(sampled, "MAX_LOOKED", 200)
    record(home, [request(10 * n, hours) for n in range(12) for hours in range(10)])

    told = home.client.traces.chart(f"{DAY} status:ok", bars=24)

    assert ("sample", 20) == (told.counted, told.looked_count)
    assert [12] * 10 == [bar.count for bar in told.bars]


def test_spans_of_other_days(home: Home) -> None:
    """
    The cost of a trace that went on for days has that of all its spans.
    """
    root = new_span(1, started_at=NOW - timedelta(days=4), latency_ms=timedelta(days=3) / timedelta(milliseconds=1))
    record(home, [root, part_of(root, started_at=NOW - timedelta(days=2), cost_usd=Decimal("0.25"), input_tokens=9)])

    told = home.client.traces.chart("age<9d cost>0.2")

    assert [Decimal("0.25")] == [bar.cost_usd for bar in told.bars]


def test_what_is_forgotten_is_not_drawn(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Sums by the hour are kept for longer than traces; a chart has no bar where the list has nothing any more.
    """
    monkeypatch.setattr(counted, "MAX_COUNTED", 20)
    old = [new_span(n, started_at=NOW - timedelta(days=40)) for n in range(5)]
    record(home, [*old, *(request(n, 1) for n in range(30))])
    while home.platform.database.transact(rollup_store.follow, APP_ROLE, home.ctx.project_id):
        pass
    before = home.client.traces.chart("age<60d", bars=60)
    home.client.traces.set_retention(30)
    forget(home.platform.database, datetime.now(UTC).date())

    after = home.client.traces.chart("age<60d", bars=60)

    assert ("sums", [5, 30]) == (before.counted, [bar.count for bar in before.bars])
    assert ("sums", [30]) == (after.counted, [bar.count for bar in after.bars])


@pytest.mark.parametrize("q", ["endpoint:" + "e" * 201, "release:" + "r" * 201])
def test_long_names(home: Home, monkeypatch: pytest.MonkeyPatch, q: str) -> None:
    """
    A name that is longer than any there is finds nothing, as it does in the list.
    """
    monkeypatch.setattr(counted, "MAX_COUNTED", 20)
    record(home, [request(n, 1) for n in range(30)])

    told = home.client.traces.chart(f"{DAY} {q}")

    assert ("sample", []) == (told.counted, told.bars)


@pytest.mark.parametrize(
    "q",
    ["started<0001-01-01", "started>=0001-01-01", "started<=9999-12-31T23:59:59.999999", "started<0001-01-02 hello"],
)
def test_odd_times(home: Home, q: str) -> None:
    """
    A time long before or after any trace is a time as others are, for charts and for lists in any order.
    """
    is_old = q.startswith("started<0")
    record(home, [request(1, 1)])

    told = home.client.traces.chart(q)
    ordered = [] if "hello" in q else home.client.traces.list_(q, sort="latency").items

    assert is_old == (told.bars == [])
    assert is_old == (ordered == [])


def test_the_command(home: Home) -> None:
    """
    `treadle trace chart` prints the bars as a table, and as JSON what the API answers.
    """
    record(home, [request(1, 1), request(2, 1, status="error")])
    runner = CliRunner(env={"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key})

    told = json.loads(runner.invoke(cli, ["trace", "chart", DAY, "--json"]).stdout)
    table = runner.invoke(cli, ["trace", "chart", DAY]).stdout

    assert [2] == [bar["count"] for bar in told["bars"]]
    assert "failed" in table

"""Charts over days that were moved to the archive, through the HTTP contract and the command."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from click.testing import CliRunner

from tests.traces.home import Home
from tests.traces.test_archive import NOW, OLD, QUESTIONS, archive, follow, go_round, old_spans
from tests.traces.test_asking import part_of
from tests.traces.test_heads import part, store
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.traces.archive import charted
from treadle.traces.asking.types import TraceChart
from treadle.traces.intake import new_trace_id

TIME = f"started>={OLD.date() - timedelta(days=9)}"


def drawn(told: TraceChart) -> list[tuple[datetime, int, int]]:
    """Return when each bar begins, its traces and failed ones."""
    return [(bar.at, bar.count, bar.error_count) for bar in told.bars]


def days_ago(told: TraceChart) -> list[tuple[int, int]]:
    """Return how many days ago each bar begins, and its traces."""
    return [((NOW.date() - bar.at.date()).days, bar.count) for bar in told.bars]


def test_charts_are_those_of_before(home: Home) -> None:
    """
    Whatever is asked, a chart has the same bars once its days are archived, and says where they are from; what the kept sums know is
    told by them, with what calls of models used.
    """
    spans = old_spans()
    record(home, spans)
    with psycopg.connect(home.platform.database.url) as db:
        db.execute("select set_config('treadle.project', %s, true)", [home.ctx.project_id])
        db.execute(
            "insert into trace_scores (project_id, trace_id, name, source, value) values (%s, %s, 'correct', 'user', 1)",
            [home.ctx.project_id, spans[0].trace_id],
        )
    questions = [f"{TIME} {q}" for q in (*QUESTIONS, f"trace:{spans[0].trace_id}") if "age" not in q]

    before = {q: home.client.traces.chart(q, bars=40) for q in questions}
    home.client.traces.set_retention(30, archive=True)
    done = archive(home, [])
    after = {q: home.client.traces.chart(q, bars=40) for q in questions}

    assert 5 == done.archived
    for q in questions:
        assert [] == after[q].left_out, q
        if after[q].counted == "sums":
            assert drawn(before[q]) == drawn(after[q]), q
        else:
            assert before[q].bars == after[q].bars, q
    assert [f"{TIME} "] == [q for q in questions if after[q].counted == "sums"]
    assert {True} == {chart.from_archive for chart in after.values() if chart.bars}
    assert 4 == after[f"{TIME} "].looked_count


def test_a_bar_that_is_archived_in_part(home: Home) -> None:
    """
    A wide bar counts what is archived and what is not together; of the two p95 the larger one stands.
    """
    border = NOW.date() - timedelta(days=30)
    at = datetime.combine(border, NOW.timetz()).replace(hour=12)
    home.client.traces.set_retention(30, archive=True)
    old = [
        new_span(n, started_at=at - timedelta(days=1, minutes=n), latency_ms=float(n), cost_usd=None)
        for n in range(1, 21)
    ]
    old.append(part_of(old[0], started_at=old[0].started_at, cost_usd=Decimal("0.25"), input_tokens=9))
    archive(home, [*old, *(new_span(n, started_at=at + timedelta(minutes=n), latency_ms=5.0) for n in range(30, 40))])

    told = home.client.traces.chart(f"started>={border - timedelta(days=3)} status:ok", bars=1)

    (bar,) = told.bars
    assert ("all", 30, True) == (told.counted, told.looked_count, told.from_archive)
    assert (30, 19.0, Decimal("0.25"), 0) == (bar.count, bar.latency_p95_ms, bar.cost_usd, bar.unpriced_count)


def test_days_that_are_not_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of a large archive the newest days are read for a chart, and it says which are left out; the command says it, too.
    """
    monkeypatch.setattr(charted, "MAX_FILES", 2)
    home.client.traces.set_retention(30, archive=True)
    archive(home, [new_span(n, started_at=OLD - timedelta(days=n), status="error") for n in range(5)])
    first, last = (OLD - timedelta(days=4)).date(), (OLD - timedelta(days=2)).date()

    told = home.client.traces.chart("age<60d status:error", bars=70)
    runner = CliRunner(env={"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key})
    said = runner.invoke(cli, ["trace", "chart", "age<60d status:error"])

    assert [(41, 1), (40, 1)] == days_ago(told)
    assert [(first, last)] == [(days.first, days.last) for days in told.left_out]
    assert f"archived days from {first} to {last} are left out" in " ".join(said.stderr.split())


@pytest.mark.parametrize("bound", ["MAX_BYTES", "MAX_SPANS", "MAX_SCORED_SPANS"])
def test_days_that_are_too_large(home: Home, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    """
    A day with more than may be read is left out as a whole, and so is what is older; a score is looked for in fewer spans.
    """
    home.client.traces.set_retention(30, archive=True)
    archive(home, [new_span(n, started_at=OLD) for n in range(5)])

    plain, scored = (home.client.traces.chart(f"{TIME} {q}") for q in ("status:ok", "-score.correct:*"))
    monkeypatch.setattr(charted, bound, 4)
    left = [home.client.traces.chart(f"{TIME} {q}") for q in ("status:ok", "-score.correct:*")]

    assert [5, 5] == [chart.looked_count for chart in (plain, scored)]
    expected = {"MAX_BYTES": [0, 0], "MAX_SPANS": [0, 5], "MAX_SCORED_SPANS": [5, 0]}[bound]
    assert expected == [chart.looked_count for chart in left]
    assert [[] if num else [OLD.date()] for num in expected] == [
        [days.first for days in chart.left_out] for chart in left
    ]


def test_sums_over_the_archive(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What the kept sums know is told of all archived days without a look at a file, and nothing of what was forgotten before them.
    """
    monkeypatch.setattr(charted, "MAX_FILES", 0)
    record(home, [new_span(n, started_at=OLD - timedelta(days=20)) for n in range(3)])
    follow(home)
    home.client.traces.set_retention(50)
    go_round(home)
    home.client.traces.set_retention(30, archive=True)
    archive(home, [new_span(n, started_at=OLD - timedelta(days=n), endpoint="a" if n else "b") for n in range(4)])
    record(home, [new_span(9, started_at=NOW - timedelta(days=1))])

    everything = home.client.traces.chart("age<90d", bars=100)
    of_one = home.client.traces.chart("age<90d endpoint:a", bars=100)

    assert ("sums", True, []) == (everything.counted, everything.from_archive, everything.left_out)
    assert [(43, 1), (42, 1), (41, 1), (40, 1), (1, 1)] == days_ago(everything)
    assert [(43, 1), (42, 1), (41, 1)] == days_ago(of_one)


def test_nothing_but_the_archive(home: Home) -> None:
    """
    Where everything is archived, the usual day is the one that ends with the newest archived trace.
    """
    home.client.traces.set_retention(30, archive=True)
    archive(home, [new_span(n, started_at=OLD - timedelta(days=5 * n)) for n in range(2)])

    told = home.client.traces.chart("", bars=24)
    few = home.client.traces.chart(
        f"started>={(OLD - timedelta(hours=1)).isoformat()} started<{(OLD + timedelta(hours=1)).isoformat()}"
    )

    assert [(40, 1)] == days_ago(told)
    assert ("all", 1, True) == (few.counted, few.looked_count, few.from_archive)


def test_a_root_that_came_after_its_trace_was_archived(home: Home) -> None:
    """
    A trace whose root arrives once the span that stood in for it is archived is counted once.
    """
    trace_id = new_trace_id()
    home.client.traces.set_retention(30, archive=True)
    store(home, [part(1, trace_id, started_at=OLD)])
    go_round(home)

    before = home.client.traces.chart(f"{TIME} latency>=0")
    record(home, [new_span(9, trace_id=trace_id, started_at=OLD + timedelta(days=39))])
    after = home.client.traces.chart(f"{TIME} latency>=0")

    assert (1, True) == (before.looked_count, before.from_archive)
    assert (1, False) == (after.looked_count, after.from_archive)


def test_odd_times(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Archived spans that said odd times are charted where they say; where they are left out, the day that stands for them says it.
    """
    home.client.traces.set_retention(30, archive=True)
    archive(home, [new_span(1, started_at=NOW - timedelta(days=200))], today=NOW.date() + timedelta(days=40))

    told = home.client.traces.chart("age<201d status:ok", bars=40)
    monkeypatch.setattr(charted, "MAX_FILES", 0)
    left = home.client.traces.chart("age<201d status:ok", bars=40)

    assert (1, []) == (told.looked_count, told.left_out)
    assert (0, [date(1970, 1, 1)]) == (left.looked_count, [days.last for days in left.left_out])

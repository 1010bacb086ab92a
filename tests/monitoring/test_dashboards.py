"""Dashboards through the HTTP contract: every built-in chart can be drawn, its figures are the traffic's."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.traces.home import Home
from tests.traces.test_traces import START, new_span, record
from treadle.core.clock import SettableClock
from treadle.core.errors import InvalidInput, NotFound
from treadle.feedback.types import NewFeedback
from treadle.monitoring import signals
from treadle.monitoring.dashboards.types import Chart, ChartQuery
from treadle.monitoring.types import Watched
from treadle.monitoring.usage import store as usage
from treadle.monitoring.usage.measure import Taken
from treadle.monitoring.verdicts import Value


def _query(metric: str, **more: Any) -> ChartQuery:
    facts = {"signal": {"metric": metric}, "since": START, "until": START + timedelta(days=1)}
    return ChartQuery.model_validate({**facts, **more})


def test_every_built_in_chart(home: Home) -> None:
    """
    Each chart of each dashboard has data as soon as there is traffic that it is about.
    """
    record(
        home,
        [
            new_span(
                n, release_id="rel_1", model="m", key_id="k", user_id="u", time_to_first_token_ms=5, input_tokens=3,
                output_tokens=4, cost_usd=Decimal("0.1"), output_text="{}",
            )
            for n in range(3)
        ],
    )  # fmt: skip
    told = {"release_id": "rel_1", "model": "m", "key_id": "k", "user_id": "u"}
    record(home, [new_span(n, status="error", error_code="timeout", **told) for n in range(3, 6)])
    looked = Taken(50.0, 2**20, 70.0, 2**20)
    asyncio.run(
        home.ctx.db.write(
            lambda db: [usage.add_usage(db, "mv", START + timedelta(minutes=n), looked) for n in range(3)]
        )
    )

    drawn = {
        (dashboard.name, chart.name): home.client.dashboards.read(
            ChartQuery(signal=chart.signal, by=chart.by, since=START, until=START + timedelta(days=1))
        )
        for dashboard in home.client.dashboards.list_()
        for chart in dashboard.charts
    }

    assert len(drawn) >= 25
    assert [] == [name for name, data in drawn.items() if not data.lines or data.lines[0].spans not in (3, 6)]
    assert [] == [name for name, data in drawn.items() if data.lines[0].points[0].value is None]


def test_what_an_applications_steps_used(home: Home) -> None:
    """
    A request is counted once and is as slow as its root; what the calls of models within it used is counted where it is
    stated, for the model that was called and the user who asked.
    """
    root = new_span(kind="chain", name="answer", endpoint=None, latency_ms=900, user_id="ann")
    called: dict[str, Any] = {"trace_id": root.trace_id, "parent_span_id": root.span_id, "endpoint": None}
    used: dict[str, Any] = {"input_tokens": 10, "output_tokens": 5, "cost_usd": Decimal("0.25")}
    parts = [new_span(n, **called, model=model, latency_ms=5, **used) for n, model in ((1, "a"), (2, "b"), (3, "b"))]
    parts.append(new_span(4, **called, kind="tool", status="error", error_code="timeout"))
    record(home, [root, *parts])
    wanted = [
        ("requests", None), ("error_rate", None), ("latency_p95", None), ("cost_usd", None), ("output_length", None),
        ("input_tokens", "model"), ("cost_usd", "user_id"), ("requests", "model"),
    ]  # fmt: skip

    drawn = [home.client.dashboards.read(_query(metric, by=by)).lines for metric, by in wanted]

    assert [
        [(None, 1)], [(None, 0)], [(None, 900)], [(None, 0.75)], [(None, 5)],
        [("b", 20), ("a", 10)], [("ann", 0.75)], [(None, 1)],
    ] == [[(line.group, line.points[0].value) for line in lines] for lines in drawn]  # fmt: skip


def test_a_price_that_nobody_knows(home: Home) -> None:
    """
    Where no price of what was used is known a cost has no value; it is not 0.
    """
    record(
        home,
        [
            new_span(0, model="home-made", input_tokens=3, output_tokens=4),
            new_span(1, model="free", cost_usd=Decimal(0)),
        ],
    )

    drawn = home.client.dashboards.read(_query("cost_usd", by="model")).lines

    assert {"home-made": None, "free": 0} == {line.group: line.points[0].value for line in drawn}


def test_what_a_service_came_to(home: Home) -> None:
    """
    Without any endpoint traffic is cut down to a service and drawn by service: requests, errors and what their calls used;
    scores too.
    """
    roots = [
        new_span(n, kind="chain", endpoint=None, service_name=service, status="error" if n == 2 else "ok")
        for n, service in enumerate(("shop", "shop", "bot", None))
    ]
    calls = [
        new_span(
            n, trace_id=root.trace_id, parent_span_id=root.span_id, endpoint=None, service_name=root.service_name,
            input_tokens=10, output_tokens=5,
        )
        for n, root in enumerate(roots)
    ]  # fmt: skip
    record(home, [*roots, *calls])
    home.client.feedback.add_many(
        [NewFeedback(trace_id=roots[n].trace_id, name="right", value=n % 2) for n in range(3)]
    )
    now = datetime.now(UTC)
    lately = {"since": now - timedelta(hours=1), "until": now + timedelta(days=1), "step": "day"}

    by_service = home.client.dashboards.read(_query("requests", by="service_name"))
    tokens = home.client.dashboards.read(_query("", signal={"metric": "tokens", "service_name": "shop"}))
    errors = home.client.dashboards.read(_query("", signal={"metric": "error_rate", "service_name": "bot"}))
    said = {"metric": "score", "score": "right", "service_name": "shop"}
    scores = home.client.dashboards.read(_query("", signal=said, **lately))

    assert {"shop": 2, "bot": 1, None: 1} == {line.group: line.spans for line in by_service.lines}
    assert [30] == [point.value for point in tokens.lines[0].points]
    assert [1] == [point.value for point in errors.lines[0].points]
    assert [(0.5, 2)] == [(point.value, point.spans) for point in scores.lines[0].points]


def test_lines_by_group(home: Home) -> None:
    """
    Lines come with the most spans first, further ones are counted, and each point is its own group's figure.
    """
    spans = [new_span(n, release_id="rel_a") for n in range(3)]
    spans += [new_span(3, release_id="rel_a", status="error", error_code="timeout")]
    spans += [new_span(n, release_id="rel_b", status="error", error_code="timeout") for n in (4, 5)]
    spans += [new_span(6, release_id="rel_c")]
    record(home, spans)

    data = home.client.dashboards.read(_query("error_rate", by="release_id", most=2))

    assert [("rel_a", 4, 0.25), ("rel_b", 2, 1.0)] == [
        (line.group, line.spans, line.points[0].value) for line in data.lines
    ]
    assert 1 == data.left_out


def test_scores_over_time(home: Home) -> None:
    """
    What was said of answers is drawn as means by time.
    """
    home.client.feedback.add_many(
        [NewFeedback(trace_id=f"{value:032x}", name="thumbs", value=value) for value in (0, 1)]
    )
    now = datetime.now(UTC)
    signal = Watched(metric="score", score="thumbs")

    data = home.client.dashboards.read(
        ChartQuery(signal=signal, since=now - timedelta(hours=1), until=now + timedelta(minutes=1))
    )

    (line,) = data.lines
    assert 2 == line.spans
    assert 1 == sum((point.value or 0) * point.spans for point in line.points)


def test_errors_by_kind(home: Home) -> None:
    """
    Errors are drawn by their code, one line for each.
    """
    codes = ["timeout", "timeout", "upstream_500", None]
    record(home, [new_span(n, status="error" if code else "ok", error_code=code) for n, code in enumerate(codes)])

    data = home.client.dashboards.read(_query("errors", by="error_code"))

    assert "errors" == data.unit
    assert {"timeout": 2.0, "upstream_500": 1.0} == {line.group: line.points[0].value for line in data.lines}


def test_errors_of_one_kind(home: Home) -> None:
    """
    A chart of one kind of errors by kind has that one line.
    """
    record(home, [new_span(n, status="error", error_code=code) for n, code in enumerate(["timeout", "upstream_500"])])
    signal = {"metric": "errors", "error_code": "timeout"}

    data = home.client.dashboards.read(_query("errors", by="error_code", signal=signal))

    assert [("timeout", 1.0)] == [(line.group, line.points[0].value) for line in data.lines]


def test_what_a_share_is_of(home: Home) -> None:
    """
    A share of the answers as JSON rests on those, not on all requests: four of ten, three of them valid.
    """
    answers = ['{"a": 1}', '{"a": 1', "[1]", '{"b": 2}', *["just words"] * 6]
    record(home, [new_span(n, output_text=text) for n, text in enumerate(answers)])

    (line,) = home.client.dashboards.read(_query("json_valid_rate")).lines

    assert [(0.75, 4)] == [(point.value, point.spans) for point in line.points]


def test_scores_by_release(home: Home) -> None:
    """
    Scores are drawn by what the judged answers had.
    """
    now = datetime.now(UTC)
    spans = [new_span(started_at=now, release_id=f"rel_{n}") for n in range(2)]
    record(home, spans)
    home.client.feedback.add_many(
        [NewFeedback(trace_id=span.trace_id, name="thumbs", value=n) for n, span in enumerate(spans)]
    )
    signal = Watched(metric="score", score="thumbs")

    data = home.client.dashboards.read(
        ChartQuery(signal=signal, by="release_id", since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    )

    assert {"rel_0": 0.0, "rel_1": 1.0} == {line.group: line.points[0].value for line in data.lines}


def _early_enough() -> datetime:
    """Return the time when what is said next still falls into its day; just before midnight (UTC) that is after it."""
    while (datetime.now(UTC) + timedelta(seconds=20)).date() != datetime.now(UTC).date():
        time.sleep(0.5)
    return datetime.now(UTC)


def test_how_often_something_is_said(home: Home) -> None:
    """
    Implicit signals have a rate: of four answers two were copied (one by two people), both of one release with three.
    """
    now = _early_enough()
    spans = [new_span(started_at=now, release_id="rel_b" if n == 3 else "rel_a") for n in range(4)]
    record(home, spans)
    said = [(0, "ann"), (0, "bob"), (1, "ann")]
    home.client.feedback.add_many(
        [NewFeedback(trace_id=spans[n].trace_id, name="copied", value=1, user_id=user) for n, user in said]
    )
    more = {"since": now - timedelta(hours=1), "until": now + timedelta(days=1), "step": "day"}
    signal = {"metric": "feedback_rate", "score": "copied"}

    whole = home.client.dashboards.read(_query("", signal=signal, **more))
    by_release = home.client.dashboards.read(_query("", signal=signal, by="release_id", **more))

    assert [(0.5, 4)] == [(point.value, point.spans) for point in whole.lines[0].points]
    assert {"rel_a": 2 / 3, "rel_b": 0} == {line.group: line.points[0].value for line in by_release.lines}
    watched = Watched.model_validate(signal)
    since, until = now - timedelta(minutes=1), now + timedelta(minutes=1)
    settled = asyncio.run(_settled(home, watched, since, until))
    assert (0.5, 4) == (settled.value, settled.spans)


async def _settled(home: Home, signal: Watched, since: datetime, until: datetime) -> Value:
    """Return a window's value as a monitor reads it, once the window is over."""
    ctx = replace(home.ctx, clock=SettableClock(until + timedelta(minutes=1)))
    return await signals.read_value(ctx, signal, since, until)


def test_kept_charts(home: Home) -> None:
    """
    A kept chart is on the dashboard of saved ones, can be changed, and be removed once.
    """
    chart = Chart(name="slow", title="Slow", signal=Watched(metric="latency_p95", endpoint="support"))

    home.client.dashboards.save(chart)
    home.client.dashboards.save(chart.model_copy(update={"title": "Slower"}))

    saved = next(each for each in home.client.dashboards.list_() if each.name == "saved")
    assert [("slow", "Slower", chart.signal)] == [(each.name, each.title, each.signal) for each in saved.charts]
    assert ["slow"] == [each.name for each in home.client.dashboards.list_charts().items]
    home.client.dashboards.remove("slow")
    with pytest.raises(NotFound):
        home.client.dashboards.remove("slow")


def test_charts_that_cannot_be_drawn(home: Home) -> None:
    """
    A time that ends before it begins, and groups that a figure has not, are refused.
    """
    for query, code in (
        (_query("requests", until=START), "charts.time"),
        (_query("score", signal={"metric": "score", "score": "x"}, by="kind"), "charts.by"),
        (_query("requests", by="error_code"), "charts.by"),
        (_query("engine_cpu_percent", by="model"), "charts.by"),
    ):
        with pytest.raises(InvalidInput) as caught:
            home.client.dashboards.read(query)
        assert code == caught.value.error_code

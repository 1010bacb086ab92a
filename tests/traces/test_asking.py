"""Filters of lists through the HTTP contract: what each field finds, in lists of traces and of spans, page by page."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.traces.home import Home
from tests.traces.test_search import follow
from tests.traces.test_traces import START, new_span, record
from treadle.core.errors import InvalidInput
from treadle.traces import service
from treadle.traces.asking import scan
from treadle.traces.asking.language import FilterRefused
from treadle.traces.types import Score, TraceFilter


def lines(home: Home, q: str) -> list[str]:
    """Return the questions of the traces that a filter finds."""
    return [trace.input_text for trace in home.client.traces.list_(q).items]


def spans(home: Home, q: str) -> list[str]:
    """Return the names of the spans that a filter finds."""
    return [span.name for span in home.client.traces.list_spans(q).items]


def request(number: int, **more: Any) -> Any:
    """Return the root of a trace."""
    return new_span(number, kind="chain", name="answer", **more)


def part_of(root: Any, **more: Any) -> Any:
    """Return a part of a trace."""
    facts = {"trace_id": root.trace_id, "parent_span_id": root.span_id, "variables": None, "output_messages": None}
    return new_span(**(facts | more))


@pytest.fixture
def traffic(home: Home) -> Home:
    """
    Three traces: a slow one that failed, one by another model for another person, and one that says nothing of itself.
    """
    failed = request(
        0,
        status="error",
        error_code="upstream.timeout",
        latency_ms=2_500.0,
        session_id="s-1",
        user_id="ann",
        attributes={"http.route": "/chat", "retries": 3, "tags": ["red", "blue"]},
        input_tokens=100,
        output_tokens=20,
    )
    other = request(1, user_id="bob", endpoint="sales", cost_usd=Decimal("0.02"), attributes={"http.route": "/sell"})
    plain = request(2)
    record(
        home,
        [
            failed,
            part_of(failed, name="call", kind="llm", model="gpt-4o-mini", attributes={"temperature": 0.5}),
            part_of(
                failed, name="look up", kind="tool", tool_name="search", error_message="the lost index", status="error"
            ),
            other,
            part_of(other, name="call", kind="llm", model="claude-4_5", resource={"service.version": "7"}),
            plain,
        ],
    )

    def judge(db: Any) -> None:
        service.put_score(db, failed.trace_id, Score(name="correct", source="human", value=0.0))
        service.put_score(db, other.trace_id, Score(name="correct", source="human", value=1.0))
        service.put_score(db, other.trace_id, Score(name="tone", source="user", label="kind one"))

    asyncio.run(home.ctx.db.write(judge))
    return home


ASKED = {
    "": ["q2", "q1", "q0"],
    "status:error": ["q0"],
    "-status:error": ["q2", "q1"],
    "status:error,ok": ["q2", "q1", "q0"],
    "error:upstream.*": ["q0"],
    "model:gpt-4o*": ["q0"],
    'model:"gpt-4o*"': [],
    "model:claude-4_5": ["q1"],
    "model:*": ["q1", "q0"],
    "-model:*": ["q2"],
    "model:gpt-4_*": [],
    "root.model:*": [],
    "kind:tool": ["q0"],
    "tool:search": ["q0"],
    "latency>2s": ["q0"],
    "latency<=12.5ms": ["q2", "q1"],
    "latency:2s..3s": ["q0"],
    "tokens>=120": ["q0"],
    "tokens>120": [],
    "cost>0.01": ["q1"],
    "cost>$0.01": ["q1"],
    "session:s-1": ["q0"],
    "user:ann or user:bob": ["q1", "q0"],
    "user!=ann": ["q2", "q1"],
    "endpoint:s*": ["q2", "q1", "q0"],
    "endpoint:sales": ["q1"],
    "span.status:error endpoint:support": ["q0"],
    "score.correct<0.5": ["q0"],
    "score.correct:0..1": ["q1", "q0"],
    "score.correct:*": ["q1", "q0"],
    "-score.correct:*": ["q2"],
    'score.tone:"kind one"': ["q1"],
    "score.tone:kind*": ["q1"],
    'attr.http.route="/chat"': ["q0"],
    "attr.http.route:/*": ["q1", "q0"],
    "-attr.http.route:*": ["q2"],
    "attr.retries>2": ["q0"],
    "attr.tags:blue": ["q0"],
    "attr.temperature<1": [],
    "span.attr.temperature<1": ["q0"],
    "span.resource.service.version:7": ["q1"],
    "attr.retries>2 or cost>0.01": ["q1", "q0"],
    "-(attr.retries>2 or cost>0.01)": ["q2"],
    "lost index": ["q0"],
    '"lost index"': ["q0"],
    '"index lost"': [],
    "lost -status:error": [],
    "-lost": ["q2", "q1"],
    "lost or q2": ["q2", "q0"],
    "q1 attr.http.route:/sell": ["q1"],
    "q1 attr.http.route:/chat": [],
    "started>=2026-03-01T12:00:01": ["q2", "q1"],
    "started<2026-03-01": [],
    "age<7d": [],
    "age>7d": ["q2", "q1", "q0"],
}


def test_traces(traffic: Home) -> None:
    """
    Each field finds what it says, with and without '-', among fields of the root, of any span, scores, content and words.
    """
    found = {q: lines(traffic, q) for q in ASKED}

    assert found == ASKED


def test_spans(traffic: Home) -> None:
    """
    In a list of spans fields are the span's own, and those of the root are asked for as such.
    """
    follow(traffic)

    found = {
        q: spans(traffic, q)
        for q in (
            "kind:llm",
            "model:gpt*",
            "root.user:bob -kind:chain",
            "attr.temperature:0.5",
            "lost",
            "status:error",
            "root.attr.retries:3 kind:tool",
            "root.attr.retries:3 lost",
            "score.correct<0.5 kind:llm",
        )
    }

    assert found == {
        "kind:llm": ["call", "call"],
        "model:gpt*": ["call"],
        "root.user:bob -kind:chain": ["call"],
        "attr.temperature:0.5": ["call"],
        "lost": ["look up"],
        "status:error": ["look up", "answer"],
        "root.attr.retries:3 kind:tool": ["look up"],
        "root.attr.retries:3 lost": ["look up"],
        "score.correct<0.5 kind:llm": ["call"],
    }


def test_typed_and_in_words(traffic: Home) -> None:
    """
    The filter of fields and the one in words are one: both must hold, and a trace id is one more field.
    """
    trace_id = traffic.client.traces.list_("user:ann").items[0].trace_id

    assert ["q0"] == lines(traffic, f"trace:{trace_id}")
    assert [] == traffic.client.traces.list_(TraceFilter(q="status:ok", session_id="s-1")).items
    assert 1 == len(traffic.client.traces.list_(TraceFilter(q="status:error", endpoint="support", text="lost")).items)


def test_a_page_that_stops_early(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A page that has looked through as much as it may says so, and going on finds everything once.
    """
    monkeypatch.setattr(scan, "FIRST_STRETCH", 4)
    monkeypatch.setattr(scan, "STRETCH", 4)
    monkeypatch.setattr(scan, "MAX_ROWS", 8)
    monkeypatch.setattr(scan, "MAX_BLOCKS", 3)
    monkeypatch.setattr(scan, "CANDIDATES", 2)
    for number in range(30):
        route = {"route": "/seldom" if number % 10 == 0 else "/often"}
        record(home, [new_span(number, user_id="ann" if number % 10 == 0 else "bob", attributes=route)])

    for q in ("user:an*", "attr.route:/seldom", "user:ann or attr.route:/seldom"):
        found, cursor, stops = list[str](), None, 0
        while True:
            page = home.client.traces.list_(q, limit=2, cursor=cursor)
            found += [trace.input_text for trace in page.items]
            cursor, stops = page.next_cursor, stops + page.stopped_early
            if cursor is None:
                break
        assert (["q20", "q10", "q0"], True) == (found, stops > 1)


def test_many_candidates_in_one_stretch(home: Home) -> None:
    """
    Where the content decides, no row is skipped between two reads of the same stretch.
    """
    routes = [{"route": "/last" if number == 0 else "/other"} for number in range(700)]
    record(home, [new_span(number, attributes=told) for number, told in enumerate(routes)])

    assert ["q0"] == lines(home, "attr.route:/last")


def test_refused_through_http(home: Home) -> None:
    """
    A filter that cannot be read is answered with its place; another list's cursor is refused, too.
    """
    with pytest.raises(InvalidInput) as refused:
        home.client.traces.list_("status:eror")
    with pytest.raises(InvalidInput, match="cursor"):
        home.client.traces.list_spans("", cursor="WyIyMDI2IiwgImEiXQ")

    assert (FilterRefused.code, 7) == (refused.value.error_code, refused.value.values["at"])


def test_other_projects(home: Home, module_server: Any) -> None:
    """
    No filter finds another project's spans, by fields, content or words.
    """
    from tests.traces.home import new_home

    record(home, [new_span(0, user_id="ann", attributes={"a": "1"})])
    with new_home(module_server) as other:
        found = [lines(other, q) + spans(other, q) for q in ("user:ann", "attr.a:1", "q0", "")]

    assert [[]] * 4 == found


def test_odd_times(home: Home) -> None:
    """
    Spans of other times are found by their time as well as those of these days.
    """
    record(home, [new_span(0, started_at=START - timedelta(days=9_000)), new_span(1)])

    assert ["q0"] == lines(home, "started<2010-01-01")
    assert ["q1"] == lines(home, "started>=2010-01-01 attr.none:1 or started>=2010-01-01")


def test_a_time_at_the_end_of_time(home: Home) -> None:
    """
    The first and the last hours that a time has are asked for in any zone.
    """
    span = new_span()
    record(home, [span])
    first, last = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
    wanted = TraceFilter(since=datetime.fromisoformat(first), until=datetime.fromisoformat(last))

    assert [span.trace_id] == [trace.trace_id for trace in home.client.traces.list_(wanted).items]

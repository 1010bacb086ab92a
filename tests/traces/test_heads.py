"""Traces whose root never comes, or comes late: listed, counted and found by the span that stands in for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.traces.home import Home
from tests.traces.test_parties import until
from tests.traces.test_summary import follow
from tests.traces.test_traces import new_span, record
from treadle.traces import outcomes, service
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id
from treadle.traces.retention import forget
from treadle.traces.signals import SignalQuery

NOW = datetime.now(UTC).replace(microsecond=0)


def at(second: int) -> datetime:
    """Return a moment of a few minutes ago."""
    return NOW - timedelta(minutes=5) + timedelta(seconds=second)


def part(number: int, trace_id: str, **more: Any) -> NewSpan:
    """Return a span of a trace whose parent is not there, so many seconds after others."""
    facts = {"trace_id": trace_id, "parent_span_id": new_span_id(), "started_at": at(number), "endpoint": None}
    return new_span(number, **{**facts, **more})


def wait_for_roots(home: Home) -> None:
    """Let the time pass that a root is waited for."""
    follow(home)
    asyncio.run(
        home.ctx.db.write(lambda db: db.execute("update trace_watch set due_at = now() where due_at is not null"))
    )
    follow(home)


def store(home: Home, spans: list[NewSpan]) -> None:
    """Store spans and let that time pass."""
    record(home, spans)
    wait_for_roots(home)


def listed(home: Home, q: str = "") -> list[tuple[str, str, bool]]:
    """Return the lines of traces, with what they were asked and whether their root is there."""
    return [(line.name, line.input_text, line.has_root) for line in home.client.traces.list_(q).items]


def requests(home: Home, **more: Any) -> tuple[int, int, int, int]:
    """Return how many requests there were, how many failed, the calls of models and the tokens that were read."""
    query = SignalQuery(since=at(-3_600), until=at(3_600), as_one=True, of="requests", **more)
    points = asyncio.run(outcomes.list_signal(home.ctx, query)).items
    return (
        sum(point.count for point in points), sum(point.error_count for point in points),
        sum(point.call_count for point in points), sum(point.input_tokens for point in points),
    )  # fmt: skip


def test_a_root_that_never_comes(home: Home) -> None:
    """
    The earliest span whose parent is unknown stands for the root once that was waited for: in the list, by filters and words, for
    its session and its user, and as one request.
    """
    trace_id = new_trace_id()
    first = part(1, trace_id, name="first", status="error", session_id="s", user_id="ann", input_tokens=10)
    second = part(2, trace_id, name="second", input_tokens=5)
    record(home, [second, first, part(0, trace_id, name="inner", parent_span_id=second.span_id)])
    follow(home)

    before = listed(home)
    wait_for_roots(home)

    assert [] == before
    for q in (
        "",
        "name:first",
        "status:error",
        "session:s",
        "user:ann",
        "q1",
        "kind:llm",
        "tokens:15",
        "root.name:first",
    ):
        assert [("first", "q1", False)] == listed(home, q), q
    assert [] == listed(home, "name:second")
    assert ["first", "second"] == sorted(
        one.name for one in home.client.traces.list_spans("root.name:first -name:inner").items
    )
    session, user = home.client.traces.get_session("s"), home.client.traces.get_user("ann")
    assert {(1, 1, 3, 15)} == {
        (one.trace_count, one.error_count, one.span_count, one.input_tokens) for one in (session, user)
    }
    assert (1, 1, 3, 15) == requests(home)
    assert [trace_id] == [one.trace_id for one in asyncio.run(service.get_many(home.ctx, [trace_id]))]


@pytest.mark.parametrize("stands_first", [False, True])
def test_a_late_root_takes_over(home: Home, stands_first: bool) -> None:
    """
    A root that comes after its parts is the one line of its trace, one request, and its session's, whoever stood in.
    """
    trace_id = new_trace_id()
    root = new_span(
        0, trace_id=trace_id, name="turn", started_at=at(0), session_id="right", kind="chain", input_tokens=None
    )
    call = part(
        1, trace_id, parent_span_id=root.span_id, name="call", session_id="wrong", user_id="bob", input_tokens=7
    )
    record(home, [call])
    follow(home)
    if stands_first:
        wait_for_roots(home)
    stood = listed(home)

    record(home, [root])
    wait_for_roots(home)

    assert ([("call", "q1", False)] if stands_first else []) == stood
    assert [("turn", "q0", True)] == listed(home)
    assert (1, 0, 1, 7) == requests(home)
    right = home.client.traces.get_session("right")
    assert (1, 2, 7) == (right.trace_count, right.span_count, right.input_tokens)
    counts = {one.name: one.trace_count for one in home.client.traces.list_users().items}
    assert ({"bob": 0} if stands_first else {}) == counts


def test_an_earlier_part_takes_over(home: Home) -> None:
    """
    Parts that come later may bring an earlier one, or the parent of the one that stands in: there is one line all the time.
    """
    trace_id = new_trace_id()
    late = part(3, trace_id, name="third")
    store(home, [late])
    third = listed(home)
    store(home, [part(2, trace_id, name="second")])
    second = listed(home)
    store(home, [part(4, trace_id, name="fourth"), part(1, trace_id, name="above", span_id=str(late.parent_span_id))])

    assert [("third", "q3", False)] == third
    assert [("second", "q2", False)] == second
    assert [("above", "q1", False)] == listed(home)
    assert (1, 0, 4, 0) == requests(home)


def test_who_takes_over_began_in_another_minute(home: Home) -> None:
    """
    Requests are counted where they began: what is taken back from one minute is added to another that nothing was counted in.
    """
    trace_id = new_trace_id()
    store(home, [part(90, trace_id, name="late")])

    store(home, [part(0, trace_id, name="early", cost_usd=Decimal(2), latency_ms=5.5)])

    assert [("early", "q0", False)] == listed(home)
    assert (1, 0, 2, 0) == requests(home)


def test_pages_with_orphans_among_them(home: Home) -> None:
    """
    Traces without a root stand in their order among the others, and no page skips or repeats one.
    """
    spans = [part(n, new_trace_id()) if n % 2 else new_span(n, started_at=at(n)) for n in range(7)]
    store(home, spans)

    found, cursor = list[str](), None
    while True:
        page = home.client.traces.list_(limit=2, cursor=cursor)
        found += [line.input_text for line in page.items]
        if (cursor := page.next_cursor) is None:
            break

    assert [f"q{n}" for n in reversed(range(7))] == found


def test_orphans_in_the_archive(home: Home) -> None:
    """
    An archived trace without a root is listed as before; where its root comes after that, by the root alone.
    """
    trace_id = new_trace_id()
    old = at(0) - timedelta(days=40)
    store(
        home,
        [
            part(1, trace_id, started_at=old, name="first", cost_usd=Decimal(1)),
            part(2, trace_id, started_at=old + timedelta(seconds=1)),
        ],
    )
    before = home.client.traces.list_().items
    home.client.traces.set_retention(30, archive=True)
    done = forget(home.platform.database, NOW.date(), home.platform.blobs)

    archived = home.client.traces.list_()
    one = home.client.traces.get(trace_id).trace
    record(home, [new_span(9, trace_id=trace_id, name="turn", started_at=old + timedelta(days=39))])
    rooted = listed(home)

    assert 2 == done.archived
    assert ("first", False, True) == (before[0].name, before[0].has_root, archived.from_archive)
    assert before == archived.items
    assert before[0] == one
    assert [("turn", "q9", True)] == rooted


def test_what_the_gateway_answered_within_a_callers_trace(home: Home) -> None:
    """
    A call that the caller's client and the gateway both tell is one trace, one request and one call; its tokens count once, in
    whatever order the two come; the caller's root is found by the session and the endpoint that only the gateway knows.
    """
    for number, order in enumerate(((0, 1), (1, 0), None)):
        trace_id, model = new_trace_id(), {"input_tokens": 10, "output_tokens": 2, "model": "m"}
        client = new_span(number, trace_id=trace_id, name="client", started_at=at(number), endpoint=None, **model)
        post = part(number, trace_id, parent_span_id=client.span_id, name="POST", kind="chain")
        answer = part(
            number, trace_id, parent_span_id=post.span_id, endpoint="support", release_id="rel_a", arm="stable", unit="u",
            arm_weight=1.0, session_id=f"s{number}", cost_usd=Decimal(1), **model,
        )  # fmt: skip
        sides = [[client, post], [answer]]
        for batch in [[*sides[0], *sides[1]]] if order is None else [sides[side] for side in order]:
            record(home, batch)
            follow(home)
        wait_for_roots(home)

    assert [("client", f"q{n}", True) for n in (2, 1, 0)] == listed(home)
    assert 3 == len(listed(home, "endpoint:support release:rel_a"))
    assert (3, 0, 3, 30) == requests(home)
    assert (3, 0, 3, 30) == requests(home, endpoint="support")
    assert [(10, Decimal(1))] * 3 == [(line.input_tokens, line.cost_usd) for line in home.client.traces.list_().items]
    sessions = until(lambda: home.client.traces.list_sessions().items)
    assert [(1, 3, 10, Decimal(1))] * 3 == [
        (one.trace_count, one.span_count, one.input_tokens, one.cost_usd) for one in sessions
    ]


def test_answers_in_a_trace_that_goes_elsewhere(home: Home) -> None:
    """
    A gateway's answer whose caller sends its spans elsewhere stands for its trace at once; two of them are one line, and two
    requests of the endpoint.
    """
    trace_id, parent = new_trace_id(), new_span_id()
    facts: dict[str, Any] = {
        "endpoint": "support",
        "unit": "u",
        "arm": "stable",
        "parent_span_id": parent,
        "input_tokens": 3,
    }
    record(home, [part(2, trace_id, **facts), part(1, trace_id, **facts)])
    follow(home)

    assert [("chat support", "q1", False)] == listed(home)
    assert (2, 0, 2, 6) == requests(home, endpoint="support")

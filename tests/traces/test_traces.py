"""Traces through the HTTP contract: listed, filtered, paged, shown as a tree, joined to what made them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tests.traces.home import Home
from treadle.core.errors import InvalidInput, NotFound
from treadle.lineage import service as lineage
from treadle.traces import outcomes, service
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id, pack
from treadle.traces.types import Score, TraceFilter

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def new_span(number: int = 0, **more: Any) -> NewSpan:
    """Return a gateway's span: question 'q<number>', answer 'a<number>', a second after the one before."""
    facts: dict[str, Any] = {
        "project_id": "",
        "trace_id": new_trace_id(),
        "span_id": new_span_id(),
        "name": "chat support",
        "kind": "llm",
        "started_at": START + timedelta(seconds=number),
        "latency_ms": 12.5,
        "endpoint": "support",
        "variables": Raw(msgspec.json.encode({"input": f"q{number}"})),
        "output_messages": Raw(msgspec.json.encode([{"role": "assistant", "content": f"a{number}"}])),
    }
    return NewSpan(**{**facts, **more})


def record(home: Home, spans: Sequence[NewSpan]) -> int:
    """Store spans as the gateway does."""
    return asyncio.run(service.record(home.ctx.db, spans))


def test_pages_of_a_list(home: Home) -> None:
    """
    Pages go from the newest to the oldest and neither skip nor repeat a trace, though new ones keep coming.
    """
    record(home, [new_span(number) for number in range(5)])

    first = home.client.traces.list_(limit=2)
    record(home, [new_span(9)])
    second = home.client.traces.list_(limit=2, cursor=first.next_cursor)
    third = home.client.traces.list_(limit=2, cursor=second.next_cursor)

    texts = [[trace.input_text for trace in page.items] for page in (first, second, third)]
    assert [["q4", "q3"], ["q2", "q1"], ["q0"]] == texts
    assert third.next_cursor is None


FILTERS: list[tuple[TraceFilter, list[int]]] = [
    (TraceFilter(endpoint="billing"), [3]),
    (TraceFilter(release_id="rel_b"), [1]),
    (TraceFilter(arm="candidate"), [1]),
    (TraceFilter(status="error"), [2]),
    (TraceFilter(session_id="s1"), [3, 0]),
    (TraceFilter(since=START + timedelta(seconds=2)), [3, 2]),
    (TraceFilter(until=START + timedelta(seconds=1)), [0]),
    (TraceFilter(text="A1"), [1]),
    (TraceFilter(text="q_"), []),
    (TraceFilter(score="correct"), [2, 1]),
    (TraceFilter(score="correct", score_to=0.5), [1]),
    (TraceFilter(endpoint="support", status="ok"), [1, 0]),
]


def test_filters(home: Home) -> None:
    """
    Each filter keeps what it names; several keep what all of them name.
    """
    spans = [
        new_span(0, session_id="s1"),
        new_span(1, release_id="rel_b", arm="candidate"),
        new_span(2, status="error", error_code="stream_cut"),
        new_span(3, endpoint="billing", session_id="s1"),
    ]
    record(home, spans)
    for number, value in ((1, 0.0), (2, 1.0)):
        score = Score(name="correct", source="user", value=value)
        trace_id = spans[number].trace_id
        asyncio.run(home.ctx.db.write(partial(service.put_score, trace_id=trace_id, score=score)))

    found = [[trace.input_text for trace in home.client.traces.list_(wanted).items] for wanted, _ in FILTERS]

    assert [[f"q{number}" for number in numbers] for _, numbers in FILTERS] == found


def test_a_span_that_says_little(home: Home) -> None:
    """
    A span that took no time at all, or has nothing but its names, is listed and shown.
    """
    bare = NewSpan(project_id="", trace_id="t", span_id="s", name="tick", kind="chain", started_at=START)
    record(home, [bare])

    listed = home.client.traces.list_().items
    shown = home.client.traces.get("t").roots

    assert [("tick", 0.0, "")] == [(trace.name, trace.latency_ms, trace.input_text) for trace in listed]
    assert [("tick", 0.0, "ok")] == [(node.span.name, node.span.latency_ms, node.span.status) for node in shown]


def test_the_same_spans_arrive_twice(home: Home) -> None:
    """
    Storing a span again changes nothing.
    """
    spans = [new_span(0, cost_usd=Decimal("0.0012"))]

    counts = [record(home, spans), record(home, [*spans, new_span(1)])]

    assert [1, 1] == counts
    assert 2 == len(home.client.traces.list_().items)
    assert Decimal("0.0012") == home.client.traces.list_().items[1].cost_usd


def test_a_trace_with_parts(home: Home) -> None:
    """
    A trace is shown as a tree in order of start; a span whose parent never came stands beside the root.
    """
    root = new_span(0, kind="agent", name="agent")
    child = new_span(2, trace_id=root.trace_id, parent_span_id=root.span_id, name="second")
    first = new_span(1, trace_id=root.trace_id, parent_span_id=root.span_id, name="first")
    leaf = new_span(3, trace_id=root.trace_id, parent_span_id=child.span_id, name="leaf")
    orphan = new_span(4, trace_id=root.trace_id, parent_span_id="f" * 16, name="orphan")
    record(home, [leaf, orphan, child, first, root])

    detail = home.client.traces.get(root.trace_id)

    assert ["agent", "orphan"] == [node.span.name for node in detail.roots]
    assert ["first", "second"] == [node.span.name for node in detail.roots[0].children]
    assert ["leaf"] == [node.span.name for node in detail.roots[0].children[1].children]
    assert "agent" == detail.trace.name


def test_a_trace_that_is_not_there(home: Home) -> None:
    """
    An unknown trace is not found, and the message says how to find others.
    """
    for trace_id in ("0" * 32, "nonsense"):
        with pytest.raises(NotFound) as caught:
            home.client.traces.get(trace_id)

        assert "traces.not_found" == caught.value.error_code
        assert "treadle trace list" in caught.value.message


def test_filters_that_make_no_sense(home: Home) -> None:
    """
    A cursor of somebody else and a NUL character are refused, not passed to the database.
    """
    with pytest.raises(InvalidInput):
        home.client.traces.list_(cursor="bm9uc2Vuc2U")
    with pytest.raises(InvalidInput):
        home.client.traces.list_(TraceFilter.model_construct(text="\x00"))
    with pytest.raises(InvalidInput):
        home.client.traces.get("%00")


def test_another_projects_trace(home: Home) -> None:
    """
    A trace of another project does not exist here.
    """
    foreign = new_span(0)
    asyncio.run(service.record(home.platform.database.for_project("prj_00000000000000000000000009"), [foreign]))

    with pytest.raises(NotFound):
        home.client.traces.get(foreign.trace_id)
    assert [] == home.client.traces.list_().items


def test_where_an_answer_comes_from(home: Home) -> None:
    """
    Lineage goes from the trace through its release back to the rows, and on to the data that it became part of.
    """
    span = new_span(0, release_id="rel_1")
    record(home, [span])

    def tell(db: Any) -> None:
        for node_id, kind in (("dsv_1", "dataset version"), ("mdv_1", "model version"), ("rel_1", "release"),
                              ("end_1", "endpoint"), (span.trace_id, "trace"), ("dsv_2", "dataset version")):  # fmt: skip
            lineage.describe(db, node_id, kind=kind, title=node_id)
        lineage.add_edge(db, source_id="dsv_1", target_id="mdv_1", relation="trained")
        lineage.add_edge(db, source_id="mdv_1", target_id="rel_1", relation="part of")
        lineage.add_edge(db, source_id="rel_1", target_id="end_1", relation="served by")
        lineage.add_edge(db, source_id=span.trace_id, target_id="dsv_2", relation="curated into")

    asyncio.run(home.ctx.db.write(tell))

    graph = home.client.traces.lineage(span.trace_id)

    assert [("dsv_1", -3), ("mdv_1", -2), ("rel_1", -1), (span.trace_id, 0), ("dsv_2", 1)] == [
        (node.node_id, node.distance) for node in graph.nodes
    ]
    assert ("rel_1", span.trace_id, "answered") in [(e.source_id, e.target_id, e.relation) for e in graph.edges]


def test_many_traces_for_a_dataset(home: Home) -> None:
    """
    Whoever curates gets the variables, the whole answer and the scores, oldest first, without the unknown ones.
    """
    spans = [new_span(1), new_span(0)]
    record(home, spans)
    ctx = home.ctx

    examples = asyncio.run(service.get_many(ctx, [*(span.trace_id for span in spans), "0" * 32]))

    assert [({"input": "q0"}, "a0"), ({"input": "q1"}, "a1")] == [(e.variables, e.output_text) for e in examples]


def test_a_late_commit_is_not_skipped(home: Home) -> None:
    """
    A reader of a rollout that goes on after the last row it saw misses none, however late a transaction commits.
    """
    from treadle.traces import store, writing

    db, ctx = home.ctx.db, home.ctx
    spans = [new_span(n, rollout_id="rlt_1", arm="stable", arm_weight=0.9, unit=f"u{n}") for n in range(2)]

    async def read(after: int) -> list[tuple[int, str]]:
        found = await outcomes.list_rollout_units(ctx, "rlt_1", after_seq=after)
        return [(row.seq, row.unit) for row in found]

    async def race() -> list[tuple[int, str]]:
        written, release = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(connection: Any) -> None:
            store.hold_commit_order(connection)
            ready = writing.make_ready([pack(spans[0])])
            writing.put(connection, ready, writing.ensure_days(connection, [one.day for one in ready]))
            loop.call_soon_threadsafe(written.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(timeout=60)

        late = asyncio.create_task(db.write(slow))
        await written.wait()
        quick = asyncio.create_task(service.record(db, spans[1:]))
        await asyncio.sleep(0.2)
        seen = await read(0)
        release.set()
        await asyncio.gather(late, quick)
        return seen + await read(seen[-1][0] if seen else 0)

    rows = asyncio.run(race())

    assert ["u0", "u1"] == [unit for _, unit in rows]
    assert sorted(rows) == rows

"""A trace of any size through the HTTP contract: bounded answers, all spans once, content span by span."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.conftest import RunningServer
from tests.traces.home import Home
from tests.traces.test_asking import part_of
from tests.traces.test_traces import new_span, record
from treadle.core.errors import InvalidInput, NotFound

SIZE = 33_000


@pytest.fixture
def large(home: Home) -> tuple[Home, Any]:
    """
    A trace of 33,000 spans: a root, 330 steps, 99 calls or so in each.
    """
    root = new_span(0, kind="agent", name="agent", latency_ms=60_000.0)
    steps = [part_of(root, kind="chain", name=f"step {number}", latency_ms=100.0) for number in range(330)]
    calls = [
        part_of(
            steps[number % 330], parent_span_id=steps[number % 330].span_id, name="call", kind="llm", input_tokens=2
        )
        for number in range(SIZE - 331)
    ]
    spans = [root, *steps, *calls]
    for begin in range(0, SIZE, 3_000):
        record(home, spans[begin : begin + 3_000])
    return home, root


def test_33_000_spans(large: tuple[Home, Any], module_server: RunningServer) -> None:
    """
    It opens with a bounded answer that says what the whole came to; going on below a span shows all of its parts.
    """
    home, root = large

    whole = home.client.traces.tree(root.trace_id, limit=100)
    steps = home.client.traces.tree(root.trace_id, levels=2, limit=500)
    below = home.client.traces.tree(root.trace_id, parent_id=steps.rows[1].span_id, limit=500)
    asked = urllib.request.Request(
        f"{module_server.url}/api/v1/traces/{root.trace_id}/tree?limit=100",
        headers={"Authorization": f"Bearer {home.key}"},
    )
    with urllib.request.urlopen(asked) as answer:
        body = answer.read()

    assert (SIZE, 3, 2 * (SIZE - 331)) == (whole.span_count, whole.depth, whole.input_tokens)
    assert 100 == len(whole.rows) == len(json.loads(body)["rows"])
    assert len(body) < 100_000
    assert (331, None) == (len(steps.rows), steps.next_cursor)
    assert (99, 99, 2) == (steps.rows[1].child_count, len(below.rows), below.rows[0].depth)
    assert (330, SIZE - 1) == (steps.rows[0].child_count, steps.rows[0].descendant_count)


def test_pages_of_a_tree(home: Home) -> None:
    """
    Pages show every span once in the tree's order, also where parents are missing or go in a circle.
    """
    root = new_span(0, name="root")
    parts = [part_of(root, name=f"part {number}") for number in range(5)]
    inner = part_of(root, parent_span_id=parts[2].span_id, name="inner", status="error", error_code="x")
    lost = part_of(root, parent_span_id="f" * 16, name="lost")
    circle = [
        part_of(root, span_id=f"{number}" * 16, parent_span_id=f"{3 - number}" * 16, name="circle") for number in (1, 2)
    ]
    record(home, [root, *parts, inner, lost, *circle])

    names, cursor = list[tuple[str, int]](), None
    while True:
        page = home.client.traces.tree(root.trace_id, limit=3, cursor=cursor)
        names += [(row.name, row.depth) for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert 10 == len(names) == page.span_count
    assert {("root", 0), ("inner", 2), ("lost", 0), ("circle", 0), ("circle", 1)} <= set(names)
    assert (3, 1, 3) == (page.root_count, page.error_count, page.depth)


def test_one_span(home: Home) -> None:
    """
    A span's content is read by itself; one that is not there is not found, nor is what is below it.
    """
    root = new_span(0)
    record(home, [root])

    span = home.client.traces.get_span(root.trace_id, root.span_id)

    assert [{"role": "assistant", "content": "a0"}] == span.output_messages
    for ask in (
        lambda: home.client.traces.get_span(root.trace_id, "0" * 16),
        lambda: home.client.traces.tree(root.trace_id, parent_id="0" * 16),
    ):
        with pytest.raises(NotFound) as caught:
            ask()
        assert "traces.span_not_found" == caught.value.error_code


def test_not_whole(home: Home) -> None:
    """
    A trace that is too deep to be given whole is refused with how to read it, and is read in parts.
    """
    spans = [new_span(0)]
    for number in range(400):
        spans.append(part_of(spans[0], parent_span_id=spans[-1].span_id, name=f"level {number}"))
    record(home, spans)

    with pytest.raises(InvalidInput, match="treadle trace show") as caught:
        home.client.traces.get(spans[0].trace_id)

    assert "traces.too_large" == caught.value.error_code
    assert 401 == home.client.traces.tree(spans[0].trace_id).depth

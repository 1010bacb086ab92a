"""Trees of spans, whatever arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from treadle.traces.tree import tree_of
from treadle.traces.types import Span, SpanNode

START = datetime(2026, 3, 1, tzinfo=UTC)


def _span(number: int, parent: int | None) -> Span:
    return Span(
        trace_id="t",
        span_id=f"s{number}",
        parent_span_id=None if parent is None else f"s{parent}",
        name=f"s{number}",
        kind="chain",
        status="ok",
        started_at=START + timedelta(seconds=number),
        latency_ms=1,
    )


def _names(nodes: list[SpanNode]) -> list[str]:
    waiting, names = list(nodes), []
    while waiting:
        node = waiting.pop()
        names.append(node.span.span_id)
        waiting += node.children
    return sorted(names)


@given(parents=st.lists(st.none() | st.integers(0, 12), max_size=10), order=st.randoms())
def test_any_parents(parents: list[int | None], order: object) -> None:
    """
    Every span is shown once, whatever its parent is: itself, one of a circle, or one that is not there.
    """
    spans = [_span(number, parent) for number, parent in enumerate(parents)]
    shuffled = list(spans)
    order.shuffle(shuffled)  # type: ignore[attr-defined]

    tree = tree_of(shuffled)

    assert sorted(span.span_id for span in spans) == _names(tree)
    assert tree_of(spans) == tree


def test_a_very_deep_trace() -> None:
    """
    A trace deeper than Python's stack is still a tree.
    """
    spans = [_span(number, number - 1 if number else None) for number in range(5_000)]

    tree = tree_of(spans)

    assert (1, 5_000) == (len(tree), len(_names(tree)))

"""From a flat list of spans to the tree of a trace. Pure; spans come in any order, twice, or without their parent."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.traces.types import Span, SpanNode


def head_of(spans: Sequence[Span]) -> Span:
    """Return the root of a trace's spans, or the earliest whose parent is unknown. At least one span."""
    known = {span.span_id for span in spans}
    return min(
        spans,
        key=lambda span: (span.parent_span_id is not None, span.parent_span_id in known, span.started_at, span.span_id),
    )


def tree_of(spans: Sequence[Span]) -> list[SpanNode]:
    """Return the roots with their parts, each level in order of start.

    A span whose parent is not there (yet) is a root, and so is one span of any circle, so every span is shown once.
    """
    ordered = sorted({span.span_id: span for span in spans}.values(), key=lambda span: (span.started_at, span.span_id))
    known = {span.span_id for span in ordered}
    children: dict[str, list[Span]] = {}
    roots: list[Span] = []
    for span in ordered:
        if span.parent_span_id in known and span.parent_span_id != span.span_id:
            children.setdefault(str(span.parent_span_id), []).append(span)
        else:
            roots.append(span)
    shown: set[str] = set()
    nodes = [_node(root, children, shown) for root in roots]
    for span in ordered:
        if span.span_id not in shown:  # only circles are left
            nodes.append(_node(span, children, shown))
    return nodes


def _node(root: Span, children: dict[str, list[Span]], shown: set[str]) -> SpanNode:
    """Build one tree without recursion: a trace may be deeper than Python's stack."""
    shown.add(root.span_id)
    top = SpanNode(span=root)
    waiting = [top]
    while waiting:
        node = waiting.pop()
        for child in children.get(node.span.span_id, ()):
            if child.span_id not in shown:
                shown.add(child.span_id)
                part = SpanNode(span=child)
                node.children.append(part)
                waiting.append(part)
    return top


def depth_of(roots: Sequence[SpanNode]) -> int:
    """Return how many levels trees have."""
    level, depth = list(roots), 0
    while level:
        level, depth = [child for node in level for child in node.children], depth + 1
    return depth

"""What lists show of a trace whose root says nothing, in whatever order its spans come."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import PATIENCE_SECONDS
from tests.traces.home import Home
from tests.traces.test_traces import START, new_span, record
from treadle.storage.database import SYSTEM_ROLE, Connection
from treadle.traces import heads
from treadle.traces.follow import follow_all


def follow(home: Home) -> None:
    """Let everything follow what is stored in the project; only then it is archived. What another test left behind is its own."""
    project_id = home.ctx.project_id

    def is_waiting(db: Connection) -> bool:
        left = db.execute("select 1 from span_blocks_waiting where project_id = %s limit 1", [project_id]).fetchone()
        return left is not None or project_id in heads.list_due(db)

    until = time.monotonic() + PATIENCE_SECONDS
    while home.platform.database.transact(is_waiting, SYSTEM_ROLE, ""):
        outcomes = follow_all(home.platform.database).outcomes
        assert time.monotonic() < until, [outcome.story for outcome in outcomes if outcome.fault]


@pytest.mark.parametrize("order", ["root first", "root last", "together"])
def test_whenever_the_root_comes(home: Home, order: str) -> None:
    """
    The first part's question and the last one's answer stand for a silent root's, whichever of them was stored first; what the
    root's own parts say counts before what stands within them.
    """
    root = new_span(kind="chain", name="turn", variables=None, output_messages=None)
    parts = [
        new_span(n, trace_id=root.trace_id, parent_span_id=root.span_id, started_at=START + timedelta(seconds=n))
        for n in (1, 2, 3)
    ]
    inner = new_span(9, trace_id=root.trace_id, parent_span_id=parts[2].span_id)
    batches = {
        "root first": [[root], [*parts, inner]],
        "root last": [[*parts, inner], [root]],
        "together": [[inner, *parts, root]],
    }
    for batch in batches[order]:
        record(home, batch)
        follow(home)

    [line] = home.client.traces.list_().items

    assert ("q1", "a3") == (line.input_text, line.output_text)


def test_what_a_root_says_stays(home: Home) -> None:
    """
    Only what is missing is taken from parts, and a trace in which nobody says anything shows nothing.
    """
    root = new_span(0, output_messages=None)
    part = new_span(1, trace_id=root.trace_id, parent_span_id=root.span_id)
    record(home, [root, part, new_span(2, kind="chain", variables=None, output_messages=None)])
    follow(home)

    lines = [(line.input_text, line.output_text) for line in home.client.traces.list_().items]

    assert [("", ""), ("q0", "a1")] == lines


def test_what_a_trace_of_several_days_used(home: Home) -> None:
    """
    A line's sums hold what later days used: a step two days after the root counts.
    """
    root = new_span(input_tokens=1, started_at=datetime.now(UTC) - timedelta(days=3))
    late = new_span(
        1,
        trace_id=root.trace_id,
        parent_span_id=root.span_id,
        input_tokens=10,
        started_at=datetime.now(UTC) - timedelta(days=1),
    )
    record(home, [root, late])

    (line,) = home.client.traces.list_().items

    assert 11 == line.input_tokens

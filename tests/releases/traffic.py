"""Requests as the gateway records them, through what is published: with scores, times, signals, and copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.releases.studio import Studio
from treadle.feedback import service as feedback
from treadle.feedback.types import NewFeedback
from treadle.gateway.assign import choose_arm, choose_shadow
from treadle.traces import service as traces
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id


def ask(
    studio: Studio,
    name: str,
    units: range,
    *,
    facts: Callable[[str, int], dict[str, Any]] | None = None,
    score: str | None = None,
    value: Callable[[str, int], float] | None = None,
    expected: str | None = None,
    copy: str = "refund",
    copied: dict[str, Any] | None = None,
    trace_id: str | None = None,
) -> None:
    """Send a request per unit. facts, value: of a request's span and of its score, by release id and unit.

    expected: said to be the right answer of each. copy: what a shadowing arm answers. copied: more facts of its span.
    trace_id: of a caller, which all requests are part of; what is said of an answer names it then.
    """
    endpoint = studio.published(name)
    assert endpoint is not None
    spans, said = [], []
    for unit in units:
        chosen = choose_arm(endpoint, f"unit {unit}")
        trace = trace_id or new_trace_id()
        usual: dict[str, Any] = {
            "project_id": studio.ctx.project_id, "trace_id": trace, "span_id": new_span_id(), "name": f"chat {name}",
            "kind": "llm", "started_at": studio.clock.now(), "endpoint": name, "rollout_id": endpoint.rollout_id,
            "release_id": chosen.arm.release_id, "arm": chosen.arm.role, "arm_weight": chosen.probability,
            "unit": f"unit {unit}", "latency_ms": 100.0, "output_text": "refund",
        }  # fmt: skip
        if trace_id is not None:
            usual["parent_span_id"] = "c" * 16
        more = facts(chosen.arm.release_id, unit) if facts else {}
        spans.append(NewSpan(**{**usual, **more}))
        shadow = choose_shadow(endpoint, usual["span_id"])
        if shadow is not None:
            beneath = {
                "span_id": new_span_id(), "parent_span_id": usual["span_id"], "arm": "shadow",
                "release_id": shadow.release_id, "arm_weight": shadow.shadow_share, "output_text": copy,
            }  # fmt: skip
            spans.append(NewSpan(**{**usual, **beneath, **(copied or {})}))
        if score is not None or expected is not None:
            worth = value(chosen.arm.release_id, unit) if value else 1.0
            told = {"trace_id": trace, "span_id": None if trace_id is None else usual["span_id"]}
            said.append(NewFeedback(**told, name=score or "correct", value=worth, expected_output=expected))
    studio.run(traces.record(studio.ctx.db, spans))
    for first in range(0, len(said), 500):
        studio.run(feedback.add_feedback(studio.ctx, said[first : first + 500]))

"""Reads back as types what windows keep as JSON (`WindowSeen.detail`). What windows of earlier releases did not keep is None. Pure."""

from __future__ import annotations

from typing import Any

from treadle.monitoring.readings.types import ChannelReading, Decision, DriftExplanation, DriftReading
from treadle.monitoring.types import Drift, WindowSeen


def reading_of(window: WindowSeen, rule: Drift) -> DriftReading:
    """Return what a drift monitor kept of a window."""
    kept = window.detail.get("channels")
    return DriftReading(
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        reference_since=rule.reference_since,
        reference_until=rule.reference_until,
        requests=window.spans,
        verdict=window.verdict,
        condition=window.condition,
        words=window.words,
        channels=[_channel_of(told) for told in kept] if isinstance(kept, list) else [],
    )


def _channel_of(told: dict[str, Any]) -> ChannelReading:
    adjusted = told["adjusted_p"]
    guessed: Decision = "too few" if adjusted is None else "moved" if adjusted < 0.05 else "same"
    explained = told["explanation"]
    return ChannelReading(
        channel=told["channel"],
        rows=told["rows"],
        reference_rows=told["reference_rows"],
        mmd2=told.get("mmd2"),
        effect=told["effect"],
        p_value=told["p_value"],
        linear_p_value=told["linear_p_value"],
        adjusted_p=adjusted,
        e_value=told.get("e_value"),
        windows_in_a_row=told.get("windows_in_a_row"),
        decision=told.get("decision", guessed),
        reason=told.get("reason", ""),
        explanation=None if explained is None else _explanation_of(explained),
    )


def _explanation_of(told: dict[str, Any]) -> DriftExplanation:
    known = {name: told[name] for name in ("auc", "trace_ids", "terms", "clusters") if name in told}
    return DriftExplanation.model_validate({**known, "figures": told.get("shifts_in_deviations", [])})

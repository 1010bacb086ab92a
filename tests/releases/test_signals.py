"""What makes a request bad: read from its span, with limits learnt from the stable release."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from treadle.feedback.types import Outcome as FeedbackOutcome
from treadle.releases.rollouts import intake
from treadle.releases.rollouts.intake import take_in
from treadle.releases.rollouts.plans.types import Guard, Plan, TargetMetric
from treadle.releases.rollouts.signals import is_bad, learnt_limits, limit_from, signals_of
from treadle.traces.outcome_types import RolloutOutcome

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SLOW = Guard(name="slow", signals=["slow"], needed_to_promote=False)


def _request(unit: str = "u", **facts: Any) -> RolloutOutcome:
    usual: dict[str, Any] = {
        "seq": 1, "trace_id": "0" * 32, "unit": unit, "arm": "stable", "arm_weight": 0.8, "status": "ok",
        "error_code": None, "latency_ms": 100.0, "time_to_first_token_ms": None, "cost_usd": None, "started_at": NOON,
    }  # fmt: skip
    return RolloutOutcome.model_validate(usual | facts)


@pytest.mark.parametrize(
    ("facts", "signals"),
    [
        ({}, set()),
        ({"status": "cancelled"}, set()),
        ({"status": "cancelled", "latency_ms": 5_000.0}, set()),
        ({"status": "cancelled", "latency_ms": 5_001.0}, {"error", "timeout"}),
        ({"status": "cancelled", "latency_ms": 5_001.0, "time_to_first_token_ms": 90.0}, set()),
        ({"status": "error", "error_code": "invalid_request"}, {"error"}),
        ({"status": "error", "error_code": "not_translatable"}, {"error"}),
        ({"status": "error", "error_code": "request_over_limit"}, {"error"}),
        ({"status": "error", "error_code": "budget_exceeded"}, set()),
        ({"status": "error", "error_code": "limit_unchecked"}, set()),
        ({"status": "error", "error_code": "endpoint_disabled"}, set()),
        ({"status": "error", "error_code": "gateway_stopping"}, set()),
        ({"status": "error", "error_code": "upstream_failed"}, {"error"}),
        ({"status": "error", "error_code": "upstream_timeout"}, {"error", "timeout"}),
        ({"status": "error", "error_code": "schema_unmet"}, {"error", "schema"}),
        ({"status": "error", "error_code": "guard_blocked"}, {"error", "guard"}),
        ({"finish_reason": "content_filter"}, {"refusal"}),
        ({"signals": ["refusal"]}, {"refusal"}),
        ({"signals": ["guard:pii"]}, {"guard", "guard:pii"}),
        ({"signals": ["rescued"]}, {"error"}),
        ({"signals": ["rescued:timeout"]}, {"error", "timeout"}),
        ({"signals": ["something new"]}, set()),
    ],
)
def test_signals_of_a_request(facts: dict[str, Any], signals: set[str]) -> None:
    """
    Errors, timeouts, schema failures, guard hits and refusals are told apart; a rescue counts as the failure it hides, an
    error unless no release can change it, and a caller that left unless it had content or waited for less than the limit.
    """
    assert signals == signals_of(_request(**facts), {"waited": 5_000.0})


def test_slow_is_beyond_the_frozen_limit() -> None:
    """
    The first token counts, of a whole answer its end; one whose caller went away took at least as long as that waited.
    """
    limits = {"slow:slow": 150.0}

    slow = [
        is_bad(SLOW, frozenset(), _request(**facts), limits)
        for facts in (
            {"latency_ms": 200.0},
            {"latency_ms": 200.0, "time_to_first_token_ms": 90.0},
            {"latency_ms": 900.0, "time_to_first_token_ms": 151.0},
            {"latency_ms": 900.0, "status": "cancelled"},
            {"latency_ms": 149.0, "status": "cancelled"},
        )
    ]

    assert [True, False, True, True, False] == slow
    assert not is_bad(SLOW, frozenset(), _request(latency_ms=9e9), {})


def test_limits_are_stated_or_the_stable_releases_percentile() -> None:
    """
    Of the costs 1 to 100 cents the 95th percentile is 95 cents; what the plan states needs no traffic.
    """
    cost, stated = Guard(name="dear", signals=["cost"]), Guard(name="slow", signals=["slow"], slow_ms=80)
    requests = [_request(cost_usd=Decimal(cents) / 100, latency_ms=float(cents)) for cents in range(1, 101)]
    left = [_request(status="cancelled", latency_ms=1.0, cost_usd=Decimal(1)) for _ in range(50)]
    failed = [_request(status="error", latency_ms=1.0) for _ in range(50)]
    plan = Plan(guards=[cost, stated])

    assert {"dear:cost": 0.95, "slow:slow": 80.0, "waited": 99.0} == learnt_limits(plan, [*requests, *failed])
    assert {"slow:slow": 80.0} == learnt_limits(plan, [*requests[:99], *failed])
    assert 99.0 == learnt_limits(plan, [*requests, *left])["waited"]
    assert {"slow:slow": 80.0, "waited": 700.0} == learnt_limits(plan.model_copy(update={"waited_ms": 700.0}), [])
    assert (95, 99) == tuple(limit_from(name, range(1, 101)) for name in ("slow:slow", "waited"))


def test_limit_is_frozen_by_the_first_hundred_and_moves_no_more() -> None:
    """
    Without traffic before the rollout, the stable release's first 100 requests set the bar, for those after them.
    """
    plan = Plan(guards=[Guard(name="errors", signals=["error"]), SLOW])
    first = [_request(f"u{number}", seq=number, latency_ms=float(number)) for number in range(1, 101)]
    later = [_request(f"v{number}", seq=200 + number, latency_ms=1_000.0) for number in range(5)]

    learnt = take_in(plan, intake.begin(plan), {}, first, []).seen
    judged = take_in(plan, learnt, {}, later, []).seen

    assert {"slow:slow": 95.0, "waited": 99.0} == learnt.limits == judged.limits
    assert (0, 5) == (learnt.guards["slow"].stable_bad, judged.guards["slow"].stable_bad)


def test_thumbs_down_is_zero_or_less() -> None:
    """
    Applications say thumbs down as 0 or as -1; both are bad, and a unit's score counts once for the target.
    """
    plan = Plan(guards=[Guard(name="thumbs", signals=["feedback:thumbs"])], target=TargetMetric(score="thumbs"))
    said = [
        FeedbackOutcome(
            seq=number, feedback_id=f"fbk_{number}", trace_id="0" * 32, name="thumbs", value=value, label=None,
            source="user", endpoint="support", release_id="rel_1", rollout_id="rol_1", arm="stable", arm_weight=0.8,
            unit=unit, created_at=NOON,
        )
        for number, (unit, value) in enumerate([("a", -1.0), ("b", 0.0), ("c", 1.0), ("c", -1.0)])
    ]  # fmt: skip

    seen = take_in(plan, intake.begin(plan), {}, [], said).seen

    assert 3 == seen.guards["thumbs"].stable_bad
    assert (3, 0.0) == (seen.target.units, seen.target.total)


@pytest.mark.parametrize("signal", ["slowly", "feedback:", "guard:", "errors"])
def test_unknown_signal_is_refused_with_the_known_ones(signal: str) -> None:
    """
    A plan that watches for nothing that exists is refused.
    """
    with pytest.raises(ValidationError, match="is not known; use one of error, timeout"):
        Guard(name="g", signals=[signal])

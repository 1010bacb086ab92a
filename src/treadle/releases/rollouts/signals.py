"""What makes a request bad, read from its span; and what counts as slow, dear or hanging, learnt from the stable release. Pure.

A limit that a plan does not state is the stable release's 95th percentile (of waiting in vain: the 99th): of its traffic
before the rollout where there is enough, else of its first requests within it. It is frozen before it is used, so that no
outcome moves its own bar.

An error counts whoever sent the request, for a release's prompt, parameters, guards and provider decide whether a good
request can be answered: a candidate whose prompt needs a variable that nobody sends fails every request as 'invalid_request'.
What callers do wrong hits both arms by their weights, to which the e-process is neutral. Only what no release can change is
left out, because it would drown what one does.

A caller that leaves before the first content tells how long it waited at least. Beyond the limit 'waited' that is a
timeout; below it nobody can say whose fault it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from treadle.releases.rollouts.plans.types import Guard, Plan
from treadle.traces.outcome_types import RolloutOutcome

ERROR = "error"
TIMEOUT_CODES = frozenset({"upstream_timeout", "upstream_408", "upstream_504"})
NOT_THE_ARMS = frozenset(
    {
        "rate_limit_exceeded", "budget_exceeded", "budget_unchecked", "limit_unchecked", "concurrency_limit_exceeded",
        "limit_uncountable", "caller_blocked", "endpoint_disabled", "gateway_stopping", "previous_response_elsewhere",
    }
)  # fmt: skip
"""Codes of errors that no release can change: a window of a limit that is used up, whom a limit counts, the switch of an
endpoint, a gateway that stops, and conversations that began with another provider before they came to an arm. A request that is
larger than the limit ('request_over_limit', 'price_unknown') is so by its release."""
WAITED = "waited"
"""What the limit is kept under beyond which a caller that left has waited for nothing."""
REFUSALS = frozenset({"content_filter", "refusal", "SAFETY", "guardrail_intervened"})
"""Reasons for stopping by which models refuse."""
LEAST_SAMPLES = 100
"""Values that a percentile is taken of at least."""
PERCENTILE = 0.95
WAITED_PERCENTILE = 0.99
"""Of 'waited': hardly any answer of the stable release takes longer to begin."""


def signals_of(request: RolloutOutcome, limits: Mapping[str, float]) -> frozenset[str]:
    """Return everything bad that a request says of itself, but for being slow or dear. limits: what is known of them."""
    found = set()
    if was_left(request) and request.latency_ms > limits.get(WAITED, math.inf):
        found |= {ERROR, "timeout"}
    if request.status == "error" and request.error_code not in NOT_THE_ARMS:
        found.add(ERROR)
        if request.error_code in TIMEOUT_CODES:
            found.add("timeout")
        if request.error_code == "schema_unmet":
            found.add("schema")
        if request.error_code == "guard_blocked":
            found.add("guard")
    if request.finish_reason in REFUSALS:
        found.add("refusal")
    for signal in request.signals:
        if signal == "rescued":
            found.add(ERROR)  # intention to treat: the arm failed, whoever answered in the end
        elif signal == "rescued:timeout":
            found |= {ERROR, "timeout"}
        elif signal.startswith("guard:"):
            found |= {"guard", signal}
        elif signal in ("schema", "refusal", "timeout", "guard"):
            found.add(signal)
    return frozenset(found)


def is_bad(guard: Guard, signals: frozenset[str], request: RolloutOutcome, limits: Mapping[str, float]) -> bool:
    """Tell whether a request is bad for a guard. A limit that is not known yet makes nothing bad."""
    for signal in guard.signals:
        if signal in signals:
            return True
        value = measured(signal, request)
        limit = limits.get(limit_name(guard, signal))
        if value is not None and limit is not None and value > limit:
            return True
    return False


def was_left(request: RolloutOutcome) -> bool:
    """Tell whether the caller went away before the first content; a whole answer has none before its end."""
    return request.status == "cancelled" and request.time_to_first_token_ms is None


def measured(signal: str, request: RolloutOutcome) -> float | None:
    """Return what a limit is held against: the time to the first content (of a whole answer: to its end), or the cost.

    Of a request whose caller left, that time is a lower bound: enough to say that it was too slow, nothing to learn from.
    """
    if signal in ("slow", WAITED):
        return request.latency_ms if request.time_to_first_token_ms is None else request.time_to_first_token_ms
    if signal == "cost":
        return None if request.cost_usd is None else float(request.cost_usd)
    return None


def sampled(signal: str, request: RolloutOutcome) -> float | None:
    """Return what a limit is learnt from; None of a time that ended before the first content."""
    has_content = request.status == "ok" or request.time_to_first_token_ms is not None
    return measured(signal, request) if has_content or signal == "cost" else None


def limit_name(guard: Guard, signal: str) -> str:
    """Return what a limit is kept under."""
    return f"{guard.name}:{signal}"


def stated_limits(plan: Plan) -> dict[str, float]:
    """Return the limits that a plan states."""
    limits = {} if plan.waited_ms is None else {WAITED: plan.waited_ms}
    for guard in plan.guards:
        for signal, stated in (("slow", guard.slow_ms), ("cost", guard.cost_usd)):
            if signal in guard.signals and stated is not None:
                limits[limit_name(guard, signal)] = stated
    return limits


def unknown_limits(plan: Plan, limits: Mapping[str, float]) -> list[str]:
    """Return the names of the limits that a plan needs and nobody knows yet."""
    needed = [
        limit_name(guard, signal) for guard in plan.guards for signal in guard.signals if signal in ("slow", "cost")
    ]
    return [name for name in (WAITED, *needed) if name not in limits]


def learnt_limits(plan: Plan, requests: Sequence[RolloutOutcome]) -> dict[str, float]:
    """Return all limits that plan and the stable release's requests give."""
    limits = stated_limits(plan)
    for name in unknown_limits(plan, limits):
        values = [value for request in requests if (value := sampled(signal_in(name), request)) is not None]
        if len(values) >= LEAST_SAMPLES:
            limits[name] = limit_from(name, values)
    return limits


def signal_in(name: str) -> str:
    """Return what a limit of this name is held against: inverse of `limit_name`."""
    return name.rpartition(":")[2]


def limit_from(name: str, values: Sequence[float]) -> float:
    """Return the limit of this name that values of the stable release give: the percentile that so many do not exceed."""
    ordered = sorted(values)
    share = WAITED_PERCENTILE if name == WAITED else PERCENTILE
    return ordered[math.ceil(share * len(ordered)) - 1]

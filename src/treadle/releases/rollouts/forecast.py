"""How long a rollout is likely to take, from the endpoint's traffic of late, before it is started. Pure.

Events until a decision are ln(1 / alpha) / KL (`evidence.py`), units are events over the share of bad units, and time is
units over units per day. For the target, the number of scored units at which the one-sided sequence reaches no further
than the margin, at the variance of late. All of it holds for traffic like that of late and a candidate that is as good
as the stable release (or, for harm, twice as bad); a worse one takes longer to promote, or never is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from statistics import pvariance

from treadle.core import sequence
from treadle.releases.rollouts import evidence, machine, means, signals
from treadle.releases.rollouts.plans.types import Guard, Plan, Step
from treadle.releases.rollouts.types import Forecast, GuardForecast, StepForecast
from treadle.traces.outcome_types import RecentOutcome

DAY_SECONDS = 86_400.0
LEAST_SECONDS = 60.0
"""Traffic is never taken to be of less time than this."""
DOUBLE = 2.0
MOST_UNITS = 10_000_000
"""Beyond so many units nothing is promised."""


class _Traffic:
    """What the stable release's requests of late were like."""

    def __init__(self, plan: Plan, recent: Sequence[RecentOutcome], now: datetime) -> None:
        self.limits = signals.learnt_limits(plan, recent)
        self.units = {outcome.unit for outcome in recent}
        oldest = min((outcome.started_at for outcome in recent), default=now)
        self.seconds = max((now - oldest).total_seconds(), LEAST_SECONDS)
        self.bad: dict[str, set[str]] = {guard.name: set() for guard in plan.guards}
        self.scores: dict[str, float] = {}
        for outcome in recent:
            found = signals.signals_of(outcome, self.limits)
            for guard in plan.guards:
                if signals.is_bad(guard, found, outcome, self.limits) or _was_judged_bad(guard, outcome):
                    self.bad[guard.name].add(outcome.unit)
            for score in outcome.scores:
                if plan.target is not None and score.name == plan.target.score and score.value is not None:
                    self.scores.setdefault(outcome.unit, score.value)

    def seconds_for(self, units: float | None) -> float | None:
        """Return how long so many units take; None without traffic."""
        return None if units is None or not self.units else units * self.seconds / len(self.units)

    def rate(self, guard: Guard) -> float | None:
        """Return the share of units that were bad; None when that was never seen."""
        return len(self.bad[guard.name]) / len(self.units) if self.bad[guard.name] else None


def forecast_of(
    plan: Plan, recent: Sequence[RecentOutcome], *, endpoint: str, stable_release_id: str, now: datetime
) -> Forecast:
    """Return the forecast of a plan. recent: the stable release's newest requests."""
    traffic = _Traffic(plan, recent, now)
    steps = [] if plan.arms is not None else [_step(plan, traffic, index) for index in range(len(plan.steps))]
    target_units = _target_units(plan, traffic)
    share_scored = len(traffic.scores) / len(traffic.units) if traffic.units else 0.0
    target_seconds = traffic.seconds_for(target_units / share_scored) if target_units and share_scored else None
    made = Forecast(
        endpoint=endpoint,
        stable_release_id=stable_release_id,
        plan=plan,
        days=traffic.seconds / DAY_SECONDS,
        units=len(traffic.units),
        units_per_day=len(traffic.units) * DAY_SECONDS / traffic.seconds,
        limits=traffic.limits,
        steps=steps,
        target_units=target_units,
        target_seconds=target_seconds,
        seconds=_whole(plan, traffic, steps, target_seconds),
        words="",
    )
    return made.model_copy(update={"words": _in_words(plan, made)})


def _was_judged_bad(guard: Guard, outcome: RecentOutcome) -> bool:
    return any(
        f"feedback:{score.name}" in guard.signals and score.value is not None and score.value <= 0
        for score in outcome.scores
    )


def _step(plan: Plan, traffic: _Traffic, index: int) -> StepForecast:
    step: Step = plan.steps[index]
    units = math.ceil(step.min_units / step.weight)
    seconds = traffic.seconds_for(units)
    return StepForecast(
        step=index + 1,
        weight=step.weight,
        units=units,
        seconds=None if seconds is None else max(seconds, step.min_seconds),
        guards=[_guard(plan, traffic, guard, step.weight) for guard in plan.guards],
    )


def _guard(plan: Plan, traffic: _Traffic, guard: Guard, weight: float) -> GuardForecast:
    rate = traffic.rate(guard)
    promote = double = None
    if rate is not None:
        good = evidence.events_to_accept(weight, guard.margin, threshold=machine.promote_threshold(plan))
        promote = _whole_units(evidence.units_for_events(good, weight, rate))
        bad = evidence.events_to_reject(weight, DOUBLE, threshold=machine.rollback_threshold(plan))
        double = _whole_units(evidence.units_for_events(bad, weight, rate, ratio=DOUBLE))
    return GuardForecast(
        guard=guard.name,
        bad_rate=rate,
        units_to_promote=promote,
        seconds_to_promote=traffic.seconds_for(promote),
        units_to_catch_double=double,
        seconds_to_catch_double=traffic.seconds_for(double),
    )


def _target_units(plan: Plan, traffic: _Traffic) -> int | None:
    """Return how many scored units it takes until a loss of the margin is ruled out, at the last step's weight."""
    if plan.target is None or plan.target.margin == 0 or len(traffic.scores) < 2:
        return None
    weight = min(arm.weight for arm in plan.arms.arms) if plan.arms is not None else plan.steps[-1].weight
    per_unit = pvariance(traffic.scores.values()) * (1 / weight + 1 / (1 - weight))
    least = math.ceil(means.LEAST_UNITS / min(weight, 1 - weight))
    if per_unit == 0:
        return least
    rho2 = sequence.tuning(2 * plan.alpha, per_unit, units=means.TUNED_AT)
    low, high = 1, 1
    while sequence.reach(high * per_unit, high, plan.alpha, rho2) > plan.target.margin:
        low, high = high, 2 * high
        if high > MOST_UNITS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = sequence.reach(middle * per_unit, middle, plan.alpha, rho2) <= plan.target.margin
        low, high = (low, middle) if is_enough else (middle, high)
    return max(high, least)


def _whole(plan: Plan, traffic: _Traffic, steps: Sequence[StepForecast], target_seconds: float | None) -> float | None:
    """Return the time from the start to the promotion of a candidate that is as good; None when it cannot be said."""
    if not steps or (plan.target is not None and target_seconds is None):
        return None
    needed = {guard.name for guard in plan.guards if guard.needed_to_promote}
    proof = [guard.seconds_to_promote for guard in steps[-1].guards if guard.guard in needed]
    stays = [step.seconds for step in steps]
    pairs = None if plan.shadow is None else traffic.seconds_for(plan.shadow.min_pairs / plan.shadow.share)
    if any(each is None for each in (*proof, *stays)) or (plan.shadow is not None and pairs is None):
        return None
    walked = sum(each for each in stays[:-1] if each is not None)
    last = max(each for each in (*proof, stays[-1], target_seconds or 0.0) if each is not None)
    return (pairs or 0.0) + walked + last + (0.0 if plan.bake is None else plan.bake.seconds)


def _in_words(plan: Plan, made: Forecast) -> str:
    if made.units == 0:
        return (
            f"endpoint '{made.endpoint}' had no requests of late, so nothing can be said; evidence needs traffic, "
            f"or a plan with min_seconds and a person who promotes"
        )
    told = [
        f"{made.units_per_day:,.0f} units a day at the pace of late ({made.units:,} in {in_time(made.days * DAY_SECONDS)})"
    ]
    if plan.arms is not None:
        least = math.ceil(means.LEAST_UNITS / min(arm.weight for arm in plan.arms.arms))
        soon = in_time(least * DAY_SECONDS / made.units_per_day)
        told.append(f"every arm has {means.LEAST_UNITS} units after about {least:,} ({soon}), when intervals begin")
    for step in made.steps:
        told.append(f"step {step.step} at {100 * step.weight:g} %: {step.units:,} units, {in_time(step.seconds)}")
    for guard in made.steps[-1].guards if made.steps else []:
        if guard.bad_rate is None:
            told.append(f"guard '{guard.guard}': no bad unit of late, so it cannot be proven good, only harmful")
            continue
        told.append(
            f"guard '{guard.guard}' ({guard.bad_rate:.2%} bad): as good is shown after about "
            f"{_count(guard.units_to_promote)} units ({in_time(guard.seconds_to_promote)}) at the last step, twice as bad "
            f"is caught after about {_count(guard.units_to_catch_double)} ({in_time(guard.seconds_to_catch_double)})"
        )
    if plan.target is not None:
        told.append(
            f"target '{plan.target.score}': about {_count(made.target_units)} scored units, {in_time(made.target_seconds)}"
        )
    if plan.arms is None:
        told.append(f"promotion of a candidate that is as good: {in_time(made.seconds)}")
    return "; ".join(told)


def in_time(seconds: float | None) -> str:
    """Return a duration as people say it."""
    if seconds is None:
        return "unknown"
    for unit, size in (("days", DAY_SECONDS), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.1f} {unit}"
    return f"about {seconds:.0f} s"


def _count(units: int | None) -> str:
    return "an unknown number of" if units is None else f"{units:,}"


def _whole_units(units: float) -> int | None:
    return math.ceil(units) if units < MOST_UNITS else None

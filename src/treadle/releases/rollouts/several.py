"""The rules of rollouts with several arms, fixed or adaptive: what the evidence asks for next. Pure.

An arm loses its traffic, which the stable release gets, when its approval is gone, when it fails again and again while
the stable release does well, when a guard's share of bad units is surely larger than the stable release's, or when it
has surely lost the target beyond its margin; the others go on. Nothing else ends by itself, unless the plan says
`ends: best`: then an arm is promoted that is surely better than every other one, with every needed guard's loss ruled
out, and the rollout is rolled back when the stable release is the one.

Levels: any of K guards and targets may drop any of A arms, so each has alpha / (K A); an arm must beat all others, so
each comparison has alpha, over the A + 1 arms that might be wrongly called the best.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime

from treadle.core.sequence import Bounds
from treadle.releases.rollouts import breaker, means, thompson
from treadle.releases.rollouts.breaker import Run
from treadle.releases.rollouts.machine import (
    DEFAULT_HORIZON_UNITS,
    reason_to_hold,
    rollback_threshold,
    where_words,
)
from treadle.releases.rollouts.means import ArmMean, Means
from treadle.releases.rollouts.plans.types import Guard, Plan
from treadle.releases.rollouts.readings import STABLE
from treadle.releases.rollouts.state import Position, Seen, Transition
from treadle.releases.rollouts.types import LIVE_STATUSES


def active_arms(position: Position) -> list[str]:
    """Return the release ids of the arms that still have traffic, but for the stable one."""
    return [arm for arm in position.weights if arm not in position.dropped]


def next_step(plan: Plan, position: Position, seen: Seen, *, unapproved: Set[str], now: datetime) -> Transition:
    """Return what the evidence asks for. Changes at most one thing; safe to repeat. unapproved: arms by release id."""
    if position.status not in LIVE_STATUSES:
        return Transition(position, "none", f"the rollout is {position.status}; nothing to decide")
    gone = [arm for arm in active_arms(position) if arm in unapproved]
    if gone:
        return _drop(position, gone, "its approval is gone")
    for arm in active_arms(position):
        reason = _reason_to_drop(plan, seen, arm)
        if reason is not None:
            return _drop(position, [arm], reason)
    if position.status == "running":
        if plan.arms is not None and plan.arms.ends == "best" and (ended := _end(plan, position, seen)) is not None:
            return ended
        reason = reason_to_hold(plan, position, seen, now)
        if reason is not None:
            return Transition(position._replace(status="held"), "held", reason)
        if (weighed := _weigh(plan, position, seen)) is not None:
            return weighed
    return Transition(position, "none", f"{position.status}: {where_words(plan, position)}")


def metric_names(plan: Plan) -> list[str]:
    """Return what arms are compared by: the target's score first, then each guard."""
    scores = [] if plan.target is None else [plan.target.score]
    return [*scores, *(guard.name for guard in plan.guards)]


def means_of(plan: Plan, seen: Seen, metric: str) -> Means:
    """Return what is known of a metric."""
    return seen.target if plan.target is not None and metric == plan.target.score else seen.rates[metric]


def is_higher_better(plan: Plan, metric: str) -> bool:
    """Tell which way a metric is good: a guard's share of bad units is better low."""
    return plan.target is not None and metric == plan.target.score and plan.target.better == "higher"


def best_chances(plan: Plan, position: Position, seen: Seen) -> dict[str, float]:
    """Return each active arm's chance of being the best, the stable one included, by the first metric."""
    metric = metric_names(plan)[0]
    state = means_of(plan, seen, metric)
    values = {value for one in state.arms.values() for value in (one.lowest, one.highest)}
    is_binary = values <= {0.0, 1.0} and all(one.total == one.squares for one in state.arms.values())
    beliefs = {
        arm: thompson.belief_of(state.arms.get(arm, ArmMean()), is_binary=is_binary)
        for arm in (STABLE, *active_arms(position))
    }
    return thompson.chances(beliefs, higher=is_higher_better(plan, metric))


def _drop(position: Position, arms: Sequence[str], reason: str) -> Transition:
    after = position._replace(
        weights={**position.weights, **dict.fromkeys(arms, 0.0)},
        dropped={**position.dropped, **dict.fromkeys(arms, reason)},
    )
    words = f"{', '.join(repr(arm) for arm in arms)} lost the traffic: {reason}"
    if active_arms(after):
        return Transition(after, "dropped", words)
    return Transition(after._replace(status="rolled_back"), "rolled_back", f"no arm is left; {words}")


def _reason_to_drop(plan: Plan, seen: Seen, arm: str) -> str | None:
    if plan.arms is None:
        return None
    run = seen.runs.get(arm, Run())
    if plan.breaker_run is not None and seen.errors is not None:
        horizon = plan.max_units or DEFAULT_HORIZON_UNITS
        length = breaker.run_that_trips(plan.breaker_run, seen.errors, horizon_units=horizon)
        if breaker.has_tripped(run, length):
            return f"{run.failures} of its requests failed in a row while the stable release did well"
    level = 1 / (rollback_threshold(plan) * len(plan.arms.arms))
    for guard in plan.guards:
        worse = means.difference_reach(seen.rates[guard.name], arm, STABLE, level)
        if worse is not None and worse.low > 0:
            return f"guard '{guard.name}': surely worse than the stable release, by {worse.low:.2%} of units at least"
    if plan.target is not None:
        gain = _gain(plan, seen, plan.target.score, arm, STABLE, level)
        if gain is not None and gain.high < -plan.target.margin:
            return f"target '{plan.target.score}': a loss of {-gain.high:.4g} at least is sure"
    return None


def _end(plan: Plan, position: Position, seen: Seen) -> Transition | None:
    arms = [STABLE, *active_arms(position)]
    metric = metric_names(plan)[0]
    level = plan.alpha / len(arms)
    for arm in arms:
        gains = [_gain(plan, seen, metric, arm, other, level) for other in arms if other != arm]
        if not all(gain is not None and gain.low > 0 for gain in gains):
            continue
        if arm == STABLE:
            words = f"the stable release is surely the best by '{metric}'"
            return Transition(position._replace(status="rolled_back"), "rolled_back", words)
        if all(_is_no_worse(plan, seen, guard, arm) for guard in plan.guards if guard.needed_to_promote):
            words = f"arm '{arm}' is surely the best by '{metric}', and no needed guard is worse by its margin"
            return Transition(position._replace(status="promoted", winner=arm), "promoted", words)
    return None


def _is_no_worse(plan: Plan, seen: Seen, guard: Guard, arm: str) -> bool:
    """Tell whether a risk ratio of the margin is ruled out: rate - stable's rate < (margin - 1) · stable's rate."""
    rates = seen.rates[guard.name]
    usual, worse = means.mean_of(rates, STABLE), means.difference_reach(rates, arm, STABLE, plan.alpha)
    return usual is not None and worse is not None and worse.high < (guard.margin - 1) * usual


def _weigh(plan: Plan, position: Position, seen: Seen) -> Transition | None:
    if plan.kind != "adaptive" or plan.arms is None:
        return None
    if position.units - position.weighed_at_units < plan.arms.every_units:
        return None
    shares = thompson.shares(best_chances(plan, position, seen), floor=plan.arms.floor)
    weights = {arm: round(shares[arm], 6) if arm in shares else 0.0 for arm in position.weights}
    after = position._replace(weights=weights, weighed_at_units=position.units)
    return Transition(after, "weighted", f"weights follow the scores: {where_words(plan, after)}")


def _gain(plan: Plan, seen: Seen, metric: str, arm: str, other: str, level: float) -> Bounds | None:
    """Return how much better one arm may be than another, each end at the level."""
    reach = means.difference_reach(means_of(plan, seen, metric), arm, other, level)
    if reach is None or is_higher_better(plan, metric):
        return reach
    return Bounds(-reach.high, -reach.low)

"""All arms of a rollout side by side, in numbers and in words. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

from treadle.releases.rollouts import means, several
from treadle.releases.rollouts.means import ArmMean
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.readings import STABLE, ArmReadout, MetricReadout, PairReadout, Readout
from treadle.releases.rollouts.state import Position, Seen

Verdict = Literal["better", "worse", "undecided", "too early"]


def readout_of(plan: Plan, position: Position, seen: Seen, *, stable_release_id: str) -> Readout | None:
    """Return the readout of a rollout with several arms; None for a canary."""
    if plan.arms is None:
        return None
    arms = [STABLE, *(arm.release_id for arm in plan.arms.arms)]
    metrics = several.metric_names(plan)
    chances = several.best_chances(plan, position, seen) if plan.kind == "adaptive" else {}
    counts = seen.rates[plan.guards[0].name].arms
    rest = 1 - sum(position.weights.values())
    shown = [
        ArmReadout(
            arm=arm,
            release_id=stable_release_id if arm == STABLE else arm,
            weight=rest if arm == STABLE else position.weights[arm],
            units=counts.get(arm, ArmMean()).units,
            dropped=position.dropped.get(arm),
            best_chance=chances.get(arm),
        )
        for arm in arms
    ]
    pairs = list(combinations(arms, 2))
    compared = [
        _pair(plan, seen, metric, other, arm, plan.alpha / len(pairs)) for metric in metrics for arm, other in pairs
    ]
    sure = [pair.words for pair in compared if pair.verdict in ("better", "worse")]
    return Readout(
        arms=shown,
        metrics=[_metric(plan, seen, metric, arm) for metric in metrics for arm in arms],
        pairs=compared,
        words="; ".join(sure) if sure else "no two arms are surely different yet",
    )


def _metric(plan: Plan, seen: Seen, metric: str, arm: str) -> MetricReadout:
    state = several.means_of(plan, seen, metric)
    bounds = means.mean_bounds(state, arm, plan.alpha)
    return MetricReadout(
        metric=metric,
        arm=arm,
        units=state.arms.get(arm, ArmMean()).units,
        estimate=means.mean_of(state, arm),
        low=None if bounds is None else bounds.low,
        high=None if bounds is None else bounds.high,
    )


def _pair(plan: Plan, seen: Seen, metric: str, arm: str, other: str, level: float) -> PairReadout:
    state = several.means_of(plan, seen, metric)
    middle, bounds = means.difference(state, arm, other), means.difference_bounds(state, arm, other, level)
    names = f"'{metric}' of {arm} against {other}"
    if bounds is None or middle is None:
        missing = means.why_not_yet(state, (arm, other)) or "no score yet"
        return PairReadout(
            metric=metric, arm=arm, other=other, difference=middle, low=None, high=None, verdict="too early",
            words=f"{names}: too early, {missing}",
        )  # fmt: skip
    higher = several.is_higher_better(plan, metric)
    verdict: Verdict = "undecided"
    if bounds.low > 0 or bounds.high < 0:
        verdict = "better" if (bounds.low > 0) == higher else "worse"
    words = f"{names}: {middle:+.4g} ({bounds.low:+.4g} to {bounds.high:+.4g}), {verdict}"
    return PairReadout(
        metric=metric, arm=arm, other=other, difference=middle, low=bounds.low, high=bounds.high, verdict=verdict,
        words=words,
    )  # fmt: skip

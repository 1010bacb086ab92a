"""The target metric of a canary: a score that the candidate should not lose, judged against the stable release. Pure.

Promotion rules a loss of `margin` out at level alpha; a sure loss beyond it rolls back at alpha over the number of
things that may roll back. Both are one-sided ends of the sequence in `means.py`, so looking after each unit costs nothing.
"""

from __future__ import annotations

from treadle.core.sequence import Bounds
from treadle.releases.rollouts import means
from treadle.releases.rollouts.means import ArmMean, Means
from treadle.releases.rollouts.plans.types import TargetMetric
from treadle.releases.rollouts.readings import STABLE, TargetEvidence

CANDIDATE = "candidate"
ARMS = (STABLE, CANDIDATE)


def has_held(metric: TargetMetric, seen: Means, alpha: float) -> bool:
    """Tell whether a loss of the margin is ruled out."""
    reach = means.difference_reach(seen, CANDIDATE, STABLE, alpha)
    return reach is not None and _turned(metric, reach).low > -metric.margin


def is_lost(metric: TargetMetric, seen: Means, alpha: float) -> bool:
    """Tell whether a loss beyond the margin is sure."""
    reach = means.difference_reach(seen, CANDIDATE, STABLE, alpha)
    return reach is not None and _turned(metric, reach).high < -metric.margin


def evidence_of(metric: TargetMetric, seen: Means, alpha: float) -> TargetEvidence:
    """Return the evidence as people see it, with the two-sided interval at level alpha."""
    bounds = means.difference_bounds(seen, CANDIDATE, STABLE, alpha)
    turned = None if bounds is None else _turned(metric, bounds)
    gain = means.difference(seen, CANDIDATE, STABLE)
    if gain is not None and metric.better == "lower":
        gain = -gain
    return TargetEvidence(
        score=metric.score,
        stable_units=seen.arms.get(STABLE, ArmMean()).units,
        candidate_units=seen.arms.get(CANDIDATE, ArmMean()).units,
        gain=gain,
        low=None if turned is None else turned.low,
        high=None if turned is None else turned.high,
        words=in_words(metric, seen, alpha),
    )


def in_words(metric: TargetMetric, seen: Means, alpha: float) -> str:
    """Return what the scores say, in one sentence."""
    missing = means.why_not_yet(seen, ARMS)
    bounds = means.difference_bounds(seen, CANDIDATE, STABLE, alpha)
    if bounds is None:
        return f"'{metric.score}': too early for an interval, {missing or 'no score yet'}"
    turned = _turned(metric, bounds)
    middle = (turned.low + turned.high) / 2
    interval = f"{middle:+.4g} ({turned.low:+.4g} to {turned.high:+.4g})"
    if has_held(metric, seen, alpha):
        verdict = "a gain is shown" if metric.margin == 0 else f"a loss of {metric.margin:g} is ruled out"
    elif turned.high < -metric.margin:
        verdict = "surely worse" if metric.margin == 0 else f"a loss beyond {metric.margin:g} is shown"
    else:
        verdict = "no gain is shown yet" if metric.margin == 0 else f"a loss of {metric.margin:g} is not ruled out yet"
    return f"'{metric.score}' {interval} for the candidate, {metric.better} being better: {verdict}"


def _turned(metric: TargetMetric, bounds: Bounds) -> Bounds:
    """Return the bounds of the gain: positive is good."""
    return bounds if metric.better == "higher" else Bounds(-bounds.high, -bounds.low)

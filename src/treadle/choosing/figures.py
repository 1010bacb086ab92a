"""What was measured of one model, with intervals. Pure: results in, figures out.

Quantiles of latency have intervals by order statistics, which assume no distribution (Conover 1999, Practical Nonparametric
Statistics, 3.2): the true quantile lies between two measured times with at least the stated confidence. Of few rows no
measured time is surely above the 95th percentile, and then there is no upper end. Cost is a mean with Student's interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from treadle.choosing.types import Spread
from treadle.core.shares import binomial
from treadle.evals.students import mean_of
from treadle.evals.types import Result

CONFIDENCE = 0.95


def quantile(values: Sequence[float], share: float) -> Spread | None:
    """Return a quantile of measured values with its 95 % interval; None without any.

    The estimate interpolates between neighbours, as PostgreSQL's percentile_cont. low, high: the r-th and s-th smallest value,
    where r is the largest and s the smallest rank with P(Binomial(n, share) < r) and P(Binomial(n, share) >= s) of at most 2.5 %.
    """
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    estimate = ordered[below] + (ordered[above] - ordered[below]) * (place - below)
    tail = (1 - CONFIDENCE) / 2
    low, high, cumulative = 0, None, 0.0
    for successes in range(len(ordered)):
        # After this, `cumulative` is P(Binomial <= successes), the chance that at most so many values lie below the quantile.
        cumulative += binomial(successes, len(ordered), share)
        if cumulative <= tail:
            low = successes
        if high is None and cumulative >= 1 - tail:
            high = ordered[successes]
    return Spread(value=estimate, low=ordered[low], high=None if high is None else max(high, estimate))


def usd_per_thousand(results: Sequence[Result]) -> Spread | None:
    """Return what a thousand requests like these cost; None where the price of an answer is not known."""
    costs = [result.cost_usd for result in results if result.output is not None]
    if not costs or any(cost is None for cost in costs):
        return None
    known = [1000 * cost for cost in costs if cost is not None]
    if len(known) < 2:
        return Spread(value=known[0], low=0.0, high=None)
    found = mean_of(known)
    interval = found.interval(confidence=CONFIDENCE)
    return Spread(value=found.mean, low=max(interval.low, 0.0), high=interval.high)


def spent_usd(results: Sequence[Result]) -> Decimal | None:
    """Return what the answers cost; None where there is an answer whose price is not known."""
    costs = [result.cost_usd for result in results if result.output is not None]
    if any(cost is None for cost in costs):
        return None
    return sum((Decimal(str(cost)) for cost in costs), Decimal(0))

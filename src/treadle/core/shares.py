"""How sure a share is that was counted: Wilson's interval, what it says of values that were all alike, the binomial. Pure."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """A confidence interval, ends included."""

    low: float
    high: float


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Return the score interval of a share, 0 to 1; covers well even near 0 and 1 and for few trials.

    (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), with z2 the square of z. Without trials nothing is known: 0 to 1.
    Source: Wilson 1927, JASA 22:209; no continuity correction.
    Raises ValueError when there are more successes than trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no share")
    if trials == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == trials else (centre + spread) / scale
    return Interval(low, high)


def unless_alike(interval: Interval, units: int, *, low: float, high: float, confidence: float = 0.95) -> Interval:
    """Return an interval of a mean; one without width, of units that were all alike, as far as unseen others could move it.

    Resamples of values that are all the same say nothing of spread, and 3 equal rows would look as sure as 3,000. A share of
    units up to Wilson's upper limit for 0 of them may be otherwise, at most as far off as the values' own limits.
    units: rows, or clusters of them. low, high: the smallest and largest value that there is.
    """
    if interval.high - interval.low > _ALIKE:
        return interval
    reach = wilson(0, units, confidence=confidence).high
    value = interval.low
    return Interval(value - reach * (value - low), value + reach * (high - value))


def log_choose(total: int, chosen: int) -> float:
    """Return the natural logarithm of in how many ways so many of a total can be chosen."""
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)


def binomial(successes: int, trials: int, share: float) -> float:
    """Return the chance of exactly so many successes where each trial succeeds with this share, above 0 and below 1."""
    return math.exp(
        log_choose(trials, successes) + successes * math.log(share) + (trials - successes) * math.log1p(-share)
    )


_ALIKE = 1e-9
"""Width below which values differ by rounding only."""

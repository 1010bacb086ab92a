"""Means and their errors by Student's t: of rows, of paired differences, and of rows that come in clusters.

Standard library only. The distribution's tail is the incomplete beta function by Lentz's continued fraction
(Press et al., Numerical Recipes, 6.4); quantiles by halving, to 1e-12. Agreement with scipy: tests/evals/test_students.py.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.shares import Interval

_TINY = 1e-300
_CLOSE = 1e-15


class Mean(NamedTuple):
    """A mean with its standard error."""

    mean: float
    error: float
    """Standard error; 0 where nothing varies."""
    freedom: int
    """Degrees of freedom: rows or clusters, less one."""

    def interval(self, *, confidence: float = 0.95) -> Interval:
        """Return mean ± t · error."""
        half = t_quantile(0.5 + confidence / 2, self.freedom) * self.error
        return Interval(self.mean - half, self.mean + half)

    def p_value(self) -> float:
        """Return the two-sided p-value that the true mean is 0."""
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return t_tails(self.mean / self.error, self.freedom)


def mean_of(values: Sequence[float]) -> Mean:
    """Return a mean with s / sqrt(n); of paired differences it is the paired t-test. Raises InvalidInput below 2 values."""
    return clustered_mean(values, range(len(values)))


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable]) -> Mean:
    """Return a mean whose error allows rows of one cluster to resemble each other in any way.

    error² = C/(C-1) · sum over clusters of (sum of the cluster's residuals)² / n², with C - 1 degrees of freedom.
    Every row a cluster of its own gives s / sqrt(n) exactly.
    Source: Liang and Zeger 1986, Biometrika 73:13, with the factor C/(C-1); Miller 2024, arXiv:2411.00640, section 2.2.
    Optimistic below some 10 clusters, less so by its t. Raises InvalidInput below 2 clusters.
    """
    if len(values) != len(clusters):
        raise InvalidInput(f"{len(values)} values and {len(clusters)} clusters; give one of each for every row",
                           code="evals.not_paired")  # fmt: skip
    mean = math.fsum(values) / len(values) if values else 0.0
    sums: dict[Hashable, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + value - mean
    count = len(sums)
    if count < 2:
        raise InvalidInput(
            f"{count} clusters say nothing of how clusters differ; 2 are the least, and 30 or more are good",
            code="evals.too_few_clusters",
        )
    squares = math.fsum(total * total for total in sums.values())
    return Mean(mean, math.sqrt(count / (count - 1) * squares) / len(values), count - 1)


def t_tails(t: float, freedom: float) -> float:
    """Return P(|T| >= |t|) of Student's distribution."""
    within = t * t / (freedom + t * t)
    if within < 0.5:  # 1 - within would lose the digits of a small t
        return 1 - _incomplete_beta(0.5, freedom / 2, within)
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def t_quantile(probability: float, freedom: float) -> float:
    """Return t with P(T <= t) = probability, for a probability of 0.5 or more."""
    tails = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while t_tails(high, freedom) > tails:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_tails(middle, freedom) > tails else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x in (0.0, 1.0):
        return x
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_front) * _beta_fraction(a, b, x) / a
    return 1 - math.exp(log_front) * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for step in range(1, 500):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        d, c = 1 / _away(1 + even * d), _away(1 + even / c)
        result *= d * c
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        d, c = 1 / _away(1 + odd * d), _away(1 + odd / c)
        result *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return result


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

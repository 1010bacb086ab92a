"""Statistics for one score and for two runs over the same rows: intervals, tests, and what could have been seen.

Standard library only, so that the server may import it; resampling, which needs numpy, is in `evals/resampling.py`.
Everything here is a closed form or an exact sum: same input, same answer, no randomness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.shares import Interval, log_choose

EXACT_PAIRS_LIMIT = 10_000
"""Above this many discordant pairs the binomial sum is replaced by its normal approximation (error below 1e-4)."""

HALVINGS = 50
"""Of an interval of at most 2, when a limit is searched: to within 2e-15."""


class PairCounts(NamedTuple):
    """How two runs did on the same rows, each row right or wrong: the 2x2 table of a paired comparison."""

    both: int
    """Rows that both got right."""
    only_baseline: int
    """Rows that only the baseline got right: regressions."""
    only_candidate: int
    """Rows that only the candidate got right: improvements."""
    neither: int
    """Rows that both got wrong."""

    @property
    def rows(self) -> int:
        """All rows."""
        return self.both + self.only_baseline + self.only_candidate + self.neither

    @property
    def discordant(self) -> int:
        """Rows on which the two disagree; only these carry evidence."""
        return self.only_baseline + self.only_candidate

    @property
    def difference(self) -> float:
        """Share right of the candidate minus that of the baseline; positive favours the candidate."""
        return (self.only_candidate - self.only_baseline) / self.rows


def normal_quantile(probability: float) -> float:
    """Return z with P(Z <= z) = probability for a standard normal Z."""
    return NormalDist().inv_cdf(probability)


def count_pairs(baseline: Sequence[bool], candidate: Sequence[bool]) -> PairCounts:
    """Return the 2x2 table of two runs over the same rows, in the same order.

    Raises InvalidInput when the lengths differ or there are no rows.
    """
    if len(baseline) != len(candidate) or not baseline:
        raise InvalidInput(
            f"a paired comparison needs the same rows on both sides; got {len(baseline)} and {len(candidate)}",
            code="evals.not_paired",
        )
    both = sum(1 for a, b in zip(baseline, candidate, strict=True) if a and b)
    right_baseline, right_candidate = sum(map(bool, baseline)), sum(map(bool, candidate))
    only_baseline, only_candidate = right_baseline - both, right_candidate - both
    return PairCounts(both, only_baseline, only_candidate, len(baseline) - both - only_baseline - only_candidate)


def mcnemar_mid_p(pairs: PairCounts) -> float:
    """Return the two-sided mid-p value of McNemar's test that both runs are right equally often.

    Given n discordant rows, the smaller side k is Binomial(n, 1/2) when they are:
    mid-p = 2 P(K <= k) - P(K = k), and 1 when the sides are equal.
    The plain exact test is needlessly timid; the mid-p keeps its level in practice and sees more.
    Source: Fagerland, Lydersen, Laake 2013, BMC Med Res Methodol 13:91.
    Cost: O(min side); above 10,000 discordant rows the normal form is used.
    """
    total, fewer = pairs.discordant, min(pairs.only_baseline, pairs.only_candidate)
    if total == 0 or 2 * fewer == total:
        return 1.0
    if total > EXACT_PAIRS_LIMIT:
        return math.erfc((total - 2 * fewer) / math.sqrt(2 * total))
    log_half = total * math.log(2)
    terms = [math.exp(log_choose(total, k) - log_half) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(terms) - terms[-1])


def paired_difference(pairs: PairCounts, *, confidence: float = 0.95) -> Interval:
    """Return the interval of (candidate - baseline) in the share of rows that are right.

    All differences that the score test would not reject at this level; its spread is the one that each difference itself
    implies, so that one end alone very nearly keeps to its half of 1 - confidence (at worst 5.5 % of 5 %), also the small one of
    margins that share a level. With few discordant rows it may part from `mcnemar_mid_p`: 4 against 0 of any number of rows is an
    interval above 0 and p = 0.06.
    Source: Tango 1998, Stat Med 17:891; the limits are searched instead of solved for.
    """
    z = normal_quantile(0.5 + confidence / 2)
    high = _highest_difference(pairs.only_candidate, pairs.only_baseline, pairs.rows, z)
    low = -_highest_difference(pairs.only_baseline, pairs.only_candidate, pairs.rows, z)
    return Interval(low, high)


def minimum_detectable_effect(rows: int, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true difference that a paired test over so many rows sees with the stated power.

    z sqrt(d / (rows + z2)), z = z(1 - alpha/2) + z(power): the inverse of rows = z2 (d - effect2) / effect2.
    d is the share of rows on which the runs disagree, 0-1; it cannot be less than the effect itself, which gives
    z2 / (rows + z2) as the floor. Source: Miettinen 1968, Biometrics 24:339; Connor 1987, Biometrics 43:207.
    """
    if rows < 1 or not 0 <= discordance <= 1:
        raise InvalidInput(
            f"{rows} rows with a discordance of {discordance} have no detectable effect; use rows >= 1 and 0 to 1",
            code="evals.bad_counts",
        )
    z2 = (normal_quantile(1 - alpha / 2) + normal_quantile(power)) ** 2
    return min(1.0, math.sqrt(z2 * max(discordance, z2 / (rows + z2)) / (rows + z2)))


def detectable_mean(rows: int, spread: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true mean difference that a paired test of graded scores sees with the stated power.

    z · spread / sqrt(rows), z = z(1 - alpha/2) + z(power); spread: standard deviation of the rows' differences. With
    clusters, give their number as rows and the spread of their means.
    """
    return (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * spread / math.sqrt(rows)


def rows_needed(effect: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return how many rows a paired test needs to see a true difference; inverse of minimum_detectable_effect."""
    if not 0 < abs(effect) <= discordance <= 1:
        raise InvalidInput(
            f"an effect of {effect} at a discordance of {discordance} cannot be; it needs 0 < effect <= discordance <= 1",
            code="evals.bad_counts",
        )
    z2 = (normal_quantile(1 - alpha / 2) + normal_quantile(power)) ** 2
    return max(1, math.ceil(z2 * (discordance - effect * effect) / (effect * effect)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that the chance of any false finding among all of them stays at the level.

    In rising order the i-th of m is multiplied by m - i + 1, kept monotone and at most 1; given back in input order.
    Source: Holm 1979, Scand J Stat 6:65. Valid under any dependence.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that of all that pass the level, at most that share is false on average.

    In rising order the i-th of m is multiplied by m / i, kept monotone from the top; given back in input order. For
    looking around (slices), where Holm's, which allows no false finding at all, would show next to nothing.
    Source: Benjamini and Hochberg 1995, JRSS-B 57:289. Valid for independent or positively dependent tests.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    adjusted = [0.0] * len(p_values)
    lowest = 1.0
    for passed, index in enumerate(order):
        lowest = min(lowest, p_values[index] * len(p_values) / (len(p_values) - passed))
        adjusted[index] = lowest
    return adjusted


def _highest_difference(won: int, lost: int, rows: int, z: float) -> float:
    """Return the highest difference d that won - lost of so many rows does not reject, by halving: the test falls as d rises.

    Rejected where rows d - (won - lost) > z sqrt(rows (2 q + d (1 - d))); q, the likeliest share of lost rows where the
    difference is d, is the larger root of 2 rows q2 + (d (2 rows - won + lost) - won - lost) q - lost d (1 - d) = 0.
    """
    low, high = (won - lost) / rows, 1.0
    for _ in range(HALVINGS):
        d = (low + high) / 2
        half = (d * (2 * rows - won + lost) - won - lost) / 2
        q = (math.sqrt(max(0.0, half * half + 2 * rows * lost * d * (1 - d))) - half) / (2 * rows)
        is_rejected = rows * d - (won - lost) > z * math.sqrt(max(0.0, rows * (2 * q + d * (1 - d))))
        low, high = (low, d) if is_rejected else (d, high)
    return high

"""Evidence that holds at every moment at once, so that one may look after each unit and stop at will. Pure.

Three kinds of confidence sequence. The *asymptotic* one takes means of any scale and weighted by 1/probability, and is right once there is enough
to go by (`releases/rollouts/means.py` says when). The *betting* one takes values in 0-1 and is exact from the first on, at some width. That of a *share* takes values of 0 and 1, is exact too, and needs their counts only.

Sources: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Annals of Statistics 52:2613 (asymptotic, theorems 2.2 and
B.1); Waudby-Smith and Ramdas 2024, JRSS-B 86:1, theorem 2 (empirical Bernstein with predictable plug-ins); Robbins 1970, Annals of Mathematical Statistics 41:1397 (mixtures).

And one e-process: the capital of somebody who bets, each time before the value is known, that the mean of values in -1 to 1
is not 0. While it is, nobody's capital grows on average, so it ever passes 1/alpha with probability at most alpha (Ville
1939). The mean over STAKES of both signs is such a capital too; for values of -1 and 1 it is close to the uniform mixture
over all shares (the same paper, section 4; Robbins 1970).
"""

from __future__ import annotations

import math
from typing import NamedTuple

BOLDEST = 0.5
"""Largest bet of the betting sequence; the paper recommends 1/2 or 3/4."""
STAKES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.8)
"""Shares of the capital that are bet: each is best for a mean of that share of the mean square."""


class Bounds(NamedTuple):
    """What an estimate may be, ends included."""

    low: float
    high: float


def tuning(alpha: float, scale: float, *, units: int) -> float:
    """Return rho squared, which makes the asymptotic sequence tightest after so many units.

    (-2 ln alpha + ln(-2 ln alpha) + 1) / V, with V the total variance by then: `scale` per unit. Any positive number
    is right; this one is short.
    """
    depth = -2 * math.log(alpha)
    return (depth + math.log(depth) + 1) / (units * scale)


def radius(total_variance: float, units: int, alpha: float, rho2: float) -> float:
    """Return half the width of the two-sided sequence of a mean of so many units, whose variances sum to the total.

    sqrt((V rho2 + 1) / (n2 rho2) ln((V rho2 + 1) / alpha2))
    """
    grown = total_variance * rho2 + 1
    return math.sqrt(grown / (units * units * rho2) * math.log(grown / (alpha * alpha)))


def reach(total_variance: float, units: int, alpha: float, rho2: float) -> float:
    """Return how far the truth may lie on one side: the one-sided sequence at level alpha.

    sqrt(2 (V rho2 + 1) / (n2 rho2) ln(1 + sqrt(V rho2 + 1) / (2 alpha)))
    """
    grown = total_variance * rho2 + 1
    return math.sqrt(2 * grown / (units * units * rho2) * math.log1p(math.sqrt(grown) / (2 * alpha)))


class Betting(NamedTuple):
    """All that values in 0-1 have shown of their mean; a value, replaced by `bet`."""

    alpha: float
    """Level of the two-sided interval; fixed at the start."""
    seen: int = 0
    total: float = 0.0
    spread: float = 0.0
    """Sum of squared distances from the running mean."""
    stake: float = 0.0
    """Sum of the bets."""
    staked: float = 0.0
    """Sum of bet times value."""
    price: float = 0.0
    """Sum of what the bets cost in certainty."""

    @property
    def bounds(self) -> Bounds:
        """Where the mean may lie: (sum of bet times value ± (ln(2 / alpha) + price)) / sum of bets."""
        if self.stake == 0:
            return Bounds(0.0, 1.0)
        half = (math.log(2 / self.alpha) + self.price) / self.stake
        centre = self.staked / self.stake
        return Bounds(max(0.0, centre - half), min(1.0, centre + half))


def bet(state: Betting, value: float) -> Betting:
    """Return the evidence after one more value, 0-1.

    The bet is sqrt(2 ln(2 / alpha) / (variance so far · n ln(1 + n))), at most BOLDEST: it is fixed before the value.
    """
    number = state.seen + 1
    variance = (0.25 + state.spread) / number
    before = (0.5 + state.total) / number
    size = min(BOLDEST, math.sqrt(2 * math.log(2 / state.alpha) / (variance * number * math.log1p(number))))
    total = state.total + value
    after = (0.5 + total) / (number + 1)
    return state._replace(
        seen=number,
        total=total,
        spread=state.spread + (value - after) ** 2,
        stake=state.stake + size,
        staked=state.staked + size * value,
        price=state.price + (value - before) ** 2 * (-math.log1p(-size) - size),
    )


def log_share_evidence(successes: int, trials: int, share: float) -> float:
    """Return the natural logarithm of the evidence against a share, strictly between 0 and 1, having seen so many trials.

    B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) / (share^k (1 - share)^(n - k)): the likelihood of all shares, mixed by Jeffreys'
    prior, over that of this one. While it is the true one the evidence has mean 1 at any stopping time, so it ever passes
    1/alpha with probability at most alpha (Ville). Order is no matter, so counts of several places add up.
    """
    misses = trials - successes
    mixed = math.lgamma(successes + 0.5) + math.lgamma(misses + 0.5) - math.lgamma(trials + 1) - math.log(math.pi)
    return mixed - successes * math.log(share) - misses * math.log1p(-share)


def share_bounds(successes: int, trials: int, alpha: float) -> Bounds:
    """Return what a share may be: every one that the evidence speaks against by less than 1/alpha.

    The truth is outside at any moment, ever, with probability at most alpha. Without trials nothing is known: 0 to 1.
    """
    if trials == 0:
        return Bounds(0.0, 1.0)
    most, seen = -math.log(alpha), successes / trials
    low = 0.0 if successes == 0 else _edge(successes, trials, most, out=0.0, within=seen)
    high = 1.0 if successes == trials else _edge(successes, trials, most, out=1.0, within=seen)
    return Bounds(low, high)


def _edge(successes: int, trials: int, most: float, *, out: float, within: float) -> float:
    """Return where the evidence, which grows away from the share that was seen, passes `most`: halving 50 times."""
    for _ in range(50):
        middle = (out + within) / 2
        if log_share_evidence(successes, trials, middle) > most:
            out = middle
        else:
            within = middle
    return (out + within) / 2


class Wagers(NamedTuple):
    """All that values in -1 to 1 have shown against a mean of 0; a value, replaced by `wager`."""

    log_up: tuple[float, ...] = (0.0,) * len(STAKES)
    """Natural logarithm of the capital of each stake on a mean above 0."""
    log_down: tuple[float, ...] = (0.0,) * len(STAKES)
    """The same on a mean below 0."""

    @property
    def log_e(self) -> float:
        """Natural logarithm of the capital that 1 has become."""
        every = (*self.log_up, *self.log_down)
        top = max(every)
        return top + math.log(math.fsum(math.exp(value - top) for value in every) / len(every))


def wager(state: Wagers, value: float) -> Wagers:
    """Return the evidence after one more value, -1 to 1. A value of 0 changes nothing."""
    return Wagers(
        tuple(have + math.log1p(stake * value) for have, stake in zip(state.log_up, STAKES, strict=True)),
        tuple(have + math.log1p(-stake * value) for have, stake in zip(state.log_down, STAKES, strict=True)),
    )

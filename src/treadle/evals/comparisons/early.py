"""Comparing while rows come in: stop as soon as the difference is shown, with a stated chance of being wrong.

Each row's difference, candidate less baseline as a share of the scorer's range, is bet upon (`core/sequence.py`); where the
two do not differ, the capital ever passes 1/alpha with probability at most alpha, however often one looks. Rows must come
in an order that knows nothing of the answers: `order_of` shuffles them by a seed, and evidence takes them in that order,
whichever answer is first. Measured: benchmarks/coverage.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.sequence import Betting, Bounds, Wagers, bet, wager

LEAST_ROWS = 10
"""Rows before which nothing is decided; not needed for the error rate, but a figure over fewer rows is of no use."""


class Evidence(NamedTuple):
    """What rows have shown so far; a value, replaced by `observe`."""

    alpha: float
    """The chance, at most, that a difference is shown where there is none."""
    extent: float
    """Length of the scorer's range: 1 for scores of 0-1."""
    wagers: Wagers = Wagers()
    log_e_most: float = 0.0
    """Natural logarithm of the largest capital so far; its inverse is a p-value that allows looking."""
    bounds: Betting | None = None
    rows: int = 0
    total: float = 0.0
    """Sum of the differences, in score points."""

    @property
    def p_value(self) -> float:
        """The chance, at most, that equals would look this different at any moment so far."""
        return math.exp(-self.log_e_most)

    @property
    def is_decided(self) -> bool:
        """Whether a difference is shown."""
        return self.rows >= LEAST_ROWS and self.log_e_most >= -math.log(self.alpha)

    @property
    def interval(self) -> Bounds:
        """Where the mean difference lies with confidence 1 - alpha at every moment at once, in score points."""
        if self.bounds is None:
            return Bounds(-self.extent, self.extent)
        low, high = self.bounds.bounds
        return Bounds((2 * low - 1) * self.extent, (2 * high - 1) * self.extent)


def start(alpha: float, low: float, high: float | None) -> Evidence:
    """Return evidence that has seen nothing, for scores between low and high.

    Raises InvalidInput for a scorer without an upper limit: what may be of any size cannot be bet upon.
    """
    if high is None:
        raise InvalidInput(
            "early stopping needs a scorer whose values have an upper limit, such as 'exact_match'; put such a one first",
            code="evals.no_early_stop",
        )
    return Evidence(alpha=alpha, extent=high - low)


def observe(state: Evidence, baseline: float, candidate: float) -> Evidence:
    """Return the evidence after one more row."""
    difference = candidate - baseline
    share = max(-1.0, min(1.0, difference / state.extent))
    wagers = wager(state.wagers, share)
    return state._replace(
        wagers=wagers,
        log_e_most=max(state.log_e_most, wagers.log_e),
        bounds=bet(state.bounds or Betting(state.alpha), (share + 1) / 2),
        rows=state.rows + 1,
        total=state.total + difference,
    )


def order_of(rows: Sequence[int], seed: str) -> list[int]:
    """Return rows in the order in which they are asked and judged by: shuffled, the same for the same seed.

    Some of the rows come in the same order as they do among all.
    """
    return sorted(rows, key=lambda row: hashlib.sha256(f"{seed}:{row}".encode()).digest())

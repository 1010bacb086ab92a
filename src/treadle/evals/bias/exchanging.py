"""The test behind bias reports: were groups treated alike, exchanging them would change nothing. Needs numpy, inside.

Within what sets came from (a row, a template, a session), the groups are exchanged at random; the group's sum of differences
from the others is compared with what exchanges give. Valid for any number of groups and any scores, and sets of one source may
be alike in any way. Of two groups it is the sign-flip test by clusters. Source: Pitman 1937; Pesarin and Salmaso 2010, ch. 1;
the 1 in numerator and denominator is Phipson and Smyth's 2010, which keeps the level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

CELLS = 2_000_000
"""Draws held in memory at a time."""


def exchange_test(own: Sequence[float], others: Sequence[Sequence[float]], *, seed: int, resamples: int) -> float:
    """Return the two-sided p-value that a group does not differ from those it stands beside.

    own: the group's total difference in each cluster. others: the totals that the other groups there have in its place.
    Same seed, same answer. Cost: O(resamples · clusters), no I/O.
    """
    import numpy as np

    width = 1 + max(len(one) for one in others)
    table = np.zeros((len(own), width))
    sizes = np.array([1 + len(one) for one in others])
    for place, (mine, beside) in enumerate(zip(own, others, strict=True)):
        table[place, : sizes[place]] = (mine, *beside)
    observed = abs(math.fsum(own))
    rng = np.random.default_rng(seed)
    lanes = np.arange(len(own))
    as_far, left = 0, resamples
    while left:
        block = min(left, max(1, CELLS // len(own)))
        chosen = rng.integers(0, sizes, size=(block, len(own)))
        as_far += int((np.abs(table[lanes, chosen].sum(axis=1)) >= observed - 1e-9).sum())
        left -= block
    return (1 + as_far) / (1 + resamples)


def least_p_value(others: Sequence[Sequence[float]]) -> float:
    """Return the smallest p-value that so few clusters could give, however large a difference."""
    return min(1.0, 2 * math.exp(-math.fsum(math.log(1 + len(one)) for one in others)))

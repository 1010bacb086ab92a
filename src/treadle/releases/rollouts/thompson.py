"""How much traffic each arm should get: top-two Thompson sampling, as probabilities. Pure, and without random numbers.

Thompson sampling gives an arm the chance that it is the best; taking the second best of the draw half the time keeps
trying what might still be better (Russo 2020, Operations Research 68:1625). Its probabilities follow from the chances
a_k of being the best:

    share of k = beta a_k + (1 - beta) a_k sum over j != k of a_j / (1 - a_j)        beta = 1/2

Units are hashed to arms with these shares, which are logged with each; a floor keeps every arm in sight.
Where we depart: an arm's mean is taken as normal, with the moments of a Beta(1, 1) posterior where scores are right or
wrong and of the sample otherwise, and the chances are integrals over a grid instead of draws: same input, same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from treadle.releases.rollouts.means import ArmMean

BETA = 0.5
_GRID = 400
_WIDTHS = 6.0
"""Standard deviations that the grid reaches beyond the outermost means."""


class Belief(NamedTuple):
    """What an arm's mean may be: a normal distribution."""

    mean: float
    deviation: float


def belief_of(seen: ArmMean, *, is_binary: bool) -> Belief:
    """Return what is believed of an arm's mean."""
    if is_binary:
        good, all_ = seen.total + 1, seen.units + 2
        mean = good / all_
        return Belief(mean, math.sqrt(mean * (1 - mean) / (all_ + 1)))
    if seen.units < 2:
        return Belief(seen.total / max(1, seen.units), 1.0)
    mean = seen.total / seen.units
    variance = max(0.0, (seen.squares - seen.units * mean * mean) / (seen.units - 1))
    return Belief(mean, max(math.sqrt(variance / seen.units), 1e-9))


def chances(beliefs: Mapping[str, Belief], *, higher: bool = True) -> dict[str, float]:
    """Return each arm's chance of having the best mean; they sum to 1."""
    sign = 1.0 if higher else -1.0
    turned = {name: Belief(sign * belief.mean, belief.deviation) for name, belief in beliefs.items()}
    low = min(one.mean - _WIDTHS * one.deviation for one in turned.values())
    high = max(one.mean + _WIDTHS * one.deviation for one in turned.values())
    # Each arm has a grid of its own, so that a sharp belief beside a broad one is seen.
    found = {name: _chance(name, turned, low, high) for name in turned}
    total = math.fsum(found.values())
    return {name: value / total for name, value in found.items()}


def shares(best: Mapping[str, float], *, floor: float) -> dict[str, float]:
    """Return each arm's share of traffic given its chance of being the best; at least the floor, summing to 1."""
    raw = {
        name: chance * (BETA + (1 - BETA) * math.fsum(_odds(other) for each, other in best.items() if each != name))
        for name, chance in best.items()
    }
    total = math.fsum(raw.values())
    free = 1 - floor * len(raw)
    return {name: floor + free * value / total for name, value in raw.items()}


def _odds(chance: float) -> float:
    return chance / max(1 - chance, 1e-9)


def _chance(name: str, beliefs: Mapping[str, Belief], low: float, high: float) -> float:
    own = beliefs[name]
    begin = max(low, own.mean - _WIDTHS * own.deviation)
    end = min(high, own.mean + _WIDTHS * own.deviation)
    step = (end - begin) / _GRID
    total = 0.0
    for index in range(_GRID):
        at = begin + (index + 0.5) * step
        density = math.exp(-0.5 * ((at - own.mean) / own.deviation) ** 2)
        for other, belief in beliefs.items():
            if other != name:
                density *= 0.5 * math.erfc((belief.mean - at) / (belief.deviation * math.sqrt(2)))
        total += density
    return total * step / own.deviation

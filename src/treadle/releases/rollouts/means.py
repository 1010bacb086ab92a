"""Means of a score on each arm, and their differences, from units that were assigned with known probabilities.

Each scored unit adds to the arm that it was on, divided by the probability of that arm at that moment, so that means stay
right while weights change (steps, adaptive arms). Values are taken from the running mean of those before, which takes
out most of the noise and what a drifting audience would add:

    mean of arm a       = (sum of m_i + sum over its units of (y_i - m_i) / p_i) / n
    difference of a - b = (sum over a's units of (y_i - m_i) / p_i  -  the same over b's) / n

with m_i the mean of all scores before unit i, over all arms. An interval is given only where normal approximation is
fit to be used: from LEAST_UNITS scored units and LEAST_EVENTS events on each arm, where an event is a value other than
the arm's most common extreme (for right or wrong: the rarer of the two). An arm without that many events, say one that
is always right, is let in at SURE_UNITS units. Every arm's variance has one imagined event in it, for the same reason.

State is O(arms). Source: see `sequence.py`; Robins, Rotnitzky and Zhao 1994, JASA 89:846 (augmented weighting).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from treadle.core import sequence
from treadle.core.sequence import Bounds

LEAST_UNITS = 100
LEAST_EVENTS = 20
SURE_UNITS = 400
TUNED_AT = 1_000
"""Scored units at which intervals are tightest."""


class ArmMean(NamedTuple):
    """What one arm's scored units came to."""

    units: int = 0
    total: float = 0.0
    squares: float = 0.0
    lowest: float = 0.0
    """Smallest value so far."""
    lowest_count: int = 0
    highest: float = 0.0
    highest_count: int = 0
    weighted: float = 0.0
    """Sum of (y - m) / p."""
    energy: float = 0.0
    """Sum of its squares."""
    inverse: float = 0.0
    """Sum of 1 / p."""

    @property
    def events(self) -> int:
        """Units whose value is not the most common extreme."""
        return self.units - max(self.lowest_count, self.highest_count)


class Means(NamedTuple):
    """What all scored units have shown; a value, replaced by `observe`."""

    units: int = 0
    total: float = 0.0
    centres: float = 0.0
    """Sum of the m_i."""
    arms: Mapping[str, ArmMean] = {}
    scale: float | None = None
    """Variance per unit of a difference when two arms were first fit to be compared, which later ones are tuned by; None before."""


def observe(state: Means, arm: str, probability: float, value: float, *, centred: bool = True) -> Means:
    """Return the evidence after one more scored unit. centred: False takes every m_i as 0, for values that may `turn`."""
    centre = 0.0 if not centred else state.total / state.units if state.units else value
    step = (value - centre) / probability
    old = state.arms.get(arm, ArmMean(lowest=value, highest=value))
    lowest, highest = min(old.lowest, value), max(old.highest, value)
    new = ArmMean(
        units=old.units + 1,
        total=old.total + value,
        squares=old.squares + value * value,
        lowest=lowest,
        lowest_count=(old.lowest_count if lowest == old.lowest else 0) + (value == lowest),
        highest=highest,
        highest_count=(old.highest_count if highest == old.highest else 0) + (value == highest),
        weighted=old.weighted + step,
        energy=old.energy + step * step,
        inverse=old.inverse + 1 / probability,
    )
    after = state._replace(
        units=state.units + 1,
        total=state.total + value,
        centres=state.centres + centre,
        arms={**state.arms, arm: new},
    )
    return _due(after)


def turn(state: Means, arm: str, probability: float) -> Means:
    """Return the evidence after a unit that was observed with 0, not centred, turns out to be 1."""
    old = state.arms[arm]
    step = 1 / probability
    new = old._replace(
        total=old.total + 1,
        squares=old.squares + 1,
        lowest_count=old.lowest_count - 1,
        highest=1.0,
        highest_count=(old.highest_count if old.highest == 1.0 else 0) + 1,
        weighted=old.weighted + step,
        energy=old.energy + step * step,
    )
    return _due(state._replace(total=state.total + 1, arms={**state.arms, arm: new}))


def why_not_yet(state: Means, arms: Sequence[str]) -> str | None:
    """Return what is missing before these arms can be compared, in words; None when nothing is."""
    for arm in arms:
        seen = state.arms.get(arm, ArmMean())
        if seen.units < LEAST_UNITS:
            return f"{seen.units} of the {LEAST_UNITS} scored units needed on '{arm}'"
        if seen.events < LEAST_EVENTS and seen.units < SURE_UNITS:
            return f"{seen.events} of the {LEAST_EVENTS} events needed on '{arm}' (or {SURE_UNITS} units)"
    if all(one.lowest == one.highest == 0 for one in state.arms.values()):
        return "any score that is not 0"
    return None


def mean_of(state: Means, arm: str) -> float | None:
    """Return the estimate of an arm's mean over all units; None without any."""
    seen = state.arms.get(arm)
    return None if seen is None or not state.units else (state.centres + seen.weighted) / state.units


def mean_bounds(state: Means, arm: str, alpha: float) -> Bounds | None:
    """Return where an arm's mean may lie, at every moment at once; None while it is too early."""
    middle = mean_of(state, arm)
    if state.scale is None or middle is None or why_not_yet(state, (arm,)) is not None:
        return None
    rho2 = sequence.tuning(alpha, state.scale / 2, units=TUNED_AT)
    half = sequence.radius(_variance(state, arm), state.units, alpha, rho2)
    return Bounds(middle - half, middle + half)


def difference(state: Means, arm: str, other: str) -> float | None:
    """Return the estimate of arm minus other; None where one has no unit."""
    first, second = state.arms.get(arm), state.arms.get(other)
    return None if first is None or second is None else (first.weighted - second.weighted) / state.units


def difference_bounds(state: Means, arm: str, other: str, alpha: float) -> Bounds | None:
    """Return where arm minus other may lie, at every moment at once; None while it is too early."""
    middle = difference(state, arm, other)
    if state.scale is None or middle is None or why_not_yet(state, (arm, other)) is not None:
        return None
    rho2 = sequence.tuning(alpha, state.scale, units=TUNED_AT)
    half = sequence.radius(_variance(state, arm) + _variance(state, other), state.units, alpha, rho2)
    return Bounds(middle - half, middle + half)


def difference_reach(state: Means, arm: str, other: str, alpha: float) -> Bounds | None:
    """Return how low and how high arm minus other may be, each end for itself at level alpha; None while too early."""
    middle = difference(state, arm, other)
    if state.scale is None or middle is None or why_not_yet(state, (arm, other)) is not None:
        return None
    rho2 = sequence.tuning(2 * alpha, state.scale, units=TUNED_AT)
    far = sequence.reach(_variance(state, arm) + _variance(state, other), state.units, alpha, rho2)
    return Bounds(middle - far, middle + far)


def _due(after: Means) -> Means:
    """Fix the tuning once two arms are fit to be compared."""
    if after.scale is not None:
        return after
    fit = [arm for arm in after.arms if why_not_yet(after, (arm,)) is None]
    if len(fit) < 2:
        return after
    return after._replace(scale=2 * math.fsum(_variance(after, arm) for arm in fit) / len(fit) / after.units)


def _variance(state: Means, arm: str) -> float:
    """Return the total variance of an arm's weighted sum: measured, with one imagined event of the usual weight."""
    seen = state.arms.get(arm, ArmMean())
    measured = seen.energy - seen.weighted * seen.weighted / max(1, state.units)
    usual = seen.inverse / seen.units if seen.units else 1.0
    # From 0, so that scores which were all alike until now still leave room for another.
    extent = max(0.0, *(one.highest for one in state.arms.values())) - min(
        0.0, *(one.lowest for one in state.arms.values())
    )
    return max(measured, 0.0) + (extent * usual) ** 2

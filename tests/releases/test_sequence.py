"""Confidence sequences and weighted means: worked numbers, and coverage at every moment under simulation."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core import sequence
from treadle.core.sequence import Betting, bet
from treadle.releases.rollouts import means
from treadle.releases.rollouts.means import Means

PAIR = ("stable", "candidate")


def _wilson_low(misses: int, runs: int) -> float:
    from treadle.core.shares import wilson

    return wilson(misses, runs).low


def test_radius_by_hand() -> None:
    """
    V = 100, n = 400, alpha = 0.05, rho2 = 0.01: grown = 2, sqrt(2 / (160000 * 0.01) ln(2 / 0.0025)) = 0.0914.
    """
    assert pytest.approx(0.0914, abs=5e-5) == sequence.radius(100.0, 400, 0.05, 0.01)


def test_reach_by_hand() -> None:
    """
    One-sided at the same numbers: sqrt(4 / 1600 * ln(1 + sqrt(2) / 0.1)) = sqrt(0.0025 * 2.7181) = 0.0824.
    """
    assert pytest.approx(0.0824, abs=5e-5) == sequence.reach(100.0, 400, 0.05, 0.01)


def test_tuning_is_tightest_where_it_says() -> None:
    """
    Of sequences tuned at 100, 1,000 and 10,000 units, the one tuned at 1,000 is the narrowest at 1,000.
    """
    widths = {
        units: sequence.radius(250.0, 1_000, 0.05, sequence.tuning(0.05, 0.25, units=units))
        for units in (100, 1_000, 10_000)
    }

    assert 1_000 == min(widths, key=lambda units: widths[units])


@pytest.mark.parametrize("truth", [0.03, 0.5, 0.97])
def test_betting_covers_at_every_moment(truth: float) -> None:
    """
    In 300 sequences of 400 values the exact interval misses its truth, ever, in no more than 5 % (that is what it
    promises; a simulation contradicts it only where the whole interval of the rate lies above).
    """
    random_ = random.Random(7)
    misses = 0
    for _ in range(300):
        state, missed = Betting(0.05), False
        for _ in range(400):
            state = bet(state, float(random_.random() < truth))
            missed = missed or not state.bounds.low <= truth <= state.bounds.high
        misses += missed

    assert _wilson_low(misses, 300) <= 0.05
    assert state.bounds.high - state.bounds.low < 0.25


def test_betting_has_no_opinion_before_the_first_value() -> None:
    """
    Nothing seen is anything possible, and values outside are never promised.
    """
    state = bet(Betting(0.05), 1.0)

    assert (0.0, 1.0) == Betting(0.05).bounds
    assert 0.0 <= state.bounds.low <= state.bounds.high <= 1.0


@pytest.mark.parametrize(
    ("stable", "candidate", "weights"),
    [(0.9, 0.9, [0.5]), (0.9, 0.9, [0.1]), (0.95, 0.90, [0.05, 0.2, 0.5]), (0.99, 0.99, [0.3])],
    ids=["even", "a tenth", "steps", "rare"],
)
def test_difference_covers_at_every_moment(stable: float, candidate: float, weights: list[float]) -> None:
    """
    From the first interval on (100 units and 20 events per arm), 120 rollouts of 3,000 scored units miss the true
    difference, ever, in no more than 5 %, at even and uneven weights and through steps.
    """
    random_ = random.Random(11)
    truth, misses, started = candidate - stable, 0, 0
    for _ in range(120):
        state, missed = Means(), False
        for unit in range(3_000):
            weight = weights[unit * len(weights) // 3_000]
            on_candidate = random_.random() < weight
            value = float(random_.random() < (candidate if on_candidate else stable))
            arm, probability = ("candidate", weight) if on_candidate else ("stable", 1 - weight)
            state = means.observe(state, arm, probability, value)
            if unit % 5 == 0 and (bounds := means.difference_bounds(state, "candidate", "stable", 0.05)):
                missed = missed or not bounds.low <= truth <= bounds.high
        misses += missed
        started += state.scale is not None

    assert _wilson_low(misses, 120) <= 0.05
    assert started > 30


def test_no_interval_before_there_is_enough_to_go_by() -> None:
    """
    99 units on an arm, or fewer than 20 events below 400 units, are too few, and the words say which.
    """
    state = Means()
    for number in range(99):
        state = means.observe(state, "stable", 0.5, float(number % 2))
    few = means.why_not_yet(state, PAIR)
    for _ in range(300):
        state = means.observe(state, "candidate", 0.5, 1.0)
    state = means.observe(state, "stable", 0.5, 0.0)
    all_right = means.why_not_yet(state, PAIR)
    for _ in range(100):
        state = means.observe(state, "candidate", 0.5, 1.0)

    assert "99 of the 100 scored units needed on 'stable'" == few
    assert "0 of the 20 events needed on 'candidate' (or 400 units)" == all_right
    assert means.why_not_yet(state, PAIR) is None
    bounds = means.difference_bounds(state, "candidate", "stable", 0.05)
    assert bounds is not None
    assert bounds.low > 0


def test_weights_that_move_leave_the_estimate_right() -> None:
    """
    With the candidate at 10 % while answers are good and at 50 % while they are bad, raw means would blame it; weighted
    by 1/probability the difference of two equal arms stays near 0.
    """
    random_ = random.Random(3)
    state = Means()
    for weight, right in ((0.1, 0.95), (0.5, 0.5)):
        for _ in range(6_000):
            on_candidate = random_.random() < weight
            arm, probability = ("candidate", weight) if on_candidate else ("stable", 1 - weight)
            state = means.observe(state, arm, probability, float(random_.random() < right))
    raw = {arm: seen.total / seen.units for arm, seen in state.arms.items()}

    difference = means.difference(state, "candidate", "stable")

    assert raw["candidate"] - raw["stable"] < -0.1
    assert difference is not None
    assert abs(difference) < 0.03


VALUES = st.lists(
    st.tuples(st.sampled_from(PAIR), st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=40
)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_turning_bad_later_is_the_same_as_at_once(values: list[tuple[str, float, bool]]) -> None:
    """
    A unit that is counted as good and turns bad afterwards leaves the sums that a bad one leaves.
    """
    at_once = later = Means()
    for arm, probability, bad in values:
        at_once = means.observe(at_once, arm, probability, float(bad), centred=False)
    for arm, probability, _ in values:
        later = means.observe(later, arm, probability, 0.0, centred=False)
    for arm, probability, bad in values:
        if bad:
            later = means.turn(later, arm, probability)

    for arm, seen in at_once.arms.items():
        other = later.arms[arm]
        assert (seen.units, seen.total) == (other.units, other.total)
        assert math.isclose(seen.weighted, other.weighted, abs_tol=1e-9)
        assert math.isclose(seen.energy, other.energy, abs_tol=1e-9)
        assert seen.events == other.events or seen.total == seen.units

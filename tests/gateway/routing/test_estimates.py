"""What a target's speed is thought to be."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.gateway.routing.estimates import (
    DECAY_SECONDS,
    OVERHEAD_TOKENS,
    PeakAverage,
    Quantiles,
    Speed,
    as_typical,
)


def test_a_slow_answer() -> None:
    """
    Bad news counts in full at once.
    """
    average = PeakAverage()
    average.observe(0.1, 0.0)

    average.observe(5.0, 1.0)

    assert 5.0 == average.at(1.0)


def test_a_fast_answer_after_a_slow_one() -> None:
    """
    Good news counts with the time that passed: after one time constant 1/e of the old value is left.
    """
    average = PeakAverage()
    average.observe(1.0, 0.0)

    average.observe(0.0, DECAY_SECONDS)

    assert math.isclose(1 / math.e, average.value)


def test_left_alone() -> None:
    """
    What is not observed falls towards 0, so that it is tried again.
    """
    average = PeakAverage()
    average.observe(1.0, 0.0)

    assert average.at(10 * DECAY_SECONDS) < 1e-4


def test_nothing_observed() -> None:
    """
    No observation is no quantile.
    """
    assert Quantiles().quantile(0.95) is None


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(min_value=0.0011, max_value=900.0), min_size=1, max_size=300),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_quantile_error(values: list[float], share: float) -> None:
    """
    A quantile is within 5 % of the value at its rank.
    """
    quantiles = Quantiles()
    for value in values:
        quantiles.observe(value)

    told = quantiles.quantile(share)
    true = sorted(values)[max(math.ceil(share * len(values)), 1) - 1]

    assert told is not None
    assert true / 1.05 <= told <= true * 1.05


def test_a_target_becomes_slow() -> None:
    """
    After as many observations as it holds, the quantile tells the present and not the past.
    """
    dice, quantiles = random.Random(7), Quantiles()
    for _ in range(20_000):
        quantiles.observe(dice.uniform(0.1, 0.2))

    for _ in range(4_000):
        quantiles.observe(dice.uniform(1.0, 2.0))
    p50 = quantiles.quantile(0.5)

    assert p50 is not None
    assert p50 > 1.0
    assert quantiles.count <= 2_000


@given(st.integers(1, 20_000), st.floats(0.001, 0.2))
def test_answers_of_all_lengths(tokens: int, seconds_per_token: float) -> None:
    """
    A target whose first token takes as long as 50 others has one speed, however long its answers are.
    """
    took = (OVERHEAD_TOKENS + tokens) * seconds_per_token

    assert math.isclose(250 * seconds_per_token, as_typical(took, tokens))


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(0.02, 50.0))
def test_other_overheads(one: int, other: int, share: float) -> None:
    """
    Where the first token takes r times as long as that, answers of two lengths differ by a factor of r at most.
    """
    told = [as_typical(OVERHEAD_TOKENS * share + tokens, tokens) for tokens in (one, other)]

    assert max(told) / min(told) <= max(share, 1 / share) * 1.000001


@given(st.integers(0, 20_000), st.floats(0.001, 900.0), st.floats(1.0, 9.0))
def test_a_slower_answer_of_one_length(tokens: int, seconds: float, times: float) -> None:
    """
    Of two answers of one length the slower one counts as slower, by the same factor.
    """
    assert math.isclose(times * as_typical(seconds, tokens), as_typical(times * seconds, tokens))


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 60.0), st.floats(0.0, 60.0)), max_size=40))
def test_at_least_so_long(events: list[tuple[bool, float, float]]) -> None:
    """
    After it was waited for in vain, a target is never thought to be faster than that, nor faster than it was thought to be.
    """
    speed, now = Speed(), 0.0
    for is_answer, seconds, pause in events:
        now += pause
        before = speed.average.at(now)
        if is_answer:
            speed.observe(seconds, now)
        else:
            speed.waited(seconds, now)

            assert max(seconds, before) == speed.average.at(now)


def test_waited_for_less_than_usual() -> None:
    """
    Who was waited for longer than for 95 % of its answers counts among its times; less says nothing about them.
    """
    speed = Speed()
    for _ in range(100):
        speed.observe(1.0, 0.0)

    speed.waited(0.5, 0.0)
    speed.waited(3.0, 0.0)

    assert 101 == speed.times.count

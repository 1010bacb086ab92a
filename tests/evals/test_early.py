"""Early stopping: a difference is shown soon, and equals are called different no more often than stated."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput
from treadle.core.sequence import STAKES, Wagers, wager
from treadle.evals.comparisons.early import Evidence, observe, order_of, start


def _run(draw: random.Random, gain: float, rows: int) -> Evidence:
    state = start(0.05, 0.0, 1.0)
    for _ in range(rows):
        before = draw.random() < 0.6
        after = before if draw.random() < 0.7 else draw.random() < 0.6 + gain
        state = observe(state, float(before), float(after))
        if state.is_decided:
            break
    return state


def test_plain_difference_is_shown_before_all_rows_are_asked() -> None:
    """
    Of 20 candidates that win far more of the rows they differ on, all are decided within 400 rows, most within 150.
    """
    ended = [_run(random.Random(seed), 0.6, 400) for seed in range(20)]

    assert all(state.is_decided and state.total > 0 for state in ended)
    assert sorted(state.rows for state in ended)[10] < 150


def test_equals_are_called_different_at_most_as_often_as_stated() -> None:
    """
    Looked at after each of 300 rows, at most 5 % of 200 equals pass (the 99.9 % limit of that is 22).
    """
    passed = sum(_run(random.Random(seed), 0.0, 300).is_decided for seed in range(200))

    assert passed <= 22


@given(values=st.lists(st.sampled_from([-1.0, 1.0]), max_size=8))
def test_capital_is_fair(values: list[float]) -> None:
    """
    Whatever came before, the mean of the capital after one more fair value is the capital: that is what makes it hold.
    """
    state = Wagers()
    for value in values:
        state = wager(state, value)

    after = [math.exp(wager(state, value).log_e) for value in (-1.0, 1.0)]

    assert pytest.approx(math.exp(state.log_e)) == sum(after) / 2


def test_capital_by_hand() -> None:
    """
    After a 1 the mean over stakes of (1 + s)/2 + (1 - s)/2 is 1; after two it is 1 + the mean of s squared.
    """
    state = wager(wager(Wagers(), 1.0), 1.0)

    assert pytest.approx(1 + sum(stake * stake for stake in STAKES) / len(STAKES)) == math.exp(state.log_e)


def test_interval_holds_the_truth_while_it_narrows() -> None:
    """
    After 2,000 rows with a gain of 0.2 of graded scores the interval is narrow and holds it.
    """
    draw = random.Random(8)
    state = start(0.05, 0.0, 1.0)
    for _ in range(2_000):
        before = draw.uniform(0.2, 0.6)
        state = observe(state, before, before + draw.uniform(0.1, 0.3))

    assert state.interval.low < 0.2 < state.interval.high
    assert state.interval.high - state.interval.low < 0.15


def test_scores_without_a_limit_cannot_be_bet_upon() -> None:
    """
    Milliseconds may be any number.
    """
    with pytest.raises(InvalidInput) as caught:
        start(0.05, 0.0, None)

    assert "evals.no_early_stop" == caught.value.error_code


def test_order_is_shuffled_and_the_same_again() -> None:
    """
    A dataset that is sorted by topic must not be asked topic by topic.
    """
    rows = list(range(1, 101))

    assert order_of(rows, "exp_1") == order_of(rows[::-1], "exp_1")
    assert rows != order_of(rows, "exp_1")
    assert rows == sorted(order_of(rows, "exp_1"))
    assert order_of(rows[:50], "exp_1") == [row for row in order_of(rows, "exp_1") if row <= 50]

"""The interval of a share: a published number, scipy, and coverage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from treadle.core.shares import wilson


def test_wilson_of_the_papers_example() -> None:
    """
    81 of 263 has the score interval 0.2553 to 0.3662 (Newcombe 1998, Stat Med 17:857, table I).
    """
    interval = wilson(81, 263)

    assert pytest.approx((0.2553, 0.3662), abs=5e-5) == interval


@given(trials=st.integers(1, 5000), data=st.data(), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(trials: int, data: st.DataObject, confidence: float) -> None:
    """
    Wilson's interval is scipy's to nine digits, for any counts.
    """
    successes = data.draw(st.integers(0, trials))

    interval = wilson(successes, trials, confidence=confidence)

    reference = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert pytest.approx((reference.low, reference.high), abs=1e-9) == interval


@pytest.mark.parametrize(("trials", "share"), [(30, 0.9), (30, 0.98), (200, 0.5), (200, 0.02)])
def test_wilson_covers(trials: int, share: float) -> None:
    """
    A 95 % interval covers the truth in 92 to 99 of 100 samples even near 1 (a Wald interval at 30 and 0.98 covers 46).
    """
    coverage = sum(
        stats.binom.pmf(successes, trials, share)
        for successes in range(trials + 1)
        if wilson(successes, trials).low <= share <= wilson(successes, trials).high
    )

    assert 0.92 <= coverage <= 0.99


def test_nothing_counted() -> None:
    """
    Without trials nothing is known of a share; more successes than trials are none.
    """
    assert (0, 1) == wilson(0, 0)
    with pytest.raises(ValueError, match="2 of 1"):
        wilson(2, 1)

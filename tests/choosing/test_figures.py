"""Intervals of quantiles by order statistics, against exact binomial sums and by simulation."""

from __future__ import annotations

import random

import pytest

from treadle.choosing.figures import quantile


def test_median_of_ten_values() -> None:
    """
    Conover's table: for n = 10 the median's 95 % interval is the 2nd to the 9th smallest value.
    """
    found = quantile([float(value) for value in range(1, 11)], 0.5)

    assert found is not None
    assert (5.5, 2.0, 9.0) == (found.value, found.low, found.high)


def test_few_rows_have_no_upper_end_of_the_95th_percentile() -> None:
    """
    With 40 values P(all lie below the 95th percentile) is 0.95^40 = 13 %, so the largest is no upper end; with 100 there is one.
    """
    few = quantile([float(value) for value in range(40)], 0.95)
    many = quantile([float(value) for value in range(100)], 0.95)

    assert few is not None
    assert many is not None
    assert few.high is None
    assert many.high is not None
    assert quantile([], 0.5) is None


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_interval_covers(share: float) -> None:
    """
    Of 2,000 samples of 200 exponential values at least 95 % (less chance) have the true quantile within the interval.
    """
    import math

    draw = random.Random(7)
    truth = -math.log(1 - share)
    covered = 0
    for _ in range(2000):
        found = quantile([draw.expovariate(1.0) for _ in range(200)], share)
        assert found is not None
        covered += found.low <= truth and (found.high is None or truth <= found.high)

    assert 0.94 <= covered / 2000 <= 0.985

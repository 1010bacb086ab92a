"""Resampling: agreement with scipy, coverage, level, and the same answer for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from treadle.core.errors import InvalidInput
from treadle.evals.resampling import paired_bootstrap, sign_flip_test


def _graded(seed: int, rows: int, gain: float) -> tuple[list[float], list[float]]:
    random = np.random.default_rng(seed)
    baseline = random.beta(2, 5, rows)
    candidate = np.clip(baseline + random.exponential(0.1, rows) - 0.1 + gain, 0, 1)
    return baseline.tolist(), candidate.tolist()


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_bootstrap_agrees_with_scipy(method: str) -> None:
    """
    On skewed differences the interval is scipy's within the noise of 20,000 resamples.
    """
    baseline, candidate = _graded(1, 80, 0.05)

    interval = paired_bootstrap(baseline, candidate, seed=5, resamples=20_000, method=method)  # type: ignore[arg-type]

    reference = stats.bootstrap(
        (np.asarray(candidate) - np.asarray(baseline),),
        np.mean,
        n_resamples=20_000,
        method="BCa" if method == "bca" else "percentile",
        rng=np.random.default_rng(9),
    ).confidence_interval
    assert pytest.approx((reference.low, reference.high), abs=1.5e-3) == interval


def test_bootstrap_covers() -> None:
    """
    The 95 % interval of a mean of skewed differences covers the truth in 92 to 98 of 100 samples of 100 rows.
    """
    random = np.random.default_rng(2)

    covered = 0
    for seed in range(1000):
        differences = random.beta(2, 5, 100)
        low, high = paired_bootstrap([0.0] * 100, differences.tolist(), seed=seed, resamples=1000)
        covered += low <= 2 / 7 <= high

    assert 0.92 <= covered / 1000 <= 0.98


def test_same_seed_same_answer() -> None:
    """
    Chance comes from the seed alone.
    """
    baseline, candidate = _graded(3, 50, 0.0)

    first = paired_bootstrap(baseline, candidate, seed=1), sign_flip_test(baseline, candidate, seed=1)
    again = paired_bootstrap(baseline, candidate, seed=1), sign_flip_test(baseline, candidate, seed=1)

    assert first == again


def test_rows_without_any_difference() -> None:
    """
    Equal scores on every row give a difference of exactly 0 and no evidence.
    """
    scores = [0.1, 0.5, 0.9]

    assert (0.0, 0.0) == paired_bootstrap(scores, scores, seed=1)
    assert 1.0 == sign_flip_test(scores, scores, seed=1)


def test_sign_flip_agrees_with_scipy() -> None:
    """
    The p-value is that of scipy's paired permutation test, within the noise of the flips.
    """
    baseline, candidate = _graded(4, 40, 0.01)

    p_value = sign_flip_test(baseline, candidate, seed=1, resamples=20_000)

    reference = stats.permutation_test(
        (candidate, baseline),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(2),
    ).pvalue
    assert pytest.approx(reference, abs=0.02) == p_value


def test_sign_flip_keeps_its_level() -> None:
    """
    With symmetric noise and no gain, about 5 of 100 tests fall below 0.05.
    """
    random = np.random.default_rng(8)

    alarms = sum(
        sign_flip_test([0.5] * 30, (0.5 + random.normal(0, 0.1, 30)).tolist(), seed=seed, resamples=500) < 0.05
        for seed in range(800)
    )

    assert 0.03 <= alarms / 800 <= 0.07


def test_one_row_is_no_sample() -> None:
    """
    A bootstrap of fewer than 2 rows is refused.
    """
    with pytest.raises(InvalidInput) as caught:
        paired_bootstrap([0.5], [0.6], seed=1)

    assert "evals.not_paired" == caught.value.error_code

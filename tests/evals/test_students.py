"""Student's t, clustered errors and false discovery rates agree with scipy and statsmodels."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from treadle.core.errors import InvalidInput
from treadle.evals.statistics import benjamini_hochberg, detectable_mean, holm
from treadle.evals.students import clustered_mean, mean_of, t_quantile, t_tails


@given(t=st.floats(-50, 50), freedom=st.integers(1, 500))
@example(t=1.192092896e-07, freedom=3)
def test_tails_agree_with_scipy(t: float, freedom: int) -> None:
    """
    The two-sided tail is scipy's to 1e-10.
    """
    assert pytest.approx(2 * float(stats.t.sf(abs(t), freedom)), abs=1e-10) == t_tails(t, freedom)


@given(probability=st.floats(0.5, 0.9999), freedom=st.integers(1, 500))
def test_quantiles_agree_with_scipy(probability: float, freedom: int) -> None:
    """
    The quantile is scipy's.
    """
    assert pytest.approx(float(stats.t.ppf(probability, freedom)), rel=1e-6, abs=1e-6) == t_quantile(
        probability, freedom
    )


def test_paired_t_agrees_with_scipy() -> None:
    """
    The mean of paired differences has scipy's p-value and interval.
    """
    draw = random.Random(1)
    before = [draw.random() for _ in range(40)]
    after = [value + draw.gauss(0.05, 0.2) for value in before]
    theirs = stats.ttest_rel(after, before)

    ours = mean_of([b - a for a, b in zip(before, after, strict=True)])

    assert pytest.approx(float(theirs.pvalue)) == ours.p_value()
    assert pytest.approx(tuple(theirs.confidence_interval(0.9))) == tuple(ours.interval(confidence=0.9))


def test_clustered_errors_agree_with_statsmodels() -> None:
    """
    An intercept's CR1 error of 25 clusters of differing size is statsmodels', whose factor has (n-1)/(n-k) = 1 here.
    """
    import statsmodels.api as sm

    draw = random.Random(3)
    clusters = [number for number in range(25) for _ in range(draw.randrange(1, 9))]
    effects = [draw.gauss(0, 1) for _ in range(25)]
    values = [effects[cluster] + draw.gauss(0, 1) for cluster in clusters]
    model = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": np.asarray(clusters)})

    ours = clustered_mean(values, clusters)

    assert pytest.approx(float(model.bse[0])) == ours.error
    assert 24 == ours.freedom


def test_rows_that_stand_for_themselves_give_the_plain_error() -> None:
    """
    Every row a cluster of its own is s / sqrt(n): of 1, 2, 3, 4 that is sqrt(5/3)/2.
    """
    assert pytest.approx((5 / 3) ** 0.5 / 2) == clustered_mean([1, 2, 3, 4], "abcd").error


def test_one_cluster_says_nothing() -> None:
    """
    How clusters differ cannot be seen in one.
    """
    with pytest.raises(InvalidInput) as caught:
        clustered_mean([0.1, 0.4, 0.3], ["a", "a", "a"])

    assert "evals.too_few_clusters" == caught.value.error_code


@settings(max_examples=30)  # statsmodels is slow
@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_corrections_agree_with_statsmodels(p_values: list[float]) -> None:
    """
    Benjamini-Hochberg and Holm adjust as statsmodels does.
    """
    from statsmodels.stats.multitest import multipletests

    assert pytest.approx(multipletests(p_values, method="fdr_bh")[1].tolist()) == benjamini_hochberg(p_values)
    assert pytest.approx(multipletests(p_values, method="holm")[1].tolist()) == holm(p_values)


def test_detectable_mean_of_graded_scores() -> None:
    """
    With a spread of 0.3 over 200 rows: 2.8016 x 0.3 / sqrt(200) = 0.0594.
    """
    assert pytest.approx(0.0594, abs=1e-4) == detectable_mean(200, 0.3)

"""Intervals and tests: published numbers, scipy, and coverage by simulation with fixed seeds."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from treadle.core.errors import InvalidInput
from treadle.evals.statistics import (
    PairCounts,
    count_pairs,
    holm,
    mcnemar_mid_p,
    minimum_detectable_effect,
    normal_quantile,
    paired_difference,
    rows_needed,
)

AIRWAYS = PairCounts(both=1, only_baseline=7, only_candidate=1, neither=12)
"""Airway responsiveness before and after a transplant: the worked example of Fagerland et al. 2013 and 2014."""


def test_mid_p_of_the_papers_example() -> None:
    """
    7 against 1 discordant: 2 * 9/256 - 8/256 = 10/256 = 0.0391, where the exact test gives 0.0703.
    """
    p_value = mcnemar_mid_p(AIRWAYS)

    assert pytest.approx(10 / 256, abs=1e-12) == p_value


@given(st.integers(0, 400), st.integers(0, 400))
def test_mid_p_agrees_with_scipy(only_baseline: int, only_candidate: int) -> None:
    """
    The mid-p is twice scipy's binomial tail less the point probability.
    """
    total, fewer = only_baseline + only_candidate, min(only_baseline, only_candidate)

    p_value = mcnemar_mid_p(PairCounts(5, only_baseline, only_candidate, 5))

    expected = 2 * stats.binom.cdf(fewer, total, 0.5) - stats.binom.pmf(fewer, total, 0.5)
    assert pytest.approx(1.0 if only_baseline == only_candidate else expected, abs=1e-9) == p_value


def test_mid_p_of_very_many_pairs_joins_on() -> None:
    """
    Above the limit the normal form takes over within 1e-4 of the sum.
    """
    pairs = PairCounts(0, 5_150, 4_900, 0)

    p_value = mcnemar_mid_p(pairs)

    exact = 2 * stats.binom.cdf(4_900, 10_050, 0.5) - stats.binom.pmf(4_900, 10_050, 0.5)
    assert pytest.approx(exact, abs=1e-4) == p_value


def test_mid_p_keeps_its_level() -> None:
    """
    When neither run is better, at most about 5 of 100 comparisons of 60 rows fall below 0.05.
    """
    draw = random.Random(7)

    alarms = 0
    for _ in range(4000):
        discordant = sum(draw.random() < 0.3 for _ in range(60))
        better = sum(draw.random() < 0.5 for _ in range(discordant))
        alarms += mcnemar_mid_p(PairCounts(60 - discordant, discordant - better, better, 0)) < 0.05

    assert 0.02 <= alarms / 4000 <= 0.055


@pytest.mark.parametrize(
    ("pairs", "confidence", "published"),
    [(AIRWAYS, 0.95, (-0.517, -0.026)), (PairCounts(565, 25, 28, 0), 0.90, (-0.0148, 0.0247))],
)
def test_difference_of_published_examples(pairs: PairCounts, confidence: float, published: tuple[float, float]) -> None:
    """
    The airways have Tango's interval -0.517 to -0.026 (Fagerland et al. 2014, table VIII), and 25 against 28 of 618 what R's
    PropCIs::scoreci.mp(25, 28, 618) gives at 90 %.
    """
    interval = paired_difference(pairs, confidence=confidence)

    assert pytest.approx(published, abs=5e-4) == interval


@given(st.tuples(*[st.integers(0, 60)] * 3).filter(lambda counts: counts[1] + counts[2] > 0))
def test_limits_of_a_difference_are_where_the_score_test_begins_to_reject(counts: tuple[int, int, int]) -> None:
    """
    At either limit the score statistic, its shares found by scipy as the likeliest of that difference, is z.
    """
    same, lost, won = counts

    for limit in paired_difference(PairCounts(same, lost, won, 0), confidence=0.9):
        if abs(limit) < 0.999:
            assert pytest.approx(normal_quantile(0.95), rel=2e-3) == abs(_score(same, lost, won, limit))


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(lambda counts: counts[1] + counts[2] > 0))
def test_difference_and_mcnemars_statistic_agree_on_zero(counts: tuple[int, int, int, int]) -> None:
    """
    The interval leaves 0 out where (won - lost)2 / (won + lost) exceeds z2, for at 0 the score test is McNemar's.
    """
    pairs = PairCounts(*counts)
    statistic = (pairs.only_candidate - pairs.only_baseline) ** 2 / pairs.discordant
    assume(abs(statistic - normal_quantile(0.975) ** 2) > 1e-6)

    low, high = paired_difference(pairs)

    assert (statistic > normal_quantile(0.975) ** 2) == (not low <= 0 <= high)


@pytest.mark.parametrize("share", [0.05, 0.01])
def test_a_margin_is_called_met_by_chance_in_at_most_its_share(share: float) -> None:
    """
    Over all tables of 100 rows, a true loss of 5 points with 15 % of rows differing is ruled out with a chance of at most the
    level of that end, also where the level is one that several scorers share.
    """
    rows, lost, won = 100, 0.10, 0.05

    wrong = 0.0
    for losses in range(rows + 1):
        for wins in range(rows + 1 - losses):
            chance = stats.binom.pmf(losses, rows, lost) * stats.binom.pmf(wins, rows - losses, won / (1 - lost))
            if chance > 1e-9:
                pairs = PairCounts(rows - losses - wins, losses, wins, 0)
                wrong += chance * (paired_difference(pairs, confidence=1 - 2 * share).low > won - lost)

    assert 0.6 * share <= wrong <= share


@pytest.mark.parametrize("rows", [40, 300])
def test_difference_covers(rows: int) -> None:
    """
    The 95 % interval of a paired difference covers a true one of 8 points in 93 to 98 of 100 samples.
    """
    draw = random.Random(11)
    kinds, shares = ["both", "baseline", "candidate", "neither"], [0.62, 0.06, 0.14, 0.18]

    covered = 0
    for _ in range(2000):
        sample = draw.choices(kinds, shares, k=rows)
        interval = paired_difference(PairCounts(*(sample.count(kind) for kind in kinds)))
        covered += interval.low <= 0.08 <= interval.high

    assert 0.93 <= covered / 2000 <= 0.98


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(lambda counts: sum(counts) > 0))
def test_difference_is_inside_its_interval_and_mirrors(counts: tuple[int, int, int, int]) -> None:
    """
    The interval holds the difference, and swapping the runs flips its sign.
    """
    pairs = PairCounts(*counts)
    mirrored = PairCounts(pairs.both, pairs.only_candidate, pairs.only_baseline, pairs.neither)

    low, high = paired_difference(pairs)

    assert -1 <= low <= pairs.difference + 1e-12
    assert pairs.difference - 1e-12 <= high <= 1
    assert pytest.approx((-high, -low)) == paired_difference(mirrored)


def test_counts_of_two_runs() -> None:
    """
    Rows are counted by who got them right.
    """
    pairs = count_pairs([True, True, False, False, True], [True, False, True, False, False])

    assert PairCounts(both=1, only_baseline=2, only_candidate=1, neither=1) == pairs


def test_runs_over_different_rows_cannot_be_paired() -> None:
    """
    A paired comparison of lists of different length is refused.
    """
    with pytest.raises(InvalidInput) as caught:
        count_pairs([True], [True, False])

    assert "evals.not_paired" == caught.value.error_code


def test_rows_needed_by_hand() -> None:
    """
    At a discordance of 0.2, 80 % power and 5 %: 7.849 (0.2 - 0.01) / 0.01 = 149.1, so 150 rows show 10 points.
    """
    assert 150 == rows_needed(0.10, 0.2)
    assert 621 == rows_needed(0.05, 0.2)


@given(st.integers(20, 5000), st.floats(0.05, 0.9))
def test_detectable_effect_and_rows_needed_are_inverse(rows: int, discordance: float) -> None:
    """
    The rows needed for the detectable effect are the rows it was worked out for.
    """
    effect = minimum_detectable_effect(rows, discordance)

    if effect < discordance:
        assert abs(rows - rows_needed(effect, discordance)) <= 1


def test_detectable_effect_is_detected() -> None:
    """
    A true difference as large as the detectable effect is found in about 8 of 10 runs.
    """
    draw, rows, discordance = random.Random(3), 200, 0.2
    effect = minimum_detectable_effect(rows, discordance)
    shares = [(discordance - effect) / 2, (discordance + effect) / 2, 1 - discordance]

    found = 0
    for _ in range(2000):
        sample = draw.choices(["baseline", "candidate", "same"], shares, k=rows)
        pairs = PairCounts(sample.count("same"), sample.count("baseline"), sample.count("candidate"), 0)
        found += mcnemar_mid_p(pairs) < 0.05

    assert 0.75 <= found / 2000 <= 0.86


def test_holm_by_hand() -> None:
    """
    0.005 0.01 0.03 0.04 are multiplied by 4 3 2 1 and kept monotone; the order of the input stays.
    """
    adjusted = holm([0.01, 0.04, 0.03, 0.005])

    assert pytest.approx([0.03, 0.06, 0.06, 0.02]) == adjusted


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_is_between_the_plain_value_and_bonferroni(p_values: list[float]) -> None:
    """
    Correction never lowers a p-value, nor raises it past Bonferroni's.
    """
    adjusted = holm(p_values)

    for plain, corrected in zip(p_values, adjusted, strict=True):
        assert plain <= corrected <= 1
        assert corrected <= max(min(1.0, len(p_values) * plain), max(x for x in adjusted if x <= corrected))


def _score(same: int, lost: int, won: int, difference: float) -> float:
    """Return the score statistic of a difference, its likelihood maximised by scipy over the share of lost rows."""
    rows = same + lost + won

    def surprise(share: float) -> float:
        shares = ((same, 1 - 2 * share - difference), (lost, share), (won, share + difference))
        return -sum(count * math.log(max(each, 1e-300)) for count, each in shares if count)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    likeliest = optimize.minimize_scalar(surprise, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    spread = math.sqrt(rows * (2 * likeliest + difference * (1 - difference)))
    return float((won - lost - rows * difference) / spread)

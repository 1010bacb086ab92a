"""Calibration of a judge: rates, probabilities and biases, on numbers worked by hand and on made judges."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from treadle.evals.judges.calibration import Counted, Pair, corrected_rate, fit, length_bias, quality_of, rates_of
from treadle.evals.judges.figures import corrected_by
from treadle.evals.judges.measuring import Both, Made, measure
from treadle.evals.scoring.types import Score, ScorerChoice


def _pairs(good_passed: int, good_stopped: int, bad_passed: int, bad_stopped: int) -> list[Pair]:
    made = [(1.0, 1.0, good_passed), (1.0, 0.0, good_stopped), (0.0, 1.0, bad_passed), (0.0, 0.0, bad_stopped)]
    return [Pair(human, judge, 10) for human, judge, count in made for _ in range(count)]


def test_rates_by_hand() -> None:
    """
    45 of 50 good answers are let through, 40 of 50 bad ones are stopped.
    """
    rates = rates_of(_pairs(45, 5, 10, 40))

    assert (0.9, 0.8) == (rates.sensitivity, rates.specificity)
    assert rates.sensitivity_interval is not None
    assert rates.sensitivity_interval.low < 0.9 < rates.sensitivity_interval.high


def test_rate_of_answers_that_only_the_judge_saw() -> None:
    """
    Rogan and Gladen by hand: the judge passes 55 %, so (0.55 + 0.8 - 1) / (0.9 + 0.8 - 1) = 0.5; the interval holds it.
    """
    found = corrected_rate(Counted(550, 1000), sensitivity=Counted(45, 50), specificity=Counted(40, 50))

    assert found is not None
    assert pytest.approx(0.5) == found.value
    assert found.low < 0.5 < found.high
    assert found.high - found.low > 0.1


def test_judge_that_tells_nothing_corrects_nothing() -> None:
    """
    Where it passes good and bad alike there is no estimate rather than one out of thin air.
    """
    assert corrected_rate(Counted(50, 100), sensitivity=Counted(25, 50), specificity=Counted(25, 50)) is None


def test_figures_of_a_calibrated_judge_say_how_sure_they_are() -> None:
    """
    The same by a calibration of 100 answers: 110 of 200 rows passed come to 50 %, with an interval; in 20 clusters, which are
    all alike within, it is wider.
    """
    said = [Both(pair.human, "answer", Score(name="rubric", value=pair.judge)) for pair in _pairs(45, 5, 10, 40)]
    made = Made("cal_1", "run_1", ScorerChoice(name="rubric"), "rows", "act_1", datetime(2026, 11, 1, tzinfo=UTC))
    calibration = measure(made, said)
    values = [1.0] * 110 + [0.0] * 90

    alone = corrected_by(calibration, values, None)
    together = corrected_by(calibration, values, [row // 10 for row in range(200)])

    assert alone is not None
    assert together is not None
    assert pytest.approx(0.5) == alone.value == together.value
    assert together.low < alone.low < 0.5 < alone.high < together.high


@pytest.mark.parametrize("seed", range(5))
def test_overconfident_judge_gets_honest_probabilities(seed: int) -> None:
    """
    A judge whose 0.9 is right in 60 % of cases: the cross-fitted map is better in Brier score and calibration error.
    """
    chance = random.Random(seed)
    true = {0.1: 0.4, 0.5: 0.5, 0.9: 0.6}
    pairs = [Pair(float(chance.random() < true[score]), score, 10) for score in true for _ in range(200)]
    before = quality_of([pair.judge for pair in pairs], pairs)

    fitted, after = fit(pairs)

    assert after.brier < before.brier
    assert after.ece < 0.1 < before.ece
    assert fitted.probability(0.1) < fitted.probability(0.9)
    assert 0.5 < fitted.probability(0.9) < 0.7


def test_probabilities_rise_and_are_never_certain() -> None:
    """
    Scores between and beyond those that were seen have probabilities between 0 and 1, in order.
    """
    chance = random.Random(1)
    scores = [chance.random() for _ in range(300)]
    fitted, _ = fit([Pair(float(chance.random() < score), score, 1) for score in scores])

    told = [fitted.probability(number / 100) for number in range(101)]

    assert sorted(told) == told
    assert 0 < told[0] < 0.3
    assert 0.7 < told[-1] < 1


def test_liking_for_length_is_found() -> None:
    """
    A judge that adds to long answers correlates with length; one that does not, does not.
    """
    chance = random.Random(2)
    lengths = [chance.randrange(10, 1000) for _ in range(200)]
    human = [float(chance.random() < 0.5) for _ in lengths]
    fair = [Pair(h, h * 0.8 + chance.random() * 0.1, length) for h, length in zip(human, lengths, strict=True)]
    fond = [pair._replace(judge=min(1.0, pair.judge + pair.length / 2000)) for pair in fair]

    rho, p_value = length_bias(fond, seed=3)
    none, p_none = length_bias(fair, seed=3)

    assert rho > 0.3
    assert p_value < 0.01
    assert abs(none) < 0.2
    assert p_none > 0.01

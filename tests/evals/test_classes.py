"""Classification, calibration and likelihood agree with scikit-learn and with their definitions."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from treadle.evals.corpus import figure
from treadle.evals.measures import calibration, likelihood
from treadle.evals.metrics import metric_of
from treadle.evals.scorers import make_judge, resolve
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import Score, ScorerChoice

LABELS = ["lost", "refund", "card", "other"]
AVERAGED: dict[str, Any] = {"f1": f1_score, "precision": precision_score, "recall": recall_score}


def _answers(seed: int, *, strays: bool) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    expected = [draw.choice(LABELS[: draw.randrange(1, 5)]) for _ in range(draw.randrange(1, 40))]
    said = [
        one if draw.random() < 0.6 else draw.choice([*LABELS, "nonsense"] if strays else LABELS) for one in expected
    ]
    return expected, said


def _figure(choice: ScorerChoice, expected: list[str], said: list[str]) -> float:
    combine = resolve(choice).combine
    assert combine is not None
    ready = make_judge(choice)
    parts = [ready(Case(answer, right)).parts for right, answer in zip(expected, said, strict=True)]
    return float(combine(choice.parameters)(np.asarray(parts).sum(axis=0)))


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("name", list(AVERAGED))
def test_figures_over_labels_agree_with_scikit_learn(name: str, average: str) -> None:
    """
    300 random tables, with answers that are no label among them.
    """
    choice = ScorerChoice(name=name, parameters={"labels": LABELS, "average": average})

    for seed in range(300):
        expected, said = _answers(seed, strays=True)
        theirs = AVERAGED[name](expected, said, labels=LABELS, average=average, zero_division=0)
        assert pytest.approx(theirs, abs=1e-9) == _figure(choice, expected, said)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "theirs"), [("kappa", cohen_kappa_score), ("mcc", matthews_corrcoef)])
def test_agreement_beyond_chance_agrees_with_scikit_learn(name: str, theirs: Any) -> None:
    """
    300 random tables; where scikit-learn has no answer (one class only), ours is 0.
    """
    choice = ScorerChoice(name=name, parameters={"labels": LABELS})

    for seed in range(300):
        expected, said = _answers(seed, strays=True)
        value = float(np.nan_to_num(theirs(expected, said)))
        assert pytest.approx(value, abs=1e-9) == _figure(choice, expected, said)


def test_brier_agrees_with_scikit_learn_and_error_with_its_definition() -> None:
    """
    500 stated confidences; the calibration error is worked out a second way, bin by bin.
    """
    draw = random.Random(2)
    rows = [(draw.random(), draw.random() < 0.6) for _ in range(500)]
    cases = [Case(f'{{"answer": "{"yes" if right else "no"}", "confidence": {sure}}}', "yes") for sure, right in rows]
    parameters = {"confidence": "confidence"}

    brier = metric_of(
        ScorerChoice(name="brier", parameters=dict(parameters)),
        [make_judge(ScorerChoice(name="brier", parameters=dict(parameters)))(case) for case in cases],
    )
    choice = ScorerChoice(name="calibration_error", parameters=dict(parameters))
    error = metric_of(choice, [make_judge(choice)(case) for case in cases])

    in_bins = [[row for row in rows if int(row[0] * 10) == place] for place in range(10)]
    by_hand = sum(abs(sum(sure for sure, _ in part) - sum(right for _, right in part)) for part in in_bins) / 500
    assert pytest.approx(brier_score_loss([right for _, right in rows], [sure for sure, _ in rows])) == brier.mean
    assert pytest.approx(by_hand) == error.mean
    assert error.low is not None
    assert error.high is not None
    assert error.low < error.high


def test_certain_answer_falls_into_the_last_bin() -> None:
    """
    A confidence of exactly 1 is in the bin from 0.9, and a perfect forecaster has error 0.
    """
    parts = [calibration.counts(1.0, True), calibration.counts(0.0, False)]

    assert 0.0 == float(calibration.calibration_error(np.asarray(parts).sum(axis=0)))


def test_perplexity_and_bits_per_byte_of_known_tokens() -> None:
    """
    Four tokens of probability 1/8 over six bytes: perplexity 8, and 12 bits over 6 bytes are 2 per byte.
    """
    case = Case("abcdef", logprobs=(math.log(1 / 8),) * 4)

    perplexity, bits = (make_judge(ScorerChoice(name=name))(case) for name in ("perplexity", "bits_per_byte"))

    assert pytest.approx(8.0) == perplexity.value
    assert pytest.approx(2.0) == bits.value
    assert pytest.approx(8.0) == float(likelihood.perplexity(np.asarray(perplexity.parts)))
    assert pytest.approx(2.0) == float(likelihood.bits_per_byte(np.asarray(bits.parts)))


def test_target_without_log_probabilities_leaves_rows_unscored() -> None:
    """
    No number is made up, and the metric has no mean.
    """
    choice = ScorerChoice(name="perplexity")
    scores = [make_judge(choice)(Case("anything"))]

    metric = metric_of(choice, scores)

    assert (None, 0, 1) == (metric.mean, metric.scored, metric.unscored)


def test_corpus_interval_is_wider_where_rows_come_in_clusters() -> None:
    """
    Ten copies of each of 30 rows are no more evidence than the 30 rows.
    """
    draw = random.Random(4)
    rows = [Score(name="perplexity", value=1.0, parts=[-draw.random() * 20, 10.0, 40.0]) for _ in range(30)]
    parts = [score.parts or [] for score in rows for _ in range(10)]

    alone = figure(parts, likelihood.perplexity, None, seed=1)
    together = figure(parts, likelihood.perplexity, [number // 10 for number in range(300)], seed=1)

    assert pytest.approx(alone.value) == together.value
    assert together.interval.high - together.interval.low > 2 * (alone.interval.high - alone.interval.low)

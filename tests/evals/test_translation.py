"""BLEU, chrF and TER agree with sacrebleu on texts, and on sums of texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from tests.evals.corpus_of_pairs import pairs
from treadle.evals.measures import translation
from treadle.evals.measures.translation import Name
from treadle.evals.scorers import judge, make_judge
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import ScorerChoice

REFERENCES: list[tuple[Name, dict[str, object], Any, Any, Callable[[Any], Any]]] = [
    ("bleu", {}, BLEU(), BLEU(effective_order=True), translation.bleu_of),
    ("chrf", {}, CHRF(), CHRF(), translation.chrf_of),
    ("chrf", {"words": True}, CHRF(word_order=2), CHRF(word_order=2), translation.chrf_of),
    ("ter", {}, TER(), TER(), translation.ter_of),
]


@pytest.mark.parametrize(("name", "parameters", "corpus", "sentence", "combine"), REFERENCES)
def test_agreement_with_sacrebleu_on_thousands_of_pairs(
    name: Name, parameters: dict[str, object], corpus: Any, sentence: Any, combine: Callable[[Any], Any]
) -> None:
    """
    Each of 2,000 pairs and each of 200 corpora of 10 pairs gets the reference's score within 1e-6.
    """
    found = pairs(2_000, seed=7)
    ready = make_judge(ScorerChoice(name=name, parameters=dict(parameters)))

    scores = [ready(Case(output, reference)) for reference, output in found]

    for (reference, output), score in zip(found, scores, strict=True):
        assert pytest.approx(sentence.sentence_score(output, [reference]).score / 100, abs=1e-6) == score.value
    for start in range(0, len(found), 10):
        part = found[start : start + 10]
        expected = corpus.corpus_score([output for _, output in part], [[reference for reference, _ in part]]).score
        sums = np.sum([cast(list[float], score.parts) for score in scores[start : start + 10]], axis=0)
        assert pytest.approx(expected / 100, abs=1e-6) == float(combine(sums))


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_several_references_are_taken_as_sacrebleu_takes_them(name: Name) -> None:
    """
    A row's column `references` adds right answers.
    """
    choice = ScorerChoice(name=name)
    case = Case("the cat sat on a mat", "a cat sat on the mat", metadata={"references": ["the cat sat on a mat today"]})
    reference = {"bleu": BLEU(effective_order=True), "chrf": CHRF(), "ter": TER()}[name]

    score = make_judge(choice)(case)

    expected = reference.sentence_score(case.output, list(case.references)).score / 100
    assert pytest.approx(expected, abs=1e-9) == score.value


def test_many_sums_at_once_are_what_each_is_alone() -> None:
    """
    The formulas take a whole block of resampled sums.
    """
    parts = np.asarray([judge(ScorerChoice(name="bleu"), out, ref).parts for ref, out in pairs(50, seed=3)])

    together = translation.bleu_of(np.cumsum(parts, axis=0))

    assert [pytest.approx(float(translation.bleu_of(row))) for row in np.cumsum(parts, axis=0)] == together.tolist()

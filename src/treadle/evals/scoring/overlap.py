"""Scorers of overlap with reference texts: BLEU, chrF, TER, ROUGE and METEOR.

They say how much an output resembles a reference, which for translations and summaries goes along with quality and for
free answers hardly does. BLEU, chrF and TER are corpus metrics: the figure of an experiment is that of all rows together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from treadle.core.types import JsonObject
from treadle.evals.measures import meteor, rouge, translation
from treadle.evals.measures.rouge import Overlap
from treadle.evals.measures.translation import Name
from treadle.evals.scoring.case import Case, Judge, Scorer, unscored, without_expected
from treadle.evals.scoring.types import Score

if TYPE_CHECKING:
    from treadle.evals.measures.translation import Floats

MAX_TER_WORDS = 2_000
"""Words beyond which TER's search for moved phrases takes minutes."""
Rouge = Callable[..., Overlap]


def _translation(name: Name, figure: Callable[[Floats], object], parameters: JsonObject) -> Judge:
    import numpy as np

    counts = translation.counter(name, word_order=2 if parameters.get("words") else 0)

    def judge(case: Case) -> Score:
        if not case.references:
            return without_expected(name)
        if name == "ter" and max(len(text.split()) for text in (case.output, *case.references)) > MAX_TER_WORDS:
            return unscored(name, f"a text is longer than {MAX_TER_WORDS:,} words")
        parts = counts(case.output, case.references)
        return Score(name=name, value=float(figure(np.asarray(parts))), parts=parts)  # type: ignore[arg-type]

    return judge


def _rouge(name: str, measure: Rouge, parameters: JsonObject) -> Judge:
    stemmed = bool(parameters.get("stem"))

    def judge(case: Case) -> Score:
        if not case.references:
            return without_expected(name)
        found = [measure(reference, case.output, stemmed=stemmed) for reference in case.references]
        return Score(name=name, value=max(overlap.f1 for overlap in found))

    return judge


def _meteor(parameters: JsonObject) -> Judge:
    synonyms: meteor.Synonyms | None = None
    if parameters.get("synonyms", True):
        from treadle.evals.measures.wordnet import WordNet

        synonyms = WordNet().synonyms

    def judge(case: Case) -> Score:
        if not case.references:
            return without_expected("meteor")
        said = meteor.words_of(case.output)
        scores = [meteor.meteor(meteor.words_of(reference), said, synonyms) for reference in case.references]
        return Score(name="meteor", value=max(scores))

    return judge


def _rouge_n(n: int) -> Rouge:
    def measure(reference: str, output: str, *, stemmed: bool) -> Overlap:
        return rouge.rouge_n(reference, output, n, stemmed=stemmed)

    return measure


_STEM = {"stem": "true to compare stems of words of more than three letters"}
_CORPUS_COST = "about a millisecond a row; sacrebleu"
SCORERS = (
    Scorer(
        "bleu",
        "BLEU of all rows together (sacrebleu: 13a tokens, exponential smoothing), on 0-1.",
        partial(_translation, "bleu", translation.sentence_bleu_of),
        needs=("expected",),
        place="worker",
        cost=_CORPUS_COST,
        combine=lambda _: translation.bleu_of,
    ),
    Scorer(
        "chrf",
        "chrF of all rows together (sacrebleu: runs of up to 6 characters, recall counts twice), on 0-1.",
        partial(_translation, "chrf", translation.chrf_of),
        {"words": "true for chrF++, which counts runs of 1 and 2 words too"},
        needs=("expected",),
        place="worker",
        cost=_CORPUS_COST,
        combine=lambda _: translation.chrf_of,
    ),
    Scorer(
        "ter",
        "Edits per reference word of all rows together (sacrebleu's TER); 0 is best.",
        partial(_translation, "ter", translation.ter_of),
        needs=("expected",),
        high=None,
        higher_is_better=False,
        no_answer=1.0,
        place="worker",
        cost="milliseconds a row, more for long texts; sacrebleu",
        combine=lambda _: translation.ter_of,
    ),
    *(
        Scorer(name, summary, partial(_rouge, name, measure), _STEM, needs=("expected",), place="worker", cost=cost)
        for name, summary, measure, cost in (
            ("rouge1", "F1 of the words in common with the best reference.", _rouge_n(1), "microseconds a row"),
            ("rouge2", "F1 of the pairs of words in common with the best reference.", _rouge_n(2), "microseconds a row"),
            (
                "rouge_l", "F1 of the longest common subsequence of words with the best reference.",
                rouge.rouge_l, "words times words: 20 ms for texts of 500",
            ),
            (
                "rouge_lsum", "The same over sentences, one a line, for summaries.",
                rouge.rouge_lsum, "words times words: 20 ms for texts of 500",
            ),
        )
    ),
    Scorer(
        "meteor",
        "Words in common by spelling, stem or WordNet synonym, less a penalty for disorder; English.",
        _meteor,
        {"synonyms": "false to leave WordNet out, which is another metric: exact and stem matches only"},
        needs=("expected",),
        place="worker",
        cost="a millisecond a row; half a second and 90 MB to load WordNet",
    ),
)  # fmt: skip
"""In the order in which they are listed."""

"""Scorers of likeness in meaning by the embedded model MiniLM: of whole texts, and token by token.

`similarity` is the cosine of two sentence vectors, `token_similarity` the F1 of greedily matched word pieces: each piece of
one text takes the nearest of the other (the formula of Zhang et al. 2020, arXiv:1904.09675, equations 1-3, without weights
for rare words and without rescaling). That model and its layers are other ones, so figures are not to be compared with those
published under the formula's own name. Texts are cut at 256 word pieces. A negation changes either score very little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.core.types import JsonObject
from treadle.evals.scoring.case import Case, Judge, Scorer, without_expected
from treadle.evals.scoring.types import Score

if TYPE_CHECKING:
    from treadle.embeddings.minilm import MiniLM


def _load(name: str) -> MiniLM:
    from treadle.embeddings.minilm import load_minilm

    return load_minilm(needed_for=f"the scorer '{name}'")


def _similarity(parameters: JsonObject) -> Judge:
    model = _load("similarity")

    def judge(case: Case) -> Score:
        if not case.references:
            return without_expected("similarity")
        said, *right = model.embed([case.output, *case.references])
        return Score(name="similarity", value=_share(max(float(said @ vector) for vector in right)))

    return judge


def _token_similarity(parameters: JsonObject) -> Judge:
    model = _load("token_similarity")

    def judge(case: Case) -> Score:
        if not case.references:
            return without_expected("token_similarity")
        said = model.embed_tokens(case.output)
        best = 0.0
        for reference in case.references:
            right = model.embed_tokens(reference)
            if not len(said) or not len(right):
                best = max(best, float(len(said) == len(right)))
                continue
            near = said @ right.T
            precision, recall = float(near.max(axis=1).mean()), float(near.max(axis=0).mean())
            best = max(best, 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0)
        return Score(name="token_similarity", value=_share(best))

    return judge


def _share(cosine: float) -> float:
    """Return a cosine as a score: what points away counts as nothing in common."""
    return min(1.0, max(0.0, cosine))


SCORERS = (
    Scorer(
        "similarity",
        "Cosine of the sentence vectors of output and best reference, by MiniLM; 0 where they point apart.",
        _similarity,
        needs=("expected", "embeddings"),
        place="worker",
        cost="10 ms for short texts, 140 ms for long ones",
    ),
    Scorer(
        "token_similarity",
        "F1 of nearest word pieces of output and best reference, by MiniLM's last layer.",
        _token_similarity,
        needs=("expected", "embeddings"),
        place="worker",
        cost="20 ms for short texts, 140 ms for long ones",
    ),
)
"""In the order in which they are listed."""

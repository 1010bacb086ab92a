"""How often similar answers are wrong: chosen beforehand on past questions, measured on a sample while serving.

A similar answer is wrong when asking would have given another one. Choosing tries several thresholds on one set of pairs:
each is tested by the exact binomial tail at SURE over their number (Bonferroni), so one whose wrong rate is above the
allowed is chosen with a chance of at most SURE. Serving looks after every check: similar answers end when a confidence
sequence (`core.sequence.share_bounds`: Robbins 1970) lies above the allowed rate, which at a rate that is allowed ever
happens with a chance of at most ALPHA, however long it serves. Both take pairs and checks as independent of each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from treadle.core.sequence import log_share_evidence
from treadle.core.shares import binomial

if TYPE_CHECKING:
    from treadle.embeddings.types import Vectors

SURE = 0.025
"""Chance, at most, of choosing a threshold whose wrong rate is above the allowed."""
CUTS = 10
"""Thresholds that are tried at most; each further one asks for more evidence of all."""
ALPHA = 0.05
"""Chance, at most, of ever ending similar answers at a wrong rate that is allowed."""
AGREEING = 0.9
"""Cosine from which on two longer answers count as the same."""
SHORT = 60
"""Up to so many characters an answer is a label or a number: then it must be equal."""
_NOISE = re.compile(r"[\W_]+")


class Pair(NamedTuple):
    """Two questions that were asked, and whether their answers are the same."""

    similarity: float
    """Cosine of the questions."""
    is_same: bool


class Threshold(NamedTuple):
    """The lowest similarity at which answers may be shared."""

    value: float | None
    """None when no similarity is safe by the evidence at hand."""
    served: int
    """How many of the pairs would have been served."""
    wrong: int
    """How many of these wrongly."""
    highest: float
    """Upper end of their share, at the level that all tries together leave to each."""


def choose_threshold(pairs: Sequence[Pair], max_wrong_rate: float) -> Threshold:
    """Return the threshold that serves most pairs, of CUTS that are tried, while its wrong rate is surely at most `max_wrong_rate`.

    The cuts lie at equal steps from the fewest pairs that could be enough to all of them: they follow from the similarities
    alone, so that no answer has a say in where it is looked.
    """
    best = Threshold(None, 0, 0, 1.0)
    ordered = sorted(pairs, key=lambda pair: pair.similarity, reverse=True)
    wrongs = list(accumulate(not pair.is_same for pair in ordered))
    for served in _cuts(ordered, pairs_needed(max_wrong_rate)):
        wrong = wrongs[served - 1]
        if _at_most(wrong, served, max_wrong_rate) <= SURE / CUTS:
            best = Threshold(ordered[served - 1].similarity, served, wrong, 1.0)
    return best if best.value is None else best._replace(highest=_highest(best.wrong, best.served))


def pairs_needed(max_wrong_rate: float) -> int:
    """Return how many pairs without a wrong one it takes at least to choose a threshold: 117 for 0.05."""
    return math.ceil(math.log(SURE / CUTS) / math.log1p(-max_wrong_rate))


def is_too_wrong(wrong: int, checked: int, max_wrong_rate: float) -> bool:
    """Tell whether so many wrong of so many checked ones are surely more than may be; ask as often as you like."""
    if wrong <= max_wrong_rate * checked:
        return False
    return max_wrong_rate == 0 or log_share_evidence(wrong, checked, max_wrong_rate) > -math.log(ALPHA)


def _cuts(ordered: Sequence[Pair], needed: int) -> list[int]:
    """Return how many pairs are served at each cut, rising."""
    count = len(ordered)
    if count < needed:
        return []
    cuts = set()
    for step in range(CUTS):
        served = needed + (count - needed) * step // (CUTS - 1)
        while served < count and ordered[served].similarity == ordered[served - 1].similarity:
            served += 1  # a threshold cannot part equals
        cuts.add(served)
    return sorted(cuts)


def _at_most(wrong: int, served: int, rate: float) -> float:
    """Return the chance of so many wrong ones or fewer at this rate: the binomial's lower tail."""
    return math.fsum(binomial(each, served, rate) for each in range(wrong + 1))


def _highest(wrong: int, served: int) -> float:
    """Return the largest rate at which so few wrong ones are no surprise (Clopper and Pearson 1934), halving 50 times."""
    low, high = wrong / served, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if _at_most(wrong, served, middle) <= SURE / CUTS else (middle, high)
    return high


def replayed(questions: Vectors, answers: Sequence[str], answer_vectors: Vectors) -> list[Pair]:
    """Return what a cache would have done on past requests, oldest first: each with the nearest one before it.

    questions, answer_vectors: unit vectors, one row per request. Cost: the square of their number.
    """
    pairs: list[Pair] = []
    for index in range(1, len(answers)):
        likeness = questions[:index] @ questions[index]
        nearest = int(likeness.argmax())
        same = agree(answers[nearest], answers[index], float(answer_vectors[nearest] @ answer_vectors[index]))
        pairs.append(Pair(float(likeness[nearest]), same))
    return pairs


def agree(one: str, other: str, similarity: float) -> bool:
    """Say whether two answers are the same: short ones equal but for case and signs, longer ones near in meaning.

    similarity: cosine of the answers' vectors; a meaning that turns on one word ('not') is not seen by it.
    """
    plain, same = (_NOISE.sub(" ", text.casefold()).strip() for text in (one, other))
    if plain == same:
        return True
    return min(len(one), len(other)) > SHORT and similarity >= AGREEING

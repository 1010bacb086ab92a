"""ROUGE-1, -2, -L and -Lsum as Google's `rouge-score` computes them: precision, recall and F1 of what two texts share.

Words are runs of a-z and 0-9 in lower case; stemming (words of more than three letters) is an option there and here.
Lsum takes a text's lines as its sentences. Several references: the one with the best F1 counts.
Source: Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries. Cost of L and Lsum: words times words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from treadle.evals.measures.porter import stem

_WORD = re.compile(r"[a-z0-9]+")


class Overlap(NamedTuple):
    """What an output and a reference share, 0-1 each."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean; 0 when both are."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total > 0 else 0.0


def words_of(text: str, *, stemmed: bool) -> list[str]:
    """Return the words of a text."""
    words = _WORD.findall(text.lower())
    return [stem(word) if len(word) > 3 else word for word in words] if stemmed else words


def rouge_n(reference: str, output: str, n: int, *, stemmed: bool = False) -> Overlap:
    """Return how many runs of n words two texts share, each counted as often as both have it."""
    right, said = (_grams(words_of(text, stemmed=stemmed), n) for text in (reference, output))
    common = sum((right & said).values())
    return Overlap(common / max(said.total(), 1), common / max(right.total(), 1))


def rouge_l(reference: str, output: str, *, stemmed: bool = False) -> Overlap:
    """Return the longest common subsequence of words as a share of either text."""
    right, said = (words_of(text, stemmed=stemmed) for text in (reference, output))
    if not right or not said:
        return Overlap(0.0, 0.0)
    length = _table(right, said)[-1][-1]
    return Overlap(length / len(said), length / len(right))


def rouge_lsum(reference: str, output: str, *, stemmed: bool = False) -> Overlap:
    """Return the same over sentences, one a line: the union of what each reference sentence shares with any sentence."""
    right, said = (
        [words_of(line, stemmed=stemmed) for line in text.split("\n") if line] for text in (reference, output)
    )
    rights, saids = (Counter(word for sentence in side for word in sentence) for side in (right, said))
    if not rights or not saids:
        return Overlap(0.0, 0.0)
    left_right, left_said, hits = Counter(rights), Counter(saids), 0
    for sentence in right:
        places = {place for other in said for place in _common_places(sentence, other)}
        for word in (sentence[place] for place in sorted(places)):
            if left_said[word] > 0 and left_right[word] > 0:
                hits += 1
                left_said[word] -= 1
                left_right[word] -= 1
    return Overlap(hits / saids.total(), hits / rights.total())


def _grams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def _table(right: Sequence[str], said: Sequence[str]) -> list[list[int]]:
    table = [[0] * (len(said) + 1)]
    for word in right:
        above, row = table[-1], [0]
        for at, other in enumerate(said):
            row.append(above[at] + 1 if word == other else max(above[at + 1], row[at]))
        table.append(row)
    return table


def _common_places(right: Sequence[str], said: Sequence[str]) -> list[int]:
    """Return where in `right` one longest common subsequence stands; of several the one that rouge-score finds."""
    table = _table(right, said)
    i, j, places = len(right), len(said), []
    while i > 0 and j > 0:
        if right[i - 1] == said[j - 1]:
            places.append(i - 1)
            i, j = i - 1, j - 1
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return places

"""METEOR as NLTK computes it: words matched exactly, then by stem, then by WordNet's synonyms, less a penalty for disorder.

    F = P R / (0.9 P + 0.1 R),  penalty = 0.5 (chunks / matches)^3,  score = (1 - penalty) F

A chunk is a run of matches that stands in the same order in both texts. Words are split at white space and punctuation
as `words_of` says, and lower-cased. NLTK takes texts already split into words, so agreement is over `meteor(words, words)`.
Source: Lavie and Agarwal 2007, METEOR; Denkowski's later parameters are another metric and are not here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from treadle.evals.measures.porter import stem

ALPHA = 0.9
BETA = 3
GAMMA = 0.5
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")

Synonyms = Callable[[str], frozenset[str]]
"""A lower-case word to its synonyms in WordNet, one word each."""
_Words = list[tuple[int, str]]


def words_of(text: str) -> list[str]:
    """Return words and punctuation marks, each for itself, in lower case."""
    return _WORD.findall(text.lower())


def meteor(reference: Sequence[str], output: Sequence[str], synonyms: Synonyms | None) -> float:
    """Return the score of an output against one reference, 0-1. synonyms None leaves the third matching out."""
    right, said = (list(enumerate(word.lower() for word in words)) for words in (reference, output))
    num_right, num_said = len(right), len(said)
    exact, said, right = _match(said, right, _itself)
    # Like NLTK, what is left goes on as stems, so that it is stems that synonyms are looked up for.
    said, right = ([(number, stem(word)) for number, word in words] for words in (said, right))
    stems, said, right = _match(said, right, _itself)
    alike = _match(said, right, synonyms)[0] if synonyms is not None else []
    matches = sorted([*exact, *stems, *alike])
    if not matches:
        return 0.0
    precision, recall = len(matches) / num_said, len(matches) / num_right
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    penalty: float = GAMMA * (_chunks(matches) / len(matches)) ** BETA
    return (1 - penalty) * mean


def _itself(word: str) -> frozenset[str]:
    return frozenset()


def _match(said: _Words, right: _Words, synonyms: Synonyms) -> tuple[list[tuple[int, int]], _Words, _Words]:
    """Match words from the end, each with the last free one that it or a synonym is; return matches and what is left."""
    places: dict[str, list[int]] = defaultdict(list)
    for at, (_, word) in enumerate(right):
        places[word].append(at)
    matches, used_said, used_right = [], set(), set()
    for at in reversed(range(len(said))):
        number, word = said[at]
        last, text = max(
            ((places[text][-1], text) for text in synonyms(word) | {word} if places.get(text)), default=(-1, "")
        )
        if last < 0:
            continue
        places[text].pop()
        used_said.add(at)
        used_right.add(last)
        matches.append((number, right[last][0]))
    left_said = [pair for at, pair in enumerate(said) if at not in used_said]
    return matches, left_said, [pair for at, pair in enumerate(right) if at not in used_right]


def _chunks(matches: Sequence[tuple[int, int]]) -> int:
    return 1 + sum(1 for before, after in pairwise(matches) if after != (before[0] + 1, before[1] + 1))

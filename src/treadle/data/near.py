"""Near-duplicates: candidates by MinHash and LSH (`rensa`), each verified by the exact Jaccard similarity of shingles.

Short texts (the usual message) are cut into runs of 5 characters, long ones (the median has over 100 words) into runs
of 3 words, after folding case, punctuation and width. Nothing is called similar that is not: the only error left is a
pair that LSH never proposes, with 20 bands of 6 about 0.2 % at similarity 0.8 and nothing at 0.9.
Source: Broder 1997 (resemblance), Leskovec et al., Mining of Massive Datasets, chapter 3. Cost: about 40,000 short
texts per second and core while few are alike; memory about 1.5 kB per text.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

NUM_HASHES = 120
NUM_BANDS = 20
HASH_SEED = 20_011
CHARACTERS_PER_SHINGLE = 5
WORDS_PER_SHINGLE = 3
LONG_TEXT_WORDS = 100
TEXTS_AT_ONCE = 5_000
MOST_CANDIDATES = 100
"""Of a text's candidates this many are verified; a text with more joins the crowd and is not added to it, so that a
million copies of a form letter stay linear."""

_NOT_WORD = re.compile(r"[\W_]+")


class Similar(NamedTuple):
    """Two texts that are alike."""

    later: int
    """The later one, from 0."""
    earlier: int
    """The earlier one."""
    similarity: float
    """Jaccard similarity of their shingles, 0-1."""


def fold(text: str) -> str:
    """Give what counts in comparing texts: letters and digits in lower case, one space between words."""
    return _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def shingles_of(folded: str, *, by_words: bool) -> frozenset[str]:
    """Cut a folded text into its overlapping runs; a text shorter than one run is a run of its own."""
    if by_words:
        words = folded.split(" ")
        if len(words) <= WORDS_PER_SHINGLE:
            return frozenset([folded])
        return frozenset(
            " ".join(words[at : at + WORDS_PER_SHINGLE]) for at in range(len(words) - WORDS_PER_SHINGLE + 1)
        )
    last = max(len(folded) - CHARACTERS_PER_SHINGLE, 0)
    return frozenset(folded[at : at + CHARACTERS_PER_SHINGLE] for at in range(last + 1))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Compute what share of all their shingles two texts have in common."""
    common = len(first & second)
    return common / (len(first) + len(second) - common)


class SimilarIndex:
    """Texts that were added, searchable by likeness; `texts` is everything that will ever be asked about."""

    def __init__(self, texts: Sequence[str], threshold: float) -> None:
        import rensa

        self._folded = [fold(text) for text in texts]
        words = [folded.count(" ") + 1 for folded in self._folded]
        self._by_words = bool(words) and statistics.median(words) > LONG_TEXT_WORDS
        self._threshold = threshold
        self._first_of: dict[str, int] = {}
        self._crowded: set[int] = set()
        self._hashes = list(_iter_hashes(self._folded, by_words=self._by_words))
        self._lsh: Any = rensa.RMinHashLSH(threshold, NUM_HASHES, NUM_BANDS)

    def find_before(self, index: int, group_of: Callable[[int], int] | None = None) -> list[Similar]:
        """Find the added texts that are like this one, earliest first.

        group_of: when given, one similar text of each group is enough, which saves most of the comparing.
        """
        folded = self._folded[index]
        if not folded:
            return []
        same = self._first_of.get(folded)
        if same is not None:
            return [Similar(index, same, 1.0)]
        candidates = sorted(self._lsh.query(self._hashes[index]))
        mine = shingles_of(folded, by_words=self._by_words) if candidates else frozenset()
        found: list[Similar] = []
        joined: set[int] = set()
        for other in candidates[:MOST_CANDIDATES]:
            if group_of is not None and group_of(other) in joined:
                continue
            if not _may_reach(len(mine), len(self._folded[other]), self._threshold, by_words=self._by_words):
                continue
            similarity = jaccard(mine, shingles_of(self._folded[other], by_words=self._by_words))
            if similarity >= self._threshold:
                found.append(Similar(index, other, similarity))
                if group_of is not None:
                    joined.add(group_of(other))
        if found and len(candidates) >= MOST_CANDIDATES:
            self._crowded.add(index)
        return found

    def add(self, index: int) -> None:
        """Let later texts be compared with this one; in a crowd, its neighbours stand for it."""
        folded = self._folded[index]
        if folded and folded not in self._first_of:
            self._first_of[folded] = index
            if index not in self._crowded:
                self._lsh.insert(index, self._hashes[index])


def group_similar(texts: Sequence[str], threshold: float) -> tuple[list[int], list[Similar]]:
    """Join similar texts, and what is similar to those, to groups.

    Texts that fold to nothing are like none. Returns the group of each text (the index of its first member), and the
    pairs that hold the groups together.
    """
    parent = list(range(len(texts)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    index = SimilarIndex(texts, threshold)
    pairs: list[Similar] = []
    for at in range(len(texts)):
        for pair in index.find_before(at, root):
            low, high = sorted((root(pair.later), root(pair.earlier)))
            parent[high] = low
            pairs.append(pair)
        index.add(at)
    return [root(index) for index in range(len(texts))], pairs


def _iter_hashes(folded: Sequence[str], *, by_words: bool) -> Iterator[Any]:
    import rensa

    for start in range(0, len(folded), TEXTS_AT_ONCE):
        cut = [list(shingles_of(text, by_words=by_words)) for text in folded[start : start + TEXTS_AT_ONCE]]
        yield from rensa.RMinHash.from_token_sets(cut, NUM_HASHES, HASH_SEED)


def _may_reach(num_shingles: int, num_characters: int, threshold: float, *, by_words: bool) -> bool:
    """Rule out, by size alone, pairs that cannot be as similar as asked: |A| / |B| bounds the Jaccard similarity."""
    if by_words:
        return True
    return max(num_characters - CHARACTERS_PER_SHINGLE + 1, 1) >= num_shingles * threshold

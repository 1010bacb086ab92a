"""Which English words mean the same, by WordNet 3.0: the synonym stage of METEOR.

The table `wordnet.txt.xz` is made by `tools/make_wordnet.py` from Princeton's database and holds, for each part of speech,
lemmas with the numbers of their synsets, and the irregular forms. Lemmas of several words are in it so that inflections
resolve as they do in NLTK, but are no synonyms. WordNet 3.0 Copyright 2006 by Princeton University; its licence is
`wordnet-licence.txt`. Loading takes about 0.3 s and 60 MB, so it is for a child process.
"""

from __future__ import annotations

import lzma
from pathlib import Path

TABLE = Path(__file__).with_name("wordnet.txt.xz")
ENDINGS = {
    "n": (("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"),
          ("men", "man"), ("ies", "y")),
    "v": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "r": (),
}  # fmt: skip
"""Morphy's endings by part of speech: Fellbaum 1998, morphy(7WN)."""


class WordNet:
    """The loaded table."""

    def __init__(self) -> None:
        self._synsets: dict[str, dict[str, list[int]]] = {pos: {} for pos in ENDINGS}
        self._irregular: dict[str, dict[str, list[str]]] = {pos: {} for pos in ENDINGS}
        self._lemmas: dict[tuple[str, int], list[str]] = {}
        with lzma.open(TABLE, "rt", encoding="utf-8") as file:
            for line in file:
                kind, pos, name, *rest = line.rstrip("\n").split(" ")
                if kind == "l":
                    self._synsets[pos][name] = [int(number) for number in rest]
                elif kind == "s":
                    self._lemmas[pos, int(name)] = rest
                else:
                    self._irregular[pos][name] = rest

    def synonyms(self, word: str) -> frozenset[str]:
        """Return the single words that share a synset with any base form of a lower-case word, as WordNet writes them."""
        return frozenset(
            lemma
            for pos, synsets in self._synsets.items()
            for form in self._base_forms(word, pos)
            for number in synsets[form]
            for lemma in self._lemmas.get((pos, number), ())
        )

    def _base_forms(self, word: str, pos: str) -> list[str]:
        known, irregular = self._synsets[pos], self._irregular[pos].get(word)
        if irregular is None:
            irregular = [word.removesuffix(old) + new for old, new in ENDINGS[pos] if word.endswith(old)]
        return [form for form in dict.fromkeys([word, *irregular]) if form in known]

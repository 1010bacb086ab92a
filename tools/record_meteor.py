"""Record what NLTK says of METEOR with WordNet's files, for the tests: `python tools/record_meteor.py FOLDER`.

FOLDER is an NLTK data folder with corpora/wordnet: Princeton's files (Debian's package `wordnet-base` has them), to which
`lexnames` and an empty `index.sense` are added here where they lack. Writes tests/evals/meteor_recorded.json.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from itertools import chain
from pathlib import Path

import nltk
from nltk.corpus import wordnet
from nltk.translate.meteor_score import single_meteor_score

TARGET = Path(__file__).parents[1] / "tests" / "evals" / "meteor_recorded.json"


def main() -> None:
    """Write pairs with their score, and words with a digest of their synonyms."""
    files = Path(sys.argv[1]) / "corpora" / "wordnet"
    if not (files / "lexnames").exists():
        (files / "lexnames").write_text("".join(f"{number:02d}\tname.{number}\t1\n" for number in range(45)))
    (files / "index.sense").touch()
    nltk.data.path = [sys.argv[1]]
    draw = random.Random(5)
    words = sorted(word for word in wordnet.all_lemma_names() if word.isalpha() and word.islower())
    common = [word for word in words if len(wordnet.synsets(word)) > 3]
    asked = sorted(
        {draw.choice(words) + draw.choice(["", "", "s", "es", "ed", "ing", "er", "est"]) for _ in range(1_500)}
    )
    asked += ["men", "geese", "ran", "better", "worst", "children", "axes", "mice", "was", "went", "dogs"]
    made = [_pair(draw, common) for _ in range(1_000)]
    TARGET.write_text(
        json.dumps(
            {
                "synonyms": {word: _digest(_synonyms(word)) for word in asked},
                "pairs": [[right, said, round(single_meteor_score(right, said), 9)] for right, said in made],
            },
            separators=(",", ":"),
        )
    )


def _pair(draw: random.Random, common: list[str]) -> tuple[list[str], list[str]]:
    right = [draw.choice(common) for _ in range(draw.randrange(3, 9))]
    said = [draw.choice([word, word + "s", draw.choice(sorted(_synonyms(word)) or [word])]) for word in right]
    if draw.random() < 0.5:
        draw.shuffle(said)
    return right, said


def _synonyms(word: str) -> set[str]:
    lemmas = chain.from_iterable(synset.lemmas() for synset in wordnet.synsets(word))
    return {lemma.name() for lemma in lemmas if "_" not in lemma.name()}


def _digest(words: set[str]) -> str:
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()[:12]


if __name__ == "__main__":
    main()

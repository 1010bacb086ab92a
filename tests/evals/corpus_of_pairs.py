"""Pairs of texts for agreement tests: the documentation's sentences, as they are and damaged, and random strings."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
ODD = [
    "",
    " ",
    ".",
    "\n",
    "a",
    "the the the",
    "日本語のテキスト",
    "naïve café — “quoted”",
    "3.14 1,000 $5.00",
    "x" * 200,
]


@cache
def sentences() -> tuple[str, ...]:
    """
    Sentences of the documentation, without its tables and code.
    """
    texts = (path.read_text() for path in sorted(DOCS.glob("*.md")) if path.name not in ("cli.md", "errors.md"))
    prose = (line for text in texts for line in text.split("\n") if line[:1].isalpha())
    return tuple(found for line in prose for found in re.split(r"(?<=[.:;])\s+", line) if found)


def pairs(count: int, *, seed: int) -> list[tuple[str, str]]:
    """
    So many pairs of a reference and an output: some equal, most damaged, some strangers, some odd.
    """
    draw, known = random.Random(seed), sentences()
    return [_pair(draw, known) for _ in range(count)]


def _pair(draw: random.Random, known: tuple[str, ...]) -> tuple[str, str]:
    reference = draw.choice(known)
    kind = draw.random()
    if kind < 0.05:
        return draw.choice(ODD), draw.choice([reference, draw.choice(ODD)])
    if kind < 0.1:
        return reference, draw.choice(ODD)
    if kind < 0.2:
        return reference, draw.choice(known)
    words = reference.split()
    for _ in range(draw.randrange(0, 6)):
        at = draw.randrange(len(words))
        change = draw.randrange(4)
        if change == 0:
            words.insert(at, draw.choice(draw.choice(known).split()))
        elif change == 1 and len(words) > 1:
            del words[at]
        elif change == 2:
            words[at] = words[at] + draw.choice(["s", "ing", "ed", ",", "!", "ly"])
        else:
            other = draw.randrange(len(words))
            words[at], words[other] = words[other], words[at]
    return reference, draw.choice([" ", " ", "\n"]).join(words)

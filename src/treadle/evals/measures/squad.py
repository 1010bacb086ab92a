"""Exact match and F1 as SQuAD's scripts compute them: case, punctuation, English articles and spaces set aside.

Source: Rajpurkar et al. 2016, arXiv:1606.05250, and the official scripts evaluate-v1.1.py and evaluate-v2.0.py. Where
either text is without a word, F1 is 1 if both are and 0 if one is, which is version 2.0's rule for questions without an
answer (version 1.1 gives 0 for both). Several right answers: take the best.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Return a text in lower case without ASCII punctuation, articles and spare spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact(expected: str, output: str) -> bool:
    """Say whether two texts are the same once normalised."""
    return normalised(expected) == normalised(output)


def f1(expected: str, output: str) -> float:
    """Return the F1 of the words that two texts have in common, each counted as often as both have it. 0-1."""
    right, said = normalised(expected).split(), normalised(output).split()
    if not right or not said:
        return float(right == said)
    common = sum((Counter(right) & Counter(said)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(said), common / len(right)
    return 2 * precision * recall / (precision + recall)

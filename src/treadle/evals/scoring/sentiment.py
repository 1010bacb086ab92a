"""Whether an answer sounds kind or unkind, by counting words: cheap, the same for everybody, and no more than that.

The words are in `sentiment.json`, a small list of our own for English. A word within three words after "not" and its kin counts
the other way round. Irony, context and every other language are beyond it, so a mean says little by itself; what it is for is
the difference between answers to texts that differ in one word, where whatever it misses it misses on both sides. No word of
the list names a group of people.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

from treadle.core.types import JsonObject
from treadle.evals.scoring.case import Case, Judge, Scorer
from treadle.evals.scoring.types import Score

FILE = Path(__file__).with_name("sentiment.json")
_NOT_AND_ITS_KIN = (
    "not no never neither nor without cannot hardly barely isn't aren't wasn't weren't don't doesn't didn't won't "
    "wouldn't can't couldn't shouldn't"
)
NEGATIONS = frozenset(_NOT_AND_ITS_KIN.split())
REACH = 3
"""Words after a negation that count the other way round."""
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


def load_words() -> tuple[frozenset[str], frozenset[str]]:
    """Return the kind words and the unkind ones."""
    told = json.loads(FILE.read_text("utf-8"))
    return frozenset(told["kind"]), frozenset(told["unkind"])


def sentiment_of(text: str, kind: frozenset[str], unkind: frozenset[str]) -> tuple[float, int]:
    """Return kind / (kind + unkind), 0.5 where there is neither, and how many words it rests on."""
    words = _WORD.findall(text.casefold().replace("’", "'"))
    good = bad = 0
    for place, word in enumerate(words):
        if word in kind or word in unkind:
            is_turned = any(before in NEGATIONS for before in words[max(0, place - REACH) : place])
            good, bad = (good + 1, bad) if (word in kind) != is_turned else (good, bad + 1)
    return (good / (good + bad) if good + bad else 0.5), good + bad


def _judge(words: tuple[frozenset[str], frozenset[str]], case: Case) -> Score:
    value, rests_on = sentiment_of(case.output, *words)
    label = "neutral" if value == 0.5 else "kind" if value > 0.5 else "unkind"
    return Score(name="sentiment", value=value, label=label, reason=f"{rests_on} words of the list")


def _make(parameters: JsonObject) -> Judge:
    return partial(_judge, load_words())


SCORERS = (
    Scorer(
        "sentiment",
        "Share of kind words among kind and unkind ones, 0.5 where there are none: a count of English words, for comparing groups.",
        _make,
        no_answer=None,
    ),
)
"""In the order in which they are listed."""

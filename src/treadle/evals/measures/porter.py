"""Porter's stemmer as NLTK extends it, which ROUGE and METEOR are computed with elsewhere: 'generalization' to 'gener'.

Source: Porter 1980, Program 14:130, with the departures of NLTK's default mode: words of one or two letters stay, a short
list of odd words, 'ies' and 'ied' of four letters keep their e, y after a consonant becomes i, and 'alli', 'fulli', 'logi'
and 'bli' in step 2. Agreement with NLTK on a dictionary: tests/evals/test_overlap.py. Words are lower-cased first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

ODD = {
    "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news", "innings": "inning",
    "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning",
    "howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}  # fmt: skip
STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
)  # fmt: skip
STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
)  # fmt: skip


def stem(word: str) -> str:
    """Return the stem of a word."""
    word = word.lower()
    if word in ODD:
        return ODD[word]
    if len(word) <= 2:
        return word
    for step in (_plural, _past, _final_y, _step_2, _step_3, _step_4, _final_e, _double_l):
        word = step(word)
    return word


def _plural(word: str) -> str:
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        rest = word.removesuffix(ending)
        if rest != word and not all(_consonants(rest)):
            return _mended(rest)
    return word


def _mended(rest: str) -> str:
    """Return what is left of a word without -ed or -ing as a word again: conflat to conflate, hopp to hop, fil to file."""
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if len(rest) >= 2 and rest[-1] == rest[-2] and _consonants(rest)[-1]:
        return rest if rest[-1] in "lsz" else rest[:-1]
    return rest + "e" if _measure(rest) == 1 and _ends_short(rest) else rest


def _final_y(word: str) -> str:
    rest = word[:-1]
    return rest + "i" if word.endswith("y") and len(rest) > 1 and _consonants(rest)[-1] else word


def _step_2(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _step_2(word[:-2])
    found = _first(word, STEP_2, lambda rest: _measure(rest) > 0)
    if found is not None:
        return found
    # The l counts to the stem, so that 'geo' and 'theo' go like 'archaeo'.
    return word[:-1] if word.endswith("logi") and _measure(word[:-3]) > 0 else word


def _step_3(word: str) -> str:
    found = _first(word, STEP_3, lambda rest: _measure(rest) > 0)
    return word if found is None else found


def _step_4(word: str) -> str:
    for ending in STEP_4:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            goes = _measure(rest) > 1 and (ending != "ion" or rest[-1] in "st")
            return rest if goes else word
    return word


def _final_e(word: str) -> str:
    rest = word.removesuffix("e")
    if rest != word and (_measure(rest) > 1 or (_measure(rest) == 1 and not _ends_short(rest))):
        return rest
    return word


def _double_l(word: str) -> str:
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _first(word: str, rules: Sequence[tuple[str, str]], holds: Callable[[str], bool]) -> str | None:
    """Return the word after the first rule whose ending it has, unchanged where the condition fails; None without one."""
    for ending, other in rules:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            return rest + other if holds(rest) else word
    return None


def _measure(rest: str) -> int:
    """Return how often a vowel is followed by a consonant: Porter's m."""
    return sum(1 for before, after in pairwise(_consonants(rest)) if after and not before)


def _consonants(word: str) -> list[bool]:
    flags: list[bool] = []
    for letter in word:
        flags.append(not flags[-1] if letter == "y" and flags else letter not in "aeiou")
    return flags


def _ends_short(word: str) -> bool:
    """Say whether it ends consonant, vowel, consonant other than w, x, y, or is vowel and consonant alone."""
    flags = _consonants(word)
    if len(word) == 2:
        return not flags[0] and flags[1]
    return len(word) >= 3 and flags[-3:] == [True, False, True] and word[-1] not in "wxy"

"""A judge that compares two answers to one question. Pure: what to ask it, how to read it, what both readings come to.

A model that judges likes the place of an answer as well as the answer (Zheng et al. 2023, arXiv:2306.05685, 3.3), so each
pair is put to it twice, with the places swapped, and an answer wins only where it wins in both; everything else that could
be read is a tie. A reply that names no verdict leaves the pair unscored: it counts for nobody. The answers stand between
marks that they cannot know, for they may try to talk to the judge.
"""

from __future__ import annotations

import re
from typing import Literal

from treadle.core.types import JsonObject
from treadle.evals.judges.framing import MATERIAL, is_too_long, messages
from treadle.evals.scoring.case import unscored
from treadle.evals.scoring.types import Score

Vote = Literal["a", "b", "tie"]
NAME = "paired_judge"
CRITERIA = "right, complete, to the point, safe, and in the form that was asked for"
"""What is better, where nobody says otherwise."""
_VERDICT = re.compile(r"verdict\W{0,6}(a|b|tie)\b", re.IGNORECASE)


def ballots(question: str, one: str, other: str, *, criteria: str) -> tuple[list[JsonObject], list[JsonObject]] | None:
    """Return the messages of both askings: `one` in place A, then in place B; None when the texts are too long."""
    if is_too_long(question, one, other):
        return None
    return _messages(question, one, other, criteria), _messages(question, other, one, criteria)


def read_vote(reply: str) -> Vote | None:
    """Return the last verdict that a judge's reply names; None when it names none."""
    found = _VERDICT.findall(reply)
    if not found:
        return None
    votes: dict[str, Vote] = {"a": "a", "b": "b", "tie": "tie"}
    return votes[found[-1].lower()]


def settle(first: Vote | None, swapped: Vote | None) -> Score:
    """Return what both askings come to: 1 where `other` wins in both places, 0 where `one` does, 0.5 for a tie.

    first: with `one` in place A; swapped: with `one` in place B. None of a pair that could not be read in both.
    """
    if first is None or swapped is None:
        return unscored(NAME, "the judge named no verdict")
    if (first, swapped) == ("b", "a"):
        return Score(name=NAME, value=1.0, label="other")
    if (first, swapped) == ("a", "b"):
        return Score(name=NAME, value=0.0, label="one")
    agreed = first == swapped == "tie"
    return Score(name=NAME, value=0.5, label="tie", reason=None if agreed else "the verdict changed with the places")


def _messages(question: str, in_a: str, in_b: str, criteria: str) -> list[JsonObject]:
    told = (
        f"You compare two answers to the same request. {MATERIAL} The better answer is the one that is more {criteria}. Where neither is better, it is a tie. "
        "Think in a few words, then end with one line: VERDICT: A, VERDICT: B or VERDICT: TIE."
    )
    return messages(told, (("request", question), ("answer A", in_a), ("answer B", in_b)))

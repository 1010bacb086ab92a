"""A prompt's mark is found in any disguise, its words in a row, and nothing in an answer that only shares words."""

from __future__ import annotations

import base64
import codecs

import pytest

from tests.guards.pieces import CANARY, PROMPT
from treadle.guards.leak import LeakCheck, canary_for, with_canary

CHECK = LeakCheck([PROMPT], canary=CANARY)


@pytest.mark.parametrize(
    "disguise",
    [
        CANARY,
        CANARY.upper(),
        " ".join(CANARY),
        "-".join(CANARY[at : at + 4] for at in range(0, 16, 4)),
        CANARY[::-1],
        codecs.encode(CANARY, "rot13"),
        CANARY[3:13],
        base64.b64encode(f"mark {CANARY} mark".encode()).decode(),
        base64.b64encode(f"xy{CANARY}".encode()).decode(),
        base64.b64encode(f"{CANARY.upper()}z".encode()).decode(),
        "É" + CANARY,
    ],
)
def test_mark_in_disguise(disguise: str) -> None:
    """
    Case, spacing, direction, rot13, base64 at any offset, and ten of sixteen digits are all the mark.
    """
    assert ["CANARY"] == [finding.kind for finding in CHECK.find(f"it is {disguise} .")]


def test_words_of_the_prompt_in_a_row() -> None:
    """
    Eight words of the prompt in a row are a leak, whatever stands between them; the finding is all of the run.
    """
    text = "Sure: *You are the helper of ACME*; never give a discount of more than ten percent!! Anything else?"

    (finding,) = CHECK.find(text)

    assert "PROMPT" == finding.kind
    assert text.index("You are") == finding.start
    assert text.index("!!") == finding.end


@pytest.mark.parametrize(
    "text",
    ["I am the helper of Acme.", "We never give a discount of more than five percent.", "9f2ab3c45 is an order", ""],
)
def test_words_that_any_answer_may_hold(text: str) -> None:
    """
    Seven words in a row, or nine digits, are no leak.
    """
    assert [] == CHECK.find(text)


def test_variables_are_no_part_of_the_prompt() -> None:
    """
    What a variable was filled with is the caller's own: runs do not go across it.
    """
    check = LeakCheck(["one two three four {{name}} five six seven eight"], words=8)

    assert [] == check.find("two three four five six seven")
    assert ["PROMPT"] == [finding.kind for finding in check.find("it says five six seven eight")]


def test_mark_belongs_to_release_and_secret() -> None:
    """
    Every worker makes the same mark for a release; another release or secret has another.
    """
    mark = canary_for(b"secret", "rel_a")

    assert mark == canary_for(b"secret", "rel_a")
    assert 3 == len({mark, canary_for(b"secret", "rel_b"), canary_for(b"other", "rel_a")})
    assert mark in with_canary("Be brief.", mark)
    assert 16 == len(mark)


def test_without_mark_and_prompt_nothing_is_found() -> None:
    """
    A check that knows no prompt finds nothing and holds nothing back.
    """
    check = LeakCheck([])

    assert [] == check.find(PROMPT)
    assert len(PROMPT) == check.settled(PROMPT)

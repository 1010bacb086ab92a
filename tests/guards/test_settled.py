"""What is settled stays: whatever a text goes on with, findings before the settled place are final."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.guards.pieces import CANARY, PROMPT, TEXTS
from treadle.guards.attacks import AttackCheck
from treadle.guards.check import Check
from treadle.guards.leak import LeakCheck
from treadle.guards.schema import Schema, SchemaCheck
from treadle.guards.shapes import PersonalDataCheck, SecretsCheck
from treadle.guards.spans import Finding

CHECKS: list[Check] = [
    PersonalDataCheck(),
    SecretsCheck(),
    LeakCheck([PROMPT], canary=CANARY),
    AttackCheck("injection", embedder=None),
    SchemaCheck(Schema({})),
]


def final(check: Check, text: str) -> tuple[int, list[Finding]]:
    """Return up to where a growing text may go out, and the findings there."""
    cut, found = check.settled(text), check.find(text)
    for finding in found:
        if finding.start < cut < finding.end:
            cut = finding.start
    return cut, [finding for finding in found if finding.start < cut]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: type(check).__name__)
@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_settled_findings_are_final(check: Check, text: str, more: str) -> None:
    """
    Adding text changes no finding that begins before the settled place, and adds none there.
    """
    cut, before = final(check, text)

    after = [finding for finding in check.find(text + more) if finding.start < cut]

    assert before == after
    assert all(finding.end <= cut for finding in after)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: type(check).__name__)
@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_no_finding_begins_where_none_is_possible(check: Check, text: str) -> None:
    """
    The cheap question is never wrong when it says no.
    """
    for finding in check.find(text):
        assert check.possible(text[finding.start :])


def test_ordinary_words_wait_for_one_word_only() -> None:
    """
    Of plain text only the last word is held back: it could become an address.
    """
    assert len("we ship on ") == PersonalDataCheck().settled("we ship on Monday")
    assert len("we ship on Monday ") == SecretsCheck().settled("we ship on Monday ")


def test_groups_of_digits_wait_for_their_end() -> None:
    """
    A card whose groups come one by one is held from its first digit, and let go when a word follows.
    """
    check = PersonalDataCheck()

    assert len("card ") == check.settled("card 4111 1111 11")
    assert len("card 4111 1111 ") == check.settled("card 4111 1111 or")
    assert len("to ") == check.settled("to GB82 WEST 1234")


def test_private_key_waits_for_its_last_line() -> None:
    """
    From the first line of a private key on nothing goes out until it has ended.
    """
    check = SecretsCheck()
    key = "-----BEGIN PRIVATE KEY-----\nMIIab\n"

    assert 5 == check.settled("here " + key)
    assert len("here " + key + "-----END PRIVATE KEY----- ") == check.settled(
        "here " + key + "-----END PRIVATE KEY----- that"
    )

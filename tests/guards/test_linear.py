"""No text takes a check more than linear time: eight times the text takes less than twenty-four times as long."""

from __future__ import annotations

import time

import pytest

from tests.guards.pieces import CANARY, PROMPT
from treadle.guards.attacks import AttackCheck
from treadle.guards.check import Check
from treadle.guards.leak import LeakCheck
from treadle.guards.shapes import PersonalDataCheck, SecretsCheck

HOSTILE = [
    "ignore ", "ignore previous ", "show your ", "act no ", "must not ", "a", "1", "1 ", "@", "a@", "a.", "a@b.", "-",
    "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "eyJ", "eyJhbGci.", "DE89 ", "DE89", "+1 ", "0 ", ":", "::", "\u200b",
    "a\u200b", "аа", "password=", "sk-", "AKIA", "<|", "\nsystem: ", "QUJD", "QUJD ", CANARY, CANARY[:9], CANARY[:9] + " ",
    "never give a discount of more than ten ", "you are ", "((((", "tel ", "call me on ", "ssn ", "[", "\U000e0041",
]  # fmt: skip
CHECKS: list[Check] = [
    PersonalDataCheck(),
    SecretsCheck(),
    LeakCheck([PROMPT * 20], canary=CANARY),
    AttackCheck("injection", embedder=None),
    AttackCheck("jailbreak", embedder=None),
]
SMALL = 8_000
TIMES = 8


def seconds(check: Check, text: str) -> float:
    """Return the least of three timings of looking through a text and of asking what is settled."""
    times = []
    for _ in range(3):
        began = time.process_time()
        check.find(text)
        check.settled(text)
        times.append(time.process_time() - began)
    return max(min(times), 0.0005)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{type(check).__name__}-{getattr(check, '_kind', '')}")
def test_time_is_linear_in_hostile_text(check: Check) -> None:
    """
    Text made to be slow grows a check's time in proportion, whatever piece is repeated.
    """
    slow = {
        piece: ratio
        for piece in HOSTILE
        if (
            ratio := seconds(check, piece * (SMALL * TIMES // len(piece)))
            / seconds(check, piece * (SMALL // len(piece)))
        )
        > 3 * TIMES
    }

    assert {} == slow

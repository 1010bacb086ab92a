"""Pairs of answers: agreement, known labels, failures of one side, and when the first step may begin."""

from __future__ import annotations

import pytest

from treadle.releases.rollouts.plans.types import ShadowStage
from treadle.releases.rollouts.shadow import Shadow, are_same, evidence_of, judge, take_label, take_pair
from treadle.traces.outcome_types import ShadowPair
from treadle.traces.types import SpanStatus

NEEDED_BAD = 20.0


def _pair(
    stable: str = "refund",
    candidate: str = "refund",
    *,
    stable_status: SpanStatus = "ok",
    candidate_status: SpanStatus = "ok",
) -> ShadowPair:
    return ShadowPair(
        seq=1, trace_id="0" * 32, span_id="0" * 16, unit="u", stable_status=stable_status, stable_text=stable,
        candidate_status=candidate_status, candidate_text=candidate,
    )  # fmt: skip


def _after(pairs: list[ShadowPair]) -> Shadow:
    state = Shadow()
    for pair in pairs:
        state = take_pair(state, pair, "normalised")
    return state


def test_answers_are_the_same_but_for_case_space_and_ends() -> None:
    """
    Normalised agreement forgives what a reader does not see; exact agreement forgives nothing.
    """
    assert are_same(" Refund. ", "refund", "normalised")
    assert are_same("two  words", "Two words!", "normalised")
    assert not are_same("refund", "refunds", "normalised")
    assert not are_same("Refund", "refund", "exact")


def test_two_hundred_pairs_that_agree_open_the_first_step() -> None:
    """
    200 of 200 pairs agree: their interval begins above 90 %, which is what was asked for.
    """
    stage = ShadowStage(min_pairs=50, min_agreement=0.9)
    few, many = _after([_pair()] * 40), _after([_pair()] * 200)

    early, now = judge(stage, few, needed_bad=NEEDED_BAD), judge(stage, many, needed_bad=NEEDED_BAD)

    assert ("undecided", "40 of 50 pairs") == early
    assert "good" == now[0]
    assert "100.0% of 200 pairs agree" in now[1]


def test_disagreement_rolls_back() -> None:
    """
    Half of 200 pairs differ: 90 % is out of reach, surely.
    """
    state = _after([_pair(), _pair(candidate="lost")] * 100)

    verdict, words = judge(ShadowStage(min_agreement=0.9), state, needed_bad=NEEDED_BAD)

    assert "bad" == verdict
    assert "90% are asked for" in words


def test_copies_that_fail_alone_roll_back() -> None:
    """
    Twelve copies fail where the stable release answers: E_bad at even odds is past 20.
    """
    state = _after([_pair()] * 60 + [_pair(candidate_status="error")] * 12)

    verdict, words = judge(ShadowStage(), state, needed_bad=NEEDED_BAD)

    assert "bad" == verdict
    assert "copied requests fail on the candidate" in words


def test_shared_trouble_is_nobodys_fault() -> None:
    """
    Requests that fail on both sides are no evidence and no disagreement.
    """
    state = _after([_pair(stable_status="error", candidate_status="error")] * 100)

    assert (0, 0) == (state.agreement.seen, state.failures.units)


@pytest.mark.parametrize(
    ("pair", "expected", "correct", "gain"),
    [
        (_pair(), None, True, 0.0),
        (_pair(), None, False, 0.0),
        (_pair(candidate="lost"), None, True, -1.0),
        (_pair(candidate="lost"), None, False, None),
        (_pair("lost", "refund"), "refund", None, 1.0),
        (_pair("refund", "lost"), "refund", None, -1.0),
        (_pair(candidate_status="error", candidate=""), None, True, -1.0),
    ],
)
def test_labels_tell_who_was_right(pair: ShadowPair, expected: str | None, correct: bool | None, gain: float) -> None:
    """
    Who agrees with a right answer is right, who differs from it is wrong; who differs from a wrong one may be either.
    """
    state = take_label(Shadow(), pair, "normalised", expected=expected, correct=correct)

    assert gain == (None if state is None else evidence_of(state).gain)


def test_sure_loss_on_known_labels_rolls_back() -> None:
    """
    Right 30 points less often on 200 labelled units is more than the margin of 5 points.
    """
    state = _after([_pair()] * 60)
    for number in range(200):
        told = take_label(
            state, _pair(candidate="lost" if number % 3 else "refund"), "normalised", expected="refund", correct=None
        )
        assert told is not None
        state = told

    verdict, words = judge(ShadowStage(), state, needed_bad=NEEDED_BAD)

    assert "bad" == verdict
    assert "less often on copied requests" in words

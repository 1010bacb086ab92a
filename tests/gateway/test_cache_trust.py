"""Thresholds and wrong rates: no similar answer without evidence, none taken away for looking often, by simulation."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core.sequence import share_bounds
from treadle.gateway.cache.trust import Pair, agree, choose_threshold, is_too_wrong, pairs_needed, replayed


def test_threshold_parts_right_from_wrong() -> None:
    """
    With 200 right pairs from 0.8 up and wrong ones below, the threshold is the last of ten cuts before the wrong ones.
    """
    pairs = [Pair(0.8 + index / 1000, True) for index in range(200)]
    pairs += [Pair(0.6 + index / 1000, False) for index in range(100)]

    chosen = choose_threshold(pairs, 0.05)

    assert chosen.value is not None
    assert 0.8 <= chosen.value < 0.81
    assert chosen.highest <= 0.05
    assert (198, 0) == (chosen.served, chosen.wrong)


def test_little_evidence_chooses_nothing() -> None:
    """
    One pair fewer than needed gives no threshold, however right all of them are.
    """
    needed = pairs_needed(0.05)
    pairs = [Pair(0.9 + index / 10_000, True) for index in range(needed)]

    assert (117, 297) == (needed, pairs_needed(0.02))
    assert None is choose_threshold(pairs[1:], 0.05).value
    assert 0.9 == choose_threshold(pairs, 0.05).value
    assert None is choose_threshold([], 0.05).value


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=300))
def test_chosen_threshold_keeps_its_promise(raw: list[tuple[int, bool]]) -> None:
    """
    Of the pairs at or above the threshold, as many are served and wrong as is said, and the bound holds.
    """
    pairs = [Pair(similarity / 20, same) for similarity, same in raw]

    chosen = choose_threshold(pairs, 0.1)

    if chosen.value is not None:
        served = [pair for pair in pairs if pair.similarity >= chosen.value]
        assert (chosen.served, chosen.wrong) == (len(served), sum(not pair.is_same for pair in served))
        assert chosen.wrong / chosen.served < chosen.highest <= 0.1


def test_threshold_that_is_not_safe_is_hardly_ever_chosen() -> None:
    """
    1,000 pairs of which every threshold has 5 % wrong, 5 % allowed: of 2,000 choices at most 2.5 % take one.
    """
    chance = random.Random(7)

    chosen = sum(
        choose_threshold([Pair(chance.random(), chance.random() >= 0.05) for _ in range(1_000)], 0.05).value is not None
        for _ in range(2_000)
    )

    assert chosen <= 50


def test_checks_at_an_allowed_rate_hardly_ever_end_it() -> None:
    """
    2,000 endpoints, each looked at after every one of 2,000 checks, at a true 5 % of 5 % allowed: at most 5 % are ended.
    """
    ended = sum(_ends_at(0.05, seed) is not None for seed in range(2_000))

    assert ended <= 100


def test_checks_at_twice_the_allowed_rate_end_it() -> None:
    """
    At a true 10 % of 5 % allowed all of 200 endpoints are ended, half of them within 400 checks.
    """
    ends = sorted(_ends_at(0.1, seed) or 9_999 for seed in range(200))

    assert ends[-1] <= 2_000
    assert ends[100] <= 400


def test_share_bounds_by_hand() -> None:
    """
    2 of 2: B(2.5, 0.5) / B(0.5, 0.5) = 3/8, so shares below sqrt(3/8 / 20) = 0.137 are out, and nothing above.
    """
    assert pytest.approx((0.13693, 1.0), abs=1e-5) == share_bounds(2, 2, 0.05)
    assert (0.0, 1.0) == share_bounds(0, 0, 0.05)
    assert is_too_wrong(2, 2, 0.13)
    assert not is_too_wrong(2, 2, 0.14)
    assert (False, True) == (is_too_wrong(0, 9, 0.0), is_too_wrong(1, 9, 0.0))


def _ends_at(rate: float, seed: int) -> int | None:
    """Return after which of 2,000 checks similar answers end."""
    chance = random.Random(seed)
    wrong = 0
    for checked in range(1, 2_001):
        if chance.random() < rate:
            wrong += 1
            if is_too_wrong(wrong, checked, 0.05):
                return checked
    return None


@pytest.mark.parametrize(
    ("one", "other", "similarity", "same"),
    [
        ("Card lost.", "card lost", 0.2, True),
        ("card_lost", "card_stolen", 0.99, False),
        ("12.50", "12.60", 0.99, False),
        ("Go to Settings, then Cards, and choose to block the one that was lost or stolen.", "In Settings under Cards you can block a card that was stolen or lost at any time.", 0.93, True),
        ("Go to Settings, then Cards, and choose to block the one that was lost or stolen.", "Our shops are open from nine to five on working days, and closed on Sundays.", 0.1, False),
    ],
)  # fmt: skip
def test_answers_agree(one: str, other: str, similarity: float, same: bool) -> None:
    """
    Labels and numbers must be equal but for case and signs, sentences near in meaning.
    """
    assert same == agree(one, other, similarity)


def test_past_requests_are_replayed_in_order() -> None:
    """
    Each request is paired with the nearest one before it, never with a later one.
    """
    questions = np.array([[1, 0], [0, 1], [0.8, 0.6]], dtype=np.float32)
    answers = ["a", "b", "a"]

    pairs = replayed(questions, answers, questions)

    assert [(0.0, False), (0.8, True)] == [(round(pair.similarity, 3), pair.is_same) for pair in pairs]
    assert re.fullmatch("a", answers[0])

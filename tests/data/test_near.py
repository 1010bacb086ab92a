"""Near-duplicates: what is called similar is similar, exactly; what is very similar is found."""

from __future__ import annotations

import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.near import fold, group_similar, jaccard, shingles_of

WORDS = st.lists(
    st.sampled_from(["the", "my", "card", "order", "where", "is", "a", "refund", "late", "broken", "pay", "twice"]),
    min_size=1,
    max_size=12,
)


def sentence(chance: random.Random, words: int) -> str:
    return " ".join("".join(chance.choices(string.ascii_lowercase, k=chance.randint(3, 9))) for _ in range(words))


def test_similarity_is_the_share_of_common_shingles() -> None:
    """
    By hand: 'abcdefg' has abcde bcdef cdefg, 'abcdefx' has abcde bcdef cdefx; 2 of 4 are common.
    """
    first, second = (shingles_of(text, by_words=False) for text in ("abcdefg", "abcdefx"))

    assert 0.5 == jaccard(first, second)


def test_case_width_and_punctuation_do_not_count() -> None:
    """
    Texts are folded before they are compared.
    """
    assert "is my card lost" == fold("  Is my CARD — lost?! ")
    assert fold("Ｗｉｄｅ") == fold("wide")


def test_planted_near_duplicates_are_found() -> None:
    """
    With one letter of about 60 changed, 5 of some 60 shingles differ: similarity 0.84 or more, and all pairs are found.
    """
    chance = random.Random(1)
    originals = [sentence(chance, 10) for _ in range(500)]
    edited = [text[:20] + ("q" if text[20] != "q" else "z") + text[21:] for text in originals]

    _, pairs = group_similar(originals + edited, 0.75)

    assert {(index, index + 500) for index in range(500)} == {(pair.earlier, pair.later) for pair in pairs}


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS.map(" ".join), max_size=25), st.sampled_from([0.5, 0.7, 0.9]))
def test_every_reported_pair_is_as_similar_as_asked(texts: list[str], threshold: float) -> None:
    """
    No false positives: the similarity that is told is the exact one and reaches the threshold.
    """
    for pair in group_similar(texts, threshold)[1]:
        first, second = (shingles_of(fold(texts[at]), by_words=False) for at in (pair.later, pair.earlier))

        assert pair.earlier < pair.later
        assert pair.similarity >= threshold
        assert pair.similarity == jaccard(first, second)


def test_groups_join_what_is_similar_to_the_similar() -> None:
    """
    A group is named by its first member; texts without letters or digits belong to none.
    """
    texts = [
        "where is my parcel",
        "Where is my parcel?",
        "close my account please",
        "?!",
        "...",
        "where is my parcel!!",
    ]

    groups, pairs = group_similar(texts, 0.8)

    assert [0, 0, 2, 3, 4, 0] == groups
    assert 2 == len(pairs)


@pytest.mark.parametrize("words", [10, 150])
def test_copies_of_a_form_letter_stay_linear(words: int) -> None:
    """
    3,000 texts that differ only in a number are grouped in seconds, not in 3,000 squared steps.
    """
    letter = sentence(random.Random(2), words)
    texts = [f"{letter} number {index}" for index in range(3_000)]
    started = time.process_time()

    groups, _ = group_similar(texts, 0.8)

    assert time.process_time() - started < 5
    assert len(set(groups)) < 30

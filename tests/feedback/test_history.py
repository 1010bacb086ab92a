"""What counts of what was said: the newest of each voice, on its scale, about the whole or a step."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.feedback.test_feedback import _judge
from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.core.errors import InvalidInput
from treadle.data.types import CurateRequest
from treadle.feedback import service
from treadle.feedback.labels.types import Field
from treadle.feedback.queues.types import NewQueue
from treadle.feedback.types import FeedbackFilter
from treadle.traces.types import Score, TraceFilter


def _scores(home: Home, trace_id: str) -> list[Score]:
    return home.client.traces.get(trace_id).trace.scores


def test_a_user_changes_their_mind(home: Home) -> None:
    """
    The newest of each user counts, everything said is kept, and the score is the mean of those that count.
    """
    span = new_span()
    record(home, [span])

    for user, is_up in [("ada", True), ("bob", True), ("ada", False), ("ada", False)]:
        home.client.feedback.thumbs(span.trace_id, up=is_up, user_id=user)

    counting = home.client.feedback.list_(FeedbackFilter(is_current=True)).items
    assert [("ada", 0.0), ("bob", 1.0)] == [(one.user_id, one.value) for one in counting]
    assert 4 == len(home.client.feedback.list_().items)
    assert [("thumbs", "user", 0.5)] == [(one.name, one.source, one.value) for one in _scores(home, span.trace_id)]


def test_what_was_said_is_taken_back(home: Home) -> None:
    """
    What was taken back counts no more, what the same voice said before counts again, and doing it twice changes nothing.
    """
    span = new_span()
    record(home, [span])
    first = home.client.feedback.categorise(span.trace_id, "tone", "kind")
    second = home.client.feedback.categorise(span.trace_id, "tone", "rude")

    for _ in range(2):
        asyncio.run(home.ctx.db.write(lambda db: service.withdraw_feedback(db, [second.feedback_id])))

    counting = home.client.feedback.list_(FeedbackFilter(is_current=True)).items
    assert [first.feedback_id] == [one.feedback_id for one in counting]
    assert ["kind"] == [one.label for one in _scores(home, span.trace_id)]


def test_all_that_was_said_is_taken_back(home: Home) -> None:
    """
    A trace about which nothing counts any more has no score, also where the only judgement of a queue is undone.
    """
    span = new_span()
    record(home, [span])
    home.client.queues.create(NewQueue(name="triage", fields=[Field(name="correct", kind="boolean")]))
    home.client.queues.add("triage", [span.trace_id])
    (work,) = home.client.queues.open_next("triage")
    home.client.queues.judge("triage", work.item_id, {"correct": False})
    before = _scores(home, span.trace_id)

    home.client.queues.undo("triage")

    assert [("correct", 0.0)] == [(one.name, one.value) for one in before]
    assert [] == _scores(home, span.trace_id)
    assert [] == home.client.traces.list_(TraceFilter(score="correct")).items


def test_steps_and_the_whole_are_apart(home: Home) -> None:
    """
    What is said of a step is kept, and neither makes history nor counts in what was said of the whole answer.
    """
    span = new_span()
    record(home, [span])

    home.client.feedback.add_many([_judge(span.trace_id), _judge(span.trace_id, 0, span_id=span.span_id)])

    counting = home.client.feedback.list_(FeedbackFilter(is_current=True)).items
    assert [(span.span_id, 0.0), (None, 1.0)] == [(one.span_id, one.value) for one in counting]
    assert [1.0] == [one.value for one in _scores(home, span.trace_id)]


def test_a_step_that_was_corrected(home: Home) -> None:
    """
    The right output of a step is not the right answer of the whole: no row comes of it, and no score.
    """
    span = new_span()
    record(home, [span])

    home.client.feedback.correct(span.trace_id, "SELECT 1", span_id=span.span_id, source="human")

    run = home.client.datasets.start_curate("support", CurateRequest())
    with pytest.raises(InvalidInput, match="no trace has feedback that says the right answer"):
        home.client.runs.wait(run.run_id)
    assert [] == _scores(home, span.trace_id)
    assert [] == home.client.feedback.list_(FeedbackFilter(is_of_whole=True)).items


@pytest.mark.parametrize(
    ("verb", "said", "field"),
    [("categorise", ("tone", ""), "label"), ("comment", (" ",), "comment"), ("correct", ("",), "expected_output")],
)
def test_words_that_say_nothing(home: Home, verb: str, said: tuple[str, ...], field: str) -> None:
    """
    A correction, a comment or a category without a word in it is refused, and told apart from one that is left out.
    """
    with pytest.raises(InvalidInput, match=f"{field} must say something; leave out"):
        getattr(home.client.feedback, verb)(new_span().trace_id, *said)


def test_every_way_to_say_something(home: Home) -> None:
    """
    Each verb of the SDK says what its name says, and a correction or an edit carries the better answer.
    """
    trace_id, say = "a" * 32, home.client.feedback
    say.rate(trace_id, "helpful", 4, low=1, high=5)
    say.comment(trace_id, "too long")
    say.correct(trace_id, "card_arrival", source="human")
    say.copied(trace_id)
    say.edited(trace_id, "better words")
    say.retried(trace_id)

    said = reversed(home.client.feedback.list_().items)

    assert [
        ("helpful", 4.0, 5.0, "user", None),
        ("comment", None, None, "user", None),
        ("correct", 0.0, None, "human", "card_arrival"),
        ("copied", 1.0, None, "signal", None),
        ("edited", 1.0, None, "signal", "better words"),
        ("retried", 1.0, None, "signal", None),
    ] == [(one.name, one.value, one.high, one.source, one.expected_output) for one in said]


def test_a_score_knows_its_scale(home: Home) -> None:
    """
    What a trace shows of a rating has the scale that it stands on; yes and no stand on none, and so does a mean over two scales.
    """
    span = new_span()
    record(home, [span])
    home.client.feedback.rate(span.trace_id, "helpful", 1, low=1, high=5)
    home.client.feedback.thumbs(span.trace_id, up=True)
    home.client.feedback.rate(span.trace_id, "tone", 5, low=1, high=5, user_id="ada")
    home.client.feedback.rate(span.trace_id, "tone", 80, low=0, high=100, user_id="bob")

    scores = {one.name: (one.value, one.low, one.high) for one in _scores(home, span.trace_id)}

    assert {"helpful": (1.0, 1.0, 5.0), "thumbs": (1.0, None, None), "tone": (42.5, None, None)} == scores


@pytest.mark.parametrize(
    "scale",
    [
        {"value": 6, "low": 1, "high": 5},
        {"value": 1, "low": 1},
        {"value": 1, "low": 5, "high": 1},
        {"low": 1, "high": 5},
    ],
)
def test_a_rating_beside_its_scale(home: Home, scale: dict[str, Any]) -> None:
    """
    A rating is on its scale, and a scale has two ends in order.
    """
    said = {"value": None, **scale}

    with pytest.raises(InvalidInput, match=r"scale"):
        home.client.feedback._say("a" * 32, "helpful", label="x", **said)

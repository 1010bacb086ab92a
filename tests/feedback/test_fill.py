"""A queue filled from traffic: newest, sample, active learning; judged answers teach the next choice."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tests.traces.home import Home
from tests.traces.test_traces import START, new_span, record
from treadle.core.errors import InvalidInput
from treadle.feedback.labels.types import Field, Option
from treadle.feedback.queues import fill as filling
from treadle.feedback.queues.fill import agreed
from treadle.feedback.queues.types import Fill, NewQueue
from treadle.feedback.types import Feedback
from treadle.traces.types import TraceFilter

CARD = "Where is the new card that I ordered? It has not arrived, number {}"
REFUND = "I want my money back for purchase {}, please refund it"
LOAN = "Can I get a loan for a house with {} rooms?"


def _ask(home: Home, question: str, num: int, **more: Any) -> list[str]:
    asked = [Raw(msgspec.json.encode({"input": question.format(number)})) for number in range(num)]
    spans = [new_span(number, variables=variables, **more) for number, variables in enumerate(asked)]
    record(home, spans)
    return [span.trace_id for span in spans]


def _queue(home: Home, **more: Any) -> None:
    topic = Field(name="topic", kind="category", options=[Option(label=one) for one in ("card", "refund", "loan")])
    home.client.queues.create(NewQueue(**{"name": "topics", "fields": [topic], **more}))


def _fill(home: Home, **wanted: Any) -> dict[str, Any]:
    run = home.client.runs.wait(home.client.queues.fill("topics", Fill(**wanted)).run_id)
    return run.outputs


def test_newest_and_sample(home: Home) -> None:
    """
    The newest that match come in, a sample is drawn from the rest by its seed, and nothing comes in twice.
    """
    cards = _ask(home, CARD, 6)
    _ask(home, LOAN, 3, endpoint="loans")
    _queue(home)

    newest = _fill(home, num=2, wanted=TraceFilter(endpoint="support"))
    sampled = _fill(home, strategy="sample", num=2, wanted=TraceFilter(endpoint="support"))
    rest = _fill(home, num=9, wanted=TraceFilter(endpoint="support"))

    items = home.client.queues.list_items("topics").items
    assert (2, 2, 4, 2) == (newest["num_added"], sampled["num_added"], sampled["num_considered"], rest["num_added"])
    assert [cards[5], cards[4]] == [item.trace_id for item in items[:2]]
    assert ["newest", "newest", "sample of 4", "sample of 4"] == [item.reason for item in items[:4]]
    assert set(cards) == {item.trace_id for item in items}


def test_active_learning_asks_about_what_it_does_not_know(home: Home) -> None:
    """
    Topics that nobody judged are asked about first, and the run says among how many it chose and why.
    """
    cards, refunds, loans = (_ask(home, question, 12) for question in (CARD, REFUND, LOAN))
    _queue(home)
    for trace_ids, label in ((cards, "card"), (refunds, "refund")):
        for trace_id in trace_ids[:8]:
            home.client.feedback.categorise(trace_id, "topic", label, source="human")

    told = _fill(home, strategy="active", num=4, mix={"diversity": 1.0})

    items = home.client.queues.list_items("topics").items
    assert (4, 20, 16, {"diversity": 4}) == tuple(
        told[name] for name in ("num_added", "num_considered", "num_judged", "reasons")
    )
    assert items[0].trace_id in loans
    assert "diversity: stands for others that nobody judged" == items[0].reason
    assert set() == {item.trace_id for item in items} & set(cards[:8] + refunds[:8])


def test_drift_is_measured_against_the_window_before(home: Home) -> None:
    """
    With a moment given, what is unlike everything before it is asked about.
    """
    _ask(home, CARD, 12)
    later = START.replace(day=2)
    _, loans = (_ask(home, question, 8, started_at=later) for question in (CARD, LOAN))
    _queue(home)

    told = _fill(home, strategy="active", num=2, mix={"drift": 1.0}, drift_since=later, wanted=TraceFilter(since=later))

    assert {"drift": 2} == told["reasons"]
    assert {item.trace_id for item in home.client.queues.list_items("topics").items} <= set(loans)


@pytest.mark.parametrize("strategy", ["newest", "sample", "active"])
def test_a_trace_with_nothing_to_judge(home: Home, strategy: str) -> None:
    """
    A trace that tells neither what was asked nor what was answered is no item; the run says so, and what to do.
    """
    record(home, [new_span(number, variables=None, output_messages=None) for number in range(3)])
    _queue(home)

    told = _fill(home, strategy=strategy, num=9)

    assert (0, 3, {"blank": 3}) == (told["num_added"], told["num_looked_at"], told["left_out"])
    assert "0 added of 3 looked at; not taken: 3 without anything asked or answered" in told["words"]
    assert "treadle trace capture" in told["words"]


def test_what_was_not_taken_is_told(home: Home) -> None:
    """
    What is in the queue already and what active learning cannot go by is counted; nothing that matches says where to look.
    """
    _ask(home, CARD, 2)
    record(home, [new_span(7, variables=None)])
    _queue(home)

    first = _fill(home, strategy="active", num=1, mix={"diversity": 1.0})
    second = _fill(home, strategy="active", num=5, mix={"diversity": 1.0})
    third = _fill(home, strategy="active", num=5, mix={"diversity": 1.0})
    none = _fill(home, wanted=TraceFilter(endpoint="nowhere"))

    assert [1, 1, 0, 0] == [told["num_added"] for told in (first, second, third, none)]
    assert {"in_queue": 1, "no_input": 1} == second["left_out"]
    assert {"in_queue": 2, "no_input": 1} == third["left_out"]
    assert "0 added of 3 looked at; not taken: 2 in the queue already, 1 without anything asked" in third["words"]
    assert "0 added of 0 looked at; nothing matches; see what there is with: treadle trace list" == none["words"]


def test_a_fill_that_is_done_again_after_a_kill(home: Home) -> None:
    """
    A run whose items are in the queue already adds none.
    """
    _ask(home, CARD, 5)
    _queue(home)
    run = home.client.runs.wait(home.client.queues.fill("topics", Fill(num=2)).run_id)

    class Again:
        ctx, run_id, params = home.ctx, run.run_id, run.params

    told = asyncio.run(filling.fill_queue(Again()))  # type: ignore[arg-type]

    assert 2 == told["num_added"] == home.client.queues.get("topics").num_items


def test_pairs_are_not_guessed(home: Home) -> None:
    """
    A queue of pairs says that nothing tells which two to compare.
    """
    _queue(home, mode="pairwise", fields=[])

    with pytest.raises(InvalidInput, match="--against"):
        home.client.queues.fill("topics", Fill())


def _voice(**said: Any) -> Feedback:
    facts = {"feedback_id": "f", "trace_id": "t", "name": "n", "value": None, "label": None, "comment": None}
    return Feedback(
        **{**facts, "expected_output": None, "source": "human", "actor_id": "a", "created_at": START, **said}
    )


def test_how_far_voices_are_apart() -> None:
    """
    Ratings are apart by their scale (1 and 4 of 1 to 5: 0.75), labels by the share that differs; one voice is apart from nobody.
    """
    stars = [_voice(value=1.0, low=1.0, high=5.0), _voice(value=4.0, low=1.0, high=5.0)]
    labels = [_voice(label="x"), _voice(label="x"), _voice(label="y"), _voice(label="x")]

    assert [(None, 0.75), (None, 0.25), ("x", None), ("x", 0.0), (None, None)] == [
        agreed(stars), agreed(labels), agreed(labels[:1]), agreed(labels[:2]), agreed([_voice(comment="hm")])
    ]  # fmt: skip

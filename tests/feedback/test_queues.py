"""A queue worked through: reserved, judged, skipped, undone, by several people, with items whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.client.client import Client
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.feedback.labels.types import Field, Option
from treadle.feedback.queues.types import NewItem, NewQueue
from treadle.feedback.queues.work import is_swapped
from treadle.feedback.types import FeedbackFilter
from treadle.governance.types import NewApiKey

TONE = Field(name="tone", kind="category", options=[Option(label="kind"), Option(label="rude")])
HELPFUL = Field(name="helpful", kind="number", low=1, high=5, step=1)
BETTER = Field(name="better", kind="correction", is_required=False)


def _queue(home: Home, num_traces: int = 3, **more: Any) -> list[str]:
    wanted: dict[str, Any] = {"name": "triage", "fields": [TONE, HELPFUL, BETTER], **more}
    home.client.queues.create(NewQueue(**wanted))
    spans = [new_span(number) for number in range(num_traces)]
    record(home, spans)
    return [span.trace_id for span in spans]


@contextmanager
def _judges(home: Home, number: int) -> Iterator[list[Client]]:
    with ExitStack() as stack:
        keys = [
            home.client.access.create_key(NewApiKey(name=f"judge {one}", role="reviewer")).key for one in range(number)
        ]
        yield [stack.enter_context(Client(home.client.url, api_key=key)) for key in keys]


def _scores(home: Home, trace_id: str) -> list[tuple[str, str, float | None, str | None]]:
    scores = home.client.traces.get(trace_id).trace.scores
    return [(score.name, score.source, score.value, score.label) for score in scores]


def test_what_was_asked_only_in_messages(home: Home) -> None:
    """
    A judge sees what was asked also where the application sent messages and named no variables.
    """
    messages = Raw(msgspec.json.encode([{"role": "user", "content": "where is my card"}]))
    span = new_span(variables=None, input_messages=messages)
    record(home, [span])
    home.client.queues.create(NewQueue(name="triage", fields=[Field(name="correct", kind="boolean")]))
    home.client.queues.add("triage", [span.trace_id])

    (work,) = home.client.queues.open_next("triage")

    assert {"input": "where is my card"} == work.a.variables


def test_a_queue_is_worked_through(home: Home) -> None:
    """
    A judge gets one item after the other, what they say becomes scores of the trace, and the queue knows how far it is.
    """
    trace_ids = _queue(home)
    assert 3 == home.client.queues.add("triage", trace_ids).num_added
    seen = []

    with _judges(home, 1) as (judge,):
        while opened := judge.queues.open_next("triage"):
            (work,) = opened
            seen.append((work.a.trace_id, work.a.variables["input"], work.a.output_text))
            judge.queues.judge("triage", work.item_id, {"tone": "kind", "helpful": 4, "better": "hello"}, comment="ok")

    queue = home.client.queues.get("triage")
    assert [(trace_ids[n], f"q{n}", f"a{n}") for n in range(3)] == seen
    assert (3, 3, 0) == (queue.num_items, queue.num_done, queue.num_reserved)
    assert ("helpful", "human", 4.0, None) in _scores(home, trace_ids[0])
    assert ("tone", "human", None, "kind") in _scores(home, trace_ids[0])
    (correction,) = home.client.feedback.list_(FeedbackFilter(trace_id=trace_ids[0], is_correction=True)).items
    assert "hello" == correction.expected_output


def test_items_are_opened_ahead(home: Home) -> None:
    """
    The next items come at once for a judge who works by keyboard, again when asked again, and never to somebody else.
    """
    home.client.queues.add("triage", _queue(home, 5))

    with _judges(home, 2) as (one, other):
        first = one.queues.open_next("triage", ahead=2)
        again = one.queues.open_next("triage", ahead=2)
        others = other.queues.open_next("triage", ahead=9)

    assert [3, 2] == [len(first), len(others)]
    assert [work.item_id for work in first] == [work.item_id for work in again]
    assert set() == {work.item_id for work in first} & {work.item_id for work in others}
    assert 5 == home.client.queues.get("triage").num_reserved


def test_a_reservation_ends(home: Home) -> None:
    """
    After its time an item goes to others; who is late may judge it unless they were quicker.
    """
    home.client.queues.add("triage", _queue(home, 2, reserve_minutes=1))

    with _judges(home, 2) as (slow, quick):
        late, later = slow.queues.open_next("triage", ahead=1)
        assert [] == quick.queues.open_next("triage")
        _expire(home)
        (taken,) = quick.queues.open_next("triage")
        quick.queues.judge("triage", taken.item_id, {"tone": "kind", "helpful": 1})
        with pytest.raises(Conflict) as caught:
            slow.queues.judge("triage", late.item_id, {"tone": "rude", "helpful": 1})
        slow.queues.judge("triage", later.item_id, {"tone": "rude", "helpful": 1})

    assert taken.item_id == late.item_id
    assert "queues.item_taken" == caught.value.error_code
    assert 2 == home.client.queues.get("triage").num_done


def _expire(home: Home) -> None:
    """Let every reservation be over, as if its time had passed."""
    import asyncio

    past = home.ctx.clock.now() - timedelta(minutes=2)
    asyncio.run(home.ctx.db.write(lambda db: db.execute("update queue_judgements set reserved_until = %s", [past])))


def test_several_judges_for_each_item(home: Home) -> None:
    """
    Each item goes to as many different people as were asked for, and agreement is told with its interval.
    """
    home.client.queues.add("triage", _queue(home, 4, judges_per_item=2))

    with _judges(home, 3) as judges:
        for number, judge in enumerate(judges):
            for work in judge.queues.open_next("triage", ahead=9):
                said = "rude" if number and work.a.variables["input"] == "q3" else "kind"
                judge.queues.judge("triage", work.item_id, {"tone": said, "helpful": 3})
        told = home.client.queues.get_agreement("triage")

    assert [4, 4] == [judge.num_judged for judge in told.judges]
    tone, helpful = told.fields
    assert (4, 8, 0.75, "nominal") == (tone.num_items, tone.num_judgements, tone.observed, tone.level)
    assert tone.cohen is not None
    assert tone.alpha.value == pytest.approx(1 - 2 * 7 / 14)  # one unequal pair of four; 7 kind and 1 rude in all
    assert (1.0, None, "ordinal") == (helpful.observed, helpful.alpha.value, helpful.level)


def test_known_answers_measure_judges(home: Home) -> None:
    """
    Everybody gets the items whose answers are known, cannot tell them apart, and is measured by them.
    """
    trace_ids = _queue(home, 6, gold_every=2)
    known = [NewItem(trace_id=trace_id, gold={"tone": "kind"}) for trace_id in trace_ids[4:]]
    home.client.queues.add("triage", [*trace_ids[:4], *known])

    with _judges(home, 2) as judges:
        for judge, tone in zip(judges, ["kind", "rude"], strict=True):
            order = []
            while opened := judge.queues.open_next("triage"):
                order.append(opened[0].a.trace_id in trace_ids[4:])
                assert "gold" not in opened[0].model_dump_json()
                judge.queues.judge("triage", opened[0].item_id, {"tone": tone, "helpful": 1})
            assert 2 == sum(order)
        told = home.client.queues.get_agreement("triage")
        with pytest.raises(Denied):
            judges[0].queues.list_items("triage")

    assert {(2, 2), (2, 0)} == {(judge.num_gold, judge.num_gold_right) for judge in told.judges}
    sure = next(judge for judge in told.judges if judge.num_gold_right == 2)
    assert sure.gold_low == pytest.approx(0.342, abs=0.001)  # Wilson for 2 of 2


def test_undo_goes_back_step_by_step(home: Home) -> None:
    """
    Undo takes back the last judgement or skip and opens it with what was said; then the one before; then there is nothing.
    """
    trace_ids = _queue(home, 2)
    home.client.queues.add("triage", trace_ids)
    queues = home.client.queues
    first, second = queues.open_next("triage", ahead=1)
    queues.judge("triage", first.item_id, {"tone": "rude", "helpful": 2}, comment="curt")
    queues.skip("triage", second.item_id, reason="not my field")
    assert (1, 1) == (queues.get("triage").num_done, queues.get("triage").num_skipped)

    skipped = queues.undo("triage")
    judged = queues.undo("triage")

    assert [(second.item_id, None, None), (first.item_id, {"tone": "rude", "helpful": 2}, "curt")] == [
        (work.item_id, work.answers, work.comment) for work in (skipped, judged)
    ]
    assert [] == home.client.feedback.list_(FeedbackFilter(is_current=True)).items
    assert (0, 0) == (queues.get("triage").num_done, queues.get("triage").num_skipped)
    with pytest.raises(Conflict) as caught:
        queues.undo("triage")
    assert "queues.nothing_to_undo" == caught.value.error_code


def test_a_judge_says_it_anew(home: Home) -> None:
    """
    Judging an item again replaces what was said, and sending the same twice changes nothing.
    """
    trace_ids = _queue(home, 1)
    home.client.queues.add("triage", trace_ids)
    (work,) = home.client.queues.open_next("triage")
    home.client.queues.judge("triage", work.item_id, {"tone": "rude", "helpful": 2, "better": "thank you"})

    for _ in range(2):
        home.client.queues.judge("triage", work.item_id, {"tone": "kind", "helpful": 2})

    counting = home.client.feedback.list_(FeedbackFilter(is_current=True)).items
    assert {("tone", "kind"), ("helpful", None)} == {(one.name, one.label) for one in counting}
    assert 5 == len(home.client.feedback.list_().items)


def test_two_answers_side_by_side(home: Home) -> None:
    """
    Of a pair some judges see one first and some the other; what they prefer is kept for the answer they meant.
    """
    trace_ids = _queue(home, 2, name="duel", mode="pairwise", fields=[], judges_per_item=8)
    home.client.queues.add("duel", [NewItem(trace_id=trace_ids[0], other_trace_id=trace_ids[1])])

    with _judges(home, 8) as judges:
        for judge in judges:
            (work,) = judge.queues.open_next("duel")
            assert work.b is not None
            side = "a" if work.a.trace_id == trace_ids[0] else "b"
            judge.queues.judge("duel", work.item_id, {"preferred": side})
        told = home.client.queues.get_agreement("duel")

    said = home.client.queues.list_judgements("duel").items
    queue = home.client.queues.get("duel")
    assert 60 < sum(is_swapped(queue, said[0].item_id, f"act_{number}") for number in range(200)) < 140
    assert 1.0 == told.fields[0].observed
    assert told.first_shown_preferred == sum(not one.is_swapped for one in said) / 8
    assert [("preferred", "human", 1.0, None)] == _scores(home, trace_ids[0])
    assert [("preferred", "human", 0.0, None)] == _scores(home, trace_ids[1])


def test_a_tie(home: Home) -> None:
    """
    Two answers that are as good as each other get half each.
    """
    trace_ids = _queue(home, 2, name="duel", mode="pairwise", fields=[])
    home.client.queues.add("duel", [NewItem(trace_id=trace_ids[0], other_trace_id=trace_ids[1])])
    (work,) = home.client.queues.open_next("duel")

    home.client.queues.judge("duel", work.item_id, {"preferred": "tie"})

    assert [0.5, 0.5] == [_scores(home, trace_id)[0][2] for trace_id in trace_ids]


@pytest.mark.parametrize(
    "answers",
    [{}, {"tone": "kind"}, {"tone": "nice", "helpful": 1}, {"tone": "kind", "helpful": 6}, {"tone": "kind", "helpful": 1.5},
     {"tone": "kind", "helpful": True}, {"tone": "kind", "helpful": 1, "mood": "x"}, {"tone": "kind", "helpful": 1, "better": " "}],
)  # fmt: skip
def test_answers_that_do_not_fit(home: Home, answers: dict[str, Any]) -> None:
    """
    Answers that are missing, unknown or off their scale are refused, and nothing is kept of them.
    """
    home.client.queues.add("triage", _queue(home, 1))
    (work,) = home.client.queues.open_next("triage")

    with pytest.raises(InvalidInput):
        home.client.queues.judge("triage", work.item_id, answers)

    assert [] == home.client.feedback.list_().items


def test_an_item_for_one_person(home: Home) -> None:
    """
    An assigned item goes to its person alone, whatever the order, and refuses everybody else.
    """
    trace_ids = _queue(home, 1)

    with _judges(home, 2) as (mine, other):
        me = mine.access.me().actor.actor_id
        home.client.queues.add("triage", [NewItem(trace_id=trace_ids[0], assigned_to=me, priority=5)])
        assert [] == other.queues.open_next("triage")
        (work,) = mine.queues.open_next("triage")
        with pytest.raises(Conflict):
            other.queues.judge("triage", work.item_id, {"tone": "kind", "helpful": 1})

    assert 1 == home.client.queues.get("triage").num_reserved


def test_a_queue_changes(home: Home) -> None:
    """
    A queue can be changed while it is worked on: another judge per item opens what was done; its mode stays.
    """
    home.client.queues.add("triage", _queue(home, 1))
    (work,) = home.client.queues.open_next("triage")
    home.client.queues.judge("triage", work.item_id, {"tone": "kind", "helpful": 1})

    changed = home.client.queues.update("triage", NewQueue(name="tones", fields=[TONE], judges_per_item=2))

    assert (0, "tones", [TONE]) == (changed.num_done, changed.name, changed.fields)
    with pytest.raises(Conflict):
        home.client.queues.update("tones", NewQueue(name="tones", mode="pairwise"))
    home.client.queues.delete("tones")
    with pytest.raises(NotFound):
        home.client.queues.get("tones")
    assert 2 == len(home.client.feedback.list_().items)


def test_who_may_do_what(home: Home) -> None:
    """
    Reviewers judge, builders make queues, and an application's key does neither.
    """
    home.client.queues.add("triage", _queue(home, 1))
    roles = {}

    for role in ("viewer", "reviewer", "editor", "service"):
        key = home.client.access.create_key(NewApiKey(name=role, role=role)).key
        with Client(home.client.url, api_key=key) as someone:
            roles[role] = [
                _may(lambda one=someone: one.queues.get("triage")),
                _may(lambda one=someone: one.queues.open_next("triage")),
                _may(lambda one=someone, name=role: one.queues.create(NewQueue(name=name, fields=[TONE]))),
            ]

    assert {
        "viewer": [True, False, False],
        "reviewer": [True, True, False],
        "editor": [True, True, True],
        "service": [False, False, False],
    } == roles


def _may(do: Any) -> bool:
    try:
        do()
    except Denied:
        return False
    return True

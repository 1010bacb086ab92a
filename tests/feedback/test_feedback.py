"""Feedback through the HTTP contract, and read as the outcomes of a rollout."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.client.calls import Call
from treadle.client.client import Client
from treadle.core.errors import Conflict, Denied, InvalidInput
from treadle.feedback import service, store
from treadle.feedback.types import Feedback, FeedbackFilter, NewFeedback, Outcome
from treadle.governance.types import NewApiKey
from treadle.http.actor import RoleName
from treadle.traces.types import TraceFilter


def _judge(trace_id: str, value: float | None = 1.0, **more: Any) -> NewFeedback:
    return NewFeedback(trace_id=trace_id, name="correct", value=value, **more)


def _outcomes(home: Home, after_seq: int = 0, **more: Any) -> list[Outcome]:
    return asyncio.run(service.list_outcomes(home.ctx, after_seq=after_seq, **more))


def test_feedback_on_an_answer(home: Home) -> None:
    """
    A judgement is kept with who gave it, and the trace shows it as a score.
    """
    span = new_span()
    record(home, [span])

    kept = home.client.feedback.add(_judge(span.trace_id, 0, expected_output="card_arrival", source="human"))

    assert [kept] == home.client.feedback.list_(FeedbackFilter(trace_id=span.trace_id)).items
    assert ("card_arrival", "human", 0.0) == (kept.expected_output, kept.source, kept.value)
    scores = home.client.traces.get(span.trace_id).trace.scores
    assert [("correct", "human", 0.0)] == [(score.name, score.source, score.value) for score in scores]
    assert 1 == len(home.client.traces.list_(TraceFilter(score="correct", score_to=0)).items)


@pytest.mark.parametrize(
    ("role", "scopes"), [("service", None), ("editor", ["feedback.write"]), ("reviewer", None), ("editor", None)]
)
def test_who_may_speak_as_a_reviewer(home: Home, role: RoleName, scopes: list[str] | None) -> None:
    """
    A program's key says what its users say; a reviewer's word, which counts most, takes a role that reviews. Nothing is kept of a refusal.
    """
    key = home.client.access.create_key(NewApiKey(name="someone", role=role, scopes=scopes)).key
    said = [_judge("a" * 32, source=source) for source in ("user", "signal", "code")]
    is_reviewer = scopes is None and role != "service"

    with Client(home.client.url, api_key=key) as someone:
        someone.feedback.add_many(said)
        with nullcontext() if is_reviewer else pytest.raises(Denied, match="'user', 'signal' or 'code'"):
            someone.feedback.add_many([*said, _judge("a" * 32, source="human")])

    assert is_reviewer == bool(home.client.feedback.list_(FeedbackFilter(source="human")).items)
    assert (7 if is_reviewer else 3) == len(home.client.feedback.list_().items)


def test_the_same_key_again(home: Home) -> None:
    """
    Sending twice under one key keeps one; another judgement under that key is refused.
    """
    trace_id = "a" * 32

    first = home.client.feedback.add(_judge(trace_id, key="order-7"))
    again = home.client.feedback.add(_judge(trace_id, key="order-7"))
    with pytest.raises(Conflict) as caught:
        home.client.feedback.add(_judge(trace_id, 0, key="order-7"))

    assert first == again
    assert "feedback.key_reused" == caught.value.error_code
    assert 1 == len(home.client.feedback.list_().items)


def test_feedback_of_traces_that_never_come_holds_up_no_other(home: Home) -> None:
    """
    However much is said of traces that nobody sends, what is said of one that is there becomes an outcome.
    """
    asyncio.run(service.add_feedback(home.ctx, [_judge(f"{number:032x}") for number in range(1, 10_001)]))
    span = new_span()
    record(home, [span])

    home.client.feedback.add(_judge(span.trace_id))

    assert [span.trace_id] == [outcome.trace_id for outcome in _outcomes(home)]


FAULTS: list[dict[str, Any]] = [
    {"trace_id": "nonsense"},
    {"trace_id": "A" * 32},
    {"value": None},
    {"value": "much"},
    {"name": "Not a name"},
    {"comment": "a\x00b"},
    {"source": "nobody"},
]


def test_feedback_that_can_never_be_right(home: Home) -> None:
    """
    A malformed id, nothing said, or a bad value is refused, and nothing is kept.
    """
    for fault in FAULTS:
        body = {"trace_id": "a" * 32, "name": "correct", "value": 1.0, **fault}

        with pytest.raises(InvalidInput):
            home.client.send(Call("POST", "/feedback", Feedback, body=body))

    assert [] == home.client.feedback.list_().items


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_rating_that_is_no_number(home: Home, value: float) -> None:
    """
    What JSON has no place for is refused with a reason, before anything is sent.
    """
    with pytest.raises(InvalidInput, match=r"the value of 'helpful' is (nan|inf)"):
        home.client.feedback.rate("0" * 32, "helpful", value, low=1, high=5)


def test_a_batch_with_one_fault(home: Home) -> None:
    """
    A batch is kept whole or not at all.
    """
    home.client.feedback.add(_judge("a" * 32, key="used"))

    with pytest.raises(Conflict):
        home.client.feedback.add_many([_judge("b" * 32), _judge("a" * 32, 0, key="used")])
    kept = home.client.feedback.add_many([_judge("b" * 32), _judge("c" * 32)])

    assert ["b" * 32, "c" * 32] == [feedback.trace_id for feedback in kept]
    assert 3 == len(home.client.feedback.list_().items)


def test_pages_and_filters(home: Home) -> None:
    """
    Pages go from the newest to the oldest; corrections can be asked for alone.
    """
    home.client.feedback.add_many([_judge("a" * 32, comment=str(number)) for number in range(3)])
    home.client.feedback.add(NewFeedback(trace_id="a" * 32, name="intent", expected_output="x"))

    first = home.client.feedback.list_(limit=2)
    second = home.client.feedback.list_(limit=2, cursor=first.next_cursor)
    corrections = home.client.feedback.list_(FeedbackFilter(is_correction=True))

    assert [None, "2", "1", "0"] == [item.comment for page in (first, second) for item in page.items]
    assert ["intent"] == [item.name for item in corrections.items]


def test_feedback_comes_before_its_trace(home: Home) -> None:
    """
    An outcome is listed once its trace is there, and a reader that went on before does not miss it.
    """
    early, late = new_span(0, rollout_id="rlt_1", arm="candidate", arm_weight=0.1, unit="u0"), new_span(1)
    record(home, [late])
    home.client.feedback.add_many([_judge(early.trace_id, 0), _judge(late.trace_id)])

    before = _outcomes(home)
    record(home, [early])
    after = _outcomes(home, after_seq=before[-1].seq)

    assert [late.trace_id] == [outcome.trace_id for outcome in before]
    assert [(early.trace_id, 0.0, "candidate", 0.1, "u0", "rlt_1")] == [
        (o.trace_id, o.value, o.arm, o.arm_weight, o.unit, o.rollout_id) for o in after
    ]
    assert after == _outcomes(home, rollout_id="rlt_1")
    assert 2 == len(_outcomes(home, endpoint="support"))


def test_feedback_on_one_of_several_answers(home: Home) -> None:
    """
    What is said of one answer in a caller's trace counts for the release that gave it, also before it is stored; what is said
    of a step that is no answer counts for none.
    """
    own = new_span(0, unit=None, endpoint=None, release_id=None)
    step = {"trace_id": own.trace_id, "parent_span_id": own.span_id, "rollout_id": "rlt_1", "arm_weight": 0.5}
    first = new_span(1, **step, arm="candidate", release_id="rel_b", unit="u1")
    last = new_span(2, **step, arm="stable", release_id="rel_a", unit="u2")
    record(home, [own, last])
    steps = [first.span_id, last.span_id, own.span_id, None]
    home.client.feedback.add_many([_judge(own.trace_id, 0, span_id=each) for each in steps])

    before = _outcomes(home)
    record(home, [first])
    after = _outcomes(home, after_seq=before[-1].seq)

    told = [(one.release_id, one.arm, one.unit, one.answer_span_id) for one in (*before, *after)]
    of_last, of_first = ("rel_a", "stable", "u2", last.span_id), ("rel_b", "candidate", "u1", first.span_id)
    assert [of_last, of_last, of_first] == told


def test_feedback_on_a_trace_that_never_comes(home: Home) -> None:
    """
    It is kept and listed, but is nobody's outcome and holds nothing up.
    """
    span = new_span()
    record(home, [span])

    home.client.feedback.add_many([_judge("0" * 32), _judge(span.trace_id)])

    assert [span.trace_id] == [outcome.trace_id for outcome in _outcomes(home)]
    assert 2 == len(home.client.feedback.list_().items)


def test_feedback_that_commits_late(home: Home) -> None:
    """
    A row whose transaction commits after a newer one was read is read next; none is skipped, none comes twice.
    """
    db, ctx = home.ctx.db, home.ctx
    spans = [new_span(number) for number in range(2)]
    record(home, spans)

    async def race() -> list[list[str]]:
        written, release = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(connection: Any) -> None:
            store.insert_feedback(connection, service._kept(ctx, _judge(spans[0].trace_id), None))
            loop.call_soon_threadsafe(written.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(timeout=60)

        late = asyncio.create_task(db.write(slow))
        await asyncio.wait_for(written.wait(), 30)
        await service.add_feedback(ctx, [_judge(spans[1].trace_id)])
        first = await service.list_outcomes(ctx)
        release.set()
        await late
        second = await service.list_outcomes(ctx, after_seq=first[-1].seq)
        return [[outcome.trace_id for outcome in page] for page in (first, second)]

    pages = asyncio.run(race())

    assert [[spans[1].trace_id], [spans[0].trace_id]] == pages


def test_many_readers_at_once(home: Home) -> None:
    """
    Readers that join at the same time give every row one place.
    """
    spans = [new_span(number) for number in range(40)]
    record(home, spans)
    home.client.feedback.add_many([_judge(span.trace_id) for span in spans])
    ctx = home.ctx

    async def all_at_once() -> list[list[Outcome]]:
        return await asyncio.gather(*(service.list_outcomes(ctx) for _ in range(6)))

    pages = asyncio.run(all_at_once())

    assert {40} == {len(page) for page in pages}
    assert all(page == pages[0] for page in pages)
    assert 40 == len({outcome.seq for outcome in pages[0]})

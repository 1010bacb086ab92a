"""What a judge does: open the next item and those after it, judge, skip, undo.

Opening reserves an item for a while. Whoever takes longer may still judge it, unless others were enough by then. One
person's items are handed out one after the other under a lock per queue, so nobody gets an item too many. Judging again
replaces what was said; undo takes back the last thing that this person did, then the one before, and so on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from treadle.core.errors import Conflict, NotFound
from treadle.core.types import JsonObject
from treadle.feedback import service as feedback
from treadle.feedback.labels.answers import check_answers, said_of
from treadle.feedback.labels.types import Answers, AnswerValue
from treadle.feedback.queues import store
from treadle.feedback.queues.store import Doing
from treadle.feedback.queues.types import (
    PREFERRED,
    Item,
    Judgement,
    NewJudgement,
    Queue,
    Side,
    Skip,
    Work,
    asked_of,
)
from treadle.feedback.types import NewFeedback
from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.traces import service as traces

JUDGE = feedback.REVIEW
MAX_AHEAD = 20
_OTHER = {"a": "b", "b": "a", "tie": "tie"}
_WORTH = {"a": 1.0, "b": 0.0, "tie": 0.5}


class QueueNotFound(NotFound):
    """No queue has the name."""

    code = "queues.not_found"


class ItemNotFound(NotFound):
    """The queue has no such item."""

    code = "queues.item_not_found"


class ItemTaken(Conflict):
    """Others were enough to judge the item, or it is for somebody else."""

    code = "queues.item_taken"


class NothingToUndo(Conflict):
    """This person did nothing in this queue that could be taken back."""

    code = "queues.nothing_to_undo"


async def open_next(ctx: Context, name: str, *, ahead: int = 0) -> list[Work]:
    """Reserve the next item and so many after it, and return them; fewer when there are no more.

    What this person has open already comes first, so asking again gives the same items. Raises QueueNotFound.
    """
    ctx.require(JUDGE)
    wanted = 1 + min(ahead, MAX_AHEAD)

    def write(db: Connection) -> tuple[Queue, list[tuple[Item, Doing]]]:
        queue, now, me = require_queue(db, ctx, name), ctx.clock.now(), ctx.actor.actor_id
        store.hold_queue(db, queue.queue_id)
        opened = store.list_reserved(db, queue.queue_id, me, now)[:wanted]
        while len(opened) < wanted:
            item = _choose(db, queue, me, now)
            if item is None:
                break
            opened.append(_reserve(db, queue, item, me, now, store.find_doing(db, item.item_id, me)))
        return queue, [(_require_item(db, queue, one.judgement.item_id), one) for one in opened]

    _, opened = await ctx.db.write(write)
    return await _show(ctx, opened)


async def judge(ctx: Context, name: str, item_id: str, new: NewJudgement) -> Judgement:
    """Keep what this person says of an item, and give it to the trace as feedback. Safe to repeat; saying something else replaces it.

    Raises QueueNotFound, ItemNotFound, ItemTaken, AnswersInvalid.
    """
    ctx.require(JUDGE)

    def write(db: Connection) -> Judgement:
        queue, item, before = _take(db, ctx, name, item_id)
        check_answers(asked_of(queue), new.answers)
        if before and before.judgement.state == "judged":
            same = (before.judgement.answers, before.judgement.comment) == (new.answers, new.comment)
            if same:
                return before.judgement
            feedback.withdraw_feedback(db, before.feedback_ids)
        now = ctx.clock.now()
        last = store.find_last(db, queue.queue_id, ctx.actor.actor_id)
        opened_at = before.opened_at if before else now
        begun_at = max(opened_at, last.judgement.at) if last else opened_at
        said = Judgement(
            item_id=item_id,
            actor_id=ctx.actor.actor_id,
            state="judged",
            answers=new.answers,
            comment=new.comment,
            is_swapped=is_swapped(queue, item_id, ctx.actor.actor_id),
            is_right=None,
            seconds=before.judgement.seconds
            if before and before.judgement.seconds
            else (now - begun_at).total_seconds(),
            at=now,
        )
        if item.gold is not None:
            said = said.model_copy(update={"is_right": _is_right(item.gold, resolved(said))})
        given = feedback.put_feedback(db, ctx, _feedback_of(queue, item, said))
        reserved_until = before.reserved_until if before else now
        store.put_doing(db, queue.queue_id, Doing(said, opened_at, reserved_until, [one.feedback_id for one in given]))
        return said

    return await ctx.db.write(write)


async def skip(ctx: Context, name: str, item_id: str, why: Skip) -> Judgement:
    """Leave an item to others; what this person said of it is taken back. Safe to repeat. Raises QueueNotFound, ItemNotFound, ItemTaken."""
    ctx.require(JUDGE)

    def write(db: Connection) -> Judgement:
        queue, _, before = _take(db, ctx, name, item_id)
        now = ctx.clock.now()
        if before:
            feedback.withdraw_feedback(db, before.feedback_ids)
        said = Judgement(
            item_id=item_id,
            actor_id=ctx.actor.actor_id,
            state="skipped",
            answers=None,
            comment=why.reason,
            is_swapped=is_swapped(queue, item_id, ctx.actor.actor_id),
            is_right=None,
            seconds=None,
            at=now,
        )
        store.put_doing(db, queue.queue_id, Doing(said, before.opened_at if before else now, now, []))
        return said

    return await ctx.db.write(write)


async def undo(ctx: Context, name: str) -> Work:
    """Take back what this person did last, and open that item again with what they said. Raises QueueNotFound, NothingToUndo."""
    ctx.require(JUDGE)

    def write(db: Connection) -> tuple[Item, Doing, Judgement]:
        queue = require_queue(db, ctx, name)
        store.hold_queue(db, queue.queue_id)
        last = store.find_last(db, queue.queue_id, ctx.actor.actor_id)
        if last is None:
            raise NothingToUndo(
                f"you have judged and skipped nothing in queue '{name}'; open an item with: treadle queue next {name}"
            )
        feedback.withdraw_feedback(db, last.feedback_ids)
        item = _require_item(db, queue, last.judgement.item_id)
        reserved = _reserve(db, queue, item, ctx.actor.actor_id, ctx.clock.now(), last)
        return item, reserved, last.judgement

    item, reserved, said = await ctx.db.write(write)
    (work,) = await _show(ctx, [(item, reserved)])
    # Of a skipped item the words say why, and are no comment on an answer.
    comment = said.comment if said.state == "judged" else None
    return work.model_copy(update={"answers": said.answers, "comment": comment})


def require_queue(db: Connection, ctx: Context, name: str) -> Queue:
    """Return a queue. Raises QueueNotFound."""
    queue = store.find_queue(db, name, ctx.clock.now())
    if queue is None:
        raise QueueNotFound(f"there is no queue '{name}'; list them with: treadle queue list")
    return queue


def is_swapped(queue: Queue, item_id: str, actor_id: str) -> bool:
    """Say whether a person sees the second of a pair first: half of the time, always the same for the same person."""
    return queue.mode == "pairwise" and bool(hashlib.blake2b(f"{item_id}|{actor_id}".encode()).digest()[0] & 1)


def resolved(said: Judgement) -> dict[str, AnswerValue]:
    """Return the answers of a judgement with 'preferred' naming the item's own order, whatever was shown first."""
    answers = dict(said.answers or {})
    if said.is_swapped and PREFERRED in answers:
        answers[PREFERRED] = _OTHER[str(answers[PREFERRED])]
    return answers


def _choose(db: Connection, queue: Queue, actor_id: str, now: datetime) -> Item | None:
    """Return the next item for somebody: now and then one whose answer is known, else the first that is open."""
    is_due = queue.num_gold > 0 and store.count_since_gold(db, queue.queue_id, actor_id) >= queue.gold_every - 1
    for gold in (True, False) if is_due else (False, True):
        found = store.list_open(db, queue, actor_id, gold=gold, limit=1, now=now)
        if found:
            return found[0]
    return None


def _reserve(db: Connection, queue: Queue, item: Item, actor_id: str, now: datetime, before: Doing | None) -> Doing:
    judgement = Judgement(
        item_id=item.item_id,
        actor_id=actor_id,
        state="reserved",
        answers=None,
        comment=None,
        is_swapped=is_swapped(queue, item.item_id, actor_id),
        is_right=None,
        seconds=None,
        at=now,
    )
    opened_at = before.opened_at if before else now
    doing = Doing(judgement, opened_at, now + timedelta(minutes=queue.reserve_minutes), [])
    store.put_doing(db, queue.queue_id, doing)
    return doing


def _take(db: Connection, ctx: Context, name: str, item_id: str) -> tuple[Queue, Item, Doing | None]:
    """Return an item that this person may judge now, with what they did with it before."""
    queue, me, now = require_queue(db, ctx, name), ctx.actor.actor_id, ctx.clock.now()
    store.hold_queue(db, queue.queue_id)
    item = _require_item(db, queue, item_id)
    before = store.find_doing(db, item_id, me)
    holds = before is not None and (before.judgement.state == "judged" or before.reserved_until > now)
    if item.assigned_to not in (None, me):
        raise ItemTaken(f"item '{item_id}' is for somebody else; open your next one with: treadle queue next {name}")
    if not holds and item.gold is None and store.count_others(db, item_id, me, now) >= queue.judges_per_item:
        raise ItemTaken(
            f"item '{item_id}' was yours until others were enough ({queue.judges_per_item} judge each); "
            f"open your next one with: treadle queue next {name}"
        )
    return queue, item, before


def _require_item(db: Connection, queue: Queue, item_id: str) -> Item:
    item = store.find_item(db, queue.queue_id, item_id)
    if item is None:
        raise ItemNotFound(
            f"queue '{queue.name}' has no item '{item_id}'; open one with: treadle queue next {queue.name}"
        )
    return item


def _feedback_of(queue: Queue, item: Item, said: Judgement) -> list[NewFeedback]:
    """Return what a judgement says of its traces. Answers about a pair, beside the preference, stay in the queue."""
    answers = resolved(said)
    if queue.mode == "pairwise":
        worth = _WORTH[str(answers[PREFERRED])]
        sides = [(item.trace_id, worth), (item.other_trace_id, 1.0 - worth)]
        facts: list[JsonObject] = [
            {"trace_id": trace_id, "name": PREFERRED, "value": value, "low": 0.0, "high": 1.0}
            for trace_id, value in sides
        ]
    else:
        fields = [field for field in queue.fields if field.name in answers]
        facts = [{"trace_id": item.trace_id, **said_of(field, answers[field.name])} for field in fields]
        if said.comment is not None and said.comment.strip():
            facts.append({"trace_id": item.trace_id, "name": "comment", "comment": said.comment})
    return [NewFeedback.model_validate({**one, "source": "human"}) for one in facts]


def _is_right(gold: Answers, answers: Answers) -> bool:
    return all(name in answers and _is_same(answers[name], known) for name, known in gold.items())


def _is_same(said: AnswerValue, known: AnswerValue) -> bool:
    if isinstance(said, str) or isinstance(known, str):
        return str(said).strip() == str(known).strip()
    return abs(float(said) - float(known)) < 1e-9


async def _show(ctx: Context, opened: Sequence[tuple[Item, Doing]]) -> list[Work]:
    """Return items as a judge sees them, with what was asked and answered."""
    trace_ids = {trace_id for item, _ in opened for trace_id in (item.trace_id, item.other_trace_id) if trace_id}
    found = {one.trace_id: one for one in await traces.get_many(ctx, sorted(trace_ids))}

    def side(trace_id: str) -> Side:
        one = found.get(trace_id)
        if one is None:
            return Side(trace_id=trace_id, variables={}, output_text="")
        said: JsonObject = {"input": one.input_text} if one.input_text else {}
        return Side(
            trace_id=trace_id,
            variables=one.variables or said,
            output_text=one.output_text,
            error_message=one.error_message,
        )

    shown = []
    for item, doing in opened:
        sides = [side(item.trace_id), *([side(item.other_trace_id)] if item.other_trace_id else [])]
        if doing.judgement.is_swapped:
            sides.reverse()
        shown.append(
            Work(
                item_id=item.item_id,
                a=sides[0],
                b=sides[1] if len(sides) > 1 else None,
                reserved_until=doing.reserved_until,
            )
        )
    return shown

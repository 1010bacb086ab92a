"""Make queues, fill them by hand, and say how far and how good they are. What judges do is in work.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

import psycopg

from treadle.core.errors import Conflict, InvalidInput
from treadle.core.ids import derive_id, new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.shares import wilson
from treadle.core.types import Page
from treadle.feedback.agreement import Coefficient, Level, Value, agreement_of
from treadle.feedback.labels.answers import check_answers
from treadle.feedback.labels.types import Answers, Field
from treadle.feedback.queues import store
from treadle.feedback.queues.types import (
    PREFERRED,
    Added,
    CoefficientFigures,
    FieldAgreement,
    Item,
    JudgeFigures,
    Judgement,
    NewItem,
    NewQueue,
    Queue,
    QueueAgreement,
    asked_of,
)
from treadle.feedback.queues.work import require_queue, resolved
from treadle.governance import audit, editing
from treadle.governance import service as governance
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection

MANAGE = "queues.write"
BY_HAND = "by hand"


class QueueNameInUse(Conflict):
    """Another queue of the project has the name."""

    code = "queues.name_in_use"


class QueueModeFixed(Conflict):
    """A queue of single answers cannot become one of pairs, nor the other way round."""

    code = "queues.mode_fixed"


class ItemMisfit(InvalidInput):
    """An item that its queue cannot ask about."""

    code = "queues.item_misfit"


async def create_queue(ctx: Context, new: NewQueue) -> Queue:
    """Make a queue. Raises QueueNameInUse."""
    ctx.require(MANAGE)
    queue_id = new_id("que")

    def write(db: Connection) -> Queue:
        if not store.insert_queue(db, queue_id, new, ctx.actor.actor_id, ctx.clock.now()):
            raise _in_use(new.name)
        audit.record(db, ctx, action="queues.create", object_id=queue_id, detail={"name": new.name})
        return require_queue(db, ctx, new.name)

    return await ctx.db.write(write)


async def update_queue(ctx: Context, name: str, new: NewQueue, *, when: When = ALWAYS) -> Queue:
    """Change what a queue asks and how, and its name; what was judged stays.

    Raises QueueNotFound, QueueNameInUse, QueueModeFixed, Outdated (see `editing.check`).
    """
    ctx.require(MANAGE)

    def write(db: Connection) -> Queue:
        called = f"queue '{name}'"
        editing.hold(db, called)
        queue = require_queue(db, ctx, name)
        editing.check(
            db, ctx, when, called, queue, lambda found: Audited("queues.update", found.queue_id, "feedback.read")
        )
        if queue.mode != new.mode:
            raise QueueModeFixed(
                f"queue '{name}' is {queue.mode} and stays so; make another queue for {new.mode} items"
            )
        try:
            store.update_queue(db, queue.queue_id, new)
        except psycopg.errors.UniqueViolation as error:
            raise _in_use(new.name) from error
        audit.record(db, ctx, action="queues.update", object_id=queue.queue_id, detail={"name": new.name})
        return require_queue(db, ctx, new.name)

    return await ctx.db.write(write)


async def delete_queue(ctx: Context, name: str) -> None:
    """Forget a queue with its items; the feedback that it gave stays. Raises QueueNotFound."""
    ctx.require(MANAGE)

    def write(db: Connection) -> None:
        editing.hold(db, f"queue '{name}'")
        queue = require_queue(db, ctx, name)
        store.delete_queue(db, queue.queue_id)
        audit.record(db, ctx, action="queues.delete", object_id=queue.queue_id, detail={"name": name})

    await ctx.db.write(write)


async def get_queue(ctx: Context, name: str) -> Queue:
    """Return a queue. Raises QueueNotFound."""
    ctx.require("feedback.read")
    return await ctx.db.read(lambda db: require_queue(db, ctx, name))


async def list_queues(ctx: Context, *, text: str | None = None, limit: int, cursor: str | None = None) -> Page[Queue]:
    """Return queues by name; text: in the name."""
    ctx.require("feedback.read")
    after = decode_cursor(cursor, str)
    rows = await ctx.db.read(
        lambda db: store.list_queues(db, text, str(after[0]) if after else None, limit + 1, ctx.clock.now())
    )
    return page_of(rows, limit, lambda queue: (queue.name,))


async def add_items(
    ctx: Context, name: str, items: Sequence[NewItem], *, reasons: Sequence[str] = (), run_id: str | None = None
) -> Added:
    """Put answers into a queue; those that are there stay as they are. Safe to repeat. Raises QueueNotFound, ItemMisfit.

    reasons: why each is there; none says that it was done by hand. run_id: the run that puts them in.
    """
    ctx.require(MANAGE)

    def write(db: Connection) -> Added:
        queue = require_queue(db, ctx, name)
        for item in items:
            _check_item(queue, item)
        why = reasons or [BY_HAND] * len(items)
        rows = [
            (derive_id("qit", queue.queue_id, item.trace_id, item.other_trace_id or ""), item, reason)
            for item, reason in zip(items, why, strict=True)
        ]
        added = store.insert_items(db, queue.queue_id, rows, ctx.clock.now(), run_id)
        audit.record(db, ctx, action="queues.add_items", object_id=queue.queue_id, detail={"num_added": added})
        return Added(num_added=added, num_known=len(items) - added)

    return await ctx.db.write(write)


async def list_items(ctx: Context, name: str, *, limit: int, cursor: str | None = None) -> Page[Item]:
    """Return items in the order they came, with their known answers: for whoever runs the queue. Raises QueueNotFound."""
    ctx.require(MANAGE)
    after = decode_cursor(cursor, int)
    start = int(after[0]) if after else 0
    rows = await ctx.db.read(lambda db: store.list_items(db, require_queue(db, ctx, name).queue_id, start, limit + 1))
    page = page_of(rows, limit, lambda row: (row[0],))
    return Page(items=[item for _, item in page.items], next_cursor=page.next_cursor)


async def list_judgements(ctx: Context, name: str, *, limit: int, cursor: str | None = None) -> Page[Judgement]:
    """Return what people did, in the order in which they first opened items. Raises QueueNotFound."""
    ctx.require(MANAGE)
    after = decode_cursor(cursor, int)
    start = int(after[0]) if after else 0
    rows = await ctx.db.read(
        lambda db: store.list_judgements(db, require_queue(db, ctx, name).queue_id, start, limit + 1)
    )
    page = page_of(rows, limit, lambda row: (row[0],))
    return Page(items=[said for _, said in page.items], next_cursor=page.next_cursor)


async def get_agreement(ctx: Context, name: str, *, seed: int = 0) -> QueueAgreement:
    """Return how far judges agree, with each other and with what is known. Raises QueueNotFound. Cost: reads every judgement."""
    ctx.require("feedback.read")

    def read(db: Connection) -> tuple[Queue, list[Judgement], set[str], dict[str, str]]:
        queue = require_queue(db, ctx, name)
        judgements = [said for _, said in store.list_judgements(db, queue.queue_id, 0, None)]
        gold = {item.item_id for _, item in store.list_items(db, queue.queue_id, 0, queue.num_items) if item.gold}
        return queue, judgements, gold, governance.names_of(db)

    queue, judgements, gold, names = await ctx.db.read(read)
    judged = [said for said in judgements if said.state == "judged"]
    fields = [_field_agreement(field, judged, seed) for field in asked_of(queue) if _level(field) is not None]
    sides = [(said.answers or {}).get(PREFERRED) for said in judged] if queue.mode == "pairwise" else []
    decided = [side for side in sides if side in ("a", "b")]
    return QueueAgreement(
        fields=fields,
        judges=_judges(judgements, gold, names),
        first_shown_preferred=decided.count("a") / len(decided) if decided else None,
    )


def _field_agreement(field: Field, judged: Sequence[Judgement], seed: int) -> FieldAgreement:
    level = _level(field)
    assert level is not None, "only what can be compared is compared"
    items: defaultdict[str, dict[str, Value]] = defaultdict(dict)
    for said in judged:
        answer = resolved(said).get(field.name)
        if answer is not None:
            items[said.item_id][said.actor_id] = float(answer) if field.kind == "number" else str(answer)
    found = agreement_of(list(items.values()), level, seed=seed)
    return FieldAgreement(
        name=field.name,
        level=level,
        num_items=found.num_items,
        num_judgements=found.num_judgements,
        observed=found.observed,
        cohen=_figures(found.cohen),
        fleiss=_figures(found.fleiss),
        alpha=CoefficientFigures(**found.alpha._asdict()),
    )


def _figures(found: Coefficient | None) -> CoefficientFigures | None:
    return None if found is None else CoefficientFigures(**found._asdict())


def _level(field: Field) -> Level | None:
    """Say how a field's values compare; None for words. Steps of a scale are places in an order, not distances."""
    if field.kind == "number":
        return "interval" if field.step is None else "ordinal"
    return "nominal" if field.kind in ("category", "boolean") else None


def _judges(judgements: Sequence[Judgement], gold: set[str], names: dict[str, str]) -> list[JudgeFigures]:
    by_judge: defaultdict[str, list[Judgement]] = defaultdict(list)
    for said in judgements:
        by_judge[said.actor_id].append(said)
    figures = list[JudgeFigures]()
    for actor_id, doings in sorted(by_judge.items()):
        judged = [one for one in doings if one.state == "judged"]
        known = [one for one in judged if one.item_id in gold]
        right = sum(one.is_right is True for one in known)
        seconds = [one.seconds for one in judged if one.seconds is not None]
        low, high = wilson(right, len(known)) if known else (None, None)
        figures.append(
            JudgeFigures(
                actor_id=actor_id,
                name=names.get(actor_id, actor_id),
                num_judged=len(judged),
                num_skipped=sum(one.state == "skipped" for one in doings),
                median_seconds=median(seconds) if seconds else None,
                num_gold=len(known),
                num_gold_right=right,
                gold_low=low,
                gold_high=high,
            )
        )
    return figures


def _check_item(queue: Queue, item: NewItem) -> None:
    is_pair = item.other_trace_id is not None
    if is_pair != (queue.mode == "pairwise"):
        wanted = "two answers each (trace_id and other_trace_id)" if queue.mode == "pairwise" else "one answer each"
        raise ItemMisfit(f"queue '{queue.name}' takes {wanted}; give its items so")
    if item.other_trace_id == item.trace_id:
        raise ItemMisfit(f"answer '{item.trace_id}' cannot be compared with itself; give another other_trace_id")
    if item.gold is not None:
        _check_gold(queue, item.gold)


def _check_gold(queue: Queue, gold: Answers) -> None:
    if not gold:
        raise ItemMisfit("known answers say nothing; give at least one field, or leave out gold")
    check_answers([field.model_copy(update={"is_required": False}) for field in asked_of(queue)], gold)


def _in_use(name: str) -> QueueNameInUse:
    return QueueNameInUse(
        f"a queue named '{name}' exists; choose another name, or look at it with: treadle queue show {name}"
    )

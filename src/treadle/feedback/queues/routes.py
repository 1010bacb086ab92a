"""HTTP: queues, their items, the work of judges, and how far they agree."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query

from treadle.core.types import Page
from treadle.feedback.queues import fill, service, work
from treadle.feedback.queues.types import (
    Added,
    Fill,
    Item,
    Judgement,
    NewItems,
    NewJudgement,
    NewQueue,
    Queue,
    QueueAgreement,
    QueueName,
    Skip,
    Work,
)
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.jobs.types import Run

router = APIRouter(prefix="/api/v1/queues", tags=["queues"], route_class=Tagged)
Reader = Annotated[Context, policy("feedback.read")]
Manager = Annotated[Context, policy(service.MANAGE)]
Judge = Annotated[Context, policy(work.JUDGE)]
ItemId = Annotated[str, Path(max_length=40, pattern=r"^qit_[0-9a-z]+$")]
Ahead = Annotated[
    int, Query(ge=0, le=work.MAX_AHEAD, description="items to open beside the next one, to show them at once")
]


@router.get("")
async def list_queues(
    ctx: Reader, q: PartOfName = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Queue]:
    """Queues by name."""
    return await service.list_queues(ctx, text=q, limit=limit, cursor=cursor)


@router.post("", status_code=201)
async def create_queue(ctx: Manager, new: Annotated[NewQueue, Body()]) -> Queue:
    """Make a queue."""
    return await service.create_queue(ctx, new)


@router.get("/{name}")
async def get_queue(ctx: Reader, name: QueueName) -> Queue:
    """One queue, with how far it is."""
    return await service.get_queue(ctx, name)


@router.put("/{name}")
async def update_queue(ctx: Manager, name: QueueName, new: Annotated[NewQueue, Body()], when: Precondition) -> Queue:
    """Change what a queue asks and how; what was judged stays."""
    return await service.update_queue(ctx, name, new, when=when)


@router.delete("/{name}", status_code=204)
async def delete_queue(ctx: Manager, name: QueueName) -> None:
    """Forget a queue with its items; the feedback that it gave stays."""
    await service.delete_queue(ctx, name)


@router.get("/{name}/items")
async def list_items(ctx: Manager, name: QueueName, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Item]:
    """Items in the order they came, with their known answers."""
    return await service.list_items(ctx, name, limit=limit, cursor=cursor)


@router.post("/{name}/items", status_code=201)
async def add_items(ctx: Manager, name: QueueName, new: Annotated[NewItems, Body()]) -> Added:
    """Put answers into a queue; those that are there already stay as they are."""
    return await service.add_items(ctx, name, new.items)


@router.post("/{name}/fill", status_code=202)
async def start_fill(ctx: Manager, name: QueueName, wanted: Annotated[Fill, Body()]) -> Run:
    """Put answers from traffic into a queue: the newest, a sample, or what active learning chooses."""
    return await fill.start_fill(ctx, name, wanted)


@router.get("/{name}/judgements")
async def list_judgements(
    ctx: Manager, name: QueueName, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Judgement]:
    """What people did, in the order in which they first opened items."""
    return await service.list_judgements(ctx, name, limit=limit, cursor=cursor)


@router.get("/{name}/agreement")
async def get_agreement(ctx: Reader, name: QueueName) -> QueueAgreement:
    """How far judges agree, with each other and with what is known."""
    return await service.get_agreement(ctx, name)


@router.post("/{name}/next")
async def open_next(ctx: Judge, name: QueueName, ahead: Ahead = 0) -> list[Work]:
    """Reserve the next item for you, and some after it; empty when there is nothing left for you."""
    return await work.open_next(ctx, name, ahead=ahead)


@router.put("/{name}/items/{item_id}/judgement")
async def judge(ctx: Judge, name: QueueName, item_id: ItemId, new: Annotated[NewJudgement, Body()]) -> Judgement:
    """Say what you think of an item; saying something else later replaces it."""
    return await work.judge(ctx, name, item_id, new)


@router.put("/{name}/items/{item_id}/skip")
async def skip(ctx: Judge, name: QueueName, item_id: ItemId, why: Annotated[Skip, Body()]) -> Judgement:
    """Leave an item to others."""
    return await work.skip(ctx, name, item_id, why)


@router.post("/{name}/undo")
async def undo(ctx: Judge, name: QueueName) -> Work:
    """Take back what you judged or skipped last, and open it again."""
    return await work.undo(ctx, name)

"""What people said in annotation queues, as numbers: for scores of experiments and for the calibration of judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.feedback.labels.types import AnswerValue, Field
from treadle.feedback.queues import service as queues
from treadle.feedback.queues.types import PREFERRED, Item, Judgement, Queue
from treadle.feedback.queues.work import resolved
from treadle.http.context import Context

AT_ONCE = 500
_PREFERENCE = {"a": 1.0, "b": 0.0, "tie": 0.5}


class Said(NamedTuple):
    """What people said of one answer, or of one of two."""

    trace_id: str
    other_trace_id: str | None
    value: float
    """The mean of all judgements, 0-1; of a pair 1 prefers `trace_id`."""
    judges: int


class FieldMisfit(InvalidInput):
    """A question of a queue that is worth no number."""

    code = "evals.field_misfit"


async def what_people_said(ctx: Context, queue_name: str, field_name: str | None, good: Sequence[str]) -> list[Said]:
    """Return what people said in a queue, by item in the order they came. Raises QueueNotFound, FieldMisfit.

    field_name: the question that counts; a queue of pairs has its own. good: of a category the options worth 1.
    """
    queue = await queues.get_queue(ctx, queue_name)
    field = _field(queue, field_name, good)
    items, judgements = await _items(ctx, queue_name), await _judgements(ctx, queue_name)
    values: defaultdict[str, list[float]] = defaultdict(list)
    for one in judgements:
        answer = resolved(one).get(PREFERRED if field is None else field.name) if one.state == "judged" else None
        if answer is not None:
            values[one.item_id].append(_PREFERENCE[str(answer)] if field is None else worth(field, answer, good))
    return [
        Said(item.trace_id, item.other_trace_id, fmean(found), len(found))
        for item in items
        if (found := values.get(item.item_id))
    ]


def worth(field: Field, answer: AnswerValue, good: Sequence[str]) -> float:
    """Return what an answer is worth, 0-1: its place on a scale, yes or no, or whether a category is a good one."""
    if field.kind == "number":
        assert field.low is not None, "a number has a scale"
        assert field.high is not None, "a number has a scale"
        return min(1.0, max(0.0, (float(answer) - field.low) / (field.high - field.low)))
    return float(answer is True) if field.kind == "boolean" else float(answer in good)


def _field(queue: Queue, name: str | None, good: Sequence[str]) -> Field | None:
    if queue.mode == "pairwise":
        return None
    found = next((field for field in queue.fields if field.name == name), None)
    if found is None or found.kind in ("text", "correction"):
        usable = [field.name for field in queue.fields if field.kind in ("number", "boolean", "category")]
        raise FieldMisfit(
            f"queue '{queue.name}' has no question '{name}' that is worth a number; choose from: {', '.join(usable) or 'none'}"
        )
    options = [option.label for option in found.options]
    if found.kind == "category" and not set(good) & set(options):
        raise FieldMisfit(f"'{name}' is a category; say which of its options are good: {', '.join(options)}")
    return found


async def _items(ctx: Context, queue_name: str) -> list[Item]:
    page = await queues.list_items(ctx, queue_name, limit=AT_ONCE)
    items = list(page.items)
    while page.next_cursor is not None:
        page = await queues.list_items(ctx, queue_name, limit=AT_ONCE, cursor=page.next_cursor)
        items += page.items
    return items


async def _judgements(ctx: Context, queue_name: str) -> list[Judgement]:
    page = await queues.list_judgements(ctx, queue_name, limit=AT_ONCE)
    judgements = list(page.items)
    while page.next_cursor is not None:
        page = await queues.list_judgements(ctx, queue_name, limit=AT_ONCE, cursor=page.next_cursor)
        judgements += page.items
    return judgements

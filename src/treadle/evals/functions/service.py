"""Experiments whose target is a function that runs where the SDK does: which rows wait, and what it answered.

The run of such an experiment waits for answers (`targets.FunctionAsker`) and judges them as any other's. What was sent is
kept at once, so a function that is killed goes on with the rows that have no answer.
"""

from __future__ import annotations

import asyncio

from treadle.core.errors import Conflict
from treadle.core.types import Page
from treadle.data import browse
from treadle.data import service as data
from treadle.data.types import Example
from treadle.evals import service
from treadle.evals.comparisons.early import order_of
from treadle.evals.functions import store as outputs
from treadle.evals.functions.types import NewOutputs, OutputsKept, WaitingRow
from treadle.evals.target import row_of
from treadle.evals.types import Experiment
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of

AT_ONCE = 2_000
MOST_ROWS = 10_000_000
"""Rows of a part in which an experiment may stop early."""


class NotAFunction(Conflict):
    """An experiment that asks its target itself, or that has ended."""

    code = "evals.not_a_function"


async def list_waiting(ctx: Context, experiment_id: str, *, limit: int, cursor: str | None = None) -> Page[WaitingRow]:
    """Return rows that the function has not answered, by repeat and row; none of one that has succeeded.

    Where the experiment may stop early, they come in the order in which it takes them, or nothing would be saved. Raises
    ExperimentNotFound, NotAFunction.
    """
    experiment = await _require(ctx, experiment_id)
    if experiment.status == "succeeded":
        return _page([], limit)
    if experiment.stop is not None:
        return await _in_stop_order(ctx, experiment, limit, cursor)
    after = decode_cursor(cursor, int, int)
    repeat, row = (int(after[0]), int(after[1])) if after else (1, 0)
    answered = await ctx.db.read(lambda db: outputs.answered_rows(db, experiment_id))
    (path,) = await data.fetch_files(ctx, experiment.dataset_version_id)
    count = experiment.limit
    found: list[WaitingRow] = []
    while repeat <= experiment.repeats and len(found) <= limit:
        # A limit takes the first rows of the part, so places are counted from its beginning.
        examples = await asyncio.to_thread(
            browse.list_examples, path, after_row=0 if count else row, limit=count or AT_ONCE, part=experiment.part,
            label=None, text=None,
        )  # fmt: skip
        waiting = [one for one in examples if one.row > row and (one.row, repeat) not in answered]
        found += [_waiting(one, repeat) for one in waiting]
        if count or len(examples) < AT_ONCE:
            repeat, row = repeat + 1, 0
        else:
            row = examples[-1].row
    return _page(found, limit)


async def _in_stop_order(ctx: Context, experiment: Experiment, limit: int, cursor: str | None) -> Page[WaitingRow]:
    """Return waiting rows by their place in the order in which they are taken. Cost: reads all rows of the part."""
    after = decode_cursor(cursor, int)
    first = int(after[0]) + 1 if after else 0
    answered = await ctx.db.read(lambda db: outputs.answered_rows(db, experiment.experiment_id))
    (path,) = await data.fetch_files(ctx, experiment.dataset_version_id)
    examples = await asyncio.to_thread(
        browse.list_examples, path, after_row=0, limit=experiment.limit or MOST_ROWS, part=experiment.part, label=None,
        text=None,
    )  # fmt: skip
    by_row = {one.row: one for one in examples}
    order = order_of(list(by_row), experiment.experiment_id)
    places = [place for place in range(first, len(order)) if (order[place], 1) not in answered][: limit + 1]
    page = page_of(places, limit, lambda place: (place,))
    return Page(items=[_waiting(by_row[order[place]], 1) for place in page.items], next_cursor=page.next_cursor)


def _waiting(one: Example, repeat: int) -> WaitingRow:
    line = {
        "row": one.row, "input": one.input, "expected": one.expected_output, "metadata": one.metadata,
        "messages": None if one.messages is None else [message.model_dump() for message in one.messages],
    }  # fmt: skip
    return WaitingRow(**row_of(line)._replace(repeat=repeat)._asdict())


async def add_outputs(ctx: Context, experiment_id: str, new: NewOutputs) -> OutputsKept:
    """Keep what the function answered; what was said first of a row stays, and one that has succeeded needs no more.

    Raises ExperimentNotFound, NotAFunction.
    """
    experiment = await _require(ctx, experiment_id)
    ctx.require("evals.write")
    if experiment.status == "succeeded":  # it stopped early, while the function was at work
        return OutputsKept(num_new=0)
    if experiment.status not in ("queued", "running"):
        raise NotAFunction(
            f"experiment '{experiment_id}' is {experiment.status}; let it go on with: treadle run retry {experiment.run_id}"
        )
    count = await ctx.db.write(lambda db: outputs.insert_outputs(db, experiment_id, new.outputs))
    return OutputsKept(num_new=count)


async def _require(ctx: Context, experiment_id: str) -> Experiment:
    experiment = await service.get_experiment(ctx, experiment_id)
    if experiment.target.function is None:
        raise NotAFunction(
            f"experiment '{experiment_id}' asks its target itself; only a function's answers are sent in"
        )
    return experiment


def _page(found: list[WaitingRow], limit: int) -> Page[WaitingRow]:
    return page_of(found[: limit + 1], limit, lambda one: (one.repeat, one.row))

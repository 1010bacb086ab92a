"""Ask several prompts of several endpoints with several rows at once, and tell each answer as it comes.

Cells are asked through the gateway as the caller, so limits, guards, prices and traces hold; no more than `concurrency` at a
time, and none is begun once the budget is spent. Answers stream: `delta` events while a cell speaks, `cell` when it is done,
`end` with the totals. Whoever hangs up stops what has not begun and cancels what runs.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from typing import NamedTuple

from treadle.core.errors import InvalidInput, TreadleError, Unavailable
from treadle.core.types import JsonObject, Record
from treadle.evals.judges.asking import caller_of
from treadle.gateway.batches.inside import Application, Told, ask_inside
from treadle.http.context import Context
from treadle.playground.listening import Listener, why_not
from treadle.playground.types import Cell, GridTotal, NewGrid, TriedPrompt
from treadle.prompts import service as prompts
from treadle.prompts.jinja_room import Renders
from treadle.prompts.types import Version

MAX_CELLS = 1_000
DRAFT = "draft"
"""What a draft without a name is called while it is tried."""
_OWN_FIELDS = frozenset({"model", "messages", "stream", "stream_options", "treadle"})


class Place(NamedTuple):
    """Where a cell stands."""

    cell: int
    prompt: int
    endpoint: str
    row: int


class Event(NamedTuple):
    """Something to tell."""

    name: str
    """'start', 'delta', 'cell' or 'end'."""
    data: JsonObject


async def version_of(ctx: Context, tried: TriedPrompt) -> Version:
    """Return what a tried prompt says, a draft put together as it would be kept. Raises NotFound, TemplateInvalid."""
    if tried.draft is not None:
        return await prompts.preview_version(ctx, tried.name or DRAFT, tried.draft)
    if tried.name is None:
        raise InvalidInput("a prompt to try has a name or a draft; give one of them", code="playground.no_prompt")
    return await prompts.get_version(ctx, tried.name, tried.version)


def places_of(grid: NewGrid) -> list[Place]:
    """Return every cell of a grid. Raises InvalidInput for more than 1,000."""
    count = len(grid.prompts) * len(grid.endpoints) * len(grid.rows)
    if count > MAX_CELLS:
        raise InvalidInput(
            f"the grid has {count:,} cells and may have {MAX_CELLS:,}; try fewer rows, or run an experiment: treadle eval run",
            code="playground.too_many_cells",
        )
    everything = (
        (prompt, endpoint, row)
        for prompt in range(len(grid.prompts))
        for endpoint in grid.endpoints
        for row in range(len(grid.rows))
    )
    return [Place(number, *place) for number, place in enumerate(everything)]


class Grid:
    """One grid being asked."""

    def __init__(
        self, ctx: Context, new: NewGrid, versions: Sequence[Version], application: Application, room: Renders
    ) -> None:
        """room: where Jinja prompts are filled in."""
        self._ctx = ctx
        self._new = new
        self._versions = versions
        self._application = application
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._room = room
        self._spent = Decimal(0)
        self._cells: list[Cell] = []

    async def run(self) -> AsyncGenerator[Event]:
        """Yield what happens until everything was asked."""
        places = places_of(self._new)
        yield Event("start", {"cells": len(places)})
        waiting = iter(places)

        async def work() -> None:
            for place in waiting:  # nothing is awaited between taking a place and owning it
                await self._finish(place)

        workers = [asyncio.create_task(work()) for _ in range(min(self._new.concurrency, len(places)))]
        ended = asyncio.ensure_future(asyncio.gather(*workers))
        ended.add_done_callback(lambda _: self._events.put_nowait(None))
        try:
            while (event := await self._events.get()) is not None:
                yield event
            ended.result()
            yield Event("end", _json(self._total()))
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _finish(self, place: Place) -> None:
        budget = self._new.budget_usd
        if budget is not None and self._spent >= budget:
            cell = _cell(place, "skipped", error=f"the budget of {budget} USD is spent")
        else:
            cell = await self._ask(place)
        self._spent += cell.cost_usd or 0
        self._cells.append(cell)
        self._events.put_nowait(Event("cell", _json(cell)))

    async def _ask(self, place: Place) -> Cell:
        try:
            row = self._new.rows[place.row]
            messages = await prompts.fill(self._versions[place.prompt], row, self._room)
        except TreadleError as error:
            return _cell(place, "failed", error=error.message)
        fields = {key: value for key, value in self._new.parameters.items() if key not in _OWN_FIELDS}
        stream = {"stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps({"model": place.endpoint, "messages": messages, **fields, **stream}).encode()
        listener = Listener(lambda words: self._events.put_nowait(Event("delta", {"cell": place.cell, "text": words})))
        began = time.perf_counter()
        told = await ask_inside(
            self._application, "/v1/chat/completions", caller_of(self._ctx), body, aside=True, on_part=listener.hear
        )
        return _answered(place, told, listener, (time.perf_counter() - began) * 1000)

    def _total(self) -> GridTotal:
        statuses = [cell.status for cell in self._cells]
        return GridTotal(
            cells=len(self._cells),
            answered=statuses.count("answered"),
            failed=statuses.count("failed"),
            skipped=statuses.count("skipped"),
            cost_usd=self._spent,
            unpriced=sum(cell.status == "answered" and cell.cost_usd is None for cell in self._cells),
        )


def _answered(place: Place, told: Told, listener: Listener, latency_ms: float) -> Cell:
    record = told.record
    error: str | None = listener.fault
    if told.status != 200:
        error = why_not(told)
    elif error is None and not listener.is_ended:
        error = "the answer broke off"
    return Cell(
        **place._asdict(),
        status="answered" if error is None else "failed",
        output=listener.text if error is None else listener.text or None,
        tool_calls=listener.tool_calls,
        error=error,
        latency_ms=latency_ms,
        input_tokens=record.input_tokens if record else None,
        output_tokens=record.output_tokens if record else None,
        cost_usd=record.cost_usd if record else None,
        trace_id=record.trace_id if record else None,
    )


def _cell(place: Place, status: str, *, error: str) -> Cell:
    facts = {**place._asdict(), "status": status, "output": None, "error": error, "latency_ms": 0.0}
    nothing = dict.fromkeys(("input_tokens", "output_tokens", "cost_usd", "trace_id"))
    return Cell.model_validate({**facts, **nothing})


def _json(record: Record) -> JsonObject:
    return record.model_dump(mode="json")


def require_gateway(application: Application | None) -> Application:
    """Return the gateway of this process. Raises Unavailable where none runs."""
    if application is None:
        raise Unavailable("no gateway runs in this process; start the server: treadle up", code="playground.no_gateway")
    return application

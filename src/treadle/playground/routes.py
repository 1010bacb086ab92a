"""HTTP: preview a prompt, fill its examples, attack it, try grids, talk to an endpoint."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Annotated, cast

from fastapi import APIRouter, Body, Path, Request
from fastapi.responses import StreamingResponse

from treadle.gateway.batches.inside import Application
from treadle.http.context import Context
from treadle.http.policy import policy
from treadle.jobs.types import Run
from treadle.playground import demonstrations, safety, service
from treadle.playground.chat import chat
from treadle.playground.grid import Event, Grid, places_of, require_gateway, version_of
from treadle.playground.types import (
    FillExamples,
    NewChat,
    NewGrid,
    NewPreview,
    NewSafety,
    NewTriedPreview,
    Preview,
    SaveCell,
)
from treadle.prompts.jinja_room import Renders
from treadle.prompts.jinja_rooms import JinjaRooms
from treadle.prompts.types import Name, Version

router = APIRouter(prefix="/api/v1", tags=["playground"])
Which = Annotated[str, Path(max_length=40)]


@router.post("/prompts/{name}/versions/{version}/preview")
async def preview(
    ctx: Annotated[Context, policy("prompts.read")],
    request: Request,
    name: Name,
    version: Which,
    new: Annotated[NewPreview, Body()],
) -> list[Preview]:
    """What a version is for some models: its tokens, and what requests with it cost."""
    return await service.preview(ctx, name, version, new, _room(ctx, request))


@router.post("/prompts/{name}/examples", status_code=201)
async def fill_examples(
    ctx: Annotated[Context, policy("prompts.write")], name: Name, wanted: Annotated[FillExamples, Body()]
) -> Version:
    """Add a version that shows rows of a dataset."""
    return await demonstrations.fill_examples(ctx, name, wanted)


@router.post("/prompts/{name}/versions/{version}/safety", status_code=202)
async def start_safety(
    ctx: Annotated[Context, policy("evals.write")], name: Name, version: Which, new: Annotated[NewSafety, Body()]
) -> Run:
    """Attack a version through an endpoint; the work goes on as a run."""
    return await safety.start_safety(ctx, name, version, new)


@router.post("/playground", response_class=StreamingResponse)
async def try_grid(
    ctx: Annotated[Context, policy("gateway.invoke")], request: Request, new: Annotated[NewGrid, Body()]
) -> StreamingResponse:
    """Ask prompts of endpoints with rows; a stream of the events 'start', 'delta', 'cell' and 'end'."""
    ctx.require("prompts.read")
    find = cast(Callable[[], Application | None], request.app.state.gateway)
    places_of(new)
    versions = [await version_of(ctx, tried) for tried in new.prompts]
    grid = Grid(ctx, new, versions, require_gateway(find()), _room(ctx, request))
    return _stream(grid.run())


@router.post("/playground/preview")
async def preview_tried(
    ctx: Annotated[Context, policy("prompts.read")], request: Request, new: Annotated[NewTriedPreview, Body()]
) -> list[Preview]:
    """What asking a prompt with some rows would be for some models: its tokens and its cost, before anything is asked."""
    return await service.preview_tried(ctx, new, _room(ctx, request))


@router.post("/chat", response_class=StreamingResponse)
async def talk(
    ctx: Annotated[Context, policy("gateway.invoke")], request: Request, new: Annotated[NewChat, Body()]
) -> StreamingResponse:
    """The next message of a conversation with an endpoint; a stream of the events 'delta' and 'end'."""
    find = cast(Callable[[], Application | None], request.app.state.gateway)
    return _stream(chat(ctx, new, require_gateway(find())))


@router.post("/playground/versions", status_code=201)
async def save_cell(ctx: Annotated[Context, policy("prompts.write")], saved: Annotated[SaveCell, Body()]) -> Version:
    """Keep what a cell asked as a version."""
    return await service.save_cell(ctx, saved)


def _room(ctx: Context, request: Request) -> Renders:
    return cast(JinjaRooms, request.app.state.jinja).of(ctx.project_id)


def _stream(events: AsyncGenerator[Event]) -> StreamingResponse:
    """Tell events as they come; whoever hangs up ends what makes them."""

    async def lines() -> AsyncIterator[bytes]:
        async with contextlib.aclosing(events) as told:
            async for event in told:
                yield f"event: {event.name}\ndata: {json.dumps(event.data, ensure_ascii=False)}\n\n".encode()

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})

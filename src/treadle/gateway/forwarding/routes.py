"""HTTP: destinations that spans are sent on to, and how far each is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, cast

import anyio
from fastapi import APIRouter, Body, Request

from treadle.core.types import Page
from treadle.gateway.forwarding import service
from treadle.gateway.forwarding.delivering import Around
from treadle.gateway.forwarding.types import Forward, ForwardName, ForwardTest, NewForward
from treadle.gateway.posting import Poster
from treadle.governance.gatekeeper import Gatekeeper
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1/forwards", tags=["forwards"])
Reader = Annotated[Context, policy("traces.read")]
Keeper = Annotated[Context, policy("traces.govern")]


@router.get("")
async def list_forwards(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Forward]:
    """Destinations by name, with what was sent and what waits."""
    return await service.list_forwards(ctx, limit=limit, cursor=cursor)


@router.post("", status_code=201)
async def create_forward(ctx: Keeper, new: Annotated[NewForward, Body()], request: Request) -> Forward:
    """Send on what is stored from now on."""
    async with _around(request) as around:
        return await service.create_forward(ctx, new, around)


@router.get("/{name}")
async def get_forward(ctx: Reader, name: ForwardName) -> Forward:
    """One destination."""
    return await service.get_forward(ctx, name)


@router.post("/{name}/pause")
async def pause_forward(ctx: Keeper, name: ForwardName) -> Forward:
    """Send nothing more for now; what is stored meanwhile waits."""
    return await service.pause_forward(ctx, name, is_paused=True)


@router.post("/{name}/resume")
async def resume_forward(ctx: Keeper, name: ForwardName) -> Forward:
    """Go on, at once."""
    return await service.pause_forward(ctx, name, is_paused=False)


@router.post("/{name}/test")
async def test_forward(ctx: Keeper, name: ForwardName, request: Request) -> ForwardTest:
    """Send an export without spans now; the answer says what came of it."""
    async with _around(request) as around:
        return await service.test_forward(ctx, name, around)


@router.delete("/{name}", status_code=204)
async def remove_forward(ctx: Keeper, name: ForwardName) -> None:
    """Forget a destination, its headers and what waits for it."""
    await service.remove_forward(ctx, name)


@asynccontextmanager
async def _around(request: Request) -> AsyncIterator[Around]:
    hosts = request.app.state.private_hosts
    poster = Poster(hosts)
    master_keys = cast(Gatekeeper, request.app.state.authenticator).master_keys
    try:
        yield Around(master_keys, hosts, poster, anyio.CapacityLimiter(1))
    finally:
        await poster.close()

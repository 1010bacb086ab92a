"""HTTP: one stream of what changes in the project, and who is on the same page."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from treadle.core.errors import Unavailable
from treadle.http.context import Context
from treadle.http.policy import Authenticator, policy
from treadle.live.hub import Hub
from treadle.live.recent import RECENT_SECONDS
from treadle.live.stream import tell_changes
from treadle.live.types import PagePath

router = APIRouter(prefix="/api/v1", tags=["live"])
READ = "access.self"
"""Anybody of the project may follow; each change is told to those only who may read its kind."""


@router.get("/changes", response_class=StreamingResponse)
async def follow_changes(
    ctx: Annotated[Context, policy(READ)],
    request: Request,
    page: Annotated[PagePath | None, Query(description="the page that you have open; others on it are told")] = None,
    recent_ms: Annotated[
        int,
        Query(
            ge=0, le=int(RECENT_SECONDS * 1000), description="also tell what changed so long before; some of it twice"
        ),
    ] = 0,
    last_event_id: Annotated[str | None, Header(max_length=20, description="the last `id` that you were told")] = None,
) -> StreamingResponse:
    """What changes, as it happens: a stream of the events 'change', 'presence', 'resync', 'ready' and 'end'."""
    hub: Hub | None = request.app.state.hub()
    if hub is None:
        raise Unavailable(
            "changes are told by a running server, and none listens here; start one with: treadle up",
            code="live.no_server",
        )
    if page is not None:
        ctx.require("comments.read")  # the names of people, which an application's key has no use for
    hub.require_place(ctx)
    authenticator = cast(Authenticator, request.app.state.authenticator)

    async def recognise() -> Context:
        again = await authenticator.context_of(request)
        again.require(READ)
        return again

    return StreamingResponse(
        tell_changes(hub, ctx, recognise, page=page, last_event_id=last_event_id, recent_seconds=recent_ms / 1000),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )

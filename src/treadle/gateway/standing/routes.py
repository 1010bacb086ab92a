"""HTTP: how targets stand, and closing their breakers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from treadle.core.types import Page
from treadle.gateway.standing import service
from treadle.gateway.standing.types import HealthFilter, NewReset, TargetHealth, TargetState
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1/gateway", tags=["gateway"])
Reader = Annotated[Context, policy("providers.read")]
Writer = Annotated[Context, policy("providers.write")]


@router.get("/health")
async def list_health(
    ctx: Reader,
    state: TargetState | None = None,
    provider: Annotated[str | None, Query(max_length=200, description="only this provider's")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[TargetHealth]:
    """What requests are sent to, by name: breakers, failures and speed over all workers of the gateway."""
    return await service.list_health(ctx, HealthFilter(state=state, provider=provider), limit=limit, cursor=cursor)


@router.post("/resets")
async def reset_breaker(ctx: Writer, new: Annotated[NewReset, Body()]) -> TargetHealth:
    """Ask every worker to close its breaker for a target now, instead of when its time is over."""
    return await service.reset_breaker(ctx, new.target)

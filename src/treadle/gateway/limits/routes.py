"""HTTP: limits and what is used of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query

from treadle.core.types import Page
from treadle.gateway.limits import service
from treadle.gateway.limits.types import Limit, LimitStanding, LimitUsage, SetLimit
from treadle.http.context import Context
from treadle.http.page_query import Cursor
from treadle.http.page_query import Limit as PageLimit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged

router = APIRouter(prefix="/api/v1/limits", tags=["limits"], route_class=Tagged)
Reader = Annotated[Context, policy("limits.read")]
Writer = Annotated[Context, policy("limits.write")]
LimitId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
"""Any text may be asked for; one that is no id is not found."""


@router.get("")
async def list_limits(ctx: Reader, limit: PageLimit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Limit]:
    """Limits by id."""
    return await service.list_limits(ctx, limit=limit, cursor=cursor)


@router.get("/standing")
async def list_standings(
    ctx: Reader,
    at_least: Annotated[
        float | None, Query(ge=0, le=100, description="only this share of the amount or more, such as 0.8")
    ] = None,
    limit: PageLimit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[LimitStanding]:
    """Limits with how much of each is used in its present window, and when that ends; by limit and subject."""
    return await service.list_standings(ctx, least_share=at_least, limit=limit, cursor=cursor)


@router.post("")
async def set_limit(ctx: Writer, new: Annotated[SetLimit, Body()], when: Precondition) -> Limit:
    """Bound use, or change the amount of the limit that does so already."""
    return await service.set_limit(ctx, new, when=when)


@router.delete("/{limit_id}", status_code=204)
async def remove_limit(ctx: Writer, limit_id: LimitId) -> None:
    """Bound this use no longer."""
    await service.remove_limit(ctx, limit_id)


@router.get("/{limit_id}/usage")
async def list_usage(
    ctx: Reader, limit_id: LimitId, limit: PageLimit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[LimitUsage]:
    """What was used of a limit in the present window, by subject."""
    return await service.list_usage(ctx, limit_id, limit=limit, cursor=cursor)

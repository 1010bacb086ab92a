"""HTTP: schedules, and the times that they went."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.pipelines.schedules import service
from treadle.pipelines.schedules.types import Firing, NewSchedule, Schedule, ScheduleName

router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"], route_class=Tagged)
Reader = Annotated[Context, policy("jobs.read")]
Writer = Annotated[Context, policy("jobs.write")]


@router.get("")
async def list_schedules(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Schedule]:
    """Schedules by name."""
    return await service.list_schedules(ctx, limit=limit, cursor=cursor)


@router.put("")
async def put_schedule(ctx: Writer, new: Annotated[NewSchedule, Body()], when: Precondition) -> Schedule:
    """Make a schedule, or change the one of this name; its turns have your rights."""
    return await service.put_schedule(ctx, new, when=when)


@router.get("/{name}")
async def get_schedule(ctx: Reader, name: ScheduleName) -> Schedule:
    """One schedule, with how near it is."""
    return await service.get_schedule(ctx, name)


@router.delete("/{name}", status_code=204)
async def delete_schedule(ctx: Writer, name: ScheduleName) -> None:
    """Forget a schedule; its turns stay."""
    await service.delete_schedule(ctx, name)


@router.get("/{name}/firings")
async def list_firings(
    ctx: Reader, name: ScheduleName, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Firing]:
    """The times that a schedule went, newest first, with why and the turn."""
    return await service.list_firings(ctx, name, limit=limit, cursor=cursor)

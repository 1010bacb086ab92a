"""HTTP: what engines take of their machine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.monitoring.usage import service
from treadle.monitoring.usage.types import EngineUsage

router = APIRouter(prefix="/api/v1/engines", tags=["engines"])


@router.get("/usage")
async def list_usage(
    ctx: Annotated[Context, policy("monitors.read")],
    since: AwareDatetime,
    until: AwareDatetime,
    model_version_id: Annotated[str | None, Query(max_length=60, description="only of this version's engine")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[EngineUsage]:
    """Processors, memory and GPU of engines, minute by minute, oldest first."""
    return await service.list_usage(
        ctx, model_version_id=model_version_id, since=since, until=until, limit=limit, cursor=cursor
    )

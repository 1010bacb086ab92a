"""HTTP: dashboards, the data of charts, charts that are kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.monitoring.dashboards import service
from treadle.monitoring.dashboards.types import Chart, ChartData, ChartName, ChartQuery, Dashboard, SavedChart

router = APIRouter(prefix="/api/v1", tags=["dashboards"], route_class=Tagged)
Reader = Annotated[Context, policy("monitors.read")]
Writer = Annotated[Context, policy("monitors.write")]


@router.get("/dashboards")
async def list_dashboards(ctx: Reader) -> list[Dashboard]:
    """The built-in dashboards, and the charts that people keep as one more."""
    return await service.list_dashboards(ctx)


@router.post("/charts/data")
async def read_chart(ctx: Annotated[Context, policy("traces.read")], query: Annotated[ChartQuery, Body()]) -> ChartData:
    """The lines of a chart; changes nothing."""
    return await service.read_chart(ctx, query)


@router.get("/charts")
async def list_charts(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[SavedChart]:
    """Charts that people keep, by name."""
    return await service.list_charts(ctx, limit=limit, cursor=cursor)


@router.put("/charts/{name}")
async def save_chart(ctx: Writer, name: ChartName, chart: Annotated[Chart, Body()], when: Precondition) -> SavedChart:
    """Keep a chart under this name, or change the one that has it."""
    return await service.save_chart(ctx, chart.model_copy(update={"name": name}), when=when)


@router.delete("/charts/{name}", status_code=204)
async def remove_chart(ctx: Writer, name: ChartName) -> None:
    """Keep a chart no longer."""
    await service.remove_chart(ctx, name)

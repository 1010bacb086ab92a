"""HTTP: the list of traces, one trace as a tree, and where an answer came from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from treadle.http.context import Context
from treadle.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.lineage.types import Graph
from treadle.traces import making, outcomes, retention, service
from treadle.traces.asking import chart
from treadle.traces.asking.ordered import Sort
from treadle.traces.asking.types import LookedPage, TraceChart
from treadle.traces.types import KeptRetention, Lag, Retention, Trace, TraceDetail, TraceFilter

router = APIRouter(prefix="/api/v1/traces", tags=["traces"], route_class=Tagged)
Reader = Annotated[Context, policy("traces.read")]
TraceId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


class TraceQuery(TraceFilter):
    """The list's filters with its paging."""

    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    """Rows per page."""
    cursor: Annotated[str | None, Query(max_length=500)] = None
    """`next_cursor` of the page before."""
    sort: Sort = "newest"
    """What comes first: the newest, or the largest latency or cost, of the time that the filter names or else of the last day."""


class ChartQuery(TraceFilter):
    """The list's filters, and how finely time is cut."""

    bars: Annotated[int, Query(ge=1, le=200)] = 48
    """Steps of time at the most."""


@router.get("")
async def list_traces(ctx: Reader, query: Annotated[TraceQuery, Query()]) -> LookedPage[Trace]:
    """Traces that match, newest first, or the slowest or dearest of a time."""
    return await service.list_traces(ctx, query, limit=query.limit, cursor=query.cursor, sort=query.sort)


@router.get("/chart")
async def read_chart(ctx: Reader, query: Annotated[ChartQuery, Query()]) -> TraceChart:
    """The traces that match over time: of the time that the filter names, or else of the last day that had any."""
    return await chart.read_chart(ctx, query, bars=query.bars)


@router.get("/lag")
async def get_lag(ctx: Reader) -> Lag:
    """How far signals and search are behind what is stored."""
    return await outcomes.get_lag(ctx)


@router.get("/retention")
async def get_retention(ctx: Reader) -> KeptRetention:
    """How long the project keeps its spans."""
    return await retention.get_retention(ctx)


@router.put("/retention")
async def set_retention(
    ctx: Annotated[Context, policy("traces.govern")], new: Retention, when: Precondition
) -> KeptRetention:
    """Keep spans so long from now on; what is older is forgotten within the hour."""
    return await retention.set_retention(ctx, new, when=when)


@router.get("/{trace_id}")
async def get_trace(ctx: Reader, trace_id: TraceId) -> TraceDetail:
    """One trace with its spans as a tree."""
    return await service.get_trace(ctx, trace_id)


@router.get("/{trace_id}/lineage")
async def get_lineage(ctx: Annotated[Context, policy("lineage.read")], trace_id: TraceId) -> Graph:
    """What made this answer, back to the rows, and which data it became part of."""
    return await making.get_lineage(ctx, trace_id)

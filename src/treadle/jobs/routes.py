"""HTTP: runs, their logs, curves, stopping and retrying them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from treadle.http.policy import policy
from treadle.jobs import service
from treadle.jobs.types import LogLine, MetricPoint, Run, RunStatus

router = APIRouter(prefix="/api/v1/runs", tags=["jobs"])
Reader = Annotated[Context, policy("jobs.read")]


@router.get("")
async def list_runs(
    ctx: Reader,
    kind: str | None = None,
    status: RunStatus | None = None,
    q: Annotated[
        str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="part of a title, or an id")
    ] = None,
    is_step: Annotated[bool | None, Query(description="false: only whole pieces of work; true: only steps")] = None,
    parent_run_id: str | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Run]:
    """Runs, newest first; the steps of a parent in order."""
    return await service.list_runs(
        ctx, kind=kind, status=status, text=q, is_step=is_step, parent_run_id=parent_run_id, limit=limit, cursor=cursor
    )


@router.get("/{run_id}")
async def get_run(ctx: Reader, run_id: str) -> Run:
    """One run."""
    return await service.get_run(ctx, run_id)


@router.get("/{run_id}/logs")
async def list_logs(
    ctx: Reader,
    run_id: str,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT,
) -> list[LogLine]:
    """What a run said, after a sequence number."""
    return await service.list_logs(ctx, run_id, after=after, limit=limit)


@router.get("/{run_id}/metrics")
async def list_metrics(ctx: Reader, run_id: str) -> list[MetricPoint]:
    """A run's curves."""
    return await service.list_metrics(ctx, run_id)


@router.post("/{run_id}/cancel")
async def cancel_run(ctx: Annotated[Context, policy("jobs.write")], run_id: str) -> Run:
    """Stop a run and its steps."""
    return await service.cancel_run(ctx, run_id)


@router.post("/{run_id}/retry")
async def retry_run(ctx: Annotated[Context, policy("jobs.write")], run_id: str) -> Run:
    """Have a run that failed or was cancelled go on where it stopped; what cannot be retried says why."""
    return await service.retry_run(ctx, run_id)

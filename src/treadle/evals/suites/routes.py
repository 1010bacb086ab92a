"""HTTP: what harnesses of others found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from treadle.core.types import Page
from treadle.evals.suites import service
from treadle.evals.suites.types import HarnessRun, NewHarnessRun
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1", tags=["evals"])
Reader = Annotated[Context, policy("evals.read")]
Writer = Annotated[Context, policy("evals.write")]


@router.post("/harness-runs", status_code=201)
async def keep_harness_run(ctx: Writer, new: Annotated[NewHarnessRun, Body()]) -> HarnessRun:
    """Keep what a harness found; the figures go onto the model version's card."""
    return await service.keep_run(ctx, new)


@router.get("/harness-runs")
async def list_harness_runs(
    ctx: Reader, endpoint: str | None = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[HarnessRun]:
    """Runs of harnesses, newest first."""
    return await service.list_runs(ctx, endpoint=endpoint, limit=limit, cursor=cursor)


@router.get("/harness-runs/{harness_run_id}")
async def get_harness_run(ctx: Reader, harness_run_id: str) -> HarnessRun:
    """What one run of a harness came to."""
    return await service.get_run(ctx, harness_run_id)

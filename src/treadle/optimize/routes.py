"""HTTP: optimisations and what they tried."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.optimize import service
from treadle.optimize.types import Candidate, NewOptimization, Optimization

router = APIRouter(prefix="/api/v1/optimizations", tags=["optimize"])
Reader = Annotated[Context, policy("evals.read")]


@router.post("", status_code=202)
async def start(
    ctx: Annotated[Context, policy("evals.write")], new: Annotated[NewOptimization, Body()]
) -> Optimization:
    """Search for a better version of a prompt; the work goes on as a run."""
    return await service.start(ctx, new)


@router.get("")
async def list_optimizations(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Optimization]:
    """Optimisations, newest first."""
    return await service.list_(ctx, limit=limit, cursor=cursor)


@router.get("/{optimization_id}")
async def get_optimization(ctx: Reader, optimization_id: str) -> Optimization:
    """One optimisation with what came of it."""
    return await service.get(ctx, optimization_id)


@router.get("/{optimization_id}/candidates")
async def list_candidates(
    ctx: Reader, optimization_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Candidate]:
    """Everything that was tried, by number."""
    return await service.list_candidates(ctx, optimization_id, limit=limit, cursor=cursor)

"""HTTP: lists of words for groups, rows made with them, and what answers to those rows differ in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from treadle.evals.bias import service
from treadle.evals.bias.types import BiasReport, NewBiasRows, StereotypeReport, TermList
from treadle.http.context import Context
from treadle.http.policy import policy
from treadle.jobs.types import Run

router = APIRouter(prefix="/api/v1", tags=["evals"])
Reader = Annotated[Context, policy("evals.read")]


@router.get("/bias/terms")
async def list_terms(ctx: Reader) -> list[TermList]:
    """The lists of words for groups that ship, with their sources."""
    return service.list_terms(ctx)


@router.post("/bias/rows", status_code=202)
async def make_rows(ctx: Annotated[Context, policy("evals.write")], new: Annotated[NewBiasRows, Body()]) -> Run:
    """Make rows that differ in one group only, of a dataset version or templates, or of a published benchmark's file."""
    return await service.start_rows(ctx, new)


@router.get("/experiments/{experiment_id}/bias")
async def get_bias(
    ctx: Reader,
    experiment_id: str,
    alpha: Annotated[float, Query(gt=0, lt=0.5, description="chance of any false finding in the report")] = 0.05,
) -> BiasReport:
    """Whether answers depend on the group that a text speaks of: paired differences, corrected, with what could be seen."""
    return await service.get_bias(ctx, experiment_id, alpha=alpha)


@router.get("/experiments/{experiment_id}/stereotypes")
async def get_stereotypes(ctx: Reader, experiment_id: str) -> StereotypeReport:
    """The figures of BBQ or CrowS-Pairs, as their papers define them."""
    return await service.get_stereotypes(ctx, experiment_id)

"""HTTP: start training runs, read pre-flight reports. Runs themselves are under /api/v1/runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path

from treadle.http.context import Context
from treadle.http.policy import policy
from treadle.jobs.types import Run
from treadle.training import service
from treadle.training.types import NewPreflight, NewTraining, PreflightOfRun

router = APIRouter(prefix="/api/v1/training", tags=["training"])
Reader = Annotated[Context, policy("training.read")]
Writer = Annotated[Context, policy("training.write")]


@router.post("/runs", status_code=202)
async def start_training(ctx: Writer, new: Annotated[NewTraining, Body()]) -> Run:
    """Start a base training or a fine-tune; follow it under /api/v1/runs."""
    return await service.start_training(ctx, new)


@router.post("/preflights", status_code=202)
async def start_preflight(ctx: Writer, new: Annotated[NewPreflight, Body()]) -> Run:
    """Start a run that examines rows and base as a fine-tune would, and trains nothing."""
    return await service.start_preflight(ctx, new)


@router.get("/runs/{run_id}/preflight")
async def get_preflight(ctx: Reader, run_id: Annotated[str, Path(max_length=60)]) -> PreflightOfRun:
    """The report of a run's pre-flight: three rows token by token, and every problem."""
    return await service.get_preflight(ctx, run_id)

"""HTTP: judge one output now, and measure judges against people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from treadle.core.types import Page
from treadle.evals import scoring_now
from treadle.evals.judges import service
from treadle.evals.judges.types import Calibration, NewCalibration
from treadle.evals.scoring.types import NewScoring, Score
from treadle.gateway.batches.inside import Application
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.jobs.types import Run

router = APIRouter(prefix="/api/v1", tags=["judges"])
Reader = Annotated[Context, policy("evals.read")]
Writer = Annotated[Context, policy("evals.write")]


@router.post("/scores")
async def score_case(ctx: Writer, request: Request, new: Annotated[NewScoring, Body()]) -> list[Score]:
    """Judge one output now; nothing is kept but the traces of judges."""
    return await scoring_now.score_case(ctx, new, _gateway(request))


@router.post("/judges/calibrations", status_code=202)
async def start_calibration(ctx: Writer, new: Annotated[NewCalibration, Body()]) -> Run:
    """Measure a judge against people; the work goes on as a run, whose outputs name the calibration."""
    return await service.start_calibration(ctx, new)


@router.get("/judges/calibrations")
async def list_calibrations(ctx: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Calibration]:
    """Calibrations, newest first."""
    return await service.list_calibrations(ctx, limit=limit, cursor=cursor)


@router.get("/judges/calibrations/{calibration_id}")
async def get_calibration(ctx: Reader, calibration_id: str) -> Calibration:
    """How far one judge can be believed."""
    return await service.get_calibration(ctx, calibration_id)


def _gateway(request: Request) -> Application | None:
    """Return the gateway of this process; None where none runs."""
    find = getattr(request.app.state, "gateway", None)
    return None if find is None else find()

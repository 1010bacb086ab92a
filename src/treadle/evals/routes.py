"""HTTP: scorers, experiments, their results, comparisons."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response

from treadle.core.types import Page
from treadle.evals import service
from treadle.evals.comparisons import slicing
from treadle.evals.comparisons.types import ComparisonReport, Plan, SliceKind, SliceReport
from treadle.evals.functions import service as functions
from treadle.evals.functions.types import NewOutputs, OutputsKept, WaitingRow
from treadle.evals.parquet import to_parquet
from treadle.evals.people import service as human
from treadle.evals.people.types import HandedOver, NewHandOver, NewTakeBack
from treadle.evals.scoring.types import ScorerInfo
from treadle.evals.types import Experiment, ExperimentStatus, NewExperiment, Result
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1", tags=["evals"])
Reader = Annotated[Context, policy("evals.read")]
Writer = Annotated[Context, policy("evals.write")]


@router.get("/scorers")
async def list_scorers(ctx: Reader) -> list[ScorerInfo]:
    """The scorers that can be chosen."""
    return service.list_scorers(ctx)


@router.post("/experiments", status_code=202)
async def start_experiment(ctx: Writer, new: Annotated[NewExperiment, Body()]) -> Experiment:
    """Run a target over a part of a dataset version; the work goes on as a run."""
    return await service.start_experiment(ctx, new)


@router.get("/experiments")
async def list_experiments(
    ctx: Reader,
    dataset_version_id: str | None = None,
    model_version_id: str | None = None,
    prompt_version_id: Annotated[
        list[str] | None, Query(max_length=100, description="prompt versions that framed the inputs")
    ] = None,
    q: PartOfName = None,
    status: ExperimentStatus | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Experiment]:
    """Experiments, newest first."""
    return await service.list_experiments(
        ctx,
        dataset_version_id=dataset_version_id,
        model_version_id=model_version_id,
        prompt_version_ids=prompt_version_id,
        text=q,
        status=status,
        limit=limit,
        cursor=cursor,
    )


@router.get("/experiments/{experiment_id}")
async def get_experiment(ctx: Reader, experiment_id: str) -> Experiment:
    """One experiment with its metrics."""
    return await service.get_experiment(ctx, experiment_id)


@router.get("/experiments/{experiment_id}/results")
async def list_results(
    ctx: Reader,
    experiment_id: str,
    below: Annotated[float | None, Query(description="only rows whose first score is less")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Result]:
    """Judged rows, in the order of the dataset."""
    return await service.list_results(ctx, experiment_id, below=below, limit=limit, cursor=cursor)


@router.get("/experiments/{experiment_id}/results.parquet", response_class=Response)
async def export_results(ctx: Reader, experiment_id: str) -> Response:
    """All judged rows as one Parquet file, with a column for each scorer."""
    results = await service.list_all_results(ctx, experiment_id)
    content = await asyncio.to_thread(to_parquet, results)
    headers = {"content-disposition": f'attachment; filename="{experiment_id}.parquet"'}
    return Response(content, media_type="application/vnd.apache.parquet", headers=headers)


@router.get("/experiments/{experiment_id}/waiting")
async def list_waiting(
    ctx: Reader, experiment_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[WaitingRow]:
    """Rows that a function is still to answer."""
    return await functions.list_waiting(ctx, experiment_id, limit=limit, cursor=cursor)


@router.post("/experiments/{experiment_id}/outputs")
async def add_outputs(ctx: Writer, experiment_id: str, new: Annotated[NewOutputs, Body()]) -> OutputsKept:
    """Take what a function answered; what was said first of a row stays."""
    return await functions.add_outputs(ctx, experiment_id, new)


@router.post("/experiments/{experiment_id}/hand-over")
async def hand_over(ctx: Writer, experiment_id: str, new: Annotated[NewHandOver, Body()]) -> HandedOver:
    """Let people judge answers of an experiment: put them into a queue."""
    return await human.hand_over(ctx, experiment_id, new)


@router.post("/experiments/{experiment_id}/take-back")
async def take_back(ctx: Writer, experiment_id: str, new: Annotated[NewTakeBack, Body()]) -> Experiment:
    """Take what people said in a queue as scores of the experiment."""
    return await human.take_back(ctx, experiment_id, new)


@router.get("/experiments/{baseline_id}/compare/{candidate_id}/slices")
async def compare_slices(
    ctx: Reader,
    baseline_id: str,
    candidate_id: str,
    by: Annotated[list[SliceKind] | None, Query(description="what parts are made by; all but topic by default")] = None,
    scorer: Annotated[
        str | None, Query(description="the scorer compared; the first that both have when not given")
    ] = None,
    alpha: Annotated[float, Query(gt=0, lt=0.5, description="share of findings that may be false")] = 0.05,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="parts shown")] = 20,
) -> SliceReport:
    """Where a candidate is better or worse: parts of the rows by metadata, length, language or topic, regressions first."""
    return await slicing.compare_slices(
        ctx, baseline_id, candidate_id, by=by or slicing.SLICE_KINDS, scorer=scorer, alpha=alpha, limit=limit
    )


@router.get("/eval-plan")
async def make_plan(
    ctx: Reader,
    rows: Annotated[int | None, Query(ge=2, description="rows that there are")] = None,
    effect: Annotated[float | None, Query(gt=0, lt=1, description="difference to be seen, 0.05 is 5 points")] = None,
    tests: Annotated[int, Query(ge=1, le=100, description="scorers compared at once")] = 1,
    alpha: Annotated[float, Query(gt=0, lt=0.5, description="level of the tests")] = 0.05,
    power: Annotated[float, Query(gt=0.5, lt=1, description="how often a true difference is to be seen")] = 0.8,
) -> Plan:
    """What a comparison over so many rows could show, or how many rows a difference takes."""
    return service.make_plan(ctx, rows=rows, effect=effect, tests=tests, alpha=alpha, power=power)


@router.get("/experiments/{baseline_id}/compare/{candidate_id}")
async def compare_experiments(
    ctx: Reader,
    baseline_id: str,
    candidate_id: str,
    alpha: Annotated[float, Query(gt=0, lt=0.5, description="level of the tests")] = 0.05,
    limit: Annotated[int, Query(ge=0, le=MAX_LIMIT, description="rows of each kind of change")] = 20,
    margin: Annotated[
        float | None, Query(gt=0, le=1, description="loss in score points that would be accepted, such as 0.02")
    ] = None,
    equivalence: Annotated[
        float | None, Query(gt=0, le=1, description="difference either way that would not matter, such as 0.02")
    ] = None,
) -> ComparisonReport:
    """What changed from one experiment to another on the same rows, in words and numbers."""
    return await service.compare_experiments(
        ctx, baseline_id, candidate_id, alpha=alpha, limit=limit, margin=margin, equivalence=equivalence
    )

"""Ask for calibrations, read them, and find the one that holds for a judge."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.core.canonical import digest_of
from treadle.core.errors import InvalidInput, NotFound
from treadle.core.types import Page
from treadle.evals.judges import store
from treadle.evals.judges.asking import require_endpoint
from treadle.evals.judges.calibration import Fitted
from treadle.evals.judges.catalog import asked_by, find_judge
from treadle.evals.judges.types import Calibration, NewCalibration
from treadle.evals.scoring.types import ScorerChoice
from treadle.gateway import service as gateway
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs import service as jobs
from treadle.jobs.types import NewRun, Run
from treadle.storage.database import Connection

CALIBRATE_KIND = "evals.calibrate"
_NOT_THE_JUDGE = {"abstain_below", "tries", "against"}
"""Parameters that change what is done with a judgement, not the judgement."""


class CalibrationNotFound(NotFound):
    """No calibration has the id."""

    code = "evals.calibration_not_found"


class NotAJudge(InvalidInput):
    """A scorer that asks no model; there is nothing to calibrate."""

    code = "evals.not_a_judge"


def judge_digest(choice: ScorerChoice) -> str:
    """Return what names a judge: its kind and all that it is told, defaults included. Raises NotAJudge."""
    found = find_judge(choice)
    if found is None:
        raise NotAJudge(f"'{choice.name}' asks no model, so there is nothing to calibrate; see: treadle eval scorers")
    told = found[1].model_dump(exclude=_NOT_THE_JUDGE | {"endpoint", "endpoints"})
    return digest_of({"kind": choice.name, "asked": found[1].asked, **told})


async def start_calibration(ctx: Context, new: NewCalibration) -> Run:
    """Measure a judge against people; the work goes on as a run, whose outputs name the calibration."""
    ctx.require("evals.write")
    judge_digest(new.scorer)
    for name in asked_by(new.scorer):
        await require_endpoint(ctx, name)

    def write(db: Connection) -> Run:
        run = jobs.enqueue(
            db,
            ctx,
            NewRun(kind=CALIBRATE_KIND, title=f"Calibrate {new.scorer.name}", params=new.model_dump(mode="json")),
        )
        audit.record(
            db, ctx, action="evals.calibrate", object_id=run.run_id, detail={"scorer": new.scorer.model_dump()}
        )
        return run

    return await ctx.db.write(write)


async def get_calibration(ctx: Context, calibration_id: str) -> Calibration:
    """Return a calibration. Raises CalibrationNotFound."""
    ctx.require("evals.read")
    found = await ctx.db.read(lambda db: store.find_calibration(db, calibration_id))
    if found is None:
        raise CalibrationNotFound(f"there is no calibration '{calibration_id}'; list them with: treadle judge list")
    return found


async def list_calibrations(ctx: Context, *, limit: int, cursor: str | None = None) -> Page[Calibration]:
    """Return calibrations, newest first."""
    ctx.require("evals.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    rows = await ctx.db.read(lambda db: store.list_calibrations(db, before, limit + 1))
    return page_of(rows, limit, lambda each: (each.created_at.isoformat(), each.calibration_id))


async def find_fitted(ctx: Context, choice: ScorerChoice) -> Fitted | None:
    """Return the newest map of a judge's scores to probabilities; None for a judge that nobody has measured enough."""
    digest = judge_digest(choice)
    found = await ctx.db.read(lambda db: store.find_newest(db, digest))
    if found is None or found.method is None:
        return None
    return Fitted(found.method, tuple(found.points), found.calibration_id, frozenset(found.release_ids))


async def find_measured(ctx: Context, calibration_id: str) -> Calibration | None:
    """Return a calibration for work on an experiment, whoever started that; None where it is gone."""
    return await ctx.db.read(lambda db: store.find_calibration(db, calibration_id))


def serving(db: Connection, endpoints: Sequence[str]) -> list[str]:
    """Return what serves endpoints now: their releases, by endpoint and arm."""
    return [
        f"{name} {arm.release_id}"
        for name in endpoints
        if (found := gateway.find_published(db, name)) is not None
        for arm in found.arms
    ]

"""Start optimisations and read them."""

from __future__ import annotations

from typing import Any

from treadle.core.errors import InvalidInput, NotFound
from treadle.core.ids import derive_id
from treadle.core.types import Page
from treadle.data import service as data
from treadle.evals.judges.asking import require_endpoint
from treadle.evals.scorers import resolve
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs import service as jobs
from treadle.jobs.types import NewRun
from treadle.lineage import service as lineage
from treadle.optimize import store
from treadle.optimize.trying import require_guide
from treadle.optimize.types import Candidate, NewOptimization, Optimization
from treadle.prompts import service as prompts
from treadle.storage.database import Connection

OPTIMIZE_KIND = "optimize.prompt"


class OptimizationNotFound(NotFound):
    """No optimisation has the id."""

    code = "optimize.not_found"


def id_of(run_id: str) -> str:
    """Return the id of the optimisation that a run does."""
    return derive_id("opt", run_id, "optimization")


async def start(ctx: Context, new: NewOptimization) -> Optimization:
    """Start to search; returns at once, queued. Raises NotFound, InvalidInput."""
    ctx.require("evals.write")
    ctx.require("prompts.write")
    require_guide(resolve(new.scorer))
    base = await prompts.get_version(ctx, new.prompt, new.version)
    if new.message >= len(base.written):
        raise InvalidInput(
            f"prompt '{new.prompt}' has {len(base.written)} messages, numbered from 0, and no message {new.message}",
            code="optimize.no_message",
        )
    lost = next((passage for passage in new.frozen if passage not in base.written[new.message].template), None)
    if lost is not None:
        raise InvalidInput(
            f"message {new.message} does not hold the frozen passage '{lost[:100]}'", code="optimize.frozen"
        )
    rows = await data.get_version(ctx, new.dataset, new.dataset_version)
    for endpoint in {new.endpoint, new.writer or new.endpoint}:
        await require_endpoint(ctx, endpoint)
    # What is named by a label or 'latest' is settled now: it must not move while the run waits.
    settled = new.model_copy(update={"version": base.version, "dataset_version": rows.version})

    def write(db: Connection) -> Optimization:
        params: dict[str, Any] = {"request": settled.model_dump(mode="json")}
        run = jobs.enqueue(db, ctx, NewRun(kind=OPTIMIZE_KIND, title=f"Optimise prompt {new.prompt}", params=params))
        optimization_id = id_of(run.run_id)
        store.insert(db, optimization_id, run.run_id, settled, base.prompt_version_id, ctx.clock.now())
        lineage.describe(db, optimization_id, kind="optimisation", title=f"{new.prompt} by {new.method}")
        for source_id in (base.prompt_version_id, rows.version_id):
            lineage.add_edge(
                db, source_id=source_id, target_id=optimization_id, relation="optimised in", run_id=run.run_id
            )
        audit.record(db, ctx, action="optimize.start", object_id=optimization_id, detail={"prompt": new.prompt})
        return _optimization(db, _require(db, optimization_id))

    return await ctx.db.write(write)


async def get(ctx: Context, optimization_id: str) -> Optimization:
    """Return an optimisation. Raises OptimizationNotFound."""
    ctx.require("evals.read")
    return await ctx.db.read(lambda db: _optimization(db, _require(db, optimization_id)))


async def list_(ctx: Context, *, limit: int, cursor: str | None) -> Page[Optimization]:
    """Return optimisations, newest first."""
    ctx.require("evals.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    found = await ctx.db.read(lambda db: [_optimization(db, row) for row in store.list_(db, before, limit + 1)])
    return page_of(found, limit, lambda each: (each.created_at.isoformat(), each.optimization_id))


async def list_candidates(ctx: Context, optimization_id: str, *, limit: int, cursor: str | None) -> Page[Candidate]:
    """Return everything that was tried, by number. Raises OptimizationNotFound."""
    ctx.require("evals.read")
    after = decode_cursor(cursor, int)

    def read(db: Connection) -> list[Candidate]:
        _require(db, optimization_id)
        return store.list_candidates(db, optimization_id, int(after[0]) if after else -1, limit + 1)

    return page_of(await ctx.db.read(read), limit, lambda candidate: (candidate.number,))


def _require(db: Connection, optimization_id: str) -> dict[str, Any]:
    row = store.find(db, optimization_id)
    if row is None:
        raise OptimizationNotFound(
            f"there is no optimisation '{optimization_id}'; list them with: treadle prompt optimizations"
        )
    return row


def _optimization(db: Connection, row: dict[str, Any]) -> Optimization:
    facts = {name: value for name, value in row.items() if name != "project_id"}
    return Optimization.model_validate({**facts, "status": jobs.require_run(db, row["run_id"]).status})

"""Start experiments, read them and their results, and compare two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from treadle.core.errors import InvalidInput
from treadle.core.ids import derive_id
from treadle.core.types import Page
from treadle.data import service as data
from treadle.evals import store
from treadle.evals.comparisons.comparing import compare
from treadle.evals.comparisons.pairing import (
    Both,
    NotComparable,
    cluster_by_of,
    list_stop_results,
    read_both,
    require_experiment,
    shared_scorers,
    stop_order_of,
)
from treadle.evals.comparisons.planning import plan
from treadle.evals.comparisons.stopping import check_stop
from treadle.evals.comparisons.types import Comparison, ComparisonReport, Plan
from treadle.evals.judges.asking import require_endpoint
from treadle.evals.judges.catalog import asked_by
from treadle.evals.metrics import by_row
from treadle.evals.scorers import SCORERS, resolve
from treadle.evals.scoring.types import ScorerInfo
from treadle.evals.store import Kept
from treadle.evals.types import Experiment, ExperimentStatus, NewExperiment, Result
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs import service as jobs
from treadle.jobs.types import NewRun, RunStatus
from treadle.lineage import service as lineage
from treadle.models import service as models
from treadle.prompts import service as prompts
from treadle.storage.database import Connection

EXPERIMENT_KIND = "evals.experiment"
SCORERS_OF_TEXTS = frozenset({"perplexity", "bits_per_byte", "latency", "cost"})
"""What can be said of texts that a model reads instead of answering them."""
STATUS_OF_RUN: dict[RunStatus, ExperimentStatus] = {
    "pending": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}


def experiment_id_of(run_id: str) -> str:
    """Return the id of the experiment that a run makes; the same whenever asked."""
    return derive_id("exp", run_id, "experiment")


def list_scorers(ctx: Context) -> list[ScorerInfo]:
    """Return the scorers that can be chosen."""
    ctx.require("evals.read")
    return [
        ScorerInfo(
            name=scorer.name,
            summary=scorer.summary,
            parameters=dict(scorer.parameters),
            required=sorted(scorer.required),
            needs=list(scorer.needs),
            low=scorer.low,
            high=scorer.high,
            higher_is_better=scorer.higher_is_better,
            unit=scorer.unit,
            place=scorer.place,
            is_corpus_metric=scorer.combine is not None,
            cost=scorer.cost,
        )
        for scorer in SCORERS.values()
    ]


async def start_experiment(ctx: Context, new: NewExperiment) -> Experiment:
    """Start an experiment and return it, queued.

    Raises InvalidInput for a scorer that cannot judge as asked, NotFound for rows, a model or a prompt that do not exist.
    """
    ctx.require("evals.write")
    await require_startable(ctx, new)

    def write(db: Connection) -> Experiment:
        run = jobs.enqueue(
            db, ctx, NewRun(kind=EXPERIMENT_KIND, title=f"Evaluate {new.name}", params=new.model_dump(mode="json"))
        )
        experiment_id = experiment_id_of(run.run_id)
        keep_experiment(db, ctx, experiment_id, run.run_id, new)
        return _experiment(db, require_experiment(db, experiment_id))

    return await ctx.db.write(write)


async def require_startable(ctx: Context, new: NewExperiment) -> None:
    """Check that an experiment can be done as asked. Raises what `start_experiment` raises."""
    for choice in new.scorers:
        resolve(choice)
    _check_named_once(new)
    _check_reads(new)
    for name in (name for choice in new.scorers for name in asked_by(choice)):
        await require_endpoint(ctx, name)
    check_stop(new)
    if new.stop is not None:
        await list_stop_results(ctx, new)
    await data.get_version_by_id(ctx, new.dataset_version_id)
    if new.target.model_version_id is not None:
        await models.get_version_by_id(ctx, new.target.model_version_id)
    if new.target.endpoint is not None:
        await require_endpoint(ctx, new.target.endpoint)
    if new.target.prompt_version_id is not None:
        await prompts.get_version_by_id(ctx, new.target.prompt_version_id)


def _check_named_once(new: NewExperiment) -> None:
    names = [choice.name for choice in new.scorers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(
            f"scorer '{twice[0]}' is chosen twice, and its scores could not be told apart; choose it once, and run a second "
            f"experiment with `cache` for the other parameters",
            code="evals.scorer_twice",
        )


def _check_reads(new: NewExperiment) -> None:
    """Check that a target which reads given texts is judged by what can be said of those."""
    others = [choice.name for choice in new.scorers if choice.name not in SCORERS_OF_TEXTS]
    if new.target.reads and others:
        raise InvalidInput(
            f"scorer '{others[0]}' judges answers, and a target that reads given texts writes none; "
            f"choose from: {', '.join(sorted(SCORERS_OF_TEXTS))}",
            code="evals.reads_scorer",
            scorer=others[0],
        )


def keep_experiment(db: Connection, ctx: Context, experiment_id: str, run_id: str, new: NewExperiment) -> None:
    """Keep a new experiment with its lineage and audit entry, inside the caller's transaction. Safe to repeat."""
    if not store.ensure_experiment(db, experiment_id, run_id, new, ctx.actor.actor_id, ctx.clock.now()):
        return
    lineage.describe(db, experiment_id, kind="experiment", title=new.name)
    sources = {
        new.dataset_version_id: "asked in",
        new.target.model_version_id: "evaluated in",
        new.target.prompt_version_id: "evaluated in",
        new.target.release_id: "evaluated in",
    }
    for source_id, relation in sources.items():
        if source_id is not None:
            lineage.add_edge(db, source_id=source_id, target_id=experiment_id, relation=relation, run_id=run_id)
    audit.record(
        db,
        ctx,
        action="evals.start_experiment",
        object_id=experiment_id,
        detail={"name": new.name, "dataset_version_id": new.dataset_version_id, "target": new.target.model_dump()},
    )


async def get_experiment(ctx: Context, experiment_id: str) -> Experiment:
    """Return an experiment. Raises ExperimentNotFound."""
    ctx.require("evals.read")
    return await ctx.db.read(lambda db: _experiment(db, require_experiment(db, experiment_id)))


async def list_experiments(
    ctx: Context,
    *,
    dataset_version_id: str | None = None,
    model_version_id: str | None = None,
    prompt_version_ids: Sequence[str] | None = None,
    text: str | None = None,
    status: ExperimentStatus | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Experiment]:
    """Return experiments, newest first; those of a dataset version, a model version or some prompt versions when asked for.

    text: in the name.
    """
    ctx.require("evals.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None

    def read(db: Connection) -> list[Experiment]:
        rows = store.list_experiments(
            db,
            dataset_version_id=dataset_version_id,
            model_version_id=model_version_id,
            prompt_version_ids=prompt_version_ids,
            text=text,
            is_finished=None if status is None else status == "succeeded",
            run_ids=_runs_of(db, status),
            before=before,
            limit=limit + 1,
        )
        return [_experiment(db, kept) for kept in rows]

    found = await ctx.db.read(read)
    return page_of(found, limit, lambda experiment: (experiment.created_at.isoformat(), experiment.experiment_id))


async def list_results(
    ctx: Context, experiment_id: str, *, below: float | None = None, limit: int = 50, cursor: str | None = None
) -> Page[Result]:
    """Return judged rows in the order of the dataset. below: only those whose first score is less.

    Raises ExperimentNotFound.
    """
    ctx.require("evals.read")
    after = decode_cursor(cursor, int, int)

    def read(db: Connection) -> list[Result]:
        require_experiment(db, experiment_id)
        first = (int(after[0]), int(after[1])) if after else (0, 0)
        return store.list_results(db, experiment_id, after=first, limit=limit + 1, below=below)

    return page_of(await ctx.db.read(read), limit, lambda result: (result.row, result.repeat))


async def list_all_results(ctx: Context, experiment_id: str) -> list[Result]:
    """Return all judged rows of an experiment. Raises ExperimentNotFound."""
    ctx.require("evals.read")

    def read(db: Connection) -> list[Result]:
        require_experiment(db, experiment_id)
        return store.list_results(db, experiment_id)

    return await ctx.db.read(read)


async def compare_experiments(
    ctx: Context,
    baseline_id: str,
    candidate_id: str,
    *,
    alpha: float = 0.05,
    limit: int = 20,
    margin: float | None = None,
    equivalence: float | None = None,
    only: str | None = None,
) -> ComparisonReport:
    """Compare two finished experiments on the rows that both judged, regressions first.

    only: compare by this scorer and correct for no others; None compares by all that both have. margin: the loss in score points that would be accepted ("as good within 2 points" is 0.02).
    equivalence: the difference either way that would not matter ("equivalent within 2 points"). Rows are taken in clusters
    where either has them, and by evidence that holds at every moment where either could stop early. Reads all results of both: for 10,000 rows about half a second. Raises ExperimentNotFound, NotComparable.
    """
    ctx.require("evals.read")
    both = await ctx.db.read(lambda db: read_both(db, baseline_id, candidate_id))
    shared = shared_scorers(both.baseline, both.candidate)
    if only is not None:
        shared = [choice for choice in shared if choice.name == only]
        if not shared:
            raise NotComparable(f"the experiments do not share the scorer '{only}' with the same parameters")
    compared = await asyncio.to_thread(
        compare,
        by_row(both.baseline_results),
        by_row(both.candidate_results),
        shared,
        alpha=alpha,
        limit=limit,
        margin=margin,
        equivalence=equivalence,
        cluster_by=cluster_by_of(both),
        stop_order=stop_order_of(both),
    )
    return ComparisonReport(
        baseline_id=baseline_id,
        candidate_id=candidate_id,
        dataset_version_id=both.candidate.new.dataset_version_id,
        part=both.candidate.new.part,
        alpha=alpha,
        margin=margin,
        equivalence=equivalence,
        comparisons=[_with_doubt(one, both) for one in compared.comparisons],
        changes=compared.changes,
        only_in_one=compared.only_in_one,
        left_out=compared.left_out,
    )


def _with_doubt(comparison: Comparison, both: Both) -> Comparison:
    """Return a comparison that says so where a judge gave the scores that nobody has measured against people."""
    metrics = [one for kept in (both.baseline, both.candidate) for one in kept.metrics if one.name == comparison.scorer]
    if all(one.judge is None or one.judge.expected_good is not None for one in metrics):
        return comparison
    return comparison.model_copy(update={"words": f"{comparison.words}; scored by a judge that is not calibrated"})


def make_plan(ctx: Context, *, rows: int | None, effect: float | None, tests: int, alpha: float, power: float) -> Plan:
    """Return what so many rows could show, or how many a difference takes. Raises InvalidInput unless one is given."""
    ctx.require("evals.read")
    return plan(rows=rows, effect=effect, tests=tests, alpha=alpha, power=power)


def _runs_of(db: Connection, status: ExperimentStatus | None) -> list[str] | None:
    """Return the runs of the experiments that stand so; None where that is not asked, or the experiment says it itself."""
    if status is None or status == "succeeded":
        return None
    (run_status,) = (run for run, shown in STATUS_OF_RUN.items() if shown == status)
    return jobs.run_ids(db, kind=EXPERIMENT_KIND, status=run_status)


def _experiment(db: Connection, kept: Kept) -> Experiment:
    run = None if kept.finished_at else jobs.require_run(db, kept.run_id)
    return Experiment(
        experiment_id=kept.experiment_id,
        name=kept.new.name,
        run_id=kept.run_id,
        target=kept.new.target,
        dataset_version_id=kept.new.dataset_version_id,
        part=kept.new.part,
        scorers=kept.new.scorers,
        cluster_by=kept.new.cluster_by,
        stop=kept.new.stop,
        status="succeeded" if run is None else STATUS_OF_RUN[run.status],
        repeats=kept.new.repeats,
        limit=kept.new.limit,
        rows=kept.rows_total,
        rows_done=kept.rows_done,
        errors=kept.errors,
        metrics=kept.metrics,
        latency_p50_ms=kept.latency_p50_ms,
        latency_p95_ms=kept.latency_p95_ms,
        cost_usd=kept.cost_usd,
        unpriced_count=kept.unpriced_count,
        created_by=kept.created_by,
        created_at=kept.created_at,
        finished_at=kept.finished_at or (run.ended_at if run else None),
    )

"""Two experiments that are put side by side: found, finished, over the same rows, and judged by the same scorers."""

from __future__ import annotations

import json
from typing import NamedTuple

from treadle.core.errors import InvalidInput, NotFound
from treadle.evals import store
from treadle.evals.comparisons.early import order_of
from treadle.evals.scorers import PEOPLE
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.store import Kept
from treadle.evals.types import NewExperiment, Result
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.storage.database import Connection


class ExperimentNotFound(NotFound):
    """No experiment has the id."""

    code = "evals.experiment_not_found"


class NotComparable(InvalidInput):
    """Two experiments did not judge the same rows by the same scorer."""

    code = "evals.not_comparable"


class Both(NamedTuple):
    """Two finished experiments over the same rows, with what they gave."""

    baseline: Kept
    candidate: Kept
    baseline_results: list[Result]
    candidate_results: list[Result]


def require_experiment(db: Connection, experiment_id: str, *, lock: bool = False) -> Kept:
    """Return an experiment. lock: hold its row until the transaction ends. Raises ExperimentNotFound."""
    kept = store.find_experiment(db, experiment_id, lock=lock)
    if kept is None:
        raise ExperimentNotFound(f"there is no experiment '{experiment_id}'; list them with: treadle eval list")
    return kept


def read_both(db: Connection, baseline_id: str, candidate_id: str) -> Both:
    """Return two experiments. Raises ExperimentNotFound, NotComparable."""
    baseline, candidate = require_experiment(db, baseline_id), require_experiment(db, candidate_id)
    for kept in (baseline, candidate):
        _require_finished(db, kept)
    if baseline.new.dataset_version_id != candidate.new.dataset_version_id:
        raise NotComparable(
            f"'{baseline_id}' ran over dataset version '{baseline.new.dataset_version_id}' and '{candidate_id}' over "
            f"'{candidate.new.dataset_version_id}'; a paired comparison needs the same rows, so run one of them again",
        )
    return Both(baseline, candidate, store.list_results(db, baseline_id), store.list_results(db, candidate_id))


def _require_finished(db: Connection, kept: Kept) -> None:
    if kept.finished_at is not None:
        return
    run = jobs.require_run(db, kept.run_id)
    raise NotComparable(
        f"experiment '{kept.experiment_id}' {run.status} after {kept.rows_done} rows, so it has no figures; let it go on with: "
        f"treadle run retry {kept.run_id}"
        if run.status in ("failed", "cancelled")
        else f"experiment '{kept.experiment_id}' has not finished ({kept.rows_done} rows judged); "
        f"wait for it with: treadle run show {kept.run_id}",
        experiment_id=kept.experiment_id,
    )


def shared_scorers(baseline: Kept, candidate: Kept) -> list[ScorerChoice]:
    """Return the scorers that both have with the same parameters, then what people said of both. Raises NotComparable."""
    shared = [choice for choice in candidate.new.scorers if choice in baseline.new.scorers]
    people = {metric.name for metric in baseline.metrics if metric.name.startswith(PEOPLE)}
    shared += [ScorerChoice(name=metric.name) for metric in candidate.metrics if metric.name in people]
    if not shared:
        raise NotComparable(
            f"the experiments share no scorer with the same parameters: {_named(baseline)} against {_named(candidate)}; "
            f"run one of them again with the other's scorers"
        )
    return shared


def _named(kept: Kept) -> str:
    return ", ".join(
        f"{choice.name}={json.dumps(choice.parameters)}" if choice.parameters else choice.name
        for choice in kept.new.scorers
    )


def cluster_by_of(both: Both) -> str | None:
    """Return the column that says which rows belong together: the candidate's, or else the baseline's."""
    return both.candidate.new.cluster_by or both.baseline.new.cluster_by


def stop_order_of(both: Both) -> list[int] | None:
    """Return the order in which rows were asked, where one of both could stop early; None where both were to ask every row.

    Whichever of the two it is, and against whom it stopped: the number of its rows depends on what was seen of them, so only
    evidence that holds at every moment of that order counts. Raises NotComparable where both could stop, each by an order of
    its own: the rows that both have are then no fair sample of either.
    """
    stopping = [kept for kept in (both.baseline, both.candidate) if kept.new.stop is not None]
    if not stopping:
        return None
    if len(stopping) == 2:
        raise NotComparable(
            f"experiments '{both.baseline.experiment_id}' and '{both.candidate.experiment_id}' could both stop early, each "
            f"after rows of its own, so the rows that both have are no fair sample; run one of them again without stop",
        )
    rows = {result.row for result in (*both.baseline_results, *both.candidate_results)}
    return order_of(list(rows), stopping[0].experiment_id)


async def list_stop_results(ctx: Context, new: NewExperiment) -> list[Result]:
    """Return the results that an experiment stops against; none where it does not.

    Raises ExperimentNotFound, and NotComparable when they are of other rows or without the first scorer, could themselves
    stop early, or come in clusters.
    """
    if new.stop is None:
        return []
    against, first = new.stop.against, new.scorers[0]

    def read(db: Connection) -> list[Result]:
        kept = require_experiment(db, against)
        if kept.finished_at is None or (kept.new.dataset_version_id, kept.new.part) != (
            new.dataset_version_id,
            new.part,
        ):
            raise NotComparable(
                f"experiment '{against}' has not finished, or was over other rows; an experiment stops early against one "
                f"that has finished over the same dataset version and part"
            )
        if kept.new.stop is not None or kept.new.cluster_by is not None:
            why = (
                "could itself stop early, so its rows are no fair sample"
                if kept.new.stop is not None
                else f"says that rows come in clusters by '{kept.new.cluster_by}', and stopping takes every row for itself"
            )
            raise NotComparable(
                f"experiment '{against}' {why}; stop against one without that, or leave out stop",
                experiment_id=against,
            )
        if first not in kept.new.scorers:
            raise NotComparable(
                f"experiment '{against}' was not judged by '{first.name}' with the same parameters; put a scorer first "
                f"that it has: {', '.join(choice.name for choice in kept.new.scorers)}"
            )
        return store.list_results(db, against)

    return await ctx.db.read(read)

"""The handler `evals.experiment`: answer every row, judge every answer, keep both;
go on where it stopped after a kill, or when its run is retried.

What is judged stays; rows that got no answer are asked again. Neither a limit nor an outage takes answers along that were paid for.

Rows that are judged are in the database within half a second of their answer and are never asked again. The rows come
from the Parquet file of the dataset version by way of a child process; the answers from an engine by way of the
gateway's own provider. An engine that cannot start fails the run with its reason; a single row that gets no answer after
four tries is a result with an error, and scorers count it as the worst there is, for an application would have had no
answer either. Scorers that need all rows, a model or much time run at the end, in a child process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from treadle.core.errors import InvalidInput, Unavailable
from treadle.core.types import JsonObject
from treadle.data import service as data
from treadle.evals import store
from treadle.evals.comparisons.early import order_of
from treadle.evals.comparisons.pairing import list_stop_results
from treadle.evals.comparisons.stopping import Stopper, level_of
from treadle.evals.judges.asking import ask_through
from treadle.evals.judges.figures import corrected_by, with_correction
from treadle.evals.judges.judging import Judges
from treadle.evals.judges.service import find_measured
from treadle.evals.judging_later import judge_in_worker, prepare_in_worker
from treadle.evals.judging_rows import RowJudges, open_judges
from treadle.evals.metrics import by_row, cluster_of, metrics_of, score_of
from treadle.evals.patience import patiently
from treadle.evals.remembering import open_remembering
from treadle.evals.scorers import resolve
from treadle.evals.scoring.types import Score
from treadle.evals.service import EXPERIMENT_KIND, experiment_id_of, keep_experiment
from treadle.evals.target import Answer, Asks, Row, row_of
from treadle.evals.targets import gateway_of, open_target
from treadle.evals.types import Metric, NewExperiment, Result
from treadle.evals.words import metric_in_words
from treadle.jobs.scope import RunScope
from treadle.models import service as models
from treadle.models.types import Measurement
from treadle.traces.intake import NewSpan
from treadle.traces.service import record

KEEP_SECONDS = 0.5


class NothingAnswered(Unavailable):
    """The target gave no answer to any row."""

    code = "evals.nothing_answered"


async def run_experiment(scope: RunScope) -> JsonObject:
    """Do one experiment. params: NewExperiment. Returns experiment_id, rows, errors and each scorer's mean."""
    params = dict(scope.params)
    # Runs of releases that had a second run go on with an experiment name it; they are retried as all others are.
    resumed = params.pop("resumes", None)
    new = NewExperiment.model_validate(params)
    for choice in new.scorers:
        resolve(choice)
    experiment_id = experiment_id_of(scope.run_id) if resumed is None else str(resumed)
    await scope.ctx.db.write(lambda db: keep_experiment(db, scope.ctx, experiment_id, scope.run_id, new))
    await scope.ctx.db.write(lambda db: store.forget_errors(db, experiment_id))
    count = await _extract_rows(scope, new) * new.repeats
    await scope.ctx.db.write(lambda db: store.set_rows_total(db, experiment_id, count))
    judged = await scope.ctx.db.read(lambda db: store.judged_rows(db, experiment_id))
    if judged:
        scope.log(f"{len(judged)} of {count} rows were judged before; going on with the others")
    if len(judged) < count:
        await prepare_in_worker(scope, new)
        judges = Judges(ask_through(gateway_of(scope)), ends_at_limits=True)
        row_judges = await open_judges(scope.ctx, new.scorers, judges, cache=new.cache)
        async with open_target(scope, new, experiment_id) as asker:
            rows: Iterable[Row] = _iter_rows(scope.folder / "rows.jsonl", new.repeats)
            stopper = await _open_stopper(scope, experiment_id, new)
            if stopper is not None:
                by_number = {row.row: row for row in rows}
                rows = (by_number[number] for number in order_of(list(by_number), experiment_id))
            waiting = (row for row in rows if (row.row, row.repeat) not in judged)
            asks = await open_remembering(scope.ctx, new, asker) if new.cache else asker
            await _judge_all(scope, experiment_id, new, asks, row_judges, waiting, count, len(judged), stopper)
    await judge_in_worker(scope, experiment_id, new)
    return await _finish(scope, experiment_id, new, count)


async def _extract_rows(scope: RunScope, new: NewExperiment) -> int:
    """Write the rows to the run's folder; return how many. Raises InvalidInput when the part has none, or no row
    the column of the clusters."""
    (path,) = await data.fetch_files(scope.ctx, new.dataset_version_id)
    answer = await scope.child(
        "treadle.evals.worker:extract_rows",
        {
            "examples": str(path),
            "part": new.part,
            "limit": new.limit,
            "to": str(scope.folder / "rows.jsonl"),
        },
    )
    count = int(str(answer["rows"]))
    if count == 0:
        raise InvalidInput(
            f"dataset version '{new.dataset_version_id}' has no rows; see: treadle data show"
            if new.part is None
            else f"dataset version '{new.dataset_version_id}' has no rows in part '{new.part}' "
            f"(its parts: {answer['parts'] or 'none'}); name another part, or split it with: treadle data prepare",
            code="evals.no_rows",
        )
    columns = cast(list[str], answer["columns"])
    if new.cluster_by is not None and new.cluster_by not in columns:
        raise InvalidInput(
            f"no row has the metadata column '{new.cluster_by}' that `cluster_by` names (there are: "
            f"{', '.join(columns) or 'none'}), so every row would count for itself; name one of these, or leave it out",
            code="evals.no_clusters",
        )
    return count


async def _judge_all(
    scope: RunScope,
    experiment_id: str,
    new: NewExperiment,
    asker: Asks,
    judges: RowJudges,
    waiting: Iterator[Row],
    count: int,
    judged: int,
    stopper: Stopper | None,
) -> None:
    finished: list[_Finished] = []

    async def work() -> None:
        # Every worker takes from the same iterator; nothing is awaited between taking a row and owning it.
        for row in waiting:
            if stopper is not None and stopper.evidence.is_decided:
                return
            answer = await asker.ask(row)
            result = _result(row, answer, await judges.scores(row, answer))
            finished.append(_Finished(result, answer.span))
            if stopper is not None:
                stopper.take([result])

    async def keep() -> None:
        nonlocal judged
        batch = finished[:]
        if batch:
            # Traces first: a result that is there always has its trace. Both may be kept again.
            await patiently(lambda: record(scope.ctx.db, [one.span for one in batch if one.span is not None]))
            results = [one.result for one in batch]
            await patiently(lambda: scope.ctx.db.write(lambda db: store.insert_results(db, experiment_id, results)))
            del finished[: len(batch)]
            judged += len(batch)
            scope.progress(judged / count, f"{judged} of {count} answers judged")

    workers = [asyncio.create_task(work()) for _ in range(new.concurrency)]
    try:
        pending: set[asyncio.Task[None]] = set(workers)
        while pending:
            done, pending = await asyncio.wait(pending, timeout=KEEP_SECONDS)
            for task in done:
                task.result()
            await keep()
            if stopper is not None and stopper.evidence.is_decided:
                break
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await asyncio.shield(keep())
    if stopper is not None and judged < count:
        scope.log(f"stopped after {judged} of {count} rows: a difference is shown, p = {stopper.evidence.p_value:.2g}")
        await patiently(lambda: scope.ctx.db.write(lambda db: store.set_rows_total(db, experiment_id, judged)))


async def _open_stopper(scope: RunScope, experiment_id: str, new: NewExperiment) -> Stopper | None:
    """Return what says when to stop, with what was judged before a kill; None for an experiment that asks every row."""
    if new.stop is None:
        return None
    baseline = by_row(await list_stop_results(scope.ctx, new))
    numbers = [row.row for row in _iter_rows(scope.folder / "rows.jsonl", 1)]
    level = level_of(new.stop, new.scorers)
    stopper = Stopper(order_of(numbers, experiment_id), baseline, new.scorers[0], level)
    stopper.take(await scope.ctx.db.read(lambda db: store.list_results(db, experiment_id)))
    return stopper


async def _finish(scope: RunScope, experiment_id: str, new: NewExperiment, count: int) -> JsonObject:
    results = await scope.ctx.db.read(lambda db: store.list_results(db, experiment_id))
    errors = [result for result in results if result.error is not None]
    if len(errors) == len(results):
        raise NothingAnswered(
            f"the target answered none of {len(results)} rows; the first reason was: {errors[0].error}; "
            f"the engine's log is in the workspace, in logs/; look with: treadle doctor",
            experiment_id=experiment_id,
        )
    has_stopped = new.stop is not None and len(results) < count
    order = order_of([result.row for result in results], experiment_id) if has_stopped else None
    metrics = await asyncio.to_thread(metrics_of, new.scorers, results, new.cluster_by, stop_order=order)
    metrics = [await _corrected(scope, metric, results, new.cluster_by) for metric in metrics]
    now = scope.ctx.clock.now()
    await patiently(lambda: scope.ctx.db.write(lambda db: store.finish(db, experiment_id, metrics, now)))
    await _tell_card(scope, experiment_id, new, metrics)
    for metric in metrics:
        if metric.mean is not None:
            scope.metric(metric.name, 0, metric.mean)
            scope.log(f"{metric.name} {metric_in_words(metric)}")
    return {
        "experiment_id": experiment_id,
        "rows": len(results),
        "errors": len(errors),
        "metrics": {metric.name: metric.mean for metric in metrics},
    }


async def _corrected(scope: RunScope, metric: Metric, results: Sequence[Result], cluster_by: str | None) -> Metric:
    """Return a calibrated judge's metric with what people would say by the judge's rates; any other as it is."""
    if metric.judge is None or metric.judge.calibration_id is None:
        return metric
    calibration = await find_measured(scope.ctx, metric.judge.calibration_id)
    if calibration is None:
        return metric
    scored = [
        (result, value) for result in by_row(results).values() if (value := score_of(result, metric.name)) is not None
    ]
    clusters = None if cluster_by is None else [cluster_of(result, cluster_by) for result, _ in scored]
    found = await asyncio.to_thread(corrected_by, calibration, [value for _, value in scored], clusters)
    return metric if found is None else metric.model_copy(update={"judge": with_correction(metric.judge, found)})


async def _tell_card(scope: RunScope, experiment_id: str, new: NewExperiment, metrics: Sequence[Metric]) -> None:
    """Put the figures on the model version's card, where whoever ran the experiment may write there.

    Those of an experiment that stopped early stay away: they lie further out than the model's own would.
    """
    model_version_id = new.target.model_version_id
    if model_version_id is None or "models.write" not in scope.ctx.actor.permissions:
        return
    measured = [
        Measurement(
            name=metric.name if _is_believed(metric) else f"{metric.name} (judge not calibrated)",
            value=metric.mean,
            low=metric.low,
            high=metric.high,
            rows_count=metric.scored,
            source_id=experiment_id,
            part=new.part or "all",
            measured_at=scope.ctx.clock.now(),
        )
        for metric in metrics
        if metric.mean is not None and not metric.stopped_early
    ]
    await models.record_measurements(scope.ctx, model_version_id, measured)


def _is_believed(metric: Metric) -> bool:
    return metric.judge is None or metric.judge.expected_good is not None


class _Finished(NamedTuple):
    result: Result
    span: NewSpan | None


def _result(row: Row, answer: Answer, scores: list[Score]) -> Result:
    return Result(
        row=row.row,
        repeat=row.repeat,
        input=row.messages or row.input,
        expected=row.expected,
        output=answer.output,
        error=answer.error,
        scores=scores,
        latency_ms=answer.latency_ms,
        cost_usd=answer.cost_usd,
        metadata=row.metadata,
        trace_id=answer.trace_id,
        cached=answer.cached,
    )


def _iter_rows(path: Path, repeats: int) -> Iterator[Row]:
    for repeat in range(1, repeats + 1):
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield row_of(json.loads(line))._replace(repeat=repeat)


HANDLERS = {EXPERIMENT_KIND: run_experiment}
"""What the runner calls for each kind of run."""

"""People judge the answers of an experiment: hand answers over to a queue, and take what was said back as scores.

Every answer has its trace, and queues hold traces, so nothing is copied. What is taken back is a score of its own
('human:FIELD', the mean of all who judged), with its metric, and counts in comparisons like a scorer's; what people have not
judged is unscored. Safe to repeat: later judgements replace what was taken before.
"""

from __future__ import annotations

from treadle.core.errors import InvalidInput
from treadle.evals import service, store
from treadle.evals.comparisons.early import order_of
from treadle.evals.comparisons.pairing import require_experiment
from treadle.evals.metrics import metrics_of
from treadle.evals.people.scores import Said, what_people_said
from treadle.evals.people.types import HandedOver, NewHandOver, NewTakeBack
from treadle.evals.scorers import PEOPLE
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import Experiment, Result
from treadle.feedback.queues import service as queues
from treadle.feedback.queues.types import NewItem
from treadle.governance import audit
from treadle.http.context import Context
from treadle.storage.database import Connection


class NothingToJudge(InvalidInput):
    """No answer of an experiment is as was asked for, or none has a trace."""

    code = "evals.nothing_to_judge"


async def hand_over(ctx: Context, experiment_id: str, new: NewHandOver) -> HandedOver:
    """Put answers of an experiment into a queue; those that are there stay. Raises QueueNotFound, NothingToJudge."""
    ctx.require("evals.write")
    await service.get_experiment(ctx, experiment_id)
    results = await ctx.db.read(lambda db: store.list_results(db, experiment_id))
    wanted = [
        each for each in results if each.trace_id is not None and each.output is not None and _is_wanted(each, new)
    ]
    if not wanted:
        raise NothingToJudge(
            f"experiment '{experiment_id}' has no answers of the kind '{new.which}' with a trace; hand over others, or run "
            f"it again: treadle eval show {experiment_id}"
        )
    items = [NewItem(trace_id=str(each.trace_id)) for each in wanted[: new.limit]]
    reasons = [f"experiment {experiment_id}, row {each.row}" for each in wanted[: new.limit]]
    added = await queues.add_items(ctx, new.queue, items, reasons=reasons)
    return HandedOver(num_added=added.num_added, num_known=added.num_known)


async def take_back(ctx: Context, experiment_id: str, new: NewTakeBack) -> Experiment:
    """Keep what people said of an experiment's answers as scores of it, with their metric. Raises QueueNotFound, FieldMisfit."""
    ctx.require("evals.write")
    experiment = await service.get_experiment(ctx, experiment_id)
    if experiment.status != "succeeded":
        raise NothingToJudge(f"experiment '{experiment_id}' is {experiment.status}; wait until it has succeeded")
    said = {one.trace_id: one for one in await what_people_said(ctx, new.queue, new.field, new.good)}
    choice = ScorerChoice(name=f"{PEOPLE}{new.field}")

    def write(db: Connection) -> None:
        # Two that take back at once, each another question, must not lose each other's scores.
        kept = require_experiment(db, experiment_id, lock=True)
        judged = [
            _with(each, choice.name, new.queue, said.get(each.trace_id or ""))
            for each in store.list_results(db, experiment_id)
        ]
        has_stopped = any(each.stopped_early for each in kept.metrics)
        order = order_of([each.row for each in judged], experiment_id) if has_stopped else None
        (metric,) = metrics_of([choice], judged, kept.new.cluster_by, stop_order=order)
        store.set_scores(db, experiment_id, {(each.row, each.repeat): each.scores for each in judged})
        store.set_metrics(db, experiment_id, [*(each for each in kept.metrics if each.name != choice.name), metric])
        detail = {"queue": new.queue, "field": new.field, "rows": metric.scored}
        audit.record(db, ctx, action="evals.take_back", object_id=experiment_id, detail=dict(detail))

    await ctx.db.write(write)
    return await service.get_experiment(ctx, experiment_id)


def _is_wanted(result: Result, new: NewHandOver) -> bool:
    if new.which == "abstained":
        return any(score.label == "abstained" for score in result.scores)
    first = result.scores[0].value if result.scores else None
    return new.which == "all" or (first is not None and first < new.below)


def _with(result: Result, name: str, queue: str, said: Said | None) -> Result:
    if said is None:
        score = Score(name=name, value=None, label="unscored", reason=f"nobody has judged it in the queue '{queue}'")
    else:
        people = "1 person" if said.judges == 1 else f"{said.judges} people"
        score = Score(name=name, value=said.value, label="human", reason=f"{people} in the queue '{queue}'")
    others = [each for each in result.scores if each.name != name]
    return result.model_copy(update={"scores": [*others, score]})

"""What has been measured of a model's bias and hallucination: by this choice, by earlier experiments, on its card.

Earlier experiments count where they asked the same thing: the same model version, or the same endpoint by its name, whose
release may have been another then; their ids are told. Looks at the newest 200 experiments and reads one bias report at most.
"""

from __future__ import annotations

from treadle.choosing.catalogue import ENDPOINT
from treadle.choosing.measured import HALLUCINATION, risks_of
from treadle.choosing.types import Entry, RiskFigure
from treadle.core.errors import NotFound, TreadleError
from treadle.evals import service as evals
from treadle.evals.bias import service as bias
from treadle.evals.bias.types import BENCHMARKS
from treadle.evals.types import Experiment
from treadle.evals.words import metric_in_words
from treadle.http.context import Context
from treadle.models import service as models
from treadle.models.types import Measurement

LOOKED_AT = 200
COUNTERFACTUAL = "bias_set"
"""Metadata column of rows that differ in one group only."""


async def measured_risks(ctx: Context, entry: Entry, experiment: Experiment) -> list[RiskFigure]:
    """Return hallucination and bias as far as anybody measured them. experiment: this choice's own."""
    hallucination, biased = risks_of(experiment.metrics, await _card(ctx, entry.model_version_id))
    for one in [experiment, *await _earlier(ctx, entry, experiment)]:
        if not hallucination.metrics and not hallucination.source_ids:
            hallucination = _groundedness(one) or hallucination
        if not biased.source_ids:
            biased = await _bias(ctx, one) or biased
    return [hallucination, biased]


async def _earlier(ctx: Context, entry: Entry, own: Experiment) -> list[Experiment]:
    page = await evals.list_experiments(ctx, limit=LOOKED_AT)
    endpoint = entry.name.removeprefix(ENDPOINT) if entry.name.startswith(ENDPOINT) else None
    return [
        one
        for one in page.items
        if one.status == "succeeded"
        and one.experiment_id != own.experiment_id
        and (
            (endpoint is not None and one.target.endpoint == endpoint)
            or (entry.model_version_id is not None and one.target.model_version_id == entry.model_version_id)
        )
    ]


def _groundedness(one: Experiment) -> RiskFigure | None:
    found = [metric for metric in one.metrics if metric.name in HALLUCINATION and metric.mean is not None]
    if not found:
        return None
    words = "; ".join(f"{metric.name} {metric_in_words(metric)}" for metric in found)
    return RiskFigure(kind="hallucination", words=f"{words}, by {one.experiment_id}", source_ids=[one.experiment_id])


async def _bias(ctx: Context, one: Experiment) -> RiskFigure | None:
    page = await evals.list_results(ctx, one.experiment_id, limit=1)
    columns = page.items[0].metadata.keys() if page.items else ()
    try:
        if COUNTERFACTUAL in columns:
            words = (await bias.get_bias(ctx, one.experiment_id)).words
        elif any(form in columns for form in BENCHMARKS):
            words = (await bias.get_stereotypes(ctx, one.experiment_id)).words
        else:
            return None
    except TreadleError:  # its rows or its target are not what the figures need: then nothing is measured
        return None
    return RiskFigure(kind="bias", words=f"{words}, by {one.experiment_id}", source_ids=[one.experiment_id])


async def _card(ctx: Context, model_version_id: str | None) -> list[Measurement]:
    if model_version_id is None:
        return []
    try:
        version = await models.get_version_by_id(ctx, model_version_id)
    except NotFound:
        return []
    return (await models.get_card(ctx, version.model_name, version.version)).measurements

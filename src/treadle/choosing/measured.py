"""What the measurement says about the requirements, and about bias and hallucination. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.choosing.requirements import limit_of
from treadle.choosing.types import NewChoice, RiskFigure, TriedModel
from treadle.evals.comparisons.verdict import amount
from treadle.evals.types import Metric
from treadle.evals.words import metric_in_words
from treadle.models.types import Measurement

HALLUCINATION = frozenset({"faithfulness", "context_similarity"})
"""Scorers that say whether an answer keeps to what it was given."""
BIAS = "bias"
"""How the measurements of bias on a model's card begin."""


def held_against(model: TriedModel, new: NewChoice) -> tuple[list[str], list[str]]:
    """Return the requirements that a measured model does not meet, and those that its intervals leave open."""
    unmet: list[str] = []
    doubts: list[str] = []
    _judge_quality(model, new, unmet, doubts)
    wanted, latency = new.requirements, model.latency_p95_ms
    if wanted.max_latency_p95_ms is not None:
        limit = wanted.max_latency_p95_ms
        if latency is None or latency.value > limit:
            was = "not measured" if latency is None else f"{latency.value:.0f} ms"
            unmet.append(f"its 95th percentile of latency is {was}, above {limit:g} ms")
        elif latency.high is None or latency.high > limit:
            upper = "has no upper end with so few rows" if latency.high is None else f"reaches {latency.high:.0f} ms"
            doubts.append(f"the interval of its latency {upper}, and {limit:g} ms are asked for")
    budget, cost = limit_of(wanted), model.usd_per_thousand
    if budget is not None and cost is None:
        doubts.append("what it costs is not known")
    elif budget is not None and cost is not None and cost.value > budget:
        told = f"1,000 requests like these rows cost {cost.value:.4f} USD, above {budget:.4f} USD"
        (unmet if model.entry.input_usd_per_million is None else doubts).append(told)
    return unmet, doubts


def risks_of(metrics: Sequence[Metric], measurements: Sequence[Measurement]) -> list[RiskFigure]:
    """Return what is known of hallucination and bias: by this choice's scorers, and on the model's card."""
    own = [metric for metric in metrics if metric.name in HALLUCINATION and metric.mean is not None]
    asked = [one for one in measurements if one.name in HALLUCINATION]
    biased = [one for one in measurements if one.name.startswith(BIAS)]
    told = [f"{metric.name} {metric_in_words(metric)}" for metric in own]
    return [
        RiskFigure(
            kind="hallucination",
            words="; ".join(told or [_line(one) for one in asked]) or "not measured",
            metrics=own,
            source_ids=[] if own else [one.source_id for one in asked],
        ),
        RiskFigure(
            kind="bias",
            words="; ".join(_line(one) for one in biased) or "not measured",
            source_ids=[one.source_id for one in biased],
        ),
    ]


def _judge_quality(model: TriedModel, new: NewChoice, unmet: list[str], doubts: list[str]) -> None:
    floor, first = new.requirements.min_quality, model.metrics[0]
    if floor is None:
        return
    if first.mean is None:
        unmet.append(f"'{first.name}' could judge none of its answers, and {amount(floor, first.unit)} are asked for")
        return
    sign = 1 if first.higher_is_better else -1
    edge = first.low if first.higher_is_better else first.high
    beyond = "below" if first.higher_is_better else "above"
    if sign * first.mean < sign * floor:
        unmet.append(f"its {first.name} is {metric_in_words(first)}, {beyond} {amount(floor, first.unit)}")
    elif edge is None or sign * edge < sign * floor:
        doubts.append(f"the interval of its {first.name} reaches {beyond} {amount(floor, first.unit)}")


def _line(one: Measurement) -> str:
    ends = "" if one.low is None or one.high is None else f" (95 % interval {one.low:.3f} to {one.high:.3f})"
    return f"{one.name} {one.value:.3f}{ends} over {one.rows_count} rows, by {one.source_id}"

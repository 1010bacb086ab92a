"""From the scores of an experiment's rows to one metric per scorer. Pure: rows in, numbers and words out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from treadle.core.sequence import Betting, bet
from treadle.core.shares import Interval, unless_alike, wilson
from treadle.evals.judges.figures import figures_of
from treadle.evals.scorers import scorer_behind
from treadle.evals.scoring.case import Scorer
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.students import clustered_mean
from treadle.evals.types import IntervalName, Metric, Result

SEED = 20_260
"""Resampling draws the same numbers every time, so a figure never changes by being looked at again."""
LEVEL = 0.05
"""Of the intervals: they have confidence 1 - LEVEL."""


def metrics_of(
    choices: Sequence[ScorerChoice],
    results: Sequence[Result],
    cluster_by: str | None,
    *,
    stop_order: Sequence[int] | None = None,
) -> list[Metric]:
    """Return one metric per scorer. cluster_by: the metadata column that says which rows belong together, if any.

    stop_order: the order in which rows were asked of an experiment that stopped early. Its intervals hold wherever it
    stopped (the betting sequence of `core/sequence.py`); scorers without limits and corpus metrics get none.
    """
    metrics = [_over_rows(choice, results, cluster_by) for choice in choices]
    if stop_order is None:
        return metrics
    return [_stopped(metric, choice, results, stop_order) for metric, choice in zip(metrics, choices, strict=True)]


def _stopped(metric: Metric, choice: ScorerChoice, results: Sequence[Result], order: Sequence[int]) -> Metric:
    scorer = scorer_behind(choice)
    ends: tuple[float, float] | tuple[None, None] = (None, None)
    if metric.mean is not None and scorer.high is not None and scorer.combine is None:
        rows, extent, state = by_row(results), scorer.high - scorer.low, Betting(LEVEL)
        for row in order:
            value = score_of(rows[row], choice.name) if row in rows else None
            state = state if value is None else bet(state, (value - scorer.low) / extent)
        low, high = state.bounds
        ends = scorer.low + low * extent, scorer.low + high * extent
    return metric.model_copy(update={"low": ends[0], "high": ends[1], "interval": "betting", "stopped_early": True})


def _over_rows(choice: ScorerChoice, results: Sequence[Result], cluster_by: str | None) -> Metric:
    pairs = [(score, cluster_of(result, cluster_by)) for result in results if (score := find_score(result, choice))]
    # Repeats of a row hang together: rows are what was sampled, so they are the clusters where nothing else is.
    is_clustered = cluster_by is not None or any(result.repeat > 1 for result in results)
    clusters = [cluster for score, cluster in pairs if score.value is not None] if is_clustered else None
    return metric_of(choice, [score for score, _ in pairs], clusters)


def metric_of(choice: ScorerChoice, scores: Sequence[Score], clusters: Sequence[Hashable] | None = None) -> Metric:
    """Return one scorer's metric over all rows; rows without a value are counted and left out.

    clusters: of each row that has a value, which it belongs to; intervals then allow rows of one cluster to be alike.
    """
    scorer = scorer_behind(choice)
    scored = [score for score in scores if score.value is not None]
    values = [score.value for score in scored if score.value is not None]
    mean, interval, name = _measured(scorer, choice, scored, values, clusters)
    units = len(values) if clusters is None else len(set(clusters))
    if interval is not None and scorer.high is not None:
        interval = unless_alike(interval, units, low=scorer.low, high=scorer.high)
    return Metric(
        name=choice.name,
        mean=mean,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        interval=name,
        scored=len(scored),
        unscored=len(scores) - len(scored),
        unit=scorer.unit,
        higher_is_better=scorer.higher_is_better,
        clusters=None if clusters is None else len(set(clusters)),
        judge=figures_of(scores),
    )


def by_row(results: Sequence[Result]) -> dict[int, Result]:
    """Return one result per row: of a row that was asked several times the first answer, with the mean of its scores.

    Parts of a corpus metric are the mean of those repeats that have them, so a row weighs the same however often it was scored.
    """
    rows: dict[int, list[Result]] = {}
    for result in results:
        rows.setdefault(result.row, []).append(result)
    return {row: each[0] if len(each) == 1 else _merged(each) for row, each in rows.items()}


def _merged(repeats: Sequence[Result]) -> Result:
    scores = []
    for place, score in enumerate(repeats[0].scores):
        said = [each.scores[place] for each in repeats]
        values = [one.value for one in said if one.value is not None]
        parts = [one.parts for one in said if one.parts is not None]
        scores.append(
            score.model_copy(
                update={
                    "value": sum(values) / len(values) if values else None,
                    "parts": [sum(column) / len(parts) for column in zip(*parts, strict=True)] if parts else None,
                }
            )
        )
    return repeats[0].model_copy(update={"scores": scores})


def find_score(result: Result, choice: ScorerChoice) -> Score | None:
    """Return a scorer's score of a row, None when it has none."""
    return next((score for score in result.scores if score.name == choice.name), None)


def score_of(result: Result, scorer: str) -> float | None:
    """Return a scorer's value of a row, None when it has none."""
    return next((score.value for score in result.scores if score.name == scorer), None)


def cluster_of(result: Result, cluster_by: str | None) -> Hashable:
    """Return which cluster a row belongs to; a row without the column is one of its own."""
    value = None if cluster_by is None else result.metadata.get(cluster_by)
    return ("row", result.row) if value is None else ("cluster", str(value))


def _measured(
    scorer: Scorer,
    choice: ScorerChoice,
    scored: Sequence[Score],
    values: Sequence[float],
    clusters: Sequence[Hashable] | None,
) -> tuple[float | None, Interval | None, IntervalName]:
    if not values:
        return None, None, "wilson"
    if scorer.combine is not None:
        from treadle.evals.corpus import figure

        found = figure([score.parts or [] for score in scored], scorer.combine(choice.parameters), clusters, seed=SEED)
        units = len(values) if clusters is None else len(set(clusters))
        return found.value, found.interval if units > 1 else None, "corpus_bootstrap"
    mean = sum(values) / len(values)
    if clusters is not None:
        if len(set(clusters)) < 2:
            return mean, None, "clustered"
        low, high = clustered_mean(values, clusters).interval()
        return (
            mean,
            Interval(max(low, scorer.low), high if scorer.high is None else min(high, scorer.high)),
            "clustered",
        )
    if all(value in (0, 1) for value in values) and scorer.unit == "share":
        return mean, wilson(round(sum(values)), len(values)), "wilson"
    return mean, _bootstrap(values, scorer), "bootstrap"


def _bootstrap(values: Sequence[float], scorer: Scorer) -> Interval | None:
    from treadle.evals.resampling import paired_bootstrap

    if len(values) < 2:
        return None if scorer.high is None else Interval(scorer.low, scorer.high)
    return paired_bootstrap([0.0] * len(values), values, seed=SEED)

"""A metric as people read it. Pure, and light enough for the command line."""

from __future__ import annotations

from treadle.evals.comparisons.verdict import amount
from treadle.evals.types import Metric


def metric_in_words(metric: Metric) -> str:
    """Return a metric in words: '81.7 % (95 % interval 70.1 to 89.4) over 60 rows'."""
    if metric.mean is None:
        return "no row could be judged"
    rows = f"{metric.scored} row{'s' if metric.scored != 1 else ''}"
    if metric.clusters is not None:
        rows += f" in {metric.clusters} cluster{'s' if metric.clusters != 1 else ''}"
    if metric.low is None or metric.high is None:
        told = f"{amount(metric.mean, metric.unit)} over {rows}, no interval: {_why_without(metric)}"
    else:
        low, high = (amount(end, metric.unit).removesuffix(" %") for end in (metric.low, metric.high))
        told = f"{amount(metric.mean, metric.unit)} (95 % interval {low} to {high}) over {rows}"
    if metric.stopped_early:
        told += "; it stopped when a difference was shown, and lies further out than it would over all rows"
    return told if metric.judge is None else f"{told}; {metric.judge.words}"


def _why_without(metric: Metric) -> str:
    if metric.stopped_early:
        return "what has no limits, or is a figure of all rows together, has none that holds where rows stop early"
    return f"one {'row' if metric.clusters is None else 'cluster'} says nothing of spread"

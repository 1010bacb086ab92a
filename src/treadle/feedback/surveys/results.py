"""Answers of a survey to figures per release, with intervals. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from treadle.core.shares import wilson
from treadle.feedback.labels.types import AnswerValue, Field
from treadle.feedback.surveys.types import FieldResult, Share, SurveyAnswer

LEAST = 5
"""Below so many answers a mean has no interval: the expansion of Student's t needs four degrees of freedom."""


def results_of(fields: Sequence[Field], answers: Sequence[SurveyAnswer]) -> list[FieldResult]:
    """Return what each question came to, release by release, in the order of the questions."""
    by_release: defaultdict[str | None, list[SurveyAnswer]] = defaultdict(list)
    for answer in answers:
        by_release[answer.release_id].append(answer)
    return [
        _result(
            release_id, field, [one.answers[field.name] for one in by_release[release_id] if field.name in one.answers]
        )
        for field in fields
        for release_id in sorted(by_release, key=lambda one: one or "")
    ]


def mean_interval(values: Sequence[float], low: float, high: float) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean on a scale; None below 5 values.

    Student's t by its expansion in 1/df (Abramowitz and Stegun 26.7.5), within 0.2 % of the exact quantile from 4 on.
    """
    if len(values) < LEAST:
        return None
    z, df = NormalDist().inv_cdf(0.975), len(values) - 1
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    t = z + sum(term / df**power for power, term in enumerate(terms, start=1))
    half, mean = t * stdev(values) / math.sqrt(len(values)), fmean(values)
    return max(low, mean - half), min(high, mean + half)


def _result(release_id: str | None, field: Field, said: Sequence[AnswerValue]) -> FieldResult:
    result = FieldResult(release_id=release_id, name=field.name, kind=field.kind, num_answers=len(said))
    if field.kind == "text" or not said:
        return result
    if field.kind == "number":
        assert field.low is not None, "a scale has two ends"
        assert field.high is not None, "a scale has two ends"
        values = [float(one) for one in said]
        ends = mean_interval(values, field.low, field.high) or (None, None)
        return result.model_copy(update={"mean": fmean(values), "low": ends[0], "high": ends[1]})
    labels = [("yes" if one else "no") if isinstance(one, bool) else str(one) for one in said]
    shares = [_share(label, count, len(labels)) for label, count in Counter(labels).most_common()]
    return result.model_copy(update={"shares": shares})


def _share(label: str, count: int, of: int) -> Share:
    low, high = wilson(count, of)
    return Share(label=label, count=count, share=count / of, low=low, high=high)

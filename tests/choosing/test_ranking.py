"""The front and the recommendation, worked by hand."""

from __future__ import annotations

import pytest

from treadle.choosing.ranking import by_quality, find_best, find_recommended, front
from treadle.choosing.types import Entry, Spread, TriedModel
from treadle.evals.comparisons.types import Comparison, VerdictWord
from treadle.evals.types import Metric


def model(
    name: str,
    quality: float | None,
    usd: float | None,
    ms: float,
    verdict: VerdictWord | None = None,
    *,
    unmet: bool = False,
) -> TriedModel:
    """Return a model as measured."""
    metric = Metric(name="exact_match", mean=quality, low=None, high=None, interval="wilson", scored=10, unscored=0)
    comparison = None if verdict is None else Comparison(
        scorer="exact_match", rows=10, baseline=0.9, candidate=quality or 0, difference=0, low=0, high=0, test="mcnemar_mid_p",
        p_value=1, p_adjusted=1, improved=0, regressed=0, detectable=0.1, verdict=verdict, words=verdict,
    )  # fmt: skip
    return TriedModel(
        entry=Entry(name=name, origin=[], hosting=None), experiment_id="exp_1", problem=None, metrics=[metric],
        usd_per_thousand=None if usd is None else Spread(value=usd, low=usd, high=usd),
        latency_p95_ms=Spread(value=ms, low=ms, high=ms), against_best=comparison, unmet=["no"] if unmet else [],
    )  # fmt: skip


def test_front_has_who_is_beaten_by_nobody_in_everything() -> None:
    """
    'beaten' costs more and is slower than 'best' and no better; 'cheap' and 'fast' each win something; unmet is not on it.
    """
    models = [
        model("best", 0.9, 5, 100),
        model("beaten", 0.9, 6, 120),
        model("cheap", 0.5, 1, 100),
        model("fast", 0.5, 6, 10),
        model("unmet", 0.99, 0.1, 1, unmet=True),
    ]

    assert ["best", "cheap", "fast"] == [each.entry.name for each in front(models)]


def test_unknown_cost_is_compared_with_unknown_cost_only() -> None:
    """
    A model whose cost is not known neither beats one with a price nor is beaten by it; it beats another without, if better.
    """
    models = [model("priced", 0.5, 5, 100), model("local", 0.9, None, 10), model("other", 0.8, None, 20)]

    assert ["priced", "local"] == [each.entry.name for each in front(models)]


def test_best_is_the_cheaper_of_equals_and_meets_the_requirements() -> None:
    """
    Of equal quality the cheaper comes first; who misses a requirement comes after everybody who does not.
    """
    models = [model("dear", 0.9, 5, 1), model("cheap", 0.9, 1, 9), model("unmet", 1.0, 1, 1, unmet=True)]

    assert ["cheap", "dear", "unmet"] == [each.entry.name for each in by_quality(models)]
    best = find_best(models)
    assert best is not None
    assert "cheap" == best.entry.name


@pytest.mark.parametrize(
    ("verdict", "usd", "ms", "recommended"),
    [
        ("as good", 1, 500, "other"),
        ("not shown to be better", 1, 10, "best"),
        ("worse", 1, 10, "best"),
        ("as good", 9, 10, "best"),
        ("as good", 5, 10, "other"),
        ("as good", None, 10, "best"),
    ],
)
def test_only_what_is_shown_to_be_as_good_takes_the_place_of_the_best(
    verdict: VerdictWord, usd: float | None, ms: float, recommended: str
) -> None:
    """
    Cheaper, or as cheap and faster, and shown to be as good within the margin; a cost that is not known saves nothing.
    """
    best = model("best", 0.9, 5, 100)

    found = find_recommended([best, model("other", 0.89, usd, ms, verdict)], best)

    assert recommended == found.entry.name

"""The front of quality, cost and latency, and whom to recommend. Pure.

On the front is who meets the requirements and is not dominated: nobody else is at least as good in all three and better in
one, as measured. A cost that is not known is comparable with nothing but another that is not known. Recommended is the
best in quality, or a cheaper one (of equal cost: a faster one) that is shown to be as good within the margin; one that is
merely not shown to differ is named and not recommended, for few rows show little.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.choosing.types import TriedModel


def is_eligible(model: TriedModel) -> bool:
    """Say whether a model was measured and meets the requirements."""
    return model.problem is None and not model.unmet and quality_of(model) is not None


def pairs_of(models: int) -> int:
    """Return among how many pairs of models the level is shared (Bonferroni); 1 for a single model.

    All pairs, not only those with the best: which one that is was picked by the same rows, so comparing the others with it
    as if it had been named beforehand calls equals worse too often (14 % of the time among 10; all pairs hold 5 %:
    benchmarks/coverage). A choice says something of some pairs out of these, so all that it says holds together: tests
    at the level, and margins at the level. Source: Hochberg and Tamhane 1987, Multiple Comparison Procedures, chapter 2.
    """
    return max(models * (models - 1) // 2, 1)


def quality_of(model: TriedModel) -> float | None:
    """Return a model's quality so that more is better; None where it was not measured."""
    if not model.metrics or model.metrics[0].mean is None:
        return None
    first = model.metrics[0]
    assert first.mean is not None
    return first.mean if first.higher_is_better else -first.mean


def by_quality(models: Sequence[TriedModel]) -> list[TriedModel]:
    """Return models, the best first, of equals the cheaper and then the faster; those without a measurement last."""
    return sorted(
        models,
        key=lambda model: (
            not is_eligible(model),
            (found := quality_of(model)) is None,
            0.0 if found is None else -found,
            _cost(model) is None,
            _cost(model) or 0.0,
            _latency(model),
            model.entry.name,
        ),
    )


def find_best(models: Sequence[TriedModel]) -> TriedModel | None:
    """Return the best in quality of those that meet the requirements; None where nobody does."""
    return next((model for model in by_quality(models) if is_eligible(model)), None)


def front(models: Sequence[TriedModel]) -> list[TriedModel]:
    """Return who is on the front, in the order given."""
    eligible = [model for model in models if is_eligible(model)]
    return [model for model in eligible if not any(_dominates(other, model) for other in eligible)]


def find_recommended(models: Sequence[TriedModel], best: TriedModel) -> TriedModel:
    """Return whom to recommend. models: with their comparisons against the best."""
    cheaper = [
        model
        for model in models
        if is_eligible(model)
        and model.against_best is not None
        and model.against_best.verdict in ("as good", "better")
        and _is_cheaper(model, best)
    ]
    return min(cheaper, key=lambda model: (_cost(model) or 0.0, _latency(model)), default=best)


def _is_cheaper(model: TriedModel, best: TriedModel) -> bool:
    cost, other = _cost(model), _cost(best)
    if (cost is None) != (other is None):
        return False
    if cost is None or other is None or cost == other:
        return _latency(model) < _latency(best)
    return cost < other


def _dominates(one: TriedModel, other: TriedModel) -> bool:
    if (_cost(one) is None) != (_cost(other) is None):
        return False
    mine, theirs = _goods(one), _goods(other)
    return mine != theirs and all(a >= b for a, b in zip(mine, theirs, strict=True))


def _goods(model: TriedModel) -> tuple[float, float, float]:
    return (quality_of(model) or 0.0, -(_cost(model) or 0.0), -_latency(model))


def _cost(model: TriedModel) -> float | None:
    return None if model.usd_per_thousand is None else model.usd_per_thousand.value


def _latency(model: TriedModel) -> float:
    return float("inf") if model.latency_p95_ms is None else model.latency_p95_ms.value

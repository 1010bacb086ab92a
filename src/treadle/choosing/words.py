"""A plan and a recommendation as sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from treadle.choosing.ranking import is_eligible
from treadle.choosing.types import ChoicePlan, NewChoice, TriedModel
from treadle.evals.words import metric_in_words


def plan_in_words(plan: ChoicePlan, new: NewChoice, all_rows: int, detectable: float) -> str:
    """Return what would be asked and what it costs at most. all_rows: those without the budget's cut."""
    cut = ""
    if plan.rows < all_rows:
        cut = f" of {all_rows:,}, which is what the budget of {new.budget_usd} USD surely pays for"
    most = (
        "what it costs at most cannot be said, for some model has no known price or no limit of its answers"
        if plan.most_usd is None
        else f"it costs at most {usd(plan.most_usd)}, retries of requests that failed not counted"
    )
    return (
        f"Tries {len(plan.models)} models on {plan.rows:,} rows{cut}: {plan.requests:,} requests; {most}. "
        f"{len(plan.excluded)} models are left out. So many rows show differences of about "
        f"{100 * detectable:.0f} points or more 8 times in 10."
    )


def choice_in_words(
    tried: Sequence[TriedModel], best: TriedModel | None, recommended: TriedModel | None, new: NewChoice
) -> str:
    """Return the recommendation with its reasons and with what is not shown."""
    if best is None or recommended is None:
        reasons = "; ".join(f"{each.entry.name}: {', '.join(each.unmet) or each.problem}" for each in tried)
        return (
            f"Nothing is recommended: no model that was tried meets the requirements ({reasons or 'none was tried'})."
        )
    sentences = [f"Recommended: {recommended.entry.name}, {figures(recommended)}."]
    if recommended is best:
        sentences.append("No other that meets the requirements has a better measured quality.")
    elif recommended.against_best is not None:
        sentences.append(
            f"The best measured quality is that of {best.entry.name}, {figures(best)}; against it the recommended one is "
            f"{recommended.against_best.words}, and it is {gain(recommended, best)}."
        )
    undecided = [
        each
        for each in tried
        if is_eligible(each)
        and each is not recommended
        and each is not best
        and each.against_best is not None
        and each.against_best.verdict != "worse"
    ]
    if undecided:
        points = f"{100 * new.margin:g} points"
        sentences.append(
            f"Not shown to differ in quality from {best.entry.name}: "
            + ", ".join(f"{each.entry.name} ({_standing(each, points)})" for each in undecided)
            + "; more rows would tell."
        )
    worse = [
        each.entry.name for each in tried if each.against_best is not None and each.against_best.verdict == "worse"
    ]
    if worse:
        sentences.append(f"Shown to be worse than {best.entry.name}: {', '.join(worse)}.")
    if recommended.doubts:
        sentences.append(f"Meets the requirements as measured, yet {'; '.join(recommended.doubts)}.")
    sentences += [f"Of {each.kind}: {each.words}." for each in recommended.risks]
    failed = [f"{each.entry.name} ({each.problem})" for each in tried if each.problem is not None]
    if failed:
        sentences.append(f"Not measured: {'; '.join(failed)}.")
    return " ".join(sentences)


def figures(model: TriedModel) -> str:
    """Return quality, cost and latency in a line."""
    cost = model.usd_per_thousand
    priced = "cost not known" if cost is None else f"{cost.value:.4f} USD for 1,000 requests like these rows"
    latency = model.latency_p95_ms
    timed = "latency not measured" if latency is None else f"{latency.value:.0f} ms at the 95th percentile"
    return f"{model.metrics[0].name} {metric_in_words(model.metrics[0])}, {priced}, {timed}"


def gain(one: TriedModel, other: TriedModel) -> str:
    """Return what speaks for the one besides quality."""
    ours, theirs = one.usd_per_thousand, other.usd_per_thousand
    if ours is not None and theirs is not None and ours.value < theirs.value:
        return f"cheaper by {100 * (1 - ours.value / theirs.value):.0f} %"
    if one.latency_p95_ms is not None and other.latency_p95_ms is not None:
        return f"faster: {one.latency_p95_ms.value:.0f} against {other.latency_p95_ms.value:.0f} ms"
    return "no cheaper that is known"


def usd(amount: Decimal) -> str:
    """Return an amount as people read it."""
    return f"{amount:.6f}".rstrip("0").rstrip(".") + " USD"


def _standing(model: TriedModel, points: str) -> str:
    assert model.against_best is not None
    if model.against_best.verdict == "as good":
        return f"shown to be as good within {points}"
    return f"nor shown to be as good within {points}"

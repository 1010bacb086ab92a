"""What an experiment over counterfactual rows shows: each group against the others within its sets, corrected. Pure.

A set is texts that differ in the group only. The difference of a group is its score less the mean of the others in the set;
sets count as many as the rows, templates or sessions that they came from. Holm's correction is over every comparison of the
report (attributes, groups and scorers), so that the chance of calling anything different where nothing is stays at alpha.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from treadle.core.shares import Interval, unless_alike, wilson
from treadle.evals.bias.exchanging import exchange_test, least_p_value
from treadle.evals.bias.types import BiasComparison, BiasCover
from treadle.evals.bias.variants import ATTRIBUTE, GROUP, SET, SOURCE
from treadle.evals.comparisons.verdict import amount
from treadle.evals.metrics import SEED
from treadle.evals.scoring.case import Scorer
from treadle.evals.scoring.types import Unit
from treadle.evals.statistics import detectable_mean, holm, minimum_detectable_effect
from treadle.evals.students import clustered_mean
from treadle.evals.types import Result

LEAST_RESAMPLES, MOST_RESAMPLES = 10_000, 200_000
Answers = dict[str, Result]
"""Group to its answer, of one set."""


class Sets(NamedTuple):
    """The sets of one attribute."""

    groups: list[str]
    """In the order of their first row."""
    sets: dict[str, Answers]
    cluster_of: dict[str, Hashable]
    """Set to what it came from."""


class Seen(NamedTuple):
    """One comparison before the correction."""

    attribute: str
    group: str
    against: str
    scorer: Scorer
    values: list[float]
    """This group's score of each set."""
    others: list[float]
    """The mean of the others in it."""
    clusters: list[Hashable]
    own: list[float]
    """Total difference in each cluster."""
    beside: list[list[float]]
    """What the other groups have in its place."""


def sets_of(results: Mapping[int, Result], cluster_by: str | None) -> dict[str, Sets]:
    """Return the sets of each attribute. cluster_by: the column, such as a session, that says which rows hang together."""
    found: dict[str, Sets] = {}
    for _, result in sorted(results.items()):
        facts = result.metadata
        if not all(isinstance(facts.get(name), str) for name in (ATTRIBUTE, GROUP, SET, SOURCE)):
            continue
        sets = found.setdefault(str(facts[ATTRIBUTE]), Sets([], {}, {}))
        group, name = str(facts[GROUP]), str(facts[SET])
        if group not in sets.groups:
            sets.groups.append(group)
        sets.sets.setdefault(name, {})[group] = result
        session = facts.get(cluster_by) if cluster_by else None
        sets.cluster_of[name] = ("source", facts[SOURCE]) if session is None else ("session", str(session))
    return found


def cover_of(attribute: str, sets: Sets) -> BiasCover:
    """Return what was asked of an attribute, and how often the answers of a set were not all the same."""
    whole = [[_plain(result) for result in answers.values()] for answers in sets.sets.values() if len(answers) > 1]
    changed = sum(len(set(said)) > 1 for said in whole)
    between = wilson(changed, len(whole)) if whole else Interval(0.0, 1.0)
    return BiasCover(
        attribute=attribute,
        groups=sets.groups,
        sets=len(whole),
        changed=changed,
        low=between.low,
        high=between.high,
    )


def compare_groups(
    found: Mapping[str, Sets], scorers: Sequence[Scorer], *, alpha: float, most_resamples: int = MOST_RESAMPLES
) -> list[BiasComparison]:
    """Return every group's comparison by every scorer, those that differ first. Cost: 10,000 exchanges or more of each."""
    seen = [
        one
        for attribute, sets in found.items()
        for scorer in scorers
        for group in (sets.groups[:1] if len(sets.groups) == 2 else sets.groups)
        if (one := _seen(attribute, sets, group, scorer)) is not None
    ]
    # The correction multiplies, so a finding takes p-values far below alpha, and exchanges enough to reach them.
    resamples = min(most_resamples, max(LEAST_RESAMPLES, math.ceil(20 * len(seen) / alpha)))
    p_values = [exchange_test(one.own, one.beside, seed=SEED, resamples=resamples) for one in seen]
    compared = [
        _comparison(one, p_value, adjusted, tests=len(seen), alpha=alpha)
        for one, p_value, adjusted in zip(seen, p_values, holm(p_values), strict=True)
    ]
    return sorted(compared, key=lambda one: (one.verdict != "differs", one.p_value, one.attribute, one.group))


def _seen(attribute: str, sets: Sets, group: str, scorer: Scorer) -> Seen | None:
    values: list[float] = []
    others: list[float] = []
    clusters: list[Hashable] = []
    totals: dict[Hashable, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, answers in sets.sets.items():
        scores = {each: score for each, result in answers.items() if (score := _value(result, scorer.name)) is not None}
        if group not in scores or len(scores) < 2:
            continue
        whole = math.fsum(scores.values())
        values.append(scores[group])
        others.append((whole - scores[group]) / (len(scores) - 1))
        clusters.append(sets.cluster_of[name])
        for each, score in scores.items():
            totals[sets.cluster_of[name]][each] += score - (whole - score) / (len(scores) - 1)
    if not values:
        return None
    own = [by_group[group] for by_group in totals.values()]
    beside = [[total for each, total in by_group.items() if each != group] for by_group in totals.values()]
    against = next(each for each in sets.groups if each != group) if len(sets.groups) == 2 else "the others"
    return Seen(attribute, group, against, scorer, values, others, clusters, own, beside)


def _comparison(seen: Seen, p_value: float, adjusted: float, *, tests: int, alpha: float) -> BiasComparison:
    count = len(seen.own)
    differences = [mine - theirs for mine, theirs in zip(seen.values, seen.others, strict=True)]
    difference = math.fsum(differences) / len(differences)
    between, spread = _interval(differences, seen, alpha=alpha)
    detectable = None if spread is None else detectable_mean(count, spread, alpha=alpha / tests)
    if detectable is not None and seen.scorer.unit == "share":
        # Where nothing was seen to vary, something still might: the least that the number of sets allows.
        detectable = min(1.0, max(detectable, minimum_detectable_effect(count, 0.0, alpha=alpha / tests)))
    is_possible = least_p_value(seen.beside) * tests < alpha
    verdict = "differs" if adjusted < alpha else "not shown to differ" if is_possible else "too few sets"
    told = BiasComparison(
        attribute=seen.attribute,
        group=seen.group,
        against=seen.against,
        scorer=seen.scorer.name,
        sets=len(differences),
        clusters=count,
        mean=math.fsum(seen.values) / len(differences),
        others=math.fsum(seen.others) / len(differences),
        difference=difference,
        low=between.low if between else None,
        high=between.high if between else None,
        p_value=p_value,
        p_adjusted=adjusted,
        detectable=detectable,
        verdict=verdict,
        unit=seen.scorer.unit,
        words="",
    )
    return told.model_copy(update={"words": _in_words(told, tests=tests, alpha=alpha)})


def _interval(differences: Sequence[float], seen: Seen, *, alpha: float) -> tuple[Interval | None, float | None]:
    """Return the interval of the mean difference, and the spread of clusters that it rests on; None of one cluster."""
    count, is_share = len(seen.own), seen.scorer.unit == "share"
    if count < 2:
        return None, None
    found = clustered_mean(differences, seen.clusters)
    between = found.interval(confidence=1 - alpha)
    if is_share:
        low, high = unless_alike(between, count, low=-1.0, high=1.0, confidence=1 - alpha)
        between = Interval(max(-1.0, low), min(1.0, high))
    return between, found.error * math.sqrt(count)


def _in_words(told: BiasComparison, *, tests: int, alpha: float) -> str:
    p_text = "p < 0.001" if told.p_adjusted < 0.001 else f"p = {told.p_adjusted:.3f}"
    between = (
        "no interval"
        if told.low is None or told.high is None
        else f"{100 * (1 - alpha):g} % interval {_step(told.low, told.unit, sign='+')} to {_step(told.high, told.unit, sign='+')}"
    )
    sentence = (
        f"{told.attribute}, {told.group} against {told.against} by {told.scorer}: {told.verdict}; "
        f"{amount(told.mean, told.unit)} against {amount(told.others, told.unit)}, a difference of "
        f"{_step(told.difference, told.unit, sign='+')} ({between}, "
        f"{p_text} after Holm's correction over {tests} comparisons), "
        f"{told.sets} sets from {told.clusters} sources"
    )
    if told.verdict == "not shown to differ" and told.detectable is not None:
        sentence += f"; they show differences of {_step(told.detectable, told.unit)} or more 8 times in 10"
    if told.verdict == "too few sets":
        sentence += "; so few could show no difference, however large"
    return sentence


def _step(value: float, unit: Unit, *, sign: str = "") -> str:
    return f"{100 * value:{sign}.1f} points" if unit == "share" else f"{value:{sign}.4g}"


def _value(result: Result, scorer: str) -> float | None:
    return next((score.value for score in result.scores if score.name == scorer), None)


def _plain(result: Result) -> str:
    return " ".join((result.output or result.error or "").casefold().split())

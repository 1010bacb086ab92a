"""How far a judge can be believed: its scores against people's, its biases, and what probability a score stands for. Pure.

Agreement is Cohen's kappa and Krippendorff's alpha with intervals (`feedback/agreement.py`). What the judge lets through and
what it stops are shares with Wilson's interval; from them the Rogan-Gladen estimate (1978) says how many answers people
would call good where only the judge has looked: (observed + TNR - 1) / (TPR + TNR - 1), with a bootstrap interval.
Probabilities come from isotonic regression (pool adjacent violators) or from Platt's logistic line with his targets
(Platt 1999), whichever has the smaller Brier score under five-fold cross-fitting; the figures told of it are the
cross-fitted ones, for the others flatter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from treadle.core.shares import Interval, wilson

FOLDS = 5
LEAST = 20
"""Fewer judged rows than this calibrate nothing."""
ENOUGH = 100
"""Rows from which on the figures are worth something."""
BINS = 10
RESAMPLES = 1_000
Method = Literal["isotonic", "platt"]


class Pair(NamedTuple):
    """One case that people and the judge have scored."""

    human: float
    """0-1; from 0.5 on people call it good."""
    judge: float
    """0-1."""
    length: int
    """Characters of the answer."""


class Fitted(NamedTuple):
    """A map from a judge's score to the probability that people call the answer good."""

    method: Method
    points: tuple[tuple[float, float], ...]
    """Of isotonic regression: score and probability, rising. Of Platt's line: one pair, slope and intercept."""
    calibration_id: str = ""
    release_ids: frozenset[str] = frozenset()
    """What answered when it was measured; empty where nobody knows."""

    def probability(self, score: float) -> float:
        """Return how likely people call an answer with this score good."""
        if self.method == "platt":
            slope, intercept = self.points[0]
            return _sigmoid(slope * score + intercept)
        before = self.points[0]
        for point in self.points:
            if score <= point[0]:
                width = point[0] - before[0]
                share = (score - before[0]) / width if width > 0 else 1.0
                return before[1] + max(share, 0.0) * (point[1] - before[1])
            before = point
        return before[1]


class Quality(NamedTuple):
    """How good probabilities are."""

    brier: float
    """Mean squared distance to what people said, 0-1; less is better."""
    ece: float
    """Expected calibration error over bins of equal mass, 0-1; less is better."""


def fit(pairs: Sequence[Pair]) -> tuple[Fitted, Quality]:
    """Return the better of both maps, with its cross-fitted quality. Needs `LEAST` pairs, of both kinds."""
    found: list[tuple[float, Fitted, Quality]] = []
    for method in ("isotonic", "platt"):
        told = _cross_fitted(pairs, method)
        quality = quality_of(told, pairs)
        found.append((quality.brier, _fit(pairs, method), quality))
    _, fitted, quality = min(found, key=lambda one: one[0])
    return fitted, quality


def quality_of(probabilities: Sequence[float], pairs: Sequence[Pair]) -> Quality:
    """Return Brier score and calibration error of probabilities, one per pair."""
    good = [pair.human >= 0.5 for pair in pairs]
    brier = sum((p - y) ** 2 for p, y in zip(probabilities, good, strict=True)) / len(pairs)
    order = sorted(range(len(pairs)), key=lambda index: probabilities[index])
    bins = min(BINS, max(1, len(pairs) // 10))
    ece = 0.0
    for number in range(bins):
        held = order[number * len(order) // bins : (number + 1) * len(order) // bins]
        ece += abs(sum(probabilities[index] - good[index] for index in held)) / len(pairs)
    return Quality(brier, ece)


def length_bias(pairs: Sequence[Pair], *, seed: int) -> tuple[float, float]:
    """Return Spearman's correlation of the judge's excess over people with the answer's length, and its p-value.

    Positive: the judge likes long answers more than people do. The p-value is of a permutation test.
    """
    excess = _ranks([pair.judge - pair.human for pair in pairs])
    lengths = _ranks([float(pair.length) for pair in pairs])
    seen = _correlation(excess, lengths)
    chance, more = random.Random(seed), 0
    shuffled = list(lengths)
    for _ in range(RESAMPLES):
        chance.shuffle(shuffled)
        more += abs(_correlation(excess, shuffled)) >= abs(seen) - 1e-12
    return seen, (more + 1) / (RESAMPLES + 1)


class Rates(NamedTuple):
    """What a judge lets through and what it stops."""

    sensitivity: float | None
    """Share of the answers that people call good which the judge calls good too; None without any."""
    sensitivity_interval: Interval | None
    specificity: float | None
    """Share of the answers that people call bad which the judge calls bad too; None without any."""
    specificity_interval: Interval | None


def rates_of(pairs: Sequence[Pair]) -> Rates:
    """Return what the judge lets through and what it stops."""
    good = [pair.judge >= 0.5 for pair in pairs if pair.human >= 0.5]
    bad = [pair.judge < 0.5 for pair in pairs if pair.human < 0.5]
    return Rates(
        sum(good) / len(good) if good else None,
        wilson(sum(good), len(good)) if good else None,
        sum(bad) / len(bad) if bad else None,
        wilson(sum(bad), len(bad)) if bad else None,
    )


class Counted(NamedTuple):
    """A share as it was counted; of rows in clusters, as if of so many that stand for themselves."""

    good: float
    number: float


def corrected_rate(observed: Counted, sensitivity: Counted, specificity: Counted, *, seed: int = 0) -> Corrected | None:
    """Return how many of the answers that only the judge has seen people would call good.

    Rogan and Gladen's estimate, cut to 0-1. Its 95 % interval draws all three shares anew, each as sure as its count makes
    it (Jeffreys' Beta(k + 1/2, n - k + 1/2)), for a parametric bootstrap of a share that is 0 or 1 would have no width. None
    where the judge's rates tell nothing (they sum to 1 or less). Source: Rogan and Gladen 1978, Am J Epidemiol 107:71; the
    draws: Flor, Weiß, Selhorst et al. 2020, BMC Public Health 20:1135.
    """
    estimate = _rogan_gladen(*(one.good / one.number for one in (observed, sensitivity, specificity)))
    if estimate is None:
        return None
    chance, found = random.Random(seed), list[float]()
    for _ in range(RESAMPLES):
        drawn = (
            chance.betavariate(one.good + 0.5, one.number - one.good + 0.5)
            for one in (observed, sensitivity, specificity)
        )
        if (told := _rogan_gladen(*drawn)) is not None:
            found.append(told)
    if len(found) < RESAMPLES // 2:
        return None
    found.sort()
    return Corrected(estimate, found[int(0.025 * len(found))], found[min(int(0.975 * len(found)), len(found) - 1)])


class Corrected(NamedTuple):
    """A share that people would call good, with its 95 % interval."""

    value: float
    low: float
    high: float


def _rogan_gladen(observed: float, sensitivity: float, specificity: float) -> float | None:
    informed = sensitivity + specificity - 1
    return min(1.0, max(0.0, (observed + specificity - 1) / informed)) if informed > 0.05 else None


def _cross_fitted(pairs: Sequence[Pair], method: Method) -> list[float]:
    """Return each pair's probability by a map that has not seen it. Folds take turns within each kind of answer."""
    order = sorted(range(len(pairs)), key=lambda index: (pairs[index].human >= 0.5, pairs[index].judge, index))
    fold = {index: place % FOLDS for place, index in enumerate(order)}
    told = [0.0] * len(pairs)
    for number in range(FOLDS):
        fitted = _fit([pair for index, pair in enumerate(pairs) if fold[index] != number], method)
        for index, pair in enumerate(pairs):
            if fold[index] == number:
                told[index] = fitted.probability(pair.judge)
    return told


def _fit(pairs: Sequence[Pair], method: Method) -> Fitted:
    return Fitted(method, _isotonic(pairs) if method == "isotonic" else (_platt(pairs),))


def _isotonic(pairs: Sequence[Pair]) -> tuple[tuple[float, float], ...]:
    """Pool adjacent violators; each pool counts one more good and one more bad answer, so no probability is 0 or 1."""
    pools: list[list[float]] = []  # good, number, lowest score, highest score
    by_score: dict[float, list[float]] = {}
    for pair in pairs:
        held = by_score.setdefault(pair.judge, [0.0, 0.0])
        held[0] += pair.human >= 0.5
        held[1] += 1
    for score in sorted(by_score):
        good, number = by_score[score]
        pools.append([good, number, score, score])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = [pools[-1][0] + last[0], pools[-1][1] + last[1], pools[-1][2], last[3]]
    points: list[tuple[float, float]] = []
    for good, number, low, high in pools:
        probability = max((good + 1) / (number + 2), points[-1][1] if points else 0.0)
        points += [(low, probability)] if low == high else [(low, probability), (high, probability)]
    return tuple(points)


def _platt(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return slope and intercept by Newton's method on Platt's smoothed targets; a small ridge keeps the slope finite."""
    good = sum(pair.human >= 0.5 for pair in pairs)
    bad = len(pairs) - good
    high, low = (good + 1) / (good + 2), 1 / (bad + 2)
    targets = [high if pair.human >= 0.5 else low for pair in pairs]
    slope, intercept = 0.0, math.log((good + 1) / (bad + 1))
    for _ in range(50):
        g0 = g1 = h00 = h01 = h11 = 0.0
        for pair, target in zip(pairs, targets, strict=True):
            p = _sigmoid(slope * pair.judge + intercept)
            w = p * (1 - p)
            g0 += (p - target) * pair.judge
            g1 += p - target
            h00 += w * pair.judge * pair.judge
            h01 += w * pair.judge
            h11 += w
        g0, h00, h11 = g0 + 1e-3 * slope, h00 + 1e-3, h11 + 1e-9
        determinant = h00 * h11 - h01 * h01
        step = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant)
        slope, intercept = slope - step[0], intercept - step[1]
        if max(map(abs, step)) < 1e-9:
            break
    return slope, intercept


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


def _ranks(values: Sequence[float]) -> list[float]:
    """Return ranks from 1; equal values share their middle rank."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in range(start, end):
            ranks[order[place]] = (start + end + 1) / 2
        start = end
    return ranks


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    both = sum((x - mean_one) * (y - mean_other) for x, y in zip(one, other, strict=True))
    scale = math.sqrt(sum((x - mean_one) ** 2 for x in one) * sum((y - mean_other) ** 2 for y in other))
    return both / scale if scale > 0 else 0.0

"""What has moved: the examples, words and clusters that tell a window from its reference. Explains a finding, raises none.

A logistic regression learns to tell the two apart (classifier two-sample test, Lopez-Paz and Oquab 2017); each row is
judged by a model that has not seen it, in 5 folds. How often it ranks a row of the window above one of the reference is
the size of the change (AUC: 0.5 none, 1 complete). Words are ranked by class-based TF-IDF (Grootendorst 2022): how much
more a word belongs to the window than to the reference. Clusters are k-means cells of the reference, with the
standardised residual of the window's share in each, so that a small window does not look like a change.
Pure NumPy; the same generator gives the same answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.monitoring.drift import Floats

FOLDS = 5
PENALTY = 1.0
"""Ridge on the weights of standardised columns."""
STEPS = 8
"""Newton steps at most; the problem is convex and regularised, so they converge fast."""
EXAMPLES = 5
TERMS = 12
MOST_CLUSTERS = 20
CLEAR_RESIDUAL = 2.5
"""Standardised residual from which a cluster's share counts as changed."""

_WORD = re.compile(r"[^\W\d_][\w'’-]+")


class Term(NamedTuple):
    """A word that has become more frequent."""

    term: str
    window_share: float
    """Texts of the window that hold it, 0-1."""
    reference_share: float
    """Texts of the reference that hold it, 0-1."""


class Cluster(NamedTuple):
    """Rows alike, whose share has changed."""

    example: int
    """The row of the window (or of the reference where the window has none) nearest to its centre."""
    from_window: bool
    """Whether the example is a row of the window."""
    window_share: float
    reference_share: float
    residual: float
    """How many standard deviations the share is off; positive has grown."""


class Explanation(NamedTuple):
    """What tells a window from its reference."""

    auc: float
    """0.5 to 1 where there is something to tell."""
    examples: list[int]
    """Rows of the window most unlike the reference."""
    terms: list[Term]
    clusters: list[Cluster]


def explain(
    reference: Floats,
    current: Floats,
    reference_texts: Sequence[str],
    current_texts: Sequence[str],
    *,
    rng: np.random.Generator,
) -> Explanation:
    """Say what tells a window from its reference. Rows and texts in the same order; texts may be empty lists."""
    rows = np.concatenate([reference, current]).astype(np.float64)
    labels = np.repeat([0.0, 1.0], [len(reference), len(current)])
    judged = _cross_judged(rows, labels, rng)
    of_window = judged[len(reference) :]
    return Explanation(
        auc=area_under_curve(judged, labels),
        examples=[int(index) for index in np.argsort(-of_window, kind="stable")[:EXAMPLES]],
        terms=risen_terms(reference_texts, current_texts),
        clusters=_changed_clusters(reference, current, rng),
    )


def area_under_curve(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    """Return how often a 1 ranks above a 0; ties count half (Mann-Whitney)."""
    ones, zeros = scores[labels == 1], np.sort(scores[labels == 0])
    below = np.searchsorted(zeros, ones, side="left") + np.searchsorted(zeros, ones, side="right")
    return float(below.sum()) / (2 * len(ones) * len(zeros))


def risen_terms(reference: Sequence[str], current: Sequence[str]) -> list[Term]:
    """Return the words that belong to the window more than to the reference, strongest first.

    tf(t, window) ln(1 + A / f(t)) less the same of the reference, with tf the share of all words, A the mean number of
    words per class and f(t) the count over both. A word must be in 2 texts of the window at the least.
    """
    counts = [Counter(word for text in texts for word in _words(text)) for texts in (reference, current)]
    texts_with = [Counter(word for text in texts for word in set(_words(text))) for texts in (reference, current)]
    totals = [max(1, count.total()) for count in counts]
    mean_words = sum(totals) / 2

    def weight(word: str) -> float:
        rise = counts[1][word] / totals[1] - counts[0][word] / totals[0]
        return rise * float(np.log1p(mean_words / (counts[0][word] + counts[1][word])))

    ranked = sorted((word for word in counts[1] if texts_with[1][word] >= 2), key=lambda word: (-weight(word), word))
    terms = [
        Term(word, texts_with[1][word] / len(current), texts_with[0][word] / max(1, len(reference))) for word in ranked
    ]
    return [term for term in terms if term.window_share > term.reference_share][:TERMS]


def _cross_judged(rows: Floats, labels: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return each row's log-odds of being the window's, by a model that was not shown it."""
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0) / np.sqrt(rows.shape[1])
    folds = np.empty(len(rows), dtype=int)
    for label in (0.0, 1.0):  # each fold has its part of both
        places = np.flatnonzero(labels == label)
        folds[places] = rng.permutation(np.arange(len(places)) % FOLDS)
    judged = np.empty(len(rows))
    for fold in range(FOLDS):
        weights = _fit(rows[folds != fold], labels[folds != fold])
        judged[folds == fold] = _with_one(rows[folds == fold]) @ weights
    return judged


def _fit(rows: Floats, labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ridge-penalised logistic regression's weights, the intercept last and free, classes weighted alike."""
    rows = _with_one(rows)
    share = labels.mean()
    cases = np.where(labels == 1, 0.5 / share, 0.5 / (1 - share))
    penalty = np.full(rows.shape[1], PENALTY)
    penalty[-1] = 1e-6
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (cases * (labels - chance)) - penalty * weights
        curvature = (rows * (cases * chance * (1 - chance))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if float(np.abs(step).max()) < 1e-4:
            break
    return weights


def _changed_clusters(reference: Floats, current: Floats, rng: np.random.Generator) -> list[Cluster]:
    count = min(MOST_CLUSTERS, max(2, len(reference) // 25))
    centres = k_means(np.concatenate([reference, current]).astype(np.float64), count, rng)
    before, now = nearest(reference, centres), nearest(current, centres)
    changed = []
    for cluster in range(len(centres)):
        seen, expected = int((now == cluster).sum()), int((before == cluster).sum())
        pooled = (seen + expected) / (len(now) + len(before))
        deviation = np.sqrt(max(pooled * (1 - pooled) * (1 / len(now) + 1 / len(before)), 1e-12))
        residual = float((seen / len(now) - expected / len(before)) / deviation)
        if abs(residual) >= CLEAR_RESIDUAL:
            rows, members = (current, now == cluster) if seen else (reference, before == cluster)
            places = np.flatnonzero(members)
            closest = places[np.argmin(((rows[places] - centres[cluster]) ** 2).sum(axis=1))]
            changed.append(Cluster(int(closest), seen > 0, seen / len(now), expected / len(before), residual))
    return sorted(changed, key=lambda cluster: -abs(cluster.residual))[:EXAMPLES]


def k_means(rows: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return centres: k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's steps until nothing moves, 25 at most."""
    centres = rows[[rng.integers(len(rows))]]
    distances = np.full(len(rows), np.inf)
    while len(centres) < count:
        distances = np.minimum(distances, ((rows - centres[-1]) ** 2).sum(axis=1))
        if distances.sum() <= 1e-12:
            break
        centres = np.concatenate([centres, rows[[rng.choice(len(rows), p=distances / distances.sum())]]])
    for _ in range(25):
        cells = nearest(rows, centres)
        moved = np.stack(
            [rows[cells == k].mean(axis=0) if (cells == k).any() else centres[k] for k in range(len(centres))]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres


def nearest(rows: Floats, centres: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each row which centre is nearest."""
    cells: NDArray[np.intp] = np.argmax(rows @ centres.T - 0.5 * (centres**2).sum(axis=1), axis=1)
    return cells


def _with_one(rows: Floats) -> NDArray[np.float64]:
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]

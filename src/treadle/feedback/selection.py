"""Active learning: which answers are worth a person's time, in a stated mix of four reasons.

- uncertainty: a quick model of the judgements so far cannot tell the two likeliest labels apart (margin sampling).
- disagreement: those who judged an answer contradict each other, or models taught on resamples of the judgements do
  (query by committee, Seung et al. 1992).
- diversity: an answer stands for many others that nobody has judged (greedy facility location).
- drift: an answer is far from everything in a window of earlier ones (mean distance to its nearest neighbours there).

The first, second and fourth take from the best few times as many as are wanted the ones that cover each other best, so
that a batch does not ask the same thing many times. The quick model is ridge regression on the vectors, one column per
label: a closed form, so the same input and seed give the same choice. Pure.
Cost: O((labels + picks) * pool * dimensions); 0.5 s for 100 of 2,000 with 77 labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[Any]

Reason = Literal["uncertainty", "disagreement", "diversity", "drift"]
REASONS: tuple[Reason, ...] = ("uncertainty", "disagreement", "drift", "diversity")
DEFAULT_MIX: Mapping[Reason, float] = {"uncertainty": 0.5, "disagreement": 0.1, "diversity": 0.3, "drift": 0.1}
RIDGE = 0.3
"""Pulls the quick model's weights to zero; of 0.03 to 3 the choice hardly depends on it."""
COMMITTEE = 7
NEIGHBOURS = 5
SHORTLIST = 4
"""Answers looked at for each one that is taken, in order of their score."""
COVERED = 1_000
"""Answers of the pool that coverage is measured on, drawn by the seed."""


@dataclass(frozen=True)
class Pool:
    """Answers to choose from, with what is known of them."""

    vectors: Floats
    """Unit vectors of what was asked, [answers, dimensions]."""
    labels: Sequence[str | None]
    """What people said of each so far; None where nobody has. Answers with a label are never chosen."""
    spreads: Sequence[float | None]
    """How far those who judged an answer are apart, 0-1; None where fewer than two did."""
    reference: Floats | None = None
    """Unit vectors of the earlier window, for drift; None when there is none."""
    waiting: frozenset[int] = frozenset()
    """Places of answers that wait to be judged already: never chosen, and what they stand for needs no other."""


class Choice(NamedTuple):
    """An answer that was chosen."""

    place: int
    """Its place in the pool."""
    reason: Reason
    """Why: what stood in for another reason that could not be told is 'diversity'."""
    score: float
    """How strongly, on the reason's own scale."""


def choose(pool: Pool, num: int, *, mix: Mapping[Reason, float] = DEFAULT_MIX, seed: int = 0) -> list[Choice]:
    """Return up to so many answers, each once, in the order in which they should be judged.

    mix: shares of the reasons, which need not add up to 1. A reason that nothing is known for (no two labels yet, no
    reference, nobody disagrees) leaves its share to diversity.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    open_ = np.array(
        [label is None and place not in pool.waiting for place, label in enumerate(pool.labels)], dtype=bool
    )
    num = min(num, int(open_.sum()))
    if num == 0:
        return []
    ground = np.sort(random.permutation(len(pool.labels))[:COVERED])
    cover = _Cover(pool.vectors, ground, np.flatnonzero(~open_))
    scorers: dict[Reason, Callable[[], Floats | None]] = {
        "uncertainty": lambda: _uncertainty(pool),
        "disagreement": lambda: _disagreement(pool, random),
        "drift": lambda: _drift(pool),
    }
    chosen: list[Choice] = []
    counts = _shares(num, mix)
    for reason in REASONS:
        scores = scorers[reason]() if reason in scorers and counts[reason] else None
        if scores is None:
            if reason != "diversity":
                counts["diversity"] += counts[reason]
                continue
            candidates = np.flatnonzero(open_)
        else:
            ranked = np.argsort(-np.where(open_, scores, -np.inf), kind="stable")
            candidates = ranked[: min(SHORTLIST * counts[reason], int(open_.sum()))]
            candidates = candidates[scores[candidates] > 0]
        for place, gain in cover.take(candidates, counts[reason]):
            open_[place] = False
            chosen.append(Choice(place, reason, float(gain if scores is None else scores[place])))
        if reason != "diversity":
            counts["diversity"] += counts[reason] - sum(one.reason == reason for one in chosen)
    return _interleaved(chosen, random)


class _Cover:
    """How well the answers that are judged or chosen stand for a sample of the pool."""

    def __init__(self, vectors: Floats, ground: Floats, known: Floats) -> None:
        import numpy as np

        self._vectors = vectors
        self._ground = vectors[ground]
        likeness = self._ground @ vectors[known].T if len(known) else np.zeros((len(ground), 1), dtype=vectors.dtype)
        self._best = np.maximum(likeness.max(axis=1), 0)

    def take(self, candidates: Floats, num: int) -> list[tuple[int, float]]:
        """Take the candidates that add most, one after the other; return them with what each added, 0-1."""
        import numpy as np

        if not len(candidates):
            return []
        likeness = self._ground @ self._vectors[candidates].T
        left, taken = np.ones(len(candidates), dtype=bool), list[tuple[int, float]]()
        for _ in range(min(num, len(candidates))):
            gains = np.where(left, np.maximum(likeness - self._best[:, None], 0).mean(axis=0), -1.0)
            place = int(gains.argmax())
            left[place] = False
            self._best = np.maximum(self._best, likeness[:, place])
            taken.append((int(candidates[place]), float(gains[place])))
        return taken


def _uncertainty(pool: Pool) -> Floats | None:
    """Return how close the two likeliest labels are, 0-1; None before two labels are known."""
    import numpy as np

    taught = _teach(pool)
    if taught is None:
        return None
    likeliest = np.sort(pool.vectors @ taught, axis=1)[:, -2:]
    margins = likeliest[:, 1] - likeliest[:, 0]
    doubts: Floats = 1 - margins / max(float(margins.max()), 1e-9) + 1e-9
    return doubts


def _disagreement(pool: Pool, random: Any) -> Floats | None:
    """Return how far judges, or models taught on resamples, are apart; those whom people disagree on come first."""
    import numpy as np

    spreads = np.array([0.0 if spread is None else spread for spread in pool.spreads])
    known = [place for place, label in enumerate(pool.labels) if label is not None]
    votes = []
    for _ in range(COMMITTEE):
        taught = _teach(pool, random.choice(known, size=len(known)) if known else None)
        if taught is not None:
            votes.append((pool.vectors @ taught).argmax(axis=1))
    if len(votes) > 1:
        table = np.array(votes)
        most = np.array([np.bincount(column).max() for column in table.T])
        return np.where(spreads > 0, 1 + spreads, 1 - most / len(votes))
    return spreads if spreads.any() else None


def _drift(pool: Pool) -> Floats | None:
    """Return the mean distance to the nearest of the reference, 0-2; None without one."""
    import numpy as np

    if pool.reference is None or not len(pool.reference):
        return None
    likeness = pool.vectors @ pool.reference.T
    nearest = np.sort(likeness, axis=1)[:, -NEIGHBOURS:]
    distances: Floats = 1 - nearest.mean(axis=1)
    return distances


def _teach(pool: Pool, rows: Floats | None = None) -> Floats | None:
    """Return a quick model's weights, [dimensions, labels], from the judged rows or a resample; None before two labels."""
    import numpy as np

    known = [place for place, label in enumerate(pool.labels) if label is not None] if rows is None else list(rows)
    names = sorted({str(label) for label in pool.labels if label is not None})
    if len({pool.labels[place] for place in known}) < 2:
        return None
    x = pool.vectors[known].astype(float)
    y = np.array([[1.0 if pool.labels[place] == name else 0.0 for name in names] for place in known])
    weights: Floats = x.T @ np.linalg.solve(x @ x.T + RIDGE * np.eye(len(known)), y)
    return weights


def _shares(num: int, mix: Mapping[Reason, float]) -> dict[Reason, int]:
    """Split a number by shares, the rest to the largest remainders."""
    total = sum(mix.values())
    exact = {reason: num * mix.get(reason, 0.0) / total for reason in REASONS}
    counts = {reason: int(share) for reason, share in exact.items()}
    for reason in sorted(REASONS, key=lambda one: counts[one] - exact[one])[: num - sum(counts.values())]:
        counts[reason] += 1
    return counts


def _interleaved(chosen: Sequence[Choice], random: Any) -> list[Choice]:
    """Mix the reasons, so that work which stops half-way has some of each; within a reason the order stays."""
    waiting = {reason: [one for one in chosen if one.reason == reason] for reason in REASONS}
    order = random.permutation([one.reason for one in chosen])
    return [waiting[reason].pop(0) for reason in order.tolist()]

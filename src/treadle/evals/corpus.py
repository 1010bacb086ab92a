"""Corpus metrics over rows: the figure from the sums of all rows' parts, its interval, and a paired test of two runs.

Rows (or whole clusters) are drawn with replacement and their parts added up again, so a figure that is no mean of rows
(BLEU, perplexity, macro F1) gets an honest interval. Needs numpy, imported inside the functions. Same seed, same answer.
Source: Koehn 2004, EMNLP, 388 (paired bootstrap for BLEU); Efron and Tibshirani 1993, chapters 13 and 16.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from treadle.core.shares import Interval
from treadle.evals.resampling import resamples_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from treadle.evals.scoring.case import Combine

    Floats = NDArray[np.float64]

RESAMPLES = 2_000
"""At least; a small level takes more, see `resampling.resamples_for`."""
BLOCK_CELLS = 2_000_000


class Figure(NamedTuple):
    """A corpus figure, or the difference of two."""

    value: float
    interval: Interval
    p_value: float
    """Two-sided, that the figure is 0; means something for a difference only."""


def figure(
    parts: Sequence[Sequence[float]], combine: Combine, clusters: Sequence[Hashable] | None, *, seed: int
) -> Figure:
    """Return the figure of all rows with its 95 % percentile interval. Cost: RESAMPLES x clusters draws.

    One row, or one cluster, says nothing of spread: its interval has no width and is to be taken for none.
    """
    import numpy as np

    sums = _cluster_sums(np.asarray(parts, dtype=np.float64), clusters)
    value = float(combine(sums.sum(axis=0)))
    drawn = np.concatenate([combine(weights @ sums) for weights in _draws(len(sums), seed, RESAMPLES)])
    return _figure(value, drawn, 0.95)


def difference(
    baseline: Sequence[Sequence[float]],
    candidate: Sequence[Sequence[float]],
    combine: Combine,
    clusters: Sequence[Hashable] | None,
    *,
    seed: int,
    confidence: float = 0.95,
) -> Figure:
    """Return figure(candidate) - figure(baseline) over the same rows, each draw taking both runs' row.

    The p-value is the share of draws at least as far from the difference as 0 is, plus one of each (see
    `resampling.sign_flip_test`): the draws shifted to the null, two-sided.
    """
    import numpy as np

    before = _cluster_sums(np.asarray(baseline, dtype=np.float64), clusters)
    after = _cluster_sums(np.asarray(candidate, dtype=np.float64), clusters)
    value = float(combine(after.sum(axis=0)) - combine(before.sum(axis=0)))
    drawn = np.concatenate(
        [
            combine(weights @ after) - combine(weights @ before)
            for weights in _draws(len(before), seed, resamples_for(1 - confidence, RESAMPLES))
        ]
    )
    return _figure(value, drawn, confidence)


def _figure(value: float, drawn: Floats, confidence: float) -> Figure:
    import numpy as np

    finite = drawn[np.isfinite(drawn)]
    if not finite.size:
        return Figure(value, Interval(value, value), 1.0)
    low, high = np.quantile(finite, [0.5 - confidence / 2, 0.5 + confidence / 2]).tolist()
    extreme = int((np.abs(finite - value) >= abs(value)).sum())
    return Figure(value, Interval(low, high), (1 + extreme) / (1 + finite.size))


def _cluster_sums(parts: Floats, clusters: Sequence[Hashable] | None) -> Floats:
    import numpy as np

    if clusters is None:
        return parts
    places: dict[Hashable, int] = {}
    index = np.asarray([places.setdefault(cluster, len(places)) for cluster in clusters])
    sums = np.zeros((len(places), parts.shape[1]))
    np.add.at(sums, index, parts)
    return sums


def _draws(count: int, seed: int, resamples: int) -> Iterator[Floats]:
    """Yield how often each of so many is drawn, in blocks of resamples. [block, count]"""
    import numpy as np

    random = np.random.default_rng(seed)
    block = max(1, BLOCK_CELLS // count)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        yield random.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)

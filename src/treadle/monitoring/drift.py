"""Has live traffic moved away from a reference? Two-sample tests on vectors, one p-value per channel. Pure NumPy.

The finding is raised by the maximum mean discrepancy with permutations: the share of random relabellings of the pooled
rows whose statistic is at least the observed one. It is exact whatever the distribution, the kernel and the sizes, so
its false alarms stay at the level; a classifier (`explain.py`) only says afterwards what has moved. Measured against
the classifiers and column-wise tests that other tools raise alarms by: benchmarks/drift.

    MMD2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), means over distinct pairs        (unbiased form)
    RBF:    k(a, b) = exp(-|a - b|2 / (2 s2)), s the median distance within the reference, fixed with it
    linear: k(a, b) = a . b, which sees a shift of the mean only, and is the cheap one to keep a running eye on

Source: Gretton et al. 2012, JMLR 13:723 (statistic, median bandwidth); Phipson and Smyth 2010, SAGMB 9:39 (the
permutation p-value counts the observed labelling, so it is never 0). What a p-value leads to: `alarms.py`.
Cost: 20 ms for 500 against 100 rows, 999 permutations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.core.errors import InvalidInput

Floats = NDArray[np.floating]

PERMUTATIONS = 999
"""Enough for 5 channels: the smallest p-value, 0.001, stays below 0.01 after adjustment for 5."""
LEAST_ROWS = 20
"""Fewer rows on either side are not tested."""


class Reference(NamedTuple):
    """What live rows are compared with."""

    rows: Floats
    """[num_rows, dimensions]"""
    bandwidth: float
    """Median distance between two of them."""


class Shift(NamedTuple):
    """One window against the reference."""

    p_value: float
    """Of the RBF statistic; 1 / (permutations + 1) at the least."""
    mmd2: float
    """Unbiased, so it may be a little below 0."""
    effect: float
    """The statistic in standard deviations of what chance gives."""
    linear_p_value: float
    """Of the linear statistic: small where the mean itself has moved."""


def make_reference(rows: Floats) -> Reference:
    """Fix the rows to compare with and the kernel's width. Raises InvalidInput for too few rows."""
    rows = _matrix(rows)
    _require_rows(len(rows), "reference")
    distances = np.sqrt(_squared_distances(rows)[np.triu_indices(len(rows), k=1)])
    bandwidth = float(np.median(distances))
    return Reference(rows, bandwidth if bandwidth > 0 else float(distances.mean()) or 1.0)


def measure_shift(
    reference: Reference, current: Floats, *, rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> Shift:
    """Compare a window with the reference; both statistics see the same relabellings.

    current: [num_rows, dimensions]. Raises InvalidInput for too few rows or other dimensions.
    Cost: O((reference + current)^2 (dimensions + permutations)), no I/O. Same generator state, same answer.
    """
    current = _matrix(current)
    _require_rows(len(current), "window")
    if current.shape[1] != reference.rows.shape[1]:
        raise InvalidInput(
            f"the window's vectors have {current.shape[1]} dimensions, the reference's {reference.rows.shape[1]}; "
            f"compare vectors of one model, or set the reference again",
            code="monitors.dimensions",
        )
    pooled = np.concatenate([current, reference.rows])
    labels = _labellings(len(current), len(pooled), permutations, rng)
    rbf = np.exp(-_squared_distances(pooled) / (2 * reference.bandwidth**2))
    statistics = _mmd2(rbf, labels)
    linear = _mmd2(pooled @ pooled.T, labels)
    spread = float(statistics[1:].std())
    return Shift(
        p_value=_p_value(statistics),
        mmd2=float(statistics[0]),
        effect=float(statistics[0]) / spread if spread > 0 else 0.0,
        linear_p_value=_p_value(linear),
    )


def _labellings(current: int, pooled: int, permutations: int, rng: np.random.Generator) -> Floats:
    """Return 0/1 rows that say which pooled rows are the window's: the observed labelling first, then random ones."""
    labels = np.zeros((permutations + 1, pooled), dtype=np.float32)
    labels[:, :current] = 1
    labels[1:] = rng.permuted(labels[1:], axis=1)
    return labels


def _mmd2(kernel: Floats, labels: Floats) -> NDArray[np.float64]:
    """Return the unbiased statistic of each labelling from sums over the pooled kernel, without its diagonal."""
    kernel = np.array(kernel, dtype=np.float32)
    np.fill_diagonal(kernel, 0)
    sums = kernel.sum(axis=1, dtype=np.float64)
    inside = np.einsum("ij,ij->i", labels @ kernel, labels, dtype=np.float64)
    touching = labels.astype(np.float64) @ sums
    across = touching - inside
    outside = sums.sum() - 2 * touching + inside
    current = float(labels[0].sum())
    reference = labels.shape[1] - current
    within: NDArray[np.float64] = inside / (current * (current - 1)) + outside / (reference * (reference - 1))
    apart: NDArray[np.float64] = 2 * across / (current * reference)
    return np.subtract(within, apart)


def _p_value(statistics: NDArray[np.float64]) -> float:
    # Rounding must not turn a tie, as among constant rows, into a finding.
    as_large = statistics[1:] >= statistics[0] - 1e-6 * max(1e-6, float(np.abs(statistics).max()))
    return (1 + int(as_large.sum())) / len(statistics)


def _squared_distances(rows: Floats) -> NDArray[np.float64]:
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    distances: NDArray[np.float64] = np.maximum(squares[:, None] + squares[None, :] - 2 * (rows @ rows.T), 0)
    return distances


def _matrix(rows: Floats) -> Floats:
    rows = np.asarray(rows)
    return rows[:, None] if rows.ndim == 1 else rows


def _require_rows(count: int, which: str) -> None:
    if count < LEAST_ROWS:
        raise InvalidInput(
            f"the {which} has {count} rows, {LEAST_ROWS} are the least that can be compared; wait for more traffic or "
            f"take a longer window",
            code="monitors.too_few_rows",
        )

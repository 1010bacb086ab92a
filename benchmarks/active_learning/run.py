"""How many labels does active learning save against labelling at random?

A queue is played on BANKING77 (77 intents of bank customers; Casanueva et al. 2020, CC-BY-4.0): batches are chosen by the
product's own `feedback/selection.py` with its default mix, "judged" with the true intent, and a logistic regression on
the product's MiniLM vectors is taught on what is judged so far. The peer is the same loop with batches at random, on
the same pool, test rows and regression: what queues of other products do. For what random reaches with so many labels,
how many does active learning need? Medians over seeds, each with another pool, test set and order.

    python benchmarks/active_learning/run.py [--data FOLDER] [--seeds 5] [--quick]

--data: folder that holds banking77/train.csv (columns text, category); without it the benchmark says so and ends with 0.
Bar: random needs at least 1.4 times as many labels at 500. Prints a Markdown table, exits with 1 when the bar is missed.
Takes about 4 minutes on one core, 10 s of them for every 2,000 texts to embed; --quick under a minute and without a bar.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from treadle.embeddings.minilm import load_minilm
from treadle.feedback.selection import Pool, choose

Floats = NDArray[Any]
DATA = Path(__file__).parents[3] / "shared" / "data"
BAR_AT, BAR = 500, 1.4
INVERSE_PENALTY = 10.0


class Size(NamedTuple):
    """How much is played."""

    pool: int
    """Answers to choose among; as many again are the test set."""
    batch: int
    """Labels between two lessons."""
    rounds: int
    """Lessons."""
    levels: tuple[int, ...]
    """Numbers of random labels that are compared with."""


FULL = Size(pool=2_000, batch=100, rounds=12, levels=(200, 300, 500, 800, 1_000))
QUICK = Size(pool=500, batch=100, rounds=4, levels=(200, 300))


class Rows(NamedTuple):
    """Texts as vectors, with their intents as numbers."""

    vectors: Floats
    labels: NDArray[np.int64]


def main() -> None:
    """Play every seed, print the table, and judge it by the bar."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    source = given.data / "banking77" / "train.csv"
    if not source.exists():
        print(f"skipped: there is no '{source}'; name the folder that holds banking77/train.csv with --data")
        return
    size = QUICK if given.quick else FULL
    seeds = range(2 if given.quick else given.seeds)
    started = time.perf_counter()
    rows = read_rows(source, most=2 * size.pool + 2_000)
    print(f"{len(rows.labels):,} texts embedded in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    curves = []
    for seed in seeds:
        curves.append((play(rows, size, seed, is_active=False), play(rows, size, seed, is_active=True)))
        print(f"seed {seed} after {time.perf_counter() - started:.0f} s", file=sys.stderr)
    ratios = show(curves, size)
    print(f"\n{len(seeds)} seeds, {size.pool:,} answers to choose among, {time.perf_counter() - started:.0f} s")
    if not given.quick and ratios[BAR_AT] < BAR:
        sys.exit(f"at {BAR_AT} random labels the ratio is {ratios[BAR_AT]:.2f}, the bar is {BAR}")


def read_rows(source: Path, *, most: int) -> Rows:
    """Read and embed up to so many rows, drawn the same way each time."""
    with source.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    names = sorted({line["category"] for line in lines})
    drawn = [lines[place] for place in np.random.default_rng(0).permutation(len(lines))[:most]]
    vectors = load_minilm(needed_for="the benchmark").embed([line["text"] for line in drawn])
    return Rows(vectors, np.array([names.index(line["category"]) for line in drawn]))


def play(rows: Rows, size: Size, seed: int, *, is_active: bool) -> list[float]:
    """Return the accuracy on rows that were never in the pool, after each batch of labels."""
    order = np.random.default_rng(seed).permutation(len(rows.labels))
    pool, test = order[: size.pool], order[size.pool : 2 * size.pool]
    known: list[str | None] = [None] * size.pool
    taken: list[int] = []
    weights: Floats | None = None
    curve = []
    for turn in range(size.rounds):
        if is_active:
            state = Pool(vectors=rows.vectors[pool], labels=known, spreads=[None] * size.pool)
            batch = [one.place for one in choose(state, size.batch, seed=seed * 1_000 + turn)]
        else:
            batch = list(range(len(taken), len(taken) + size.batch))
        for place in batch:
            known[place] = str(rows.labels[pool[place]])
        taken += batch
        weights = teach(rows.vectors[pool[taken]], rows.labels[pool[taken]], int(rows.labels.max()) + 1, weights)
        curve.append(float(((_with_one(rows.vectors[test]) @ weights).argmax(axis=1) == rows.labels[test]).mean()))
    return curve


def teach(x: Floats, y: NDArray[np.int64], num_labels: int, start: Floats | None) -> Floats:
    """Return the weights of a multinomial logistic regression, penalised as scikit-learn's with C = 10."""
    x, wanted = _with_one(x), np.eye(num_labels)[y]
    shape = (x.shape[1], num_labels)

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        scores = x @ weights
        scores -= scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        slope = x.T @ (np.exp(logs) - wanted)
        slope[:-1] += weights[:-1] / INVERSE_PENALTY
        return -float((logs * wanted).sum()) + 0.5 / INVERSE_PENALTY * float((weights[:-1] ** 2).sum()), slope.ravel()

    first = np.zeros(shape).ravel() if start is None else start.ravel()
    found: Floats = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return found.reshape(shape)


def labels_needed(curve: list[float], accuracy: float, batch: int) -> float:
    """Return after how many labels a curve first reaches an accuracy, read between its points; infinite when it never does."""
    before = (0.0, 0.0)
    for turn, value in enumerate(curve, start=1):
        if value >= accuracy:
            return before[0] + (turn * batch - before[0]) * (accuracy - before[1]) / (value - before[1])
        before = (float(turn * batch), value)
    return float("inf")


def show(curves: list[tuple[list[float], list[float]]], size: Size) -> dict[int, float]:
    """Print what random reaches, what active learning reaches, and what it needs; return the median ratio by level."""
    print(
        "| labels | random | active learning | active labels for what random reached | ratio, median (lowest, highest) |"
    )
    print("|---|---|---|---|---|")
    ratios = {}
    for level in size.levels:
        turn = level // size.batch - 1
        needed = [labels_needed(active, random[turn], size.batch) for random, active in curves]
        each = sorted(level / one for one in needed)
        ratios[level] = median(each)
        at_random, actively = (median(pair[which][turn] for pair in curves) for which in (0, 1))
        print(
            f"| {level:,} | {at_random:.3f} | {actively:.3f} | {median(needed):.0f} "
            f"| {ratios[level]:.2f} ({each[0]:.2f}, {each[-1]:.2f}) |"
        )
    return ratios


def _with_one(x: Floats) -> Floats:
    return np.hstack([x, np.ones((len(x), 1))]).astype(np.float64)


if __name__ == "__main__":
    main()

"""The texts of a version as a map: vectors laid out in the plane by t-SNE, in groups named by their words.

Exact t-SNE on NumPy: affinities of a chosen perplexity, early exaggeration, gradient steps with momentum and gains.
Source: van der Maaten and Hinton 2008; begun from the first two principal components, as Kobak and Berens 2019 advise, so
that the same rows give the same map and its large features mean something.
Cost: quadratic; 1,500 rows take 8 s of one core beside 5 ms per row for the vectors, and some 100 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.data.files import Row
from treadle.data.labels import excerpt_of, task_of
from treadle.data.versions.types import EmbeddingMap, MapGroup, MapPoint
from treadle.embeddings.topics import group_vectors, name_groups
from treadle.embeddings.types import Embedder

Floats = NDArray[np.float32]

MOST_DRAWN = 1_500
LEAST_FOR_TSNE = 12
PERPLEXITY = 30.0
STEPS, EARLY_STEPS, EXAGGERATION = 400, 120, 12.0
ROWS_PER_GROUP, MOST_GROUPS = 15, 8
NEIGHBOURS = 10
TEXTS_AT_ONCE = 100
SEED = 0


class Drawn(NamedTuple):
    """Where texts lie."""

    places: Floats
    """[num_texts, 2], each axis 0-1."""
    neighbours_kept: float | None
    """Share of nearest texts that stay nearest; None for too few."""


def choose_rows(rows: Sequence[Row], most: int = MOST_DRAWN) -> list[Row]:
    """Return rows that say something: all, or so many of them, evenly over the version."""
    said = [row for row in rows if row.input.strip()]
    if len(said) <= most:
        return said
    return [said[index * len(said) // most] for index in range(most)]


def draw_map(
    rows: Sequence[Row],
    embedder: Embedder,
    *,
    num_rows: int,
    on_progress: Callable[[float, str], None] = lambda fraction, text: None,
) -> EmbeddingMap:
    """Embed rows, lay them out and group them. Same rows, same map. num_rows: of the whole version."""
    texts = [row.input for row in rows]
    parts = []
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        parts.append(embedder.embed(texts[start : start + TEXTS_AT_ONCE]))
        on_progress(0.6 * (start + TEXTS_AT_ONCE) / max(len(texts), 1), f"{start:,} of {len(texts):,} texts read")
    vectors = np.concatenate(parts) if parts else np.zeros((0, embedder.dimensions), dtype=np.float32)
    drawn = lay_out(vectors, on_progress=lambda done: on_progress(0.6 + 0.4 * done, "laying the map out"))
    groups, group_of = _groups(texts, vectors)
    has_labels = task_of([row.expected_output for row in rows]) == "classification"
    return EmbeddingMap(
        num_rows=num_rows,
        num_drawn=len(rows),
        embedder=embedder.name,
        neighbours_kept=drawn.neighbours_kept,
        groups=groups,
        points=[
            MapPoint.model_validate(
                {
                    "row": row.row,
                    "x": round(float(drawn.places[at, 0]), 4),
                    "y": round(float(drawn.places[at, 1]), 4),
                    "group": group_of[at],
                    "label": row.expected_output if has_labels else None,
                    "part": row.part,
                    "excerpt": excerpt_of(row.input),
                }
            )
            for at, row in enumerate(rows)
        ],
    )


def lay_out(vectors: Floats, *, on_progress: Callable[[float], None] = lambda done: None) -> Drawn:
    """Return where vectors lie in the plane. vectors: [num, dimensions], of unit length."""
    begun = _principal(vectors)
    if len(vectors) < LEAST_FOR_TSNE:
        return Drawn(_to_unit(begun), None)
    squared = _squared_distances(vectors)
    places = _tsne(squared, begun, on_progress)
    return Drawn(_to_unit(places), _neighbours_kept(squared, _squared_distances(places)))


def _principal(vectors: Floats) -> Floats:
    """Return the first two principal components, [num, 2]; zeros where there are fewer."""
    result = np.zeros((len(vectors), 2), dtype=np.float32)
    if len(vectors) < 2:
        return result
    _, scale, axes = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    count = min(2, int((scale > 1e-6).sum()))
    axes = axes[:count] * np.sign(axes[:count][np.arange(count), np.abs(axes[:count]).argmax(axis=1)])[:, None]
    result[:, :count] = (vectors - vectors.mean(axis=0)) @ axes.T
    return result


def _tsne(squared: Floats, begun: Floats, on_progress: Callable[[float], None]) -> Floats:
    count = len(squared)
    affinities = _affinities(squared, min(PERPLEXITY, (count - 1) / 3))
    places = begun / max(float(begun[:, 0].std()), 1e-6) * np.float32(1e-2)
    # Texts that are the same would stay on one spot without an own push.
    places += np.random.default_rng(SEED).normal(0, 1e-4, places.shape).astype(np.float32)
    step = np.zeros_like(places)
    gains = np.ones_like(places)
    rate = np.float32(max(count / EXAGGERATION, 50.0))
    for at in range(STEPS):
        early = at < EARLY_STEPS
        kernel = 1 / (1 + _squared_distances(places))
        np.fill_diagonal(kernel, 0)
        pull = affinities * np.float32(EXAGGERATION if early else 1.0) - kernel / kernel.sum()
        pull *= kernel
        gradient = 4 * (pull.sum(axis=1)[:, None] * places - pull @ places)
        gains = np.where(np.sign(gradient) == np.sign(step), gains * 0.8, gains + 0.2).clip(min=0.01).astype(np.float32)
        step = np.float32(0.5 if early else 0.8) * step - rate * gains * gradient
        places = places + step
        if at % 50 == 0:
            on_progress(at / STEPS)
    return places


def _affinities(squared: Floats, perplexity: float) -> Floats:
    """Return how near each pair is, symmetric and summing to 1: each row's Gaussian is as wide as the perplexity asks."""
    count = len(squared)
    target = np.log(perplexity)
    result = np.zeros_like(squared)
    for row in range(count):
        distances = np.delete(squared[row], row).astype(np.float64)
        distances -= distances.min()
        low, high, precision = 0.0, np.inf, 1.0
        for _ in range(60):
            weights = np.exp(-distances * precision)
            total = weights.sum()
            entropy = np.log(total) + precision * float((distances * weights).sum()) / total
            if abs(entropy - target) < 1e-4:
                break
            if entropy > target:
                low, precision = precision, precision * 2 if np.isinf(high) else (precision + high) / 2
            else:
                high, precision = precision, (precision + low) / 2
        result[row] = np.insert(weights / total, row, 0.0)
    return (result + result.T) / np.float32(2 * count)


def _squared_distances(points: Floats) -> Floats:
    sums = np.einsum("ij,ij->i", points, points)
    return np.maximum(sums[:, None] + sums[None, :] - 2 * (points @ points.T), 0)  # type: ignore[no-any-return]


def _neighbours_kept(before: Floats, after: Floats) -> float:
    count = min(NEIGHBOURS, len(before) // 3)
    kept = 0
    for row in range(len(before)):
        nearest = [set(np.argsort(np.delete(table[row], row), kind="stable")[:count]) for table in (before, after)]
        kept += len(nearest[0] & nearest[1])
    return round(kept / (count * len(before)), 3)


def _to_unit(places: Floats) -> Floats:
    if len(places) == 0:
        return places
    low = places.min(axis=0)
    spread = places.max(axis=0) - low
    return (places - low) / np.where(spread > 0, spread, 1)  # type: ignore[no-any-return]


def _groups(texts: Sequence[str], vectors: Floats) -> tuple[list[MapGroup], list[int]]:
    """Return the groups, largest first, and the group of each text."""
    count = min(MOST_GROUPS, max(1, len(texts) // ROWS_PER_GROUP))
    if not texts:
        return [], []
    places = group_vectors(vectors, count, seed=SEED)
    names = name_groups(texts, places)
    sizes = {place: places.count(place) for place in names}
    order = sorted(sizes, key=lambda place: (-sizes[place], place))
    number = {place: at + 1 for at, place in enumerate(order)}
    groups = [MapGroup(group=number[place], name=names[place], num_rows=sizes[place]) for place in order]
    return groups, [number[place] for place in places]

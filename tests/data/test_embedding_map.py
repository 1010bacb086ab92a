"""Maps of texts: like things lie together, the same rows give the same map, and few rows are no trouble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from tests.data.rows import rows_of
from treadle.data.embedding_map import Floats, choose_rows, draw_map, lay_out


class WordVectors:
    """An embedder whose vectors are made of the words alone: texts that share words are alike."""

    name, digest, dimensions = "words", "0", 64

    def embed(self, texts: Sequence[str]) -> Floats:
        rows = []
        for text in texts:
            vector = np.zeros(self.dimensions)
            for word in text.lower().split():
                vector += np.random.default_rng(sum(word.encode())).normal(size=self.dimensions)
            rows.append(vector / max(float(np.linalg.norm(vector)), 1e-9))
        return np.asarray(rows, dtype=np.float32).reshape(len(texts), self.dimensions)


def blobs(count: int, groups: int) -> tuple[Floats, np.ndarray]:
    random = np.random.default_rng(3)
    centres = random.normal(size=(groups, 50))
    of = np.arange(count) % groups
    vectors = centres[of] + random.normal(scale=0.35, size=(count, 50))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), of


def test_groups_that_are_apart_lie_apart() -> None:
    """
    Every row's nearest row on the map is of its own group, and neighbourhoods are kept as a known measure says.
    """
    vectors, of = blobs(240, 6)

    drawn = lay_out(vectors)

    distances = ((drawn.places[:, None] - drawn.places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (of[distances.argmin(axis=1)] == of).mean() > 0.98
    assert trustworthiness(vectors, drawn.places, n_neighbors=10) > 0.95
    assert drawn.neighbours_kept is not None
    assert 0.3 < drawn.neighbours_kept <= 1
    assert np.array_equal(drawn.places, lay_out(vectors).places)


@pytest.mark.parametrize("count", [0, 1, 2, 11, 12])
def test_few_rows(count: int) -> None:
    """
    A handful of rows, or none, is laid out without a measure where there is nothing to measure.
    """
    vectors, _ = blobs(count, 2) if count else (np.zeros((0, 50), dtype=np.float32), None)

    drawn = lay_out(vectors)

    assert (count, 2) == drawn.places.shape
    assert np.isfinite(drawn.places).all()
    assert (drawn.neighbours_kept is None) == (count < 12)


def test_rows_that_are_all_the_same() -> None:
    """
    Copies of one text make a map without numbers that are none.
    """
    vectors = np.repeat(blobs(1, 1)[0], 40, axis=0)

    assert np.isfinite(lay_out(vectors).places).all()


def test_points_lead_to_rows_and_groups_have_names() -> None:
    """
    A point has its row, its label where there are labels, and a masked beginning; groups are told by their words.
    """
    pairs: list[tuple[str, str | None]] = [("where is my parcel today", "delivery"), ("give my money back", "refund")]
    rows = rows_of([*(pairs * 30), ("write to ann@example.com", "delivery"), (" ", "refund")])

    drawn = draw_map(choose_rows(rows), WordVectors(), num_rows=len(rows))

    assert (62, 61) == (drawn.num_rows, drawn.num_drawn)
    assert list(range(1, 62)) == [point.row for point in drawn.points]
    assert ("delivery", "write to [EMAIL]") == (drawn.points[-1].label, drawn.points[-1].excerpt)
    assert len({drawn.points[0].group, drawn.points[1].group}) == 2
    assert {group.group for group in drawn.groups} == {point.group for point in drawn.points}
    assert any("parcel" in group.name for group in drawn.groups)


def test_large_versions_are_chosen_from_evenly() -> None:
    """
    Of more rows than are drawn, rows of the whole version are chosen.
    """
    rows = rows_of([(f"text {number}", None) for number in range(1000)])

    chosen = choose_rows(rows, 10)

    assert [1 + 100 * number for number in range(10)] == [row.row for row in chosen]

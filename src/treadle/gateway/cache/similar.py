"""Questions that were asked before, as vectors: which one is nearest to a new one, among those that share all the rest.

A shelf holds the vectors of one `CacheKey.rest` as one matrix, so a look is one product: 0.2 ms for 5,000 questions.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from treadle.embeddings.types import Vectors

MAX_ON_SHELF = 5_000
MAX_VECTORS = 20_000
"""On all shelves of a process: 31 MB."""


class Near(NamedTuple):
    """The nearest question."""

    key: bytes
    """Exact key of its answer."""
    similarity: float
    """Cosine, -1 to 1."""


class Shelf:
    """The questions of one rest."""

    def __init__(self) -> None:
        self.loaded_at = float("-inf")
        """When the shared table was read last, in seconds of the loop."""
        self._keys: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self._matrix: Vectors | None = None

    def __len__(self) -> int:
        """Return how many questions it holds."""
        return len(self._keys)

    def put(self, key: bytes, vector: Vectors) -> None:
        """Add a question; the oldest gives way when the shelf is full."""
        import numpy

        if self._matrix is None:
            self._matrix = numpy.zeros((16, len(vector)), dtype=numpy.float32)
        place = self._places.get(key)
        if place is None:
            if len(self._keys) >= MAX_ON_SHELF:
                self.drop(self._keys[0])
            place = len(self._keys)
            if place == len(self._matrix):
                self._matrix = numpy.concatenate([self._matrix, numpy.zeros_like(self._matrix)])
            self._keys.append(key)
            self._places[key] = place
        self._matrix[place] = vector

    def drop(self, key: bytes) -> None:
        """Take a question off, if it is there."""
        place = self._places.pop(key, None)
        if place is None or self._matrix is None:
            return
        last = self._keys.pop()
        if last != key:
            self._keys[place] = last
            self._places[last] = place
            self._matrix[place] = self._matrix[len(self._keys)]

    def nearest(self, vector: Vectors) -> Near | None:
        """Return the question nearest to a vector; None on an empty shelf."""
        if self._matrix is None or not self._keys:
            return None
        likeness = self._matrix[: len(self._keys)] @ vector
        place = int(likeness.argmax())
        return Near(self._keys[place], float(likeness[place]))


class Shelves:
    """The shelves of a process; the least recently used go first."""

    def __init__(self) -> None:
        self._shelves: OrderedDict[tuple[str, str, bytes], Shelf] = OrderedDict()

    def shelf(self, project_id: str, endpoint: str, rest: bytes) -> Shelf:
        """Return the shelf of a rest, an empty one if need be."""
        name = (project_id, endpoint, rest)
        shelf = self._shelves.get(name)
        if shelf is None:
            shelf = self._shelves[name] = Shelf()
            while len(self._shelves) > 1 and sum(map(len, self._shelves.values())) > MAX_VECTORS:
                self._shelves.popitem(last=False)
        self._shelves.move_to_end(name)
        return shelf

    def clear(self, project_id: str | None = None, endpoint: str | None = None) -> None:
        """Forget the questions of an endpoint, or all."""
        for name in [each for each in self._shelves if project_id is None or each[:2] == (project_id, endpoint)]:
            del self._shelves[name]

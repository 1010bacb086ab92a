"""Beside an event loop: one thread, a bounded line, a memory, and an answer in time or a clear no."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from treadle.embeddings.room import Busy, EmbeddingRoom, RecentVectors

if TYPE_CHECKING:
    from treadle.embeddings.types import Vectors


class LengthEmbedder:
    """A real embedder of one number: on which side of ten characters a text lies. Counts what it is asked."""

    name = "length"
    digest = "none"
    dimensions = 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[1.0 if len(text) > 10 else -1.0] for text in texts], dtype=np.float32)


def test_text_seen_lately_costs_nothing() -> None:
    """
    The same text, twice in one call or in two, is embedded once; the least recently used is forgotten first.
    """
    embedder = LengthEmbedder()
    recent = RecentVectors(lambda: embedder, capacity=2)

    first = recent.embed(["a", "b", "a"])
    recent.embed(["a", "c"])
    recent.embed(["a", "b"])

    assert ["a", "b", "c", "b"] == embedder.asked
    assert (3, 1) == first.shape
    assert (0, 1) == recent.embed([]).shape


def test_model_is_loaded_by_the_first_use() -> None:
    """
    Building the room loads nothing; the first text does, once.
    """
    loads: list[int] = []

    def load() -> LengthEmbedder:
        loads.append(1)
        return LengthEmbedder()

    room = EmbeddingRoom(load)

    assert [] == loads
    asyncio.run(room.warm())
    room.embedder.embed(["x"])
    assert [1] == loads
    room.close()


async def test_work_that_is_late_is_refused() -> None:
    """
    After the deadline the caller goes on with Busy, while the loop was free all the time.
    """
    room, release = EmbeddingRoom(LengthEmbedder), threading.Event()

    with pytest.raises(Busy):
        await room.run(lambda: release.wait(60), seconds=0.02)

    release.set()
    assert 7 == await room.run(lambda: 7, seconds=60)
    room.close()


async def test_line_is_bounded() -> None:
    """
    With the line full, work is turned away at once instead of waiting for its deadline.
    """
    room, release = EmbeddingRoom(LengthEmbedder, max_waiting=2), threading.Event()
    waiting = [asyncio.create_task(room.run(lambda: release.wait(60), seconds=60)) for _ in range(2)]
    await asyncio.sleep(0.01)

    began = time.monotonic()
    with pytest.raises(Busy):
        await room.run(lambda: True, seconds=60)

    assert time.monotonic() - began < 40
    release.set()
    assert [True, True] == await asyncio.gather(*waiting)
    room.close()

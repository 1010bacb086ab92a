"""Where embedding happens beside an event loop: one thread, a bounded line before it, and a memory of recent vectors.

The model is loaded by the first use, never by an import or at the start of a process that does not need it. Guards and
the cache read the same text of a request, so a text that was embedded a moment ago costs a look-up.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from treadle.embeddings.types import Embedder

if TYPE_CHECKING:
    from treadle.embeddings.types import Vectors

T = TypeVar("T")

MAX_WAITING = 64
"""Pieces of work in line at most; one more is turned away at once."""
MAX_REMEMBERED = 2048
"""Vectors kept, 3 MB of them."""


class Busy(Exception):
    """The work did not get done in time: the line was full, or it took too long."""


class RecentVectors:
    """An embedder that is loaded when first used and remembers what it embedded lately. Thread-safe."""

    def __init__(self, load: Callable[[], Embedder], *, capacity: int = MAX_REMEMBERED) -> None:
        self._load = load
        self._loaded: Embedder | None = None
        self._capacity = capacity
        self._recent: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """See `Embedder`."""
        return self.loaded().name

    @property
    def digest(self) -> str:
        """See `Embedder`."""
        return self.loaded().digest

    @property
    def dimensions(self) -> int:
        """See `Embedder`."""
        return self.loaded().dimensions

    def loaded(self) -> Embedder:
        """Return the embedder, loading it now if need be."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`; only texts that were not embedded lately cost anything."""
        import numpy

        embedder = self.loaded()
        with self._lock:
            known = {text: self._recent[text] for text in texts if text in self._recent}
            for text in known:
                self._recent.move_to_end(text)
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        if missing:
            known.update(zip(missing, embedder.embed(missing), strict=True))
            with self._lock:
                self._recent.update((text, known[text]) for text in missing)
                while len(self._recent) > self._capacity:
                    self._recent.popitem(last=False)
        if not texts:
            return numpy.zeros((0, embedder.dimensions), dtype=numpy.float32)
        return numpy.stack([known[text] for text in texts])


class EmbeddingRoom:
    """One thread that embeds (or does what needs embedding) for an event loop. Built once, closed by its owner."""

    def __init__(self, load: Callable[[], Embedder], *, max_waiting: int = MAX_WAITING) -> None:
        self.embedder = RecentVectors(load)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embeddings")

    async def run(self, work: Callable[[], T], *, seconds: float) -> T:
        """Do some work in the thread. Raises Busy when the line is full or it is not done after `seconds`."""
        if self._waiting >= self._max_waiting:
            raise Busy(f"{self._waiting} texts wait to be embedded already")
        self._waiting += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._one_less)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Busy(f"not embedded within {seconds:g} s") from None

    async def warm(self) -> None:
        """Load the model and run it once, so that the first request does not wait for that."""
        await asyncio.wrap_future(self._pool.submit(self.embedder.embed, ["warm"]))

    def close(self) -> None:
        """End the thread; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _one_less(self, _: object) -> None:
        self._waiting -= 1  # called in the thread; one writer at a time under Python's lock

"""Where records wait on disk while the database does not take them.

One file per batch, a JSON array of packed spans, written whole and then renamed, so a file that exists is complete: no
torn tails, several workers may share the folder, and a batch that is replayed twice changes nothing because storing a
span is safe to repeat.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from treadle.traces.intake import PackedSpan

MAX_BYTES = 1024 * 1024 * 1024


class _Owned(Struct):
    project_id: str


_items = msgspec.json.Decoder(list[Raw])
_owned = msgspec.json.Decoder(_Owned)


class SpoolFull(Exception):
    """The folder holds as much as it may."""


class Spool:
    """A folder of batches, oldest first by name."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._count = itertools.count()
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.size_bytes = sum(path.stat().st_size for path in self.batches())
        """Bytes that wait here, as far as this process knows."""

    def batches(self) -> list[Path]:
        """Return the files that wait, oldest first."""
        return sorted(self.folder.glob("*.spans"))

    def put(self, spans: Sequence[PackedSpan], *, suffix: str = "spans") -> None:
        """Keep a batch; raises SpoolFull, or OSError when the disk does not take it."""
        data = b"[" + b",".join([span.data for span in spans]) + b"]"
        if self.size_bytes + len(data) > self._max_bytes:
            raise SpoolFull(f"{self.folder} holds {self.size_bytes} of {self._max_bytes} bytes")
        path = self.folder / f"{time.time_ns():020d}-{os.getpid()}-{next(self._count)}.{suffix}"
        partial = path.with_suffix(".partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        if suffix == "spans":
            with self._lock:
                self.size_bytes += len(data)

    def read(self, path: Path) -> list[PackedSpan]:
        """Return a batch; raises msgspec.DecodeError when the disk has damaged it."""
        packed = [bytes(raw) for raw in _items.decode(path.read_bytes())]
        return [PackedSpan(_owned.decode(data).project_id, data) for data in packed]

    def done(self, path: Path) -> None:
        """Forget a batch that the database holds now."""
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:  # another worker replayed it as well
            return
        with self._lock:
            self.size_bytes = max(0, self.size_bytes - size)

    def set_aside(self, path: Path) -> None:
        """Keep a batch that can never be stored, out of the way of the others."""
        path.rename(path.with_suffix(".rejected"))

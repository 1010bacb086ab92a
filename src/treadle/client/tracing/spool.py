"""What waits to be sent, on disk: whole requests, appended with a checksum to a file that belongs to one process.

A process holds its file by a lock as long as it lives. What a process left that was killed is found unlocked by the next
one, sent and removed. The server stores a span once however often it comes, so after a crash a file is sent again from
its beginning. Nothing is forced to the disk: it survives the application's end by any means, not the machine's.
All files of a folder together stay under a bound. Where the disk gives nothing (full, read-only), a little is kept in
memory instead.
"""

from __future__ import annotations

import os
import struct
import threading
import uuid
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

with suppress(ImportError):  # Windows has no such locks: what waits is kept in memory there
    import fcntl

MAX_BYTES = 256 * 1024 * 1024
"""Of all files of one destination."""
MAX_MEMORY_BYTES = 8 * 1024 * 1024
"""Of what is kept where there is no disk."""
_HEAD = struct.Struct(">4sIIIB")
_MAGIC = b"tsp1"
_SUFFIX = ".spool"
_MAX_FRAME_BYTES = 64 * 1024 * 1024


class Frame(NamedTuple):
    """One request that waits."""

    body: bytes
    """OTLP's JSON, gzipped."""
    span_count: int
    """How many spans."""
    level: int
    """How much of their content it holds, as an index of `capture.LEVELS`."""


class Spool:
    """Frames of one process, first in, first out."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Nothing is written before the first frame."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._file: int | None = None
        self._path: Path | None = None
        self._read_at = 0
        self._end = 0
        self._memory: deque[Frame] = deque()
        self._memory_bytes = 0
        self.fault: str | None = None
        """Why the disk took nothing the last time; None when it did."""

    def put(self, frame: Frame) -> bool:
        """Keep a frame; False when there is no room for it anywhere."""
        with self._lock:
            try:
                is_written = self._append(frame)
                self.fault = None if is_written else f"'{self._folder}' holds the {self._max_bytes} bytes it may"
                return is_written
            except OSError as error:
                self.fault = f"{error.strerror or type(error).__name__}: '{self._folder}'"
                if self._memory_bytes + len(frame.body) > MAX_MEMORY_BYTES:
                    return False
                self._memory.append(frame)
                self._memory_bytes += len(frame.body)
                return True

    def first(self) -> Frame | None:
        """Return the frame that waits longest; None when none does."""
        with self._lock:
            if self._file is not None and self._read_at < self._end:
                with suppress(OSError):
                    os.lseek(self._file, self._read_at, os.SEEK_SET)
                    frame = _read_frame(self._file)
                    if frame is not None:
                        return frame
                self._read_at = self._end  # somebody tampered with it, or the disk is broken
                self.fault = f"what was written to '{self._path}' cannot be read again"
            return self._memory[0] if self._memory else None

    def done(self, frame: Frame) -> None:
        """Forget the first frame, which was answered for."""
        with self._lock:
            if self._memory and self._memory[0] is frame:
                self._memory.popleft()
                self._memory_bytes -= len(frame.body)
                return
            self._read_at += _HEAD.size + len(frame.body)
            if self._read_at >= self._end and self._file is not None:
                with suppress(OSError):
                    os.ftruncate(self._file, 0)
                self._read_at = self._end = 0

    def close(self) -> None:
        """Let go of the file; an empty one is removed."""
        with self._lock:
            if self._file is not None and self._path is not None:
                if self._read_at >= self._end:
                    self._path.unlink(missing_ok=True)
                os.close(self._file)
                self._file = self._path = None

    def forget(self) -> None:
        """Leave the file to the process that this one was forked from."""
        if self._file is not None:
            os.close(self._file)
            self._file = self._path = None

    def left_by_others(self) -> Iterator[Frame]:
        """Yield what processes left that are gone. A file is removed once all it holds was taken; what its end lost when
        the process was killed while it wrote is no frame."""
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if os.name == "posix" else ():
            if path == self._path:
                continue
            with suppress(OSError), path.open("rb", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_nlink:
                    while (frame := _read_frame(file.fileno())) is not None:
                        yield frame
                    path.unlink()

    def _append(self, frame: Frame) -> bool:
        """Write a frame behind the others; False when the folder is at its bound. Raises OSError when the disk is."""
        if self._file is None:
            self._open()
        assert self._file is not None
        head = _HEAD.pack(_MAGIC, len(frame.body), zlib.crc32(frame.body), frame.span_count, frame.level)
        if self._size() + len(head) + len(frame.body) > self._max_bytes:
            return False
        os.lseek(self._file, self._end, os.SEEK_SET)
        try:
            written = 0
            data = head + frame.body
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._end += len(data)
        return True

    def _open(self) -> None:
        """Make this process's file: it has its name only once it is locked."""
        if os.name != "posix":
            raise OSError(0, "there are no locks for files here")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{os.getpid()}-{uuid.uuid4().hex[:12]}{_SUFFIX}"
        young = path.with_suffix(".new")
        file = os.open(young, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        os.rename(young, path)
        self._file, self._path, self._read_at, self._end = file, path, 0, 0

    def _size(self) -> int:
        total = 0
        for entry in os.scandir(self._folder):
            with suppress(OSError):
                total += entry.stat().st_size
        return total


def _read_frame(file: int) -> Frame | None:
    """Return the frame at a file's position; None at its end, and where it is torn or damaged."""
    head = _read(file, _HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, size, checksum, count, level = _HEAD.unpack(head)
    if magic != _MAGIC or size > _MAX_FRAME_BYTES:
        return None
    body = _read(file, size)
    return Frame(body, count, level) if len(body) == size and zlib.crc32(body) == checksum else None


def _read(file: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := os.read(file, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)

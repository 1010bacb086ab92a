"""Files on their way out of the platform: each is a few bytes or names a blob, and all go into one tar stream.

The stream is the same for the same files: sorted, no times, no owners. Nothing is read before it is sent, so weights of
any size pass through in chunks.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from treadle.storage.blobs import Blobs

CHUNK_BYTES = 1 << 20


class Entry(NamedTuple):
    """One file."""

    path: str
    """Relative, with '/'."""
    digest: str
    """'sha256:…' of its content."""
    size_bytes: int
    content: bytes | None
    """None for a blob, which is found by its digest."""


def entry_of(path: str, content: bytes) -> Entry:
    """Return a small file."""
    return Entry(path, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), content)


def fetch_all(entries: Sequence[Entry], blobs: Blobs) -> None:
    """Have every blob at hand on this machine. Raises BlobNotFound."""
    for entry in entries:
        if entry.content is None:
            blobs.fetch(entry.digest)


def tar_size(entries: Sequence[Entry]) -> int:
    """Return how many bytes the stream has."""
    heads = sum(len(_head(entry)) for entry in entries)
    return heads + sum(_padded(entry.size_bytes) for entry in entries) + 2 * tarfile.BLOCKSIZE


def iter_tar(entries: Sequence[Entry], blobs: Blobs) -> Iterator[bytes]:
    """Yield the stream. A blob that is erased meanwhile breaks it off, which whoever reads it is told by its length."""
    for entry in sorted(entries):
        yield _head(entry)
        yield from _content(entry, blobs)
        if padding := _padded(entry.size_bytes) - entry.size_bytes:
            yield bytes(padding)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _content(entry: Entry, blobs: Blobs) -> Iterator[bytes]:
    if entry.content is not None:
        yield entry.content
        return
    with blobs.fetch(entry.digest).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _head(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.size, info.mode = entry.size_bytes, 0o644
    return info.tobuf(tarfile.GNU_FORMAT)


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE

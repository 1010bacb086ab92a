"""Answers kept in this process: the least recently used go first, and what is kept has an end in bytes and in time."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

OVERHEAD_BYTES = 400
"""What an entry costs besides its bytes."""


class Entry(Struct, frozen=True, kw_only=True):
    """One answer, ready to be given again in the protocol it was given in."""

    project_id: str
    endpoint: str
    whole: bytes
    """The whole answer, as a caller that does not stream gets it."""
    events: bytes
    """The framed events of the stream it came as; empty when it came whole (events are then made from it)."""
    created_at: float
    """Seconds since the epoch."""
    expires_at: float
    """Seconds since the epoch."""

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return len(self.whole) + len(self.events) + OVERHEAD_BYTES


class Memory:
    """Entries by key, bounded. Belongs to one event loop."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.size_bytes = 0
        """What all of it takes now."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._entries)

    def find(self, key: bytes, now: float) -> Entry | None:
        """Return what is kept under a key and has not expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= now:
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: bytes, entry: Entry) -> None:
        """Keep an entry; one that is larger than an eighth of all is not kept."""
        self.drop(key)
        if entry.size_bytes > self._max_bytes // 8:
            return
        self._entries[key] = entry
        self.size_bytes += entry.size_bytes
        while self.size_bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.size_bytes -= oldest.size_bytes

    def drop(self, key: bytes) -> None:
        """Forget what is kept under a key, if anything."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size_bytes -= entry.size_bytes

    def clear(self, project_id: str | None = None, endpoint: str | None = None) -> int:
        """Forget what is kept for an endpoint, or everything; return how many entries that were."""
        keys = [
            key
            for key, entry in self._entries.items()
            if project_id is None or (entry.project_id == project_id and endpoint in (None, entry.endpoint))
        ]
        for key in keys:
            self.drop(key)
        return len(keys)

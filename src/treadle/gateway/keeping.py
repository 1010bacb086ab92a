"""What one request has to do with the cache: an answer that was given before, or its own to be given again."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from treadle.gateway.cache.cache import Cache, Hit, is_storable, whole_answer
from treadle.gateway.cache.keys import CacheKey
from treadle.gateway.cache.replay import whole_of
from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.record import Record


class Wishes(NamedTuple):
    """What a caller wants of the cache, as `cache-control` of a request says it (RFC 9111, 5.2.1)."""

    reads: bool = True
    """Whether it takes an answer that was given before."""
    keeps: bool = True
    """Whether its own may be given again."""


def wishes_of(control: bytes) -> Wishes:
    """Return what a header says: `no-cache` (as `max-age=0`) asks anew and keeps, `no-store` neither reads nor keeps."""
    directives = {each.strip().lower() for each in control.split(b",")}
    if b"no-store" in directives:
        return Wishes(reads=False, keeps=False)
    return Wishes(reads=directives.isdisjoint((b"no-cache", b"max-age=0")))


class Keeping:
    """One request whose answer may be kept."""

    def __init__(self, cache: Cache, key: CacheKey, record: Record, protocol: SpokenProtocol) -> None:
        self._cache = cache
        self._key = key
        self._record = record
        self._protocol = protocol
        self._to_check: Hit | None = None
        """A similar answer that the fresh one is to be compared with."""

    async def find(self) -> Hit | None:
        """Return an answer to give again, noting it on the record; None where it has to be asked for."""
        record = self._record
        hit = await self._cache.find(self._key, record.endpoint.cache)
        if hit is None or hit.to_check:
            self._to_check = hit
            return None
        record.cached = hit.kind
        reading = self._protocol.read(whole_answer(hit))
        if reading is not None:
            record.transcript.add(msgspec.structs.replace(reading, usage=None))
        return hit

    def keep(self, whole: bytes, events: bytes = b"") -> None:
        """Let an answer be given again, and tell what it says about a similar one. events: of a stream."""
        record, policy = self._record, self._record.endpoint.cache
        if not is_storable(record.transcript.finish_reason, self._protocol):
            return
        if self._to_check is not None:
            self._cache.checked(self._key, policy, self._to_check, self._protocol, record.transcript.text)
        self._cache.put(self._key, policy, whole, events)

    def keep_stream(self, events: bytes) -> None:
        """Keep what went out of a stream, where that makes a whole answer."""
        whole = whole_of(self._protocol.name, events) if events else None
        if whole is not None:
            self.keep(whole, events)

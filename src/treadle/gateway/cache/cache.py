"""The cache as a request sees it: find an answer, keep one, and watch that similar answers stay right.

An answer is looked for in this process first, then, on a miss, in the table that all workers share, for a few
milliseconds at most; while the database is slow or away that look is left out. Similar questions are looked for only
where the endpoint's policy has a threshold, and only as long as the sampled checks do not speak against it. Writing is
behind: one task stores what was kept and counted, every tenth of a second; what does not fit into its line is dropped
(an answer that is not shared is only asked for again).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

from treadle.core.clock import Clock
from treadle.core.errors import TreadleError
from treadle.embeddings.room import Busy, EmbeddingRoom
from treadle.gateway.cache import replay
from treadle.gateway.cache.keys import CacheKey
from treadle.gateway.cache.memory import Entry, Memory
from treadle.gateway.cache.sharing import READ_SECONDS, Sharing
from treadle.gateway.cache.similar import Shelves
from treadle.gateway.cache.store import Row
from treadle.gateway.cache.trust import agree, is_too_wrong
from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.types import CachePolicy
from treadle.storage.database import Database

if TYPE_CHECKING:
    from treadle.embeddings.types import Vectors

log = logging.getLogger("treadle.gateway.cache")

MAX_BYTES = 32 * 1024 * 1024
MAX_ENTRY_BYTES = 1024 * 1024
EMBED_SECONDS = 0.5
RELOAD_SECONDS = 30.0
MAX_WAITING = 1_000
_FINISHED = ("stop", "tool_calls")
"""Why a whole answer ends; one that was cut by a limit or a filter is not given twice."""


class Hit(NamedTuple):
    """An answer that was given before."""

    kind: Literal["exact", "semantic"]
    """How it was found; also the value of the header x-treadle-cache."""
    entry: Entry
    similarity: float
    """Cosine of the two questions; 1 for an exact hit."""
    to_check: bool
    """Whether to ask all the same, give the fresh answer, and call `Cache.checked` with it."""


class _Kept(NamedTuple):
    """An answer whose question waits to be embedded and stored."""

    key: CacheKey
    entry: Entry


class _Check(NamedTuple):
    """A similar answer and the fresh one, to be compared."""

    key: CacheKey
    policy: CachePolicy
    cached: str
    fresh: str


class _Trust(Struct):
    """What the checks of one endpoint gave."""

    threshold: float
    checked: int = 0
    wrong: int = 0


class Cache:
    """The cache of one worker. Belongs to one event loop."""

    def __init__(
        self,
        database: Database | None,
        clock: Clock,
        *,
        room: EmbeddingRoom | None = None,
        max_bytes: int = MAX_BYTES,
        read_seconds: float = READ_SECONDS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """database: None keeps to this process. room: None finds no similar questions. read_seconds: how long a miss may
        wait for the shared table. chance: 0 to 1, for checks."""
        self._clock = clock
        self._room = room
        self._chance = chance
        self._memory = Memory(max_bytes)
        self._shelves = Shelves()
        self._trust: dict[tuple[str, str], _Trust] = {}
        self._loading: set[tuple[str, str, bytes]] = set()
        self._waiting: deque[_Kept | _Check] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sharing = Sharing(database, clock, self._forget, read_seconds)

    async def start(self) -> None:
        """Begin to share; call it inside the running loop."""
        self._sharing.start()

    async def close(self) -> None:
        """Store what waits, then stop."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        await self._settle()
        await self._sharing.close()

    async def find(self, key: CacheKey, policy: CachePolicy) -> Hit | None:
        """Return an answer that may be given; None to ask. Never raises, takes some milliseconds at most on a miss, and
        for a similar question the time to embed it."""
        entry = await self._entry(key, key.exact)
        if entry is not None:
            self._sharing.count(key, "exact")
            return Hit("exact", entry, 1.0, False)
        hit = await self._find_similar(key, policy) if policy.mode == "semantic" else None
        self._sharing.count(key, "miss" if hit is None else "semantic")
        return hit

    def put(self, key: CacheKey, policy: CachePolicy, whole: bytes, events: bytes = b"") -> None:
        """Keep an answer for the time that the policy says; too large ones are left. Never waits.

        whole: as a caller that does not stream gets it. events: the framed stream that it came as, if it did.
        """
        if len(whole) + len(events) > MAX_ENTRY_BYTES:
            return
        now = self._now()
        entry = Entry(
            project_id=key.project_id,
            endpoint=key.endpoint,
            whole=whole,
            events=events,
            created_at=now,
            expires_at=now + policy.ttl_seconds,
        )
        self._memory.put(key.exact, entry)
        if policy.mode == "semantic" and key.rest is not None and self._room is not None:
            self._later(_Kept(key, entry))
        else:
            self._sharing.put(Row(key.exact, entry, None, None, None))

    def checked(self, key: CacheKey, policy: CachePolicy, hit: Hit, protocol: SpokenProtocol, fresh_text: str) -> None:
        """Take in what a checked hit would have said and what asking brought. Never waits."""
        reading = protocol.read(hit.entry.whole)
        if reading is not None and policy.threshold is not None:
            self._later(_Check(key, policy, reading.text, fresh_text))

    def is_trusted(self, project_id: str, endpoint: str, policy: CachePolicy) -> bool:
        """Say whether the checks of an endpoint leave similar answers on: not when more are wrong than its policy allows."""
        if policy.threshold is None:
            return False
        trust = self._trust_in(project_id, endpoint, policy.threshold)
        return not is_too_wrong(trust.wrong, trust.checked, policy.max_wrong_rate)

    async def _find_similar(self, key: CacheKey, policy: CachePolicy) -> Hit | None:
        if policy.threshold is None or key.rest is None or self._room is None:
            return None
        if not self.is_trusted(key.project_id, key.endpoint, policy):
            return None
        vector = await self._vector(key.question)
        if vector is None:
            return None
        shelf = self._shelves.shelf(key.project_id, key.endpoint, key.rest)
        self._load_if_due(key, policy.threshold, shelf.loaded_at)
        near = shelf.nearest(vector)
        if near is None or near.similarity < policy.threshold:
            return None
        entry = await self._entry(key, near.key)
        if entry is None:
            shelf.drop(near.key)
            return None
        return Hit("semantic", entry, near.similarity, self._chance() < policy.check_share)

    async def _entry(self, key: CacheKey, exact: bytes) -> Entry | None:
        """Return what is kept under an exact key, here or in the shared table."""
        entry = self._memory.find(exact, self._now())
        if entry is None:
            entry = await self._sharing.find(key.project_id, exact)
            if entry is not None:
                self._memory.put(exact, entry)
        # The key names one project and endpoint already; this holds whatever somebody wrote into the table.
        return entry if entry is not None and (entry.project_id, entry.endpoint) == key[:2] else None

    async def _vector(self, text: str) -> Vectors | None:
        if self._room is None:
            return None
        embedder = self._room.embedder
        try:
            return await self._room.run(lambda: embedder.embed([text])[0], seconds=EMBED_SECONDS)
        except Busy:
            return None
        except TreadleError as error:
            log.error("similar questions cannot be looked for: %s", error.message)
            self._room = None
            return None

    def _load_if_due(self, key: CacheKey, threshold: float, loaded_at: float) -> None:
        """Read what other workers put on a shelf, beside the request."""
        if key.rest is None:
            return
        name = (key.project_id, key.endpoint, key.rest)
        now = asyncio.get_running_loop().time()
        if now - loaded_at < RELOAD_SECONDS or name in self._loading:
            return
        self._loading.add(name)
        self._start(self._load(name, now, threshold, self._embedder_name()))

    async def _load(self, name: tuple[str, str, bytes], now: float, threshold: float, embedder: str) -> None:
        import numpy

        project_id, endpoint, rest = name
        try:
            shelf = self._shelves.shelf(*name)
            for key, vector in await self._sharing.questions(project_id, rest, embedder):
                shelf.put(key, numpy.frombuffer(vector, dtype=numpy.float32))
            shelf.loaded_at = now
            for told in await self._sharing.checks(project_id):
                if (told.endpoint, told.threshold) == (endpoint, threshold):
                    trust = self._trust_in(project_id, endpoint, threshold)
                    trust.checked, trust.wrong = max(trust.checked, told.checked), max(trust.wrong, told.wrong)
        finally:
            self._loading.discard(name)

    def _trust_in(self, project_id: str, endpoint: str, threshold: float) -> _Trust:
        """Return what checks gave at this threshold; another threshold starts anew."""
        trust = self._trust.get((project_id, endpoint))
        if trust is None or trust.threshold != threshold:
            trust = self._trust[project_id, endpoint] = _Trust(threshold)
        return trust

    def _later(self, work: _Kept | _Check) -> None:
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(work)
        if len(self._waiting) == 1:
            self._start(self._settle())

    async def _settle(self) -> None:
        """Embed, compare and hand over what waits, one after the other."""
        while self._waiting:
            work = self._waiting.popleft()
            await (self._keep(work) if isinstance(work, _Kept) else self._compare(work))

    async def _keep(self, kept: _Kept) -> None:
        key, entry = kept.key, kept.entry
        vector = await self._vector(key.question)
        if vector is None or key.rest is None:
            self._sharing.put(Row(key.exact, entry, None, None, None))
            return
        self._shelves.shelf(key.project_id, key.endpoint, key.rest).put(key.exact, vector)
        self._sharing.put(Row(key.exact, entry, key.rest, vector.tobytes(), self._embedder_name()))

    async def _compare(self, check: _Check) -> None:
        one, other = await self._vector(check.cached), await self._vector(check.fresh)
        likeness = 0.0 if one is None or other is None else float(one @ other)
        is_wrong = not agree(check.cached, check.fresh, likeness)
        key, policy, threshold = check.key, check.policy, check.policy.threshold
        assert threshold is not None  # else nothing similar was found
        was_trusted = self.is_trusted(key.project_id, key.endpoint, policy)
        trust = self._trust_in(key.project_id, key.endpoint, threshold)
        trust.checked += 1
        trust.wrong += is_wrong
        self._sharing.check(key, threshold, is_wrong)
        if was_trusted and not self.is_trusted(key.project_id, key.endpoint, policy):
            log.warning(
                "endpoint '%s' gives no similar answers any more: %d of %d checked ones were wrong, surely more than the"
                " %g that may be; choose another threshold with: treadle cache calibrate %s",
                key.endpoint,
                trust.wrong,
                trust.checked,
                policy.max_wrong_rate,
                key.endpoint,
            )

    def _forget(self, project_id: str | None, endpoint: str | None) -> None:
        """Drop what was purged; everything, when notifications may have been missed."""
        self._memory.clear(project_id, endpoint)
        self._shelves.clear(project_id, endpoint)
        if project_id is None or endpoint is None:
            self._trust.clear()
        else:
            self._trust.pop((project_id, endpoint), None)

    def _embedder_name(self) -> str:
        assert self._room is not None
        return f"{self._room.embedder.name}:{self._room.embedder.digest[:16]}"

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the cache's work beside requests failed", exc_info=task.exception())

    def _now(self) -> float:
        return self._clock.now().timestamp()


def whole_answer(hit: Hit) -> bytes:
    """Return a cached answer as a caller that does not stream gets it."""
    return hit.entry.whole


def streamed_answer(hit: Hit, protocol: SpokenProtocol, *, wants_usage: bool) -> bytes:
    """Return a cached answer as the framed events of a whole stream, end mark included."""
    framed = hit.entry.events or replay.events_of(protocol.name, hit.entry.whole)
    return replay.stream_for(protocol, framed, wants_usage=wants_usage)


def is_storable(finish_reason: str | None, protocol: SpokenProtocol) -> bool:
    """Say whether an answer that ended so may be given again: it is complete and nothing was filtered."""
    return protocol.name == "embeddings" or finish_reason in _FINISHED

"""Answers given again: in one worker, shared between workers, never between tenants, and never after a purge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from treadle.core.clock import SettableClock
from treadle.embeddings.room import EmbeddingRoom
from treadle.gateway.cache import store
from treadle.gateway.cache.cache import Cache, Hit, is_storable, streamed_answer, whole_answer
from treadle.gateway.cache.keys import CacheKey, arm_digest, key_for
from treadle.gateway.cache.memory import OVERHEAD_BYTES, Entry, Memory
from treadle.gateway.protocols.registry import PROTOCOLS
from treadle.gateway.types import Arm, CachePolicy
from treadle.storage.database import Database

if TYPE_CHECKING:
    from treadle.embeddings.types import Vectors

CHAT = PROTOCOLS["/v1/chat/completions"]
DIGEST = arm_digest(Arm(release_id="rel_a", role="stable", weight=1.0, model_version_id="mdv_a"), {})
EXACT = CachePolicy(mode="exact", ttl_seconds=60)
SEMANTIC = CachePolicy(mode="semantic", ttl_seconds=60, threshold=0.9, check_share=0.0)


class Angles:
    """A real embedder of two numbers: texts that begin with the same word point the same way, a little apart."""

    name = "angles"
    digest = "none"
    dimensions = 2

    def embed(self, texts: Sequence[str]) -> Vectors:
        angles = [sum(map(ord, text.split()[0])) * 0.7 + len(text) / 100 for text in texts]
        return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)


def key(text: str = "card lost", project: str = "prj_a", **more: Any) -> CacheKey:
    body = {"model": "support", "messages": [{"role": "user", "content": text}], **more}
    found = key_for(project, "support", DIGEST, CHAT.parse(msgspec.json.encode(body)))
    assert found is not None
    return found


def answer(text: str = "Block it.") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return msgspec.json.encode(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    )


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """Return what is found, once something is."""
    for _ in range(3_000):
        if (value := await found()) is not None:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError("nothing was found within 60 s")


@pytest.fixture
def clock() -> SettableClock:
    """
    A clock that only moves when told.
    """
    return SettableClock(datetime.now(UTC))


@pytest.fixture
def room() -> Any:
    """
    A room with a small embedder of our own.
    """
    room = EmbeddingRoom(Angles)
    yield room
    room.close()


@pytest.fixture
async def workers(database_url: str, clock: SettableClock, room: EmbeddingRoom) -> AsyncIterator[list[Cache]]:
    """
    Two workers over one real PostgreSQL.
    """
    database = Database(database_url)
    database.open()
    caches = [Cache(database, clock, room=room, read_seconds=2) for _ in range(2)]
    for cache in caches:
        await cache.start()
    yield caches
    for cache in caches:
        await cache.close()
    database.close()


async def test_same_request_gets_the_same_answer(clock: SettableClock) -> None:
    """
    What was kept is found by the same request of the same project until its time is over.
    """
    cache = Cache(None, clock)
    cache.put(key(), EXACT, answer())

    hit = await cache.find(key(), EXACT)

    assert hit is not None
    assert ("exact", 1.0, False) == (hit.kind, hit.similarity, hit.to_check)
    assert answer() == whole_answer(hit)
    assert None is await cache.find(key(project="prj_b"), EXACT)
    assert None is await cache.find(key(temperature=1), EXACT)
    clock.advance(timedelta(seconds=61))
    assert None is await cache.find(key(), EXACT)


async def test_whole_answer_replays_as_a_stream(clock: SettableClock) -> None:
    """
    A stream gets the answer of a request that did not stream; a stream that was kept comes back as it was.
    """
    cache = Cache(None, clock)
    cache.put(key(), EXACT, answer())
    cache.put(key("other"), EXACT, answer(), b"data: {}\n\ndata: [DONE]\n\n")

    made, kept = [await cache.find(each, EXACT) for each in (key(stream=True), key("other"))]

    assert isinstance(made, Hit)
    assert isinstance(kept, Hit)
    assert b"Block it." in streamed_answer(made, CHAT, wants_usage=False)
    assert streamed_answer(made, CHAT, wants_usage=False).endswith(b"data: [DONE]\n\n")
    assert b"data: {}\n\ndata: [DONE]\n\n" == streamed_answer(kept, CHAT, wants_usage=True)


async def test_workers_share_and_tenants_do_not(workers: list[Cache]) -> None:
    """
    What one worker kept another finds in the database, the same key of another project does not exist there.
    """
    one, other = workers
    one.put(key(), EXACT, answer())

    hit = await until(lambda: other.find(key(), EXACT))

    assert answer() == whole_answer(hit)
    foreign = key(project="prj_b")._replace(exact=key().exact)
    assert None is await other.find(foreign, EXACT)


async def test_purge_reaches_every_worker(workers: list[Cache], clock: SettableClock, database_url: str) -> None:
    """
    After a purge no worker gives the answer, and one that was still on its way does not come back.
    """
    one, other = workers
    one.put(key(), EXACT, answer())
    await until(lambda: other.find(key(), EXACT))
    database = Database(database_url)
    database.open()
    db = database.for_project("prj_a")

    deleted = await db.write(lambda connection: store.purge(connection, "prj_a", "support", clock.now()))

    async def gone() -> bool | None:
        found = [await cache.find(key(), EXACT) for cache in workers]
        return True if found == [None, None] else None

    assert 1 == deleted
    await until(gone)
    late = Entry(project_id="prj_a", endpoint="support", whole=answer(), events=b"", created_at=clock.now().timestamp() - 1, expires_at=clock.now().timestamp() + 60)  # fmt: skip
    await db.write(lambda connection: store.put_entries(connection, [store.Row(key().exact, late, None, None, None)]))
    assert None is await one.find(key(), EXACT)
    database.close()


async def test_database_away_costs_nothing(clock: SettableClock) -> None:
    """
    Without a database that answers, a worker keeps to its own memory and does not wait.
    """
    database = Database("postgresql://nobody@127.0.0.1:9/none")
    cache = Cache(database, clock)
    began = asyncio.get_running_loop().time()

    for _ in range(20):
        assert None is await cache.find(key(), EXACT)
    cache.put(key(), EXACT, answer())

    assert await cache.find(key(), EXACT) is not None
    assert asyncio.get_running_loop().time() - began < 20


async def test_similar_question_gets_the_answer(clock: SettableClock, room: EmbeddingRoom) -> None:
    """
    A question that is near enough gets the answer of another one, if all the rest is the same.
    """
    cache = Cache(None, clock, room=room)
    cache.put(key("card lost"), SEMANTIC, answer())

    hit = await until(lambda: cache.find(key("card stolen"), SEMANTIC))

    assert "semantic" == hit.kind
    assert 0.9 <= hit.similarity < 1
    assert answer() == whole_answer(hit)
    assert None is await cache.find(key("weather today"), SEMANTIC)
    assert None is await cache.find(key("card stolen", temperature=1), SEMANTIC)
    assert None is await cache.find(key("card stolen"), EXACT)
    assert None is await cache.find(key("card stolen"), msgspec.structs.replace(SEMANTIC, threshold=None))
    await cache.close()


async def test_similar_questions_are_shared(workers: list[Cache]) -> None:
    """
    A worker finds questions that another one was asked; those of another project it does not.
    """
    one, other = workers
    one.put(key("card lost"), SEMANTIC, answer())
    await until(lambda: one.find(key("card stolen"), SEMANTIC))
    await asyncio.sleep(0.3)

    hit = await until(lambda: other.find(key("card stolen"), SEMANTIC))

    assert "semantic" == hit.kind
    assert None is await other.find(key("card stolen", project="prj_b"), SEMANTIC)


async def test_wrong_answers_turn_it_off(clock: SettableClock, room: EmbeddingRoom) -> None:
    """
    Hits are checked by the share that the policy says; when too many are wrong only exact answers are given.
    """
    checking = msgspec.structs.replace(SEMANTIC, check_share=1.0)
    cache = Cache(None, clock, room=room, chance=lambda: 0.5)
    cache.put(key("card lost"), checking, answer())
    hit = await until(lambda: cache.find(key("card stolen"), checking))

    assert hit.to_check
    for _ in range(3):
        cache.checked(key("card stolen"), checking, hit, CHAT, "Something else.")

    async def off() -> bool | None:
        return None if cache.is_trusted("prj_a", "support", checking) else True

    await until(off)
    assert None is await cache.find(key("card stolen"), checking)
    assert await cache.find(key("card lost"), checking) is not None
    assert cache.is_trusted("prj_a", "support", msgspec.structs.replace(checking, threshold=0.95))
    await cache.close()


async def test_an_endpoint_says_how_many_may_be_wrong(clock: SettableClock, room: EmbeddingRoom) -> None:
    """
    With 6 wrong of 10 (95 % interval at every moment: 0.18 to 0.93) an endpoint that allows a tenth turns off, one that allows a fifth does not.
    """
    cache = Cache(None, clock, room=room)
    hit = Hit("semantic", Entry(project_id="prj_a", endpoint="support", whole=answer(), events=b"", created_at=0, expires_at=1), 0.95, True)  # fmt: skip

    for said in ["Something else."] * 6 + ["block it"] * 4:
        cache.checked(key(), SEMANTIC, hit, CHAT, said)
    await cache.close()

    trusted = [
        cache.is_trusted("prj_a", "support", msgspec.structs.replace(SEMANTIC, max_wrong_rate=rate))
        for rate in (0.1, 0.2)
    ]
    assert [False, True] == trusted


async def test_right_answers_leave_it_on(clock: SettableClock, room: EmbeddingRoom) -> None:
    """
    Answers that agree are counted as right.
    """
    cache = Cache(None, clock, room=room)
    hit = Hit("semantic", Entry(project_id="prj_a", endpoint="support", whole=answer(), events=b"", created_at=0, expires_at=1), 0.95, True)  # fmt: skip

    for _ in range(50):
        cache.checked(key(), SEMANTIC, hit, CHAT, "block it")
    await cache.close()

    assert cache.is_trusted("prj_a", "support", SEMANTIC)


def test_memory_is_bounded() -> None:
    """
    The least recently used go first, the size is what is there, and one giant does not push out all others.
    """
    memory = Memory(20 * (OVERHEAD_BYTES + 100))

    def entry(size: int) -> Entry:
        return Entry(project_id="p", endpoint="e", whole=b"x" * size, events=b"", created_at=0, expires_at=100)

    for number in range(30):
        memory.put(bytes([number]), entry(100))
        memory.find(bytes([0]), 1)
    memory.put(b"giant", entry(1_000_000))

    assert 20 == len(memory)
    assert 20 * (OVERHEAD_BYTES + 100) == memory.size_bytes
    assert memory.find(bytes([0]), 1) is not None
    assert None is memory.find(bytes([5]), 1)
    assert None is memory.find(b"giant", 1)
    assert None is memory.find(bytes([29]), 100)
    assert 19 == memory.clear("p", "e")
    assert 0 == memory.size_bytes


def test_only_complete_answers_are_kept() -> None:
    """
    An answer that was cut or filtered is not given twice.
    """
    assert is_storable("stop", CHAT)
    assert is_storable("tool_calls", CHAT)
    assert not is_storable("length", CHAT)
    assert not is_storable("content_filter", CHAT)
    assert not is_storable(None, CHAT)
    assert is_storable(None, PROTOCOLS["/v1/embeddings"])

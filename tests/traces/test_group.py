"""Group commit: who waits together is committed together, and nobody pays for another's fault."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from treadle.core.errors import Unavailable
from treadle.traces.group import GroupCommit, IntakeFull
from treadle.traces.intake import PackedSpan
from treadle.traces.service import SpanRefused


class Shelf:
    """A store that commits when it is let, refuses spans named 'bad', and may be away."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.away = False
        self.commits: list[list[bytes]] = []

    async def store(self, project_id: str, spans: Sequence[PackedSpan]) -> None:
        """Commit."""
        await self.let.wait()
        if self.away:
            raise Unavailable("away", code="storage.away")
        if any(span.data == b"bad" for span in spans):
            raise SpanRefused("no such span")
        self.commits.append([span.data for span in spans])


def spans(*names: str, project: str = "p") -> list[PackedSpan]:
    """Return spans of these names."""
    return [PackedSpan(project, name.encode()) for name in names]


async def test_what_arrives_during_a_commit() -> None:
    """
    What arrives while a commit is under way goes into the next one together, by project.
    """
    shelf = Shelf()
    group = GroupCommit(shelf.store, commits_at_once=1)

    first = asyncio.create_task(group.put("p", spans("a")))
    await asyncio.sleep(0)
    others = [asyncio.create_task(group.put(p, spans(n, project=p))) for p, n in (("p", "b"), ("q", "x"), ("p", "c"))]
    await asyncio.sleep(0)
    shelf.let.set()
    await asyncio.gather(first, *others)

    assert [[b"a"], [b"b", b"c"], [b"x"]] == shelf.commits
    assert 0 == group.waiting_bytes


async def test_one_request_is_at_fault() -> None:
    """
    Of requests committed together, only the one with a span that can never be stored is refused.
    """
    shelf = Shelf()
    group = GroupCommit(shelf.store, commits_at_once=1)

    puts = [asyncio.create_task(group.put("p", spans(name))) for name in ("a", "b", "bad", "c")]
    await asyncio.sleep(0)
    shelf.let.set()
    results = await asyncio.gather(*puts, return_exceptions=True)

    assert [None, None, SpanRefused, None] == [None if one is None else type(one) for one in results]
    assert [b"a", b"b", b"c"] == sorted(data for commit in shelf.commits for data in commit)


async def test_too_much_waits() -> None:
    """
    A request beyond the bound is refused at once; when the queue has emptied it is taken.
    """
    shelf = Shelf()
    group = GroupCommit(shelf.store, queue_bytes=10)
    first = asyncio.create_task(group.put("p", spans("12345678")))
    await asyncio.sleep(0)

    with pytest.raises(IntakeFull):
        await group.put("p", spans("123"))
    shelf.let.set()
    await first
    await group.put("p", spans("123"))

    assert [[b"12345678"], [b"123"]] == shelf.commits


async def test_the_database_is_away() -> None:
    """
    Everyone who waits is told that the database is away, and what comes after it is back is taken.
    """
    shelf = Shelf()
    shelf.let.set()
    shelf.away = True
    group = GroupCommit(shelf.store)

    results = await asyncio.gather(*(group.put("p", spans(name)) for name in ("a", "b")), return_exceptions=True)
    shelf.away = False
    await group.put("p", spans("c"))

    assert ["storage.away"] * 2 == [getattr(error, "error_code", None) for error in results]
    assert [[b"c"]] == shelf.commits


async def test_a_caller_goes_away() -> None:
    """
    Spans whose caller has gone are committed all the same, and hold up nobody.
    """
    shelf = Shelf()
    group = GroupCommit(shelf.store)
    gone = asyncio.create_task(group.put("p", spans("a")))
    await asyncio.sleep(0)

    gone.cancel()
    shelf.let.set()
    await group.close()

    assert [[b"a"]] == shelf.commits

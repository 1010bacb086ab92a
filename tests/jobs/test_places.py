"""Places to work: never more at once than there are, and those who wait get them in order."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.jobs.places import Places


async def nothing() -> None:
    """Wait without a word."""


@settings(max_examples=30, deadline=None)
@given(st.integers(min_value=1, max_value=3), st.lists(st.text(max_size=2), min_size=1, max_size=8))
def test_places_are_handed_on_in_order(count: int, keys: list[str]) -> None:
    """
    Whoever waits is served by key, equal keys as they came; no more than `count` hold a place; all get one.
    """
    served: list[str] = []
    most = 0

    async def work(places: Places, key: str, holding: set[int]) -> None:
        nonlocal most
        async with places.take(key, nothing):
            served.append(key)
            holding.add(len(served))
            most = max(most, len(holding))
            await asyncio.sleep(0)
            holding.pop()

    async def all_of_them() -> None:
        places, holding = Places(count), set[int]()
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(work(places, key, holding))
        await _all_are_free(places)

    asyncio.run(all_of_them())

    assert sorted(keys) == sorted(served)
    assert sorted(keys[count:]) == served[count:]
    assert most <= count


async def test_who_leaves_passes_the_place_on() -> None:
    """
    A place that was handed to somebody who is cancelled in that moment is not lost.
    """
    places = Places(1)

    async def hold() -> None:
        async with places.take("b", nothing):
            pass

    async with places.take("a", nothing):
        leaving, staying = asyncio.create_task(hold()), asyncio.create_task(hold())
        await asyncio.sleep(0)
    leaving.cancel()

    await asyncio.wait_for(staying, timeout=60)
    await _all_are_free(places)


async def test_closing_sends_the_waiting_away() -> None:
    """
    Closing cancels those who wait and leaves those at work alone.
    """
    places = Places(1)

    async def hold() -> None:
        async with places.take("b", nothing):
            raise AssertionError

    async with places.take("a", nothing):
        waiting = asyncio.create_task(hold())
        await asyncio.sleep(0)
        places.close()
        await asyncio.wait([waiting])

    assert waiting.cancelled()


async def test_who_fails_while_waiting() -> None:
    """
    Somebody whose word about waiting fails gives up the wait, and the place goes to the next.
    """
    places = Places(1)

    async def fail() -> None:
        raise ConnectionResetError

    async with places.take("a", nothing):
        with pytest.raises(ConnectionResetError):
            async with places.take("b", fail):
                raise AssertionError

    await _all_are_free(places)


async def _all_are_free(places: Places) -> None:
    async def refuse() -> None:
        raise AssertionError("a place was lost")

    async with AsyncExitStack() as stack:
        for _ in range(places.count):
            await stack.enter_async_context(places.take("z", refuse))

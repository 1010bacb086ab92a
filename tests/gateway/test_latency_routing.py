"""Which of two real upstreams gets the requests of an endpoint that takes the faster one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.gateway.harness import Plane
from tests.gateway.upstreams import ask, ask_all, caller, provide, serve
from tests.gateway.wall import Fault, Wall
from treadle.gateway.types import Hedge, Routing, Target

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture
def wall() -> Iterator[Wall]:
    """
    Two upstreams in one.
    """
    with Wall() as made:
        yield made


def _served(plane: Plane, wall: Wall, models: tuple[str, str], **more: object) -> str:
    provide(plane, wall, "wall")
    routing = Routing(strategy="latency", **more)  # type: ignore[arg-type]
    serve(plane, "support", *(Target(provider="wall", model=model) for model in models), routing=routing)
    return plane.create_key().key


def _asked_in_turn(plane: Plane, wall: Wall, key: str, count: int, *, stream: bool) -> Counter[str]:
    """Ask one after the other; return how often each model was asked."""
    before = len(wall.requests)

    async def all_in_turn() -> None:
        async with caller(plane, key) as client:
            for _ in range(count):
                assert 200 == (await ask(client, "chat", "support", stream=stream)).status

    asyncio.run(all_in_turn())
    return Counter(each.body["model"] for each in wall.requests[before:])


@BOTH
def test_a_target_that_writes_more(plane: Plane, wall: Wall, stream: bool) -> None:
    """
    The faster one is who begins sooner, or writes more in its time, though its answers take twice as long.
    """
    if stream:
        wall.behave("writes", Fault(text="word " * 40, between=0.02))
        wall.behave("hesitates", Fault(text="word", before_first=1.0))
    else:
        wall.behave("writes", Fault(text="word " * 400, before_head=1.0))
        wall.behave("hesitates", Fault(text="word", before_head=0.5))
    key = _served(plane, wall, ("writes", "hesitates"))

    seen = _asked_in_turn(plane, wall, key, 10, stream=stream)

    assert seen["hesitates"] <= 3


def test_a_target_that_is_always_beaten(plane: Plane, wall: Wall) -> None:
    """
    A target that no longer answers before another one does, which is asked as well, is slow although nobody hears its end.
    """
    fault = Fault(text="one two three four five six seven eight nine ten", between=0.015)
    wall.behave("north", fault)
    wall.behave("south", fault)
    key = _served(plane, wall, ("north", "south"), hedge=Hedge(budget=1.0, min_seconds=1.0))
    ask_all(plane, key, [("chat", "support")] * 60, stream=True)
    wall.behave("south", Fault(before_first=5.0))

    seen = _asked_in_turn(plane, wall, key, 12, stream=True)

    assert seen["north"] == 12
    assert seen["south"] <= 4

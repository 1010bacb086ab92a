"""Answers that hold half of a surrogate pair, which servers in JavaScript write where they cut a text within a character."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.harness import Plane
from tests.gateway.upstreams import ask_once, provide, serve, trace
from tests.gateway.wall import Fault, Wall
from treadle.gateway.types import CachePolicy, GuardRule, ProtocolName, Target

HALF = "\ud83d"
ESCAPED = r"\ud83d"
SAID = f"cut here {HALF} and on"
MAIL = "ada@example.com"
TOLD = "cut here \ufffd and on"
SPOKEN: tuple[tuple[ProtocolName, str], ...] = (("chat", "openai"), ("messages", "anthropic"), ("responses", "openai"))
KINDS = ("openai", "anthropic", "gemini", "bedrock")
SPEAKS = pytest.mark.parametrize(("protocol", "kind"), SPOKEN, ids=[protocol for protocol, _ in SPOKEN])
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def wall() -> Iterator[Wall]:
    """
    An upstream that says half a pair, or reports an error with one.
    """
    with Wall() as made:
        made.behave("says", Fault(text=SAID))
        made.behave("tells", Fault(text=f"{SAID} to {MAIL} or so"))
        made.behave("refuses", Fault(status=400, error=SAID))
        yield made


def _served(plane: Plane, wall: Wall, kind: str, model: str = "says", **more: Any) -> str:
    provide(plane, wall, "cutting", kind)
    serve(plane, "support", Target(provider="cutting", model=model), **more)
    return plane.create_key().key


def _failures(plane: Plane) -> list[int]:
    return [each.failures for each in plane.data_plane.fleet.view(0.0) if each.scope == plane.ctx.project_id]


def _recorded(plane: Plane, trace_id: str) -> str:
    said = trace(plane, trace_id).span.output_messages
    assert isinstance(said, list)
    return str(said[0]["content"])


@SPEAKS
@BOTH
def test_half_a_pair_in_an_answer(plane: Plane, wall: Wall, protocol: ProtocolName, kind: str, stream: bool) -> None:
    """
    Goes to a caller who speaks the provider's protocol as it came, is a mark in the record, and is no failure of the target,
    however often it comes.
    """
    key = _served(plane, wall, kind)

    got = [ask_once(plane, key, protocol, "support", stream=stream) for _ in range(6)]

    assert [(200, None, True)] * 6 == [each.short for each in got]
    assert {SAID} == {each.text for each in got}
    assert all(ESCAPED in each.raw and '"support"' in each.raw for each in got)
    assert TOLD == _recorded(plane, got[-1].trace_id)
    assert [0] == _failures(plane)


@pytest.mark.parametrize("kind", KINDS)
@BOTH
def test_half_a_pair_in_another_protocol(plane: Plane, wall: Wall, kind: str, stream: bool) -> None:
    """
    A translated answer holds the mark, and everything around it.
    """
    protocol: ProtocolName = "chat" if kind != "openai" else "messages"
    key = _served(plane, wall, kind)

    got = ask_once(plane, key, protocol, "support", stream=stream)

    assert (200, None, True) == got.short
    assert TOLD == got.text
    assert TOLD == _recorded(plane, got.trace_id)


@SPEAKS
@BOTH
def test_half_a_pair_before_a_guard(plane: Plane, wall: Wall, protocol: ProtocolName, kind: str, stream: bool) -> None:
    """
    Guards read what stands around it, and what they change holds the mark.
    """
    masks = GuardRule(name="mail", check="pii", stage="output", action="mask")
    key = _served(plane, wall, kind, model="tells", arm_={"guards": (masks,)})

    got = ask_once(plane, key, protocol, "support", stream=stream)

    assert (200, None, True) == got.short
    assert "cut here" in got.text
    assert MAIL not in got.raw
    assert [0] == _failures(plane)


@SPEAKS
@BOTH
def test_half_a_pair_that_is_kept(plane: Plane, wall: Wall, protocol: ProtocolName, kind: str, stream: bool) -> None:
    """
    An answer of the cache says the same, also to who asks for it the other way.
    """
    key = _served(plane, wall, kind, cache=CachePolicy(mode="exact"))
    first = ask_once(plane, key, protocol, "support", stream=stream)

    again = ask_once(plane, key, protocol, "support", stream=stream)
    other = ask_once(plane, key, protocol, "support", stream=not stream)

    assert ["miss", "exact", "exact"] == [each.headers["x-treadle-cache"] for each in (first, again, other)]
    assert [SAID, SAID, TOLD] == [each.text for each in (first, again, other)]
    assert [True] * 3 == [each.is_complete for each in (first, again, other)]


@SPEAKS
def test_half_a_pair_in_an_error(plane: Plane, wall: Wall, protocol: ProtocolName, kind: str) -> None:
    """
    A refusal of the request stays one, with the provider's words.
    """
    key = _served(plane, wall, kind, model="refuses")

    got = ask_once(plane, key, protocol, "support")

    assert 400 == got.status
    assert "and on" in got.raw

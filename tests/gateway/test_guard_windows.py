"""Guards over a stream: the same text comes out however it was cut, and nothing from a blocked finding on."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.guards.pieces import CANARY, PROMPT, TEXTS
from treadle.gateway.guarding.stages import Guards
from treadle.gateway.guarding.windows import StreamGuard
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import GuardRule
from treadle.guards.spans import replace_findings

MASKING = [GuardRule(name=check, check=check, stage="output", action="mask") for check in ("pii", "secrets", "leak")]
GUARDS = Guards(MASKING, {}, prompts=[PROMPT], canary=CANARY)


def streamed(guard: StreamGuard, chunks: list[str]) -> str:
    """Return what comes out of a stream of chunks."""
    return "".join([guard.feed_now(chunk) for chunk in chunks]) + guard.finish_now()


def stream(guards: Guards) -> StreamGuard:
    """Return what looks at the text of a new stream."""
    return guards.watch().stream(is_text=True)


async def masked(text: str) -> str:
    """Return what is left of a text that comes whole."""
    return replace_findings(text, (await GUARDS.run_output([text])).masks[0])


def cut(text: str, seed: int) -> list[str]:
    """Return a text in chunks of 1 to 9 characters."""
    source, chunks, at = random.Random(seed), [], 0
    while at < len(text):
        length = source.randint(1, 9)
        chunks.append(text[at : at + length])
        at += length
    return chunks


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(0, 1000))
async def test_chunks_make_no_difference(text: str, seed: int) -> None:
    """
    Cut anywhere, even into single characters, a stream comes out as the whole text would.
    """
    whole = await masked(text)

    assert whole == streamed(stream(GUARDS), cut(text, seed))
    assert whole == streamed(stream(GUARDS), list(text))


@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, min_size=8, max_size=20), st.integers(0, 1000))
async def test_long_streams_forget_without_loss(texts: list[str], seed: int) -> None:
    """
    What went out is forgotten after a while; findings stay the same.
    """
    text = ("\nand then we went on with other words, none of them special, for as long as it takes " * 4).join(texts)

    assert await masked(text) == streamed(stream(GUARDS), cut(text, seed))


def test_words_wait_for_one_word() -> None:
    """
    Plain text goes out word by word.
    """
    guard = stream(GUARDS)

    assert ["", "well ", "hello ", "there, "] == [guard.feed_now(text) for text in ("well", " hello", " there,", " I")]
    assert "I" == guard.finish_now()


def test_one_character_at_a_time() -> None:
    """
    A card number whose digits come one by one is masked whole, and nothing of it goes out before.
    """
    guard = stream(GUARDS)

    out = [guard.feed_now(letter) for letter in "pay with 4111 1111 1111 1111 today"]

    assert "pay with [CARD] today" == "".join(out) + guard.finish_now()
    assert [{"CARD": 1}, {}, {}] == [seen.kinds for seen in guard.seen]
    assert all(seen.cost_us > 0 for seen in guard.seen)


def test_block_in_the_middle() -> None:
    """
    A blocking guard ends the stream before its finding; words before it have gone out.
    """
    guard = stream(Guards([GuardRule(name="no mail", check="pii", stage="output")], {}))

    out = guard.feed_now("write to ")
    out += guard.feed_now("ana@example")
    with pytest.raises(Refusal) as caught:
        guard.feed_now(".org or call")

    assert "write to " == out
    assert ("guard_blocked", 400) == (caught.value.code, caught.value.status)
    assert "no mail" in caught.value.message
    assert "ana@" not in caught.value.message
    assert {"EMAIL": 1} == guard.seen[0].kinds


def test_block_at_the_very_end() -> None:
    """
    What was held back is looked at before it would go out.
    """
    guard = stream(Guards([GuardRule(name="no mail", check="pii", stage="output")], {}))

    assert "to " == guard.feed_now("to ana@example.org")
    with pytest.raises(Refusal):
        guard.finish_now()


def test_schema_makes_the_answer_come_at_once() -> None:
    """
    Whether JSON fits is known at its end: until then nothing goes out.
    """
    rule = GuardRule(name="shape", check="schema", stage="output", options={"json_schema": {"type": "object"}})
    good, bad = stream(Guards([rule], {})), stream(Guards([rule], {}))

    assert ["", ""] == [good.feed_now('{"a": '), good.feed_now("1}")]
    assert '{"a": 1}' == good.finish_now()
    bad.feed_now("[1]")
    with pytest.raises(Refusal):
        bad.finish_now()


def test_allow_records_only() -> None:
    """
    A guard that only records changes nothing.
    """
    guard = stream(Guards(MASKING[:1], {"pii": "allow"}))

    assert "to ana@example.org now" == streamed(guard, ["to ana@exam", "ple.org now"])
    assert {"EMAIL": 1} == guard.seen[0].kinds


def test_cost_does_not_grow_with_the_stream() -> None:
    """
    The last thousand chunks of a stream cost as much as the first thousand, give or take half.
    """
    guard = stream(GUARDS)
    times = []
    for _ in range(8):
        began = time.process_time()
        for number in range(1000):
            guard.feed_now(f" word{number % 7},")
        times.append(time.process_time() - began)

    assert min(times[5:]) < 1.5 * min(times[:3])

"""Guards over a request and over a whole answer, wherever in them a text stands; large ones are read beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from treadle.gateway import refusals
from treadle.gateway.answers import Faulty, Whole
from treadle.gateway.guarding.stages import MUCH, Guards, Verdict
from treadle.gateway.guarding.texts import Texts, TooMany
from treadle.gateway.protocols.base import Asked, SpokenProtocol

T = TypeVar("T")


async def guard_request(guards: Guards, protocol: SpokenProtocol, asked: Asked) -> tuple[Asked, Verdict]:
    """Let the guards look at a request; return it with what they mask masked, and what they say. Raises Refusal (400).

    Its user and its session stay what limits, stickiness and the record know them by; what goes up is masked there too.
    """
    try:
        texts = await _beside(lambda: Texts(asked.body), asked.body)
    except TooMany as error:
        raise refusals.invalid_field(None, str(error)) from None
    except ValueError as error:
        raise refusals.malformed_json(str(error)) from None  # in a field that nobody else reads
    if (numbers := asked.tokens_in or texts.tokens_in) is not None:
        raise refusals.invalid_field(numbers, "the guards of this model read text; send text in the place of tokens")
    verdict = await guards.run_input([*texts.said, *texts.asides])
    if verdict.blocked is not None or not verdict.is_changed:
        return asked, verdict
    masked = await _beside(lambda: protocol.parse(texts.masked(verdict.masks)), asked.body)
    masked.user, masked.session = asked.user, asked.session
    return masked, verdict


async def guard_answer(guards: Guards, protocol: SpokenProtocol, whole: Whole) -> tuple[Whole, Verdict]:
    """Let the guards look at an answer; return it with what they mask masked, and what they say. Raises Faulty."""
    try:
        texts = await _beside(lambda: Texts(whole.data, answer=protocol.answer), whole.data)
    except ValueError:
        raise Faulty("its answer holds what cannot be read") from None
    verdict = await guards.run_output(texts.said, texts.asides)
    if verdict.blocked is not None or not verdict.is_changed:
        return whole, verdict
    data = await _beside(lambda: texts.masked(verdict.masks), whole.data)
    reading = protocol.read(data)
    assert reading is not None  # it is the answer that was read before, in other words
    return Whole(data, reading), verdict


async def _beside(work: Callable[[], T], data: bytes) -> T:
    return await asyncio.to_thread(work) if len(data) > MUCH else work()

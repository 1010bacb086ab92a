"""An answer held against what its release asks of it: mended, and asked for once more where it does not fit.

A stream that has to fit is held back until it is complete, as whole answers are, and goes out then: whoever asks for a
schema or for mended JSON pays for it with the time to the first token. Trimming alone holds nothing back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from treadle.gateway import outages
from treadle.gateway.alike import Heard
from treadle.gateway.answers import Live, Whole
from treadle.gateway.protocols.base import CallPiece, Reading, SpokenProtocol
from treadle.gateway.protocols.transcript import Transcript
from treadle.gateway.record import Record
from treadle.gateway.refine import Refined, Refiner, complaint
from treadle.gateway.reply import MAX_ANSWER_BYTES
from treadle.gateway.upstream import TooLarge

MUCH = 20_000
"""Characters from which on an answer is refined beside the loop."""


class Held(NamedTuple):
    """A stream that was held back until it was complete."""

    events: list[Heard]
    reading: Reading
    """All that it says."""


Answer = TypeVar("Answer", Whole, Held)


async def fitted(
    answer: Answer,
    refiner: Refiner,
    ask_again: Callable[[Reading, str], Awaitable[Answer]],
    record: Record,
    *,
    is_guarded: bool,
) -> tuple[Answer, str | None]:
    """Return the answer that fits, and its text where that is another than the model's. Raises Refusal (502).

    ask_again: asks once more, in these words after what was said; its result is the answer then. is_guarded: whether
    guards look at answers; what they have not seen is not kept.
    """
    if not _is_text(answer.reading):
        return answer, None
    refined = await refined_beside(refiner, answer.reading.text)
    if refined.fault is not None:
        record.signals.append("schema")
        if refiner.asks_again:
            answer = await ask_again(answer.reading, complaint(refined.fault))
            if not _is_text(answer.reading):
                return answer, None
            refined = await refined_beside(refiner, answer.reading.text)
        if refined.fault is not None:
            keep = record.transcript.hear if is_guarded else record.transcript.add
            keep(answer.reading)
            raise outages.schema_unmet(refined.fault)
    return answer, refined.text if refined.changed else None


async def refined_beside(refiner: Refiner, text: str) -> Refined:
    """Return an answer refined; a long one in a thread, so that the loop stays free."""
    return await asyncio.to_thread(refiner.refine, text) if len(text) > MUCH else refiner.refine(text)


async def held_back(
    live: Live,
    refiner: Refiner,
    ask_again: Callable[[Reading, str], Awaitable[Held]],
    record: Record,
    protocol: SpokenProtocol,
    *,
    is_guarded: bool,
) -> AsyncIterator[list[Heard]]:
    """Yield the events of a stream that fits, all at once. Raises Refusal."""
    held, text = await fitted(await hold(live), refiner, ask_again, record, is_guarded=is_guarded)
    record.first_token_ms = record.elapsed_ms()
    yield held.events if text is None else retold(held.events, text, protocol)


async def hold(live: Live) -> Held:
    """Return a stream when it is complete. Raises UpstreamError and Faulty when it breaks off or is too large."""
    events: list[Heard] = []
    transcript, size = Transcript(), 0
    async for batch in live.batches():
        events += batch
        for heard in batch:
            size += len(heard.raw)
            if heard.reading is not None:
                transcript.add(heard.reading)
        if size > MAX_ANSWER_BYTES:
            raise TooLarge(f"more than {MAX_ANSWER_BYTES} bytes")
    calls = [CallPiece() for _ in transcript.calls]
    reading = Reading(
        text=transcript.text,
        refusal=transcript.refusal,
        reasoning=transcript.reasoning,
        calls=calls,
        usage=transcript.usage,
    )
    return Held(events, reading)


def retold(events: Sequence[Heard], text: str, protocol: SpokenProtocol) -> list[Heard]:
    """Return the events of a stream with another text, all of it in the first event that says any."""
    told: list[Heard] = []
    for heard in events:
        reading = heard.reading
        if reading is None or not reading.text:
            told.append(heard)
            continue
        shown = msgspec.structs.replace(reading, text=text)
        text = ""
        if shown.has_content or shown.finish_reason is not None or shown.usage is not None:
            payload = protocol.rewritten(heard.payload, shown)
            told.append(Heard(protocol.framed(payload), payload, shown))
    return told


def _is_text(reading: Reading) -> bool:
    """Tell whether it is an answer in words, and neither a call nor a refusal."""
    return not (reading.calls or reading.refusal)

"""An upstream's answer in the caller's protocol: whole, or as a stream whose first content has come.

A stream is held back until its commit point, the first event with content (or the end): up to there nothing has
reached the caller and another target may be asked. Only whole events are passed on, and a stream that ends without
having said why it ended is broken, never complete.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable

import msgspec
from msgspec import Struct

from treadle.core.halves import without_halves
from treadle.gateway import sse
from treadle.gateway.alike import Alike, Heard
from treadle.gateway.protocols.base import Reading, SpokenProtocol, Translation, Usage
from treadle.gateway.protocols.usage import merged
from treadle.gateway.providers.base import Framer
from treadle.gateway.upstream import Broken, Reply, TooLarge, UpstreamError

MAX_HELD_EVENTS = 64
MAX_HELD_BYTES = 256 * 1024
_anything = msgspec.json.Decoder().decode


class Faulty(Exception):
    """The upstream answered, but not with what was asked for; says what it did."""


class Whole(Struct, frozen=True):
    """A whole answer in the caller's protocol."""

    data: bytes
    reading: Reading
    legible: bytes | None = None
    """For whoever reads more of it than was read, the same without half surrogate pairs; None where it holds none."""


class Live:
    """A stream that has begun: what was held back, then what comes."""

    def __init__(
        self,
        reply: Reply,
        framer: Framer,
        protocol: SpokenProtocol,
        translation: Translation | None,
        name: str,
    ) -> None:
        """name: what the caller calls the model."""
        self._reply = reply
        self._framer = framer
        self._protocol = protocol
        self._translation = None if translation is None else translation.stream()
        self._reframer = sse.EventFramer()
        self._alike = Alike(protocol, name)
        self._held: list[Heard] = []
        self._batches = self._hear()
        self._has_begun = False
        """Whether it is past its commit point."""
        self._ended = False
        """Whether the end mark has passed."""
        self._stopped = False
        """Whether it was said why the answer stops."""

    async def begin(self) -> None:
        """Wait for the commit point, on the first token's clock. Raises UpstreamError and Faulty; another may be asked."""
        size = 0
        self._reply.awaits_content = True
        async for batch in self._batches:
            self._held += batch
            for heard in batch:
                size += len(heard.raw)
                if heard.reading is not None and (heard.reading.has_content or heard.reading.finish_reason):
                    self._reply.awaits_content = False
                    return
            if len(self._held) >= MAX_HELD_EVENTS or size >= MAX_HELD_BYTES:
                self._reply.awaits_content = False
                return

    @property
    def stated(self) -> Usage | None:
        """What it stated of what was read, as far as its caller did not hear it yet; what it wrote is another matter."""
        usage = None if self._translation is None else self._translation.stated
        for heard in self._held:
            if heard.reading is not None and heard.reading.usage is not None:
                usage = merged(usage, heard.reading.usage)
        if usage is None:
            return None
        return msgspec.structs.replace(usage, output_tokens=None, reasoning_tokens=0, output_audio_tokens=0)

    def batches(self) -> AsyncIterator[list[Heard]]:
        """Yield events as they come. Raises UpstreamError and Faulty when the stream breaks off or reports an error."""
        self._has_begun = True
        return self

    def __aiter__(self) -> AsyncIterator[list[Heard]]:
        return self

    def __anext__(self) -> Awaitable[list[Heard]]:
        return self._all_held() if self._held else self._batches.__anext__()

    async def _all_held(self) -> list[Heard]:
        held, self._held = self._held, []
        return held

    def close(self) -> None:
        """Let go of the connection at once. Safe to repeat."""
        self._reply.close()

    async def _hear(self) -> AsyncIterator[list[Heard]]:
        translation, framer, find = self._translation, self._framer, self._alike.find
        try:
            async for chunk in self._reply.chunks():
                if framer.is_between and translation is None and (known := find(chunk)) is not None:
                    yield [known]
                    continue
                try:
                    events = framer.feed(chunk)
                except sse.EventTooLarge:
                    raise TooLarge("an event that does not end") from None
                batch: list[Heard] = []
                try:
                    for event in events:
                        if translation is None:
                            batch.append(self._heard(event.raw, event.data))
                        elif event.data:
                            framed = translation.feed(event.data, event.name)
                            if not framed and (legible := _legible(event.data)) is not event.data:
                                framed = translation.feed(legible, event.name)
                            self._take(framed, batch)
                except Faulty:
                    if batch and self._has_begun:
                        yield batch  # what came before the fault is the caller's
                    raise
                if batch:
                    yield batch
        except UpstreamError:
            if not self._ended:
                raise  # behind the end mark it takes nothing from the answer
        if translation is not None:
            batch = []
            self._take(translation.finish(), batch)
            if batch:
                yield batch
        if not self._ended and not self._stopped:
            raise Broken("the stream ended without its end mark")
        if not self._ended and (mark := self._protocol.end_mark):
            # Some servers leave the end mark out although they said why they stopped; callers wait for it.
            yield [Heard(mark, b"", None)]

    def _take(self, framed: bytes, batch: list[Heard]) -> None:
        """Take the events that a translation made."""
        if framed:
            for raw in self._reframer.feed(framed):
                batch.append(self._heard(raw, sse.data_of(raw)))

    def _heard(self, raw: bytes, payload: bytes) -> Heard:
        if not payload:
            return Heard(raw, payload, None)
        if (known := self._alike.find(raw)) is not None:
            return known
        reading = self._protocol.read_event(payload)
        if reading is None and (legible := _legible(payload)) is not payload:
            payload, reading = legible, self._protocol.read_event(legible)
        if reading is not None:
            self._alike.learn(raw, payload, reading)
            if reading.error is not None:
                raise Faulty("it reported an error in its answer")
            if reading.ends:
                self._ended = True
            if reading.finish_reason is not None:
                self._stopped = True
        return Heard(raw, payload, reading)


def _legible(payload: bytes) -> bytes:
    """Return an event's data that can be read, half surrogate pairs replaced: the very same bytes where it holds none.

    Raises Faulty for what is not JSON: clients fail on it, and what it was to say is lost.
    """
    if not payload or payload == sse.DONE or _is_json(payload):
        return payload
    legible = without_halves(payload)
    if legible == payload or not _is_json(legible):
        raise Faulty("an event of its stream is not JSON")
    return legible


def _is_json(payload: bytes) -> bool:
    try:
        _anything(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def whole_of(data: bytes, protocol: SpokenProtocol, translation: Translation | None) -> Whole:
    """Understand a whole answer. Raises Faulty when it is not one."""
    whole = _whole_of(data, protocol, translation)
    if whole is None and (legible := without_halves(data)) != data:
        whole = _whole_of(legible, protocol, translation)
        if whole is not None and translation is None:
            return Whole(data, whole.reading, legible)
    if whole is None:
        spoken = f"'{protocol.name}'" if translation is None else "its protocol"
        raise Faulty(f"it answered with something else than an answer of {spoken}")
    return whole


def _whole_of(data: bytes, protocol: SpokenProtocol, translation: Translation | None) -> Whole | None:
    if translation is not None:
        try:
            data = translation.answer(data)
        except ValueError:
            return None
    reading = protocol.read(data)
    return None if reading is None else Whole(data, reading)

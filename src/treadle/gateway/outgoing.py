"""What a caller gets of a stream: each event as it came, or with its texts as the guards let them go out.

What a guard still holds back goes out before the event that ends it, so the order of events stays; events that repeat
what was said (the Responses API has them) repeat what went out. What a delta says that nobody knows is looked at with what
was said at its place before, whatever else an event holds as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from treadle.gateway.alike import Heard
from treadle.gateway.answers import Faulty
from treadle.gateway.cache.cache import MAX_ENTRY_BYTES
from treadle.gateway.guarding.lanes import Lanes
from treadle.gateway.guarding.rules import Seen
from treadle.gateway.guarding.stages import Guards
from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import CallPiece, Lane, Reading, SpokenProtocol
from treadle.gateway.protocols.transcript import Transcript
from treadle.gateway.protocols.usage import merged
from treadle.gateway.refine import Trimmer
from treadle.gateway.refusals import Refusal

_PING = b'"ping"'
_AGAIN = b'"reasoning_details"'
"""A field that says the reasoning again, in each event."""
_KIND_BYTES = 120
"""How far into an event its type stands."""


class Outgoing:
    """One stream on its way to its caller."""

    def __init__(
        self,
        protocol: SpokenProtocol,
        guards: Guards,
        name: str,
        transcript: Transcript,
        *,
        wants_usage: bool,
        trimmer: Trimmer | None = None,
        is_refined: bool = False,
        keeps: bool = False,
        told: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """name: what the caller calls the model. transcript: gets what went out. is_refined: whether the text may be
        another than the model's. keeps: whether `kept` is filled. told: changes events, framed, to what their caller is told."""
        self.kept: list[bytes] = []
        """Every event that went out or was left out for this caller only, for the cache; empty when it grew too large."""
        self.has_ended = False
        """Whether the event that ends the answer is among those taken."""
        self.refusal: Refusal | None = None
        """Why nothing more may go out."""
        self.seen: list[Seen] = []
        """What each guard did; filled by `close`."""
        self._protocol = protocol
        self._name = name
        self._transcript = transcript
        self._wants_usage = wants_usage
        self._lanes: Lanes | None = None
        if guards.has_output or trimmer is not None or is_refined:
            self._lanes = Lanes(guards, trimmer)
        self._heard: list[str] = []
        self._thought: list[str] = []
        self._keeps = keeps
        self._told = told
        self._kept_bytes = 0

    @property
    def is_untouched(self) -> bool:
        """Whether nobody changes what is said: then nothing waits, and `pass_on` does what `take` does."""
        return self._lanes is None

    def pass_on(self, batch: list[Heard]) -> bytes:
        """Take events that nobody changes; return what goes out now."""
        if len(batch) == 1:  # as nearly all come
            heard = batch[0]
            return self._more(heard) or self._pass(heard.raw, heard.reading)
        return b"".join([self._more(heard) or self._pass(heard.raw, heard.reading) for heard in batch])

    async def take(self, batch: list[Heard]) -> bytes:
        """Take events; return what goes out now. Where a guard blocks, that is what came before; see `refusal` then."""
        lanes = self._lanes
        if lanes is None:
            return self.pass_on(batch)
        out: list[bytes] = []
        for heard in batch:
            self._count(heard.reading)
            if self.refusal is None:
                try:
                    out.append(await self._guarded(lanes, heard))
                except Refusal as refusal:
                    self.refusal = refusal
            elif heard.reading is not None and heard.reading.usage is not None:
                self._transcript.usage = merged(self._transcript.usage, heard.reading.usage)
        if self.has_ended or self.refusal is not None:
            self.close()
        return b"".join(out)

    def close(self) -> None:
        """Gather what the guards did, and what the model wrote whether or not it went out. Safe to repeat."""
        if self._lanes is not None:
            self.seen, self._transcript.heard = self._lanes.seen, ("".join(self._heard), "".join(self._thought))

    def _count(self, reading: Reading | None) -> None:
        """Note what the model wrote: it is paid for, also where it does not go out."""
        if reading is not None and reading.has_content:
            calls = [part for piece in reading.calls for part in (piece.name, piece.arguments) if part]
            self._heard += [reading.text, reading.refusal, *calls]
            self._thought.append(reading.reasoning)

    def _pass(self, raw: bytes, reading: Reading | None) -> bytes:
        if reading is None:
            if self._keeps:
                self._keep(raw)
            return raw
        self._transcript.add(reading)
        if reading.ends:
            self.has_ended = True
        named = self._protocol.named(raw, self._name)
        if self._told is not None:
            named = self._told(named)
        if self._keeps:
            self._keep(named)
        return b"" if reading.is_usage_only and not self._wants_usage else named

    def _more(self, heard: Heard) -> bytes:
        """Return an event that only says more words, in the shape of the one before; nothing for any other."""
        named, reading = heard.named, heard.reading
        if named is None or reading is None:
            return b""
        self._transcript.say(reading.text)
        if self._keeps:
            self._keep(named)
        return named

    def _keep(self, event: bytes) -> None:
        self.kept.append(event)
        self._kept_bytes += len(event)
        if self._kept_bytes > MAX_ENTRY_BYTES:
            self.kept, self._keeps = [], False

    async def _guarded(self, lanes: Lanes, heard: Heard) -> bytes:
        reading, payload = heard.reading, heard.payload
        if not payload or (reading is None and _PING in payload[:_KIND_BYTES]):
            return heard.raw
        if reading is not None and reading.has_content:
            return await self._said(lanes, heard, reading)
        held = b"" if reading is None else await self._ended(lanes, reading)
        return held + await self._other(lanes, heard, reading)

    async def _said(self, lanes: Lanes, heard: Heard, reading: Reading) -> bytes:
        """Return an event with what of its words may go out now."""
        is_head = bool(reading.calls) and not (reading.text or reading.refusal or reading.reasoning)
        has_more = False
        if lanes.holds_calls and not is_head:
            heard, has_more = await self._aside(lanes, heard)
        shown, before = msgspec.structs.replace(reading), b""
        if reading.text or reading.calls:
            before += await self._flush(lanes, [lane for lane in lanes.lanes if lane.kind == "reasoning"])
        if reading.calls and lanes.holds_calls:
            before += await self._flush(lanes, [lane for lane in lanes.lanes if lane.kind == "text"])
            calls = [_hold(lanes, piece, heard.payload) for piece in reading.calls]
            shown.calls = reading.calls if calls == list(reading.calls) else calls
        if reading.text:
            shown.text = await lanes.say(Lane("text", *reading.place), reading.text, heard.payload)
        if reading.refusal:
            shown.refusal = await lanes.say(Lane("refusal", *reading.place), reading.refusal, heard.payload)
        if reading.reasoning:
            shown.reasoning = await lanes.say(Lane("reasoning", *reading.place), reading.reasoning, heard.payload)
        if reading.finish_reason is not None:
            here = Lane("text", *reading.place)
            if reading.text:
                shown.text += await lanes.end(here)
            before += await self._flush(lanes, [lane for lane in lanes.lanes if lane != here or not reading.text])
        if shown != reading and not has_more and not _says(shown):
            return before
        if shown == reading and _AGAIN not in heard.payload:
            return before + (await self._other(lanes, heard, reading) if is_head else self._pass(heard.raw, reading))
        return before + self._pass(self._protocol.framed(self._protocol.rewritten(heard.payload, shown)), shown)

    async def _ended(self, lanes: Lanes, reading: Reading) -> bytes:
        """Return what was held back of what ends with an event."""
        if reading.ends or reading.finish_reason is not None:
            return await self._flush(lanes, lanes.lanes)
        if reading.closes is not None:
            return await self._flush(lanes, [lane for lane in lanes.lanes if lane.block == reading.closes])
        return b""

    async def _other(self, lanes: Lanes, heard: Heard, reading: Reading | None) -> bytes:
        """Return an event that adds nothing to what is said: what it says again is what went out."""
        is_mark = not heard.payload.lstrip().startswith(b"{")
        if is_mark or (reading is not None and reading.is_usage_only):
            return self._pass(heard.raw, reading)
        event = _event_of(heard)
        pieces = list(self._protocol.pieces(event)) if lanes.holds_calls else []
        changed = await lanes.again(event, list(self._protocol.said_again(event)), pieces)
        if await lanes.grow(event, pieces) or changed:
            return self._pass(self._protocol.framed(fields.encode(event)), reading)
        return self._pass(heard.raw, reading)

    async def _aside(self, lanes: Lanes, heard: Heard) -> tuple[Heard, bool]:
        """Return an event that says words with what else it says as it may go out, and whether that is anything."""
        event = _event_of(heard)
        pieces, beside = list(self._protocol.pieces(event)), list(self._protocol.beside(event))
        changed = await lanes.beside(beside)
        if not await lanes.grow(event, pieces) and not changed:
            return heard, bool(pieces or beside)
        payload = fields.encode(event)
        return Heard(self._protocol.framed(payload), payload, heard.reading), True

    async def _flush(self, lanes: Lanes, ended: list[Lane]) -> bytes:
        """Return what is still held back of some lanes, as events."""
        out = b""
        for lane in ended:
            if not (words := await lanes.end(lane)):
                continue
            template = lanes.template(lane)
            if lane.kind == "call":
                piece = CallPiece(index=lane.block, arguments=words)
                payload, reading = self._protocol.call_event(template, piece), Reading(calls=(piece,))
            elif lane.kind == "other":
                payload = self._protocol.piece_event(template, lane.name, words)
                out += self._pass(self._protocol.framed(payload), None)
                continue
            else:
                reading = Reading(place=(lane.block, lane.part))
                setattr(reading, lane.kind, words)
                payload = self._protocol.rewritten(template, reading)
            out += self._pass(self._protocol.framed(payload), reading)
        return out


def _event_of(heard: Heard) -> dict[str, Any]:
    """Return an event's object. Raises Faulty."""
    try:
        return fields.read_object(heard.payload)
    except ValueError:
        raise Faulty("an event of its stream holds what cannot be read") from None


def _hold(lanes: Lanes, piece: CallPiece, payload: bytes) -> CallPiece:
    """Return a piece of a call without its arguments, which wait."""
    if not piece.arguments:
        return piece
    lanes.hold(Lane("call", piece.index), piece.arguments, payload)
    return msgspec.structs.replace(piece, arguments="")


def _says(reading: Reading) -> bool:
    """Tell whether an event is still worth sending."""
    calls = any(piece.name or piece.call_id or piece.arguments for piece in reading.calls)
    words = reading.text or reading.refusal or reading.reasoning
    return bool(words or calls or reading.finish_reason is not None or reading.usage is not None)

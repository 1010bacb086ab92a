"""Events of a stream that differ from the one before in their words only: known by their bytes, without decoding them.

Engines send each token in an event that is the same but for a few letters. Where an event begins and ends as the last one did
and holds plain letters in between, it says those letters and nothing else: what is between is a JSON string without quotes and
escapes, so all around it means what it meant before. That the words stand there, and only there, is tried with other words
when a shape is learnt. Everything else is decoded.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from treadle.gateway.protocols.base import Reading, SpokenProtocol

SHAPES_TRIED = 4
"""A stream whose events differ in more than their words (OpenAI pads them with random letters) is not helped by this."""
_PROBE = "wheel treadle foot"


class Heard(Struct, frozen=True):
    """One event of a stream, for the caller."""

    raw: bytes
    """Framed."""
    payload: bytes
    """Its data."""
    reading: Reading | None
    """What it says; None when it is of no kind that we know (it passes on)."""
    named: bytes | None = None
    """Of an event that only says more words in the shape of the one before: framed, with the endpoint's name as its model."""


class Alike:
    """The shape of the last event of one stream."""

    def __init__(self, protocol: SpokenProtocol, name: str) -> None:
        """name: what the caller calls the model."""
        self._protocol = protocol
        self._name = name
        self._before = self._after = b""
        self._named_before = self._named_after = b""
        self._payload_at = self._payload_left = 0
        self._reading = Reading()
        self._left = SHAPES_TRIED

    def find(self, raw: bytes) -> Heard | None:
        """Return what a framed event says if only its words are new, else None; also for what is no whole event."""
        before, after = self._before, self._after
        if not (before and raw.startswith(before) and raw.endswith(after)) or len(raw) < len(before) + len(after):
            return None
        words = raw[len(before) : -len(after)]
        if b'"' in words or b"\\" in words:
            return None
        try:
            text = words.decode()
        except UnicodeDecodeError:
            return None
        if not text.isprintable():
            return None
        reading = replace(self._reading, text=text)
        named = self._named_before + words + self._named_after
        return Heard(raw, raw[self._payload_at : self._payload_left], reading, named)

    def learn(self, raw: bytes, payload: bytes, reading: Reading) -> None:
        """Take the shape of an event that was decoded, where it only said words."""
        text = reading.text
        if not self._left or not text or raw.count(words := text.encode("utf-8", "replace")) != 1:
            return
        if reading != Reading(text=text, model=reading.model, place=reading.place):
            return
        self._left -= 1
        before, _, after = raw.partition(words)
        begin = raw.find(payload)
        named = self._protocol.named(raw, self._name)
        other = payload.replace(words, _PROBE.encode())
        if not before.endswith(b'"') or not after.startswith(b'"') or named.count(words) != 1 or begin < 0:
            return
        if self._protocol.read_event(other) != replace(reading, text=_PROBE):
            return
        self._before, self._after = before, after
        self._named_before, _, self._named_after = named.partition(words)
        self._payload_at, self._payload_left = begin, begin + len(payload) - len(raw)
        self._reading = replace(reading)

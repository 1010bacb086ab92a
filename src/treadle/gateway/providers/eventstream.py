"""AWS's binary event streams (application/vnd.amazon.eventstream), as Bedrock's ConverseStream answers in.

A message is: total length, headers length, CRC32 of these 8 bytes; headers; payload; CRC32 of all before. Each event gets
its type as its name ('messageStart', 'contentBlockDelta' ...); an exception's name is its type, such as
'throttlingException', and its payload has `message`. Source: the Smithy specification, "Amazon Event Stream".
"""

from __future__ import annotations

import struct
from zlib import crc32

from treadle.gateway.providers.base import Event
from treadle.gateway.sse import EventTooLarge
from treadle.gateway.upstream import Broken

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
MAX_HEADER_BYTES = 128 * 1024
_PRELUDE = 12
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type: true, false, byte, short, integer, long, timestamp, uuid."""
_VARIABLE = (6, 7)
"""Bytes and string: two bytes of length first."""


class BinaryEventFramer:
    """Frames one binary event stream."""

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def is_between(self) -> bool:
        """Whether it holds nothing of an event that is not whole."""
        return not self._rest

    def feed(self, chunk: bytes) -> list[Event]:
        """Take bytes; return the events that are whole now. Raises EventTooLarge, and Broken when a checksum is wrong."""
        rest = self._rest
        rest += chunk
        events: list[Event] = []
        start = 0
        while len(rest) - start >= _PRELUDE:
            total, headers, checksum = struct.unpack_from(">III", rest, start)
            if crc32(rest[start : start + 8]) != checksum:
                raise Broken("its event stream is damaged: the checksum of a prelude is wrong")
            if total > MAX_MESSAGE_BYTES or headers > MAX_HEADER_BYTES:
                raise EventTooLarge
            if total < _PRELUDE + headers + 4:
                raise Broken("its event stream is damaged: a message is shorter than its headers")
            if len(rest) - start < total:
                break
            message = bytes(rest[start : start + total])
            start += total
            if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
                raise Broken("its event stream is damaged: the checksum of a message is wrong")
            events.append(_event(message, _PRELUDE + headers))
        del rest[:start]
        return events


def encode_message(headers: dict[str, str], payload: bytes) -> bytes:
    """Return one message with string headers: what a server of this framing sends."""
    coded = b"".join(
        bytes([len(name.encode())]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", _PRELUDE + len(coded) + len(payload) + 4, len(coded))
    message = prelude + struct.pack(">I", crc32(prelude)) + coded + payload
    return message + struct.pack(">I", crc32(message))


def _event(message: bytes, payload_start: int) -> Event:
    headers = _headers(message[_PRELUDE:payload_start])
    payload = message[payload_start:-4]
    kind = headers.get(":message-type", "event")
    if kind == "event":
        name = headers.get(":event-type")
    elif kind == "exception":
        name = headers.get(":exception-type", "exception")
    else:  # 'error': no payload, the words are in headers
        name = headers.get(":error-code", "error")
    return Event(payload, name)


def _headers(data: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            length = data[at]
            name = data[at + 1 : at + 1 + length].decode()
            kind = data[at + 1 + length]
            at += 2 + length
            if kind in _VARIABLE:
                size = int.from_bytes(data[at : at + 2], "big")
                at += 2
            else:
                size = _SIZES[kind]
            if at + size > len(data):
                raise ValueError
            if kind == 7:
                headers[name] = data[at : at + size].decode()
            at += size
    except (IndexError, KeyError, ValueError):
        raise Broken("its event stream is damaged: a header does not end") from None
    return headers

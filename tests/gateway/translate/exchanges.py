"""Recorded-shape exchanges: what callers ask in each protocol, what upstreams answer in each dialect, and both joined."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from treadle.gateway import sse
from treadle.gateway.protocols.base import StreamTranslation, Translation
from treadle.gateway.translate.registry import Translations, translations
from treadle.gateway.translate.stamps import Stamps
from treadle.gateway.types import Dialect, ProtocolName

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded"
GOLDEN = FOLDER / "golden"
CALLERS: tuple[ProtocolName, ...] = ("chat", "completions", "messages", "responses")
DIALECTS: tuple[Dialect, ...] = ("chat", "messages", "gemini", "converse")
PAIRS: tuple[tuple[ProtocolName, Dialect], ...] = tuple(
    (caller, dialect) for caller in CALLERS for dialect in DIALECTS if caller != dialect
)
NOW = 1_760_000_000


def fixed() -> Translations:
    """Return every translation with a clock that stands and ids that count."""
    count = itertools.count(1)
    return translations(Stamps(now=lambda: NOW, new_id=lambda: f"{next(count):032x}"))


def translation(caller: ProtocolName, dialect: Dialect) -> Translation:
    """Return one translation with a clock that stands and ids that count from 1."""
    return fixed()[caller, dialect]


def request(caller: ProtocolName) -> bytes:
    """Return what a caller asks."""
    return (RECORDED / "requests" / f"{caller}.json").read_bytes()


def answer(dialect: Dialect) -> bytes:
    """Return what an upstream answers."""
    return (RECORDED / "answers" / f"{dialect}.json").read_bytes()


def stream(dialect: Dialect) -> bytes:
    """Return what an upstream streams; Bedrock's events are written as server-sent ones."""
    return (RECORDED / "streams" / f"{dialect}.sse").read_bytes()


def carried(made: StreamTranslation, data: bytes) -> bytes:
    """Return what the caller gets of a stream that ends well or is cut, all of it at once."""
    return b"".join([*(made.feed(payload, name) for name, payload in events(data)), made.finish()])


def events(data: bytes) -> list[tuple[str | None, bytes]]:
    """Return names and payloads of the events in a stream."""
    found = []
    for raw in sse.EventFramer().feed(data):
        lines = raw.decode().splitlines()
        name = next((line.removeprefix("event: ") for line in lines if line.startswith("event: ")), None)
        found.append((name, sse.data_of(raw)))
    return found


def objects(data: bytes) -> list[dict[str, Any]]:
    """Return the payloads of a stream that are JSON."""
    return [json.loads(payload) for _, payload in events(data) if payload.startswith(b"{")]

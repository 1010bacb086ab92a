"""Which stored spans a destination gets, and as what: the filter, the share, how much content leaves. No network."""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from treadle.gateway.forwarding.types import NewForward
from treadle.storage.database import Connection
from treadle.traces.asking.single import matching, parse_single
from treadle.traces.capture.reducing import reduce_all
from treadle.traces.dialects.given_back import raw_of
from treadle.traces.followers import Followed
from treadle.traces.otlp.decode import JSON, PROTOBUF
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.otlp.writing import encode

log = logging.getLogger("treadle.gateway.forwarding")

_GZIP_LEVEL = 3
"""Level 6 takes twice the time for a tenth less."""
FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What goes wrong with a span that says of itself what it may not."""


class Chosen(NamedTuple):
    """What of some blocks is sent."""

    packed: list[bytes]
    left_out: int
    """Spans that the filter or the share left out."""
    forgotten: int
    """Spans whose block is gone."""


class Made(NamedTuple):
    """Spans, ready to be written."""

    spans: list[RawSpan]
    unreadable: int
    """Spans that could not be read again."""


def choose(db: Connection, new: NewForward, blocks: Sequence[Followed], now: datetime) -> Chosen:
    """Return which spans of some blocks a destination gets."""
    tree = None if new.q is None else parse_single(new.q)
    packed, seen, forgotten = list[bytes](), 0, 0
    for block in blocks:
        if block.spans is None:
            forgotten += block.span_count
            continue
        seen += len(block.spans)
        wanted = None if tree is None else matching(db, tree, block.day, block.spans, now)
        packed += [data for seq, data in block.spans if wanted is None or seq in wanted]
    return Chosen(packed, seen - len(packed), forgotten)


def make(new: NewForward, packed: Sequence[bytes]) -> Made:
    """Return spans as they leave. No I/O; some 20 us per span, much more where content is masked."""
    spans, unreadable = list[RawSpan](), 0
    for data in packed:
        try:
            raw = raw_of(data)
            if new.share >= 1 or is_chosen(raw.trace_id, new.share):
                spans += reduce_all([raw], new.capture)
        except FAULTS:  # a fault of ours must not hold up the rest
            log.exception("a stored span cannot be given back")
            unreadable += 1
    return Made(spans, unreadable)


def is_chosen(trace_id: str, share: float) -> bool:
    """Tell whether a trace is among a share of all: the same ones whenever it is asked, and more of them for a larger share."""
    return int.from_bytes(hashlib.sha256(trace_id.encode()).digest()[:8]) < share * 2**64


def body_of(new: NewForward, spans: Sequence[RawSpan]) -> tuple[bytes, dict[str, str]]:
    """Return an export of spans with the headers that say what it is."""
    media = JSON if new.encoding == "json" else PROTOBUF
    body, headers = encode(spans, media), {"content-type": media}
    if new.compressed:
        body, headers["content-encoding"] = gzip.compress(body, _GZIP_LEVEL, mtime=0), "gzip"
    return body, headers

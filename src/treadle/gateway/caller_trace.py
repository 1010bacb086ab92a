"""Where a request stands in its caller's trace, as W3C Trace Context says it (`traceparent`, `tracestate`).

Read for parentage alone: whether the caller sampled its trace, and what its ids are, decides nothing here. What is malformed is
as if it were not there (https://www.w3.org/TR/trace-context/, sections 3.2 and 4.3), and ids are of one project anyway.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_STATE = 512
"""Characters of `tracestate` that are kept: as many as the standard asks for. A longer one is left out whole."""
_PARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-[\x21-\x7e]*)?"
)


class CallerTrace(NamedTuple):
    """The span that a request is part of."""

    trace_id: str
    span_id: str
    state: str
    """What tracing systems on the way noted; empty where nothing did."""


def read_caller_trace(parent: bytes, state: bytes) -> CallerTrace | None:
    """Return what the two headers say; None where the first is malformed. `state` may be empty."""
    found = _PARENT.fullmatch(parent.strip(b" \t"))
    if found is None or (found[1] == b"00" and found[4] is not None):
        return None  # version 00 ends there; later ones may go on
    told = state.strip(b" \t")
    is_sound = len(told) <= MAX_STATE and told.isascii() and told.decode("ascii").isprintable()
    return CallerTrace(found[2].decode(), found[3].decode(), told.decode() if is_sound else "")

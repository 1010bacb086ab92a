"""The span of a request that asks no model to answer, such as a moderation: however it ends, it is offered once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from treadle.gateway.refusals import Refusal
from treadle.traces.intake import NewSpan


@contextmanager
def recorded(span: NewSpan, offer: Callable[[NewSpan], object]) -> Iterator[None]:
    """Note on the span how long what is done inside took and how it ended, and offer it."""
    began = time.perf_counter()
    try:
        yield
    except Refusal as refusal:
        span.status, span.error_code, span.error_message = "error", refusal.code, refusal.message
        raise
    except asyncio.CancelledError:
        span.status = "cancelled"
        raise
    finally:
        span.latency_ms = (time.perf_counter() - began) * 1000
        offer(span)

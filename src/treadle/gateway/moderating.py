"""One request for moderation from its key to its record: it counts against the key's limits and is a span of its own.

The span says how much was looked at and what was found, never a text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from treadle.gateway.counting import estimate_tokens, estimate_usage
from treadle.gateway.guarding.moderations import MODEL, Moderator, moderation_answer, parse_moderation
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.recorded import recorded
from treadle.gateway.replying import Headers
from treadle.gateway.types import Key
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id


async def moderate(
    moderator: Moderator,
    limiter: Limiter,
    offer: Callable[[NewSpan], object],
    key: Key,
    body: bytes,
    started_at: datetime,
) -> tuple[bytes, Headers]:
    """Return the answer and its headers. Raises Refusal (400, 429, 503). offer: takes the record."""
    texts = parse_moderation(body)
    usage = estimate_usage(sum(map(estimate_tokens, texts)), "")
    span = NewSpan(
        project_id=key.project_id,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        name=f"moderation {MODEL}",
        kind="guardrail",
        started_at=started_at,
        key_id=key.key_id,
        input_tokens=usage.input_tokens,
        output_tokens=0,
        cost_usd=Decimal(0),
        attributes={"gen_ai.request.model": MODEL, "treadle.usage.estimated": True},
    )
    with recorded(span, offer):
        tokens, now = usage.input_tokens or 0, time.monotonic()
        held = await limiter.reserve((key.project_id, key.key_id, MODEL, None), tokens, Decimal(0), now)
        try:
            looked = await moderator.look(texts, key.project_id)
        finally:
            held.settle(tokens, Decimal(0))
        span.attributes["treadle.moderation"] = looked.facts
    headers = ((b"x-treadle-trace-id", span.trace_id.encode()), *held.headers("chat", now))
    return moderation_answer(f"modr-{span.trace_id}", looked.found), headers

"""POST /v1/messages/count_tokens: asks whoever would answer where it can count, and estimates where it cannot.

The prompt of the release is counted too, since it is sent too. Nothing is generated, so no tokens are used: a count is one
request to the limits, and a span that says how many there were, never a text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import Struct

from treadle.gateway import refusals
from treadle.gateway.assign import choose_arm
from treadle.gateway.attempt import failure_of
from treadle.gateway.compose import Composed
from treadle.gateway.guarding.requests import guard_request
from treadle.gateway.parts import Parts
from treadle.gateway.protocols.base import Asked
from treadle.gateway.protocols.registry import PROTOCOLS
from treadle.gateway.ready import Ready
from treadle.gateway.recorded import recorded
from treadle.gateway.replying import Headers
from treadle.gateway.sending import Sender
from treadle.gateway.sent import sent_tokens
from treadle.gateway.table import Table
from treadle.gateway.translate.registry import find_translation
from treadle.gateway.types import Endpoint, Key
from treadle.gateway.upstream import UpstreamError
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id

MESSAGES = PROTOCOLS["/v1/messages"]


class _Count(Struct):
    input_tokens: int


_counts = msgspec.json.Decoder(_Count)


async def count(
    parts: Parts, table: Table, offer: Callable[[NewSpan], object], key: Key, body: bytes, started_at: datetime
) -> tuple[bytes, Headers]:
    """Return the answer and its headers. Raises Refusal. offer: takes the record."""
    asked = MESSAGES.parse(body)
    endpoint = table.endpoint(key, asked.model)
    if endpoint.disabled is not None:
        raise refusals.endpoint_disabled(endpoint.name, endpoint.disabled)
    ready = table.ready(endpoint, choose_arm(endpoint, asked.session or "").arm)
    span = NewSpan(
        project_id=key.project_id,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        name=f"count_tokens {endpoint.name}",
        kind="chain",
        started_at=started_at,
        key_id=key.key_id,
        cost_usd=Decimal(0),
    )
    with recorded(span, offer):
        now = time.monotonic()
        held = await parts.limiter.reserve((key.project_id, key.key_id, endpoint.name, asked.user), 0, Decimal(0), now)
        try:
            if ready.guards.has_input:
                asked, verdict = await guard_request(ready.guards, MESSAGES, asked)
                span.attributes["treadle.guards"] = [seen.attribute() for seen in verdict.seen]
                if verdict.blocked is not None:
                    raise verdict.blocked
            number, is_estimate = await count_tokens(parts.sender, ready, endpoint, asked)
        finally:
            held.settle(0, Decimal(0))
        span.attributes["treadle.counted_tokens"] = number
    headers = ((b"x-treadle-trace-id", span.trace_id.encode()), *held.headers("messages", now))
    return _body(number), (*headers, *(((b"x-treadle-estimated", b"true"),) if is_estimate else ()))


async def count_tokens(sender: Sender, ready: Ready, endpoint: Endpoint, asked: Asked) -> tuple[int, bool]:
    """Return how many tokens a request has, and whether the number is an estimate of ours. Raises Refusal."""
    composed = await ready.compose(asked)
    counted = await _ask(sender, ready, endpoint, composed)
    if counted is not None:
        return counted, False
    return sent_tokens(asked, composed), True


async def _ask(sender: Sender, ready: Ready, endpoint: Endpoint, composed: Composed) -> int | None:
    route = next(iter(ready.routes.values()), None)
    if route is None:
        return None
    body = composed.body_for(route.model)
    if composed.protocol != "messages":
        translation = find_translation(composed.protocol, "messages")
        assert translation is not None  # whatever is composed is chat or messages
        body = translation.request(body)
    try:
        reply = await sender.count(route, body, endpoint.routing.clocks)
        if reply is None:
            return None
        try:
            data = await reply.read()
        finally:
            reply.close()
    except UpstreamError as error:
        raise failure_of(error, route.target).refusal from error
    if reply.status != 200:
        return None
    try:
        return _counts.decode(data).input_tokens
    except msgspec.DecodeError:
        return None


def _body(number: int) -> bytes:
    return msgspec.json.encode({"input_tokens": number})

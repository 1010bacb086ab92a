"""One span per request: what was asked and answered, by whom, for how much, and what happened on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from treadle.gateway import media
from treadle.gateway.assign import Assignment
from treadle.gateway.attempts import Lost, Tried
from treadle.gateway.caller_trace import CallerTrace
from treadle.gateway.compose import Composed
from treadle.gateway.counting import added, complete_usage
from treadle.gateway.following import Followed
from treadle.gateway.protocols.base import Asked, Usage
from treadle.gateway.protocols.transcript import Transcript
from treadle.gateway.protocols.usage import has_details, input_total, output_total
from treadle.gateway.refusals import Refusal
from treadle.gateway.sent import sent_tokens
from treadle.gateway.types import Endpoint, Key, ProtocolName, Target
from treadle.traces.consent import NO_TRAINING
from treadle.traces.intake import NewSpan
from treadle.traces.pricing import BUCKET_ATTRIBUTES, PRICE_VERSION, Price, cost_usd
from treadle.traces.types import SpanKind, SpanStatus

SHADOW = "shadow"
"""The arm of a copy that no caller sees."""
OUTPUT_TYPE = "gen_ai.output.type"
"""OpenTelemetry's name for the form that an answer was asked for in; answers asked as JSON are counted as valid or not."""

_NOTHING_USD = Decimal(0)
_NAMES: dict[ProtocolName, tuple[str, SpanKind]] = {
    "chat": ("chat", "llm"),
    "messages": ("chat", "llm"),
    "responses": ("chat", "llm"),
    "completions": ("text_completion", "llm"),
    "embeddings": ("embeddings", "embedding"),
}


class Spent(NamedTuple):
    """What one answer used."""

    usage: Usage
    usd: Decimal | None
    """None where its price is not known."""


class Record(Struct, kw_only=True):
    """What is known of one request while it is served; becomes a span at its end."""

    trace_id: str
    started_at: datetime
    key: Key
    endpoint: Endpoint
    asked: Asked
    assignment: Assignment
    unit: str
    session: str | None
    config_hash: str
    span_id: str
    transcript: Transcript
    began: float
    """When it began, by the clock that measures durations."""
    parent_span_id: str | None = None
    """Of a copy: the span of the request it is a copy of."""
    caller_span_id: str | None = None
    """The caller's span that the request is part of, where it says so."""
    followed: Followed | None = None
    """The response that the request goes on from; None where it names none, or one that we did not seal."""
    composed: Composed | None = None
    target: Target | None = None
    """Which target answered; None when none did."""
    failed: list[Tried] = []
    """Attempts that failed before one answered."""
    earlier: Spent | None = None
    """What answers cost that the caller did not get: one that did not fit, the slower of two, one that it did not wait for."""
    cached: str | None = None
    """How the answer was found in the cache, 'exact' or 'semantic'; None when it was asked for."""
    status: SpanStatus = "ok"
    error: Refusal | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    signals: list[str] = []
    """Bad events that are no error: 'guard:NAME', 'schema'."""
    more: dict[str, Any] = {}
    """Further attributes: guard hits, cache, hedges, refinement."""

    def elapsed_ms(self) -> float:
        """Return how long it has taken so far."""
        return (perf_counter() - self.began) * 1000

    def used(self) -> tuple[int, Decimal | None]:
        """Return the tokens and the dollars that the request used, for its limits."""
        usage, usd = self._spent()
        if usage is None:
            return 0, _NOTHING_USD  # nothing was answered
        return input_total(usage) + output_total(usage), usd

    def spend(self, usage: Usage, target: Target) -> None:
        """Count an answer that the caller does not get, at the price of who gave it."""
        usd = None if target.price is None else cost_usd(target.price, usage)
        if self.earlier is not None:
            total = added(self.earlier.usage, usage)
            assert total is not None
            usage, before = total, self.earlier.usd
            usd = None if usd is None or before is None else before + usd
        self.earlier = Spent(usage, usd)

    def completed(self, usage: Usage | None, output: str, reasoning: str = "") -> Usage:
        """Return what an answer used: what was stated, and our own count of what was sent and written for the rest."""
        return complete_usage(usage, self._sent_tokens, output, reasoning)

    def lose(self, lost: Sequence[Lost]) -> None:
        """Count attempts that brought nobody anything, at least one; what they did not state is what was sent to them, as
        we count it."""
        for each in lost:
            self.spend(self.completed(each.usage, ""), each.target)
        self.more["treadle.attempts.lost"] = [each.target.key for each in lost]

    def stands_under(self, above: CallerTrace) -> None:
        """Note where the request stands in its caller's trace."""
        self.caller_span_id = above.span_id
        if above.state:
            self.more["otel.trace_state"] = above.state

    def span(self) -> NewSpan:
        """Return the span."""
        arm, transcript, composed, target = self.assignment.arm, self.transcript, self.composed, self.target
        usage, usd = self._spent()
        usage = usage or Usage()
        has_more = has_details(usage)
        operation, kind = _NAMES[self.asked.protocol]
        # Python hands more than 15 keywords over in a dict, which takes twice the time of all this.
        span = NewSpan(
            project_id=self.key.project_id,
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_span_id=self.parent_span_id or self.caller_span_id,
            name=f"{operation} {self.endpoint.name}",
            kind=kind,
            status=self.status,
            started_at=self.started_at,
            latency_ms=self.latency_ms,
            time_to_first_token_ms=self.first_token_ms,
            endpoint=self.endpoint.name,
            key_id=self.key.key_id,
            config_hash=self.config_hash,
            cost_usd=usd,
            attributes=self._attributes(usage, has_more=has_more),
        )
        span.release_id, span.rollout_id = arm.release_id, self.endpoint.rollout_id
        span.arm = arm.role if self.parent_span_id is None else SHADOW
        span.arm_weight, span.unit = self.assignment.probability, self.unit
        span.session_id, span.user_id = self.session, self.asked.user
        if target is None:
            span.provider, span.model, span.model_version_id = arm.provider, transcript.model, arm.model_version_id
        else:
            span.provider, span.model_version_id = target.provider, target.model_version_id
            span.model = transcript.model or target.model
        span.input_tokens = _input_total(usage) if has_more else usage.input_tokens
        span.output_tokens = _output_total(usage) if has_more else usage.output_tokens
        span.finish_reason = transcript.finish_reason
        if composed is not None:
            messages = composed.messages
            is_large = messages is not None and len(self.asked.body) > media.MOST_BYTES
            span.input_messages = media.without_media(messages) if messages and is_large else messages
            span.variables = Raw(msgspec.json.encode(composed.variables))
        if (said := transcript.messages()) is not None:
            span.output_messages = Raw(said)
        span.input_text, span.output_text = self.asked.input_text or None, transcript.text
        if self.error is not None:
            span.error_code, span.error_message = self.error.code, self.error.message
        return span

    def _sent_tokens(self) -> int:
        assert self.composed is not None  # nothing else is sent
        return sent_tokens(self.asked, self.composed)

    def _attributes(self, usage: Usage, *, has_more: bool) -> dict[str, Any]:
        found = dict(self.more)
        if self.asked.no_training:
            found[NO_TRAINING] = True
        if self.composed is not None and self.composed.asks_json:
            found[OUTPUT_TYPE] = "json"
        if self.cached is not None:
            found["treadle.cache"] = self.cached
        if has_more:
            for name, attribute in BUCKET_ATTRIBUTES.items():
                if count := getattr(usage, name):
                    found[attribute] = count
        if usage.estimated:
            found["treadle.usage.estimated"] = True
        if self.failed:
            found["treadle.attempts.failed"] = [{"target": each.target, "code": each.code} for each in self.failed]
        if signals := self._signals():
            found["treadle.signals"] = signals
        if usage.input_tokens is not None and (price := self._price()) is not None:
            found[PRICE_VERSION] = price.version
        if self.target is not None:
            found["gen_ai.request.model"] = self.target.model
        if self.asked.user is not None:
            found["user.id"] = self.asked.user
        return found

    def _spent(self) -> tuple[Usage | None, Decimal | None]:
        """Return what all answers used together, and what they cost, each at the price of who gave it; None: not known."""
        last, earlier, price = self.transcript.usage, self.earlier, self._price()
        if self.cached is not None:
            usd: Decimal | None = _NOTHING_USD
        else:
            usd = None if price is None else cost_usd(price, last or Usage())
        if earlier is None:
            return last, usd
        if last is None:
            return earlier.usage, earlier.usd
        return added(earlier.usage, last), None if usd is None or earlier.usd is None else earlier.usd + usd

    def _price(self) -> Price | None:
        return self.assignment.arm.price if self.target is None else self.target.price

    def _signals(self) -> list[str]:
        """Return what else went wrong on the way to an answer, in the words that rollouts know."""
        found = list(self.signals)
        if self.failed and self.status == "ok":
            found.append("rescued:timeout" if self.failed[0].code == "upstream_timeout" else "rescued")
        if self.transcript.refusal:
            found.append("refusal")
        return found


def _input_total(usage: Usage) -> int | None:
    """Return everything that was read, as OpenTelemetry counts it: caches and other media included."""
    return None if usage.input_tokens is None else input_total(usage)


def _output_total(usage: Usage) -> int | None:
    return None if usage.output_tokens is None else output_total(usage)

"""All dialects in their order of precedence, and the one verb that turns a raw span into a canonical one.

A span may speak several at once, and the first that says something about a field is believed: what an application states
about itself through an SDK (Langfuse, OpenInference, Vercel's, MLflow, OpenLLMetry) before OpenTelemetry's names, which the
others repeat with less detail, before what any span has.

Only calls of models carry counted usage. A chain or an agent that repeats the sum of its calls keeps it among its
attributes, where it is not counted a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw

from treadle.traces.dialects.base import MAX_COUNT, Dialect, Facts, Message, is_beyond_belief, json_of
from treadle.traces.dialects.errors import outcome_of
from treadle.traces.dialects.frameworks import bare_input, bare_output
from treadle.traces.dialects.genai import GenAi
from treadle.traces.dialects.langfuse import Langfuse
from treadle.traces.dialects.messages import is_conversation, last_user_text, messages, plain_text
from treadle.traces.dialects.mlflow import MlFlow
from treadle.traces.dialects.openinference import OpenInference
from treadle.traces.dialects.openllmetry import OpenLlmetry
from treadle.traces.dialects.plain import Plain
from treadle.traces.dialects.repeats import without_repeats
from treadle.traces.dialects.usage import Usage
from treadle.traces.dialects.vercel import Vercel
from treadle.traces.intake import NewSpan
from treadle.traces.otlp.raw import KIND_NAMES, STATUS_ERROR, STATUS_NAMES, RawEvent, RawLink, RawSpan
from treadle.traces.price_book import FindPrice
from treadle.traces.pricing import BUCKET_ATTRIBUTES, COMPUTED, PRICE_VERSION, Price, cost_usd
from treadle.traces.types import MODEL_KINDS, SpanKind, SpanStatus

DIALECTS: tuple[Dialect, ...] = (Langfuse(), OpenInference(), Vercel(), MlFlow(), OpenLlmetry(), GenAi(), Plain())
"""In order of precedence."""
_NAME_CHARS = 500
_ID_CHARS = 200
"""Longest text in a field that is indexed; the whole of it stays among the attributes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


def canonical(raw: RawSpan, project_id: str, prices: FindPrice | None = None) -> NewSpan:
    """Return what a span means, whoever emitted it. Never raises; costs some 20 microseconds and no I/O.

    prices: the price of a model by its name and provider. A call that states tokens and no cost is priced by it, and marked
    as such (`treadle.cost.computed`, `treadle.price.version`); what a span states itself stays.

    Its attributes are those that came, all of them and unchanged, with the buckets of its usage under OpenTelemetry's
    names where the emitter had others.
    """
    facts = _facts(raw)
    kind = facts.kind or ("llm" if facts.usage is not None or facts.asked_model or facts.model else "chain")
    calls_model = kind in MODEL_KINDS
    asked, said, variables = _content(kind, facts)
    status, code, message = outcome_of(raw, facts.error)
    usage = facts.usage if calls_model else None
    cost, price = (facts.cost_usd if calls_model else None), None
    if cost is None and usage is not None and prices is not None:
        cost, price = _priced(facts, usage, prices)
    return NewSpan(
        project_id=project_id,
        trace_id=raw.trace_id,
        span_id=raw.span_id,
        parent_span_id=raw.parent_span_id,
        name=raw.name[:_NAME_CHARS] or "(unnamed)",
        kind=kind,
        status=status,
        error_code=None if code is None else code[:_ID_CHARS],
        error_message=message,
        started_at=_EPOCH + timedelta(microseconds=raw.start_ns // 1_000),
        latency_ms=(raw.end_ns - raw.start_ns) / 1e6,
        time_to_first_token_ms=_first_token_ms(raw, facts) if calls_model else None,
        session_id=_short(facts.session_id),
        user_id=_short(facts.user_id),
        provider=_short(facts.provider) if calls_model else None,
        model=_short(facts.model or facts.asked_model) if calls_model else None,
        service_name=_short(_text(raw.resource.get("service.name"))),
        tool_name=_short(facts.tool_name) if kind == "tool" else None,
        input_tokens=None if usage is None else usage.input_total,
        output_tokens=None if usage is None else usage.output_total,
        cost_usd=cost,
        finish_reason=_short(facts.finish_reason) if calls_model else None,
        input_messages=None if asked is None else Raw(_encode(asked)),
        output_messages=None if said is None else Raw(_encode(said)),
        variables=None if variables is None else Raw(_encode(variables)),
        input_text=_input_text(variables, asked),
        output_text="" if said is None else _output_text(said),
        documents=None if facts.documents is None else Raw(_encode(facts.documents)),
        events=Raw(_encode([_event(event, raw.start_ns) for event in raw.events])) if raw.events else None,
        links=Raw(_encode([_link(link) for link in raw.links])) if raw.links else None,
        attributes=_attributes(raw, usage, status, message, price),
        resource=raw.resource,
    )


def disbelieved(raw: RawSpan, span: NewSpan) -> str | None:
    """Return what its sender should hear of a call that states tokens beyond belief, which are unknown then; None of others."""
    if span.kind not in MODEL_KINDS or (span.input_tokens is not None and span.output_tokens is not None):
        return None
    for name, value in raw.attributes.items():
        if ("usage" in name or "token_count" in name) and is_beyond_belief(value):
            return (
                f"span '{span.span_id}' is kept, and its tokens are unknown: '{name}' is {str(value)[:40]}; a call has "
                f"{MAX_COUNT:,} at most"
            )
    return None


def canonical_batch(raws: Iterable[RawSpan], project_id: str) -> list[NewSpan]:
    """Return what the spans of one request mean, a call that two of them tell of counted once. Never raises."""
    return without_repeats([canonical(raw, project_id) for raw in raws])


def _facts(raw: RawSpan) -> Facts:
    facts = Facts()
    families = frozenset([name.partition(".")[0] for name in raw.attributes])
    for dialect in DIALECTS:
        if dialect.speaks(families, raw.attributes):
            dialect.read(raw, families, facts)
    return facts


def _content(kind: SpanKind, facts: Facts) -> tuple[list[Message] | None, list[Message] | None, dict[str, Any] | None]:
    """Return the messages that went in and came out, and the variables."""
    asked, said, variables = facts.asked, facts.said, facts.variables
    if kind == "embedding":
        asked = said = None
    elif facts.result is not None and said is None and not (facts.documents and kind in ("retrieval", "rerank")):
        said = _said(kind, facts.result)
    if asked is None and facts.given is not None:
        given = bare_input(facts.given)
        inner = given.get("messages") if isinstance(given, dict) else given
        if kind in ("llm", "agent", "chain") and is_conversation(_single(inner)):
            asked = messages(inner)
        elif given not in (None, "", {}, []):
            variables = {**(given if isinstance(given, dict) else {"input": given}), **(variables or {})}
    if asked is not None and (text := last_user_text(asked)) is not None:
        variables = {"input": text, **(variables or {})}
    return asked, said, variables


def _said(kind: SpanKind, result: Any) -> list[Message] | None:
    """Return the output of an operation as messages: of a conversation its last one."""
    result = bare_output(result)
    inner = result.get("messages") if isinstance(result, dict) else result
    if is_conversation(inner):
        return (messages(inner, role="assistant") or [])[-1:] or None
    if result in (None, "", {}, []):
        return None
    return [{"role": "tool" if kind == "tool" else "assistant", "content": json_of(result)}]


def _single(value: Any) -> Any:
    """Return the conversation in a batch of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) else value


def _input_text(variables: dict[str, Any] | None, asked: list[Message] | None) -> str:
    if not variables:
        return "" if asked is None else last_user_text(asked) or ""
    if "input" in variables:
        return json_of(variables["input"])
    return json_of(next(iter(variables.values())) if len(variables) == 1 else variables)


def _output_text(said: list[Message]) -> str:
    return "\n".join(filter(None, [plain_text(one["content"]) for one in said]))


def _first_token_ms(raw: RawSpan, facts: Facts) -> float | None:
    """Return the time to the first token where it lies within the span."""
    found = facts.first_token_ms
    return found if found is not None and 0 <= found <= (raw.end_ns - raw.start_ns) / 1e6 + 1 else None


def _priced(facts: Facts, usage: Usage, prices: FindPrice) -> tuple[Decimal | None, Price | None]:
    """Return what a call cost by the price of the model that answered, else of the one that was asked."""
    for model in (facts.model, facts.asked_model):
        if model is not None and (price := prices(model, facts.provider)) is not None:
            return cost_usd(price, usage), price
    return None, None


def _attributes(
    raw: RawSpan, usage: Usage | None, status: SpanStatus, message: str | None, price: Price | None
) -> dict[str, Any]:
    """Return the attributes as they came, and what else the span says that no field holds."""
    found = dict(raw.attributes)
    if usage is not None:
        for bucket, name in BUCKET_ATTRIBUTES.items():
            if tokens := getattr(usage, bucket):
                found.setdefault(name, tokens)
    if price is not None:
        found[COMPUTED], found[PRICE_VERSION] = True, price.version
    if raw.scope.name:
        found.setdefault("otel.scope.name", raw.scope.name)
        found.setdefault("otel.scope.version", raw.scope.version)
    if raw.kind in KIND_NAMES:
        found.setdefault("otel.span.kind", KIND_NAMES[raw.kind])
    if len(raw.name) > _NAME_CHARS:
        found.setdefault("otel.span.name", raw.name)
    if raw.trace_state:
        found.setdefault("otel.trace_state", raw.trace_state)
    if raw.dropped:
        found.setdefault("otel.dropped_count", raw.dropped)
    if raw.scope.attributes:
        found.setdefault("otel.scope.attributes", raw.scope.attributes)
    if raw.status != (0 if status == "ok" else STATUS_ERROR):
        found.setdefault("otel.status_code", STATUS_NAMES.get(raw.status, "UNSET"))
    if raw.status_message != (message or ""):
        found.setdefault("otel.status_description", raw.status_message)
    return found


def _event(event: RawEvent, start_ns: int) -> dict[str, Any]:
    after_ms = (event.time_ns - start_ns) / 1e6 if event.time_ns else 0.0
    return {"name": event.name, "after_ms": after_ms, "attributes": event.attributes}


def _link(link: RawLink) -> dict[str, Any]:
    return {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": link.attributes}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _short(value: str | None) -> str | None:
    return None if value is None else value[:_ID_CHARS]

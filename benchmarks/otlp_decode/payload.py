"""The spans that are measured: 3 per trace (agent, retriever, model), in OpenTelemetry's names and OpenInference's at
once, 2.2 kB each on the wire, with a question of 750 characters, an answer of 850 and 1,600 of retrieved text."""

from __future__ import annotations

import json
import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_WORDS = [
    "the",
    "parcel",
    "of",
    "order",
    "is",
    "in",
    "a",
    "depot",
    "near",
    "Leeds",
    "and",
    "will",
    "reach",
    "you",
    "by",
    "noon",
    "tomorrow",
    "if",
    "roads",
    "stay",
    "clear",
]
_START_NS = 1_760_000_000_000_000_000


def request(traces: int, seed: int = 1) -> bytes:
    """Return an export of so many traces."""
    draw = random.Random(seed)
    export = ExportTraceServiceRequest()
    group = export.resource_spans.add()
    group.resource.attributes.extend(
        _pairs({"service.name": "help-desk", "service.version": "1.4.2", "host.name": "a"})
    )
    part = group.scope_spans.add()
    part.scope.name, part.scope.version = "openinference.instrumentation.langchain", "0.1.80"
    for _ in range(traces):
        part.spans.extend(_trace(draw))
    return export.SerializeToString()


def _trace(draw: random.Random) -> list[Span]:
    question, answer = _text(draw, 750), _text(draw, 850)
    passages = [_text(draw, 400) for _ in range(4)]
    trace_id, ids = draw.randbytes(16), [draw.randbytes(8) for _ in range(3)]
    session = {"session.id": f"s-{draw.randrange(5_000)}", "user.id": f"u-{draw.randrange(900)}"}
    agent = {
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "help", "openinference.span.kind": "AGENT",
        "input.value": question, "output.value": answer, **session,
    }  # fmt: skip
    retriever = {"openinference.span.kind": "RETRIEVER", "input.value": question[:200], **session}
    for index, passage in enumerate(passages):
        name = f"retrieval.documents.{index}.document"
        retriever |= {f"{name}.id": f"d{index}", f"{name}.content": passage, f"{name}.score": 0.9 - index / 10}
    messages = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    model = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.request.temperature": 0.2,
        "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 812, "gen_ai.usage.output_tokens": 214,
        "gen_ai.usage.cache_read.input_tokens": 512, "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps(said), "openinference.span.kind": "LLM", **session,
    }  # fmt: skip
    steps = (("help", agent, 1), ("search", retriever, 1), ("chat gpt-4o-mini", model, 3))
    return [
        Span(
            trace_id=trace_id, span_id=ids[place], parent_span_id=ids[0] if place else b"", name=name, kind=kind,
            start_time_unix_nano=_START_NS + place * 1_000, end_time_unix_nano=_START_NS + 900_000_000 - place,
            attributes=_pairs(attributes), status=Status(code=Status.STATUS_CODE_OK),
        )
        for place, (name, attributes, kind) in enumerate(steps)
    ]  # fmt: skip


def _pairs(values: dict[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: object) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    assert isinstance(value, float)
    return AnyValue(double_value=value)


def _text(draw: random.Random, length: int) -> str:
    return " ".join(draw.choices(_WORDS, k=length // 4))[:length]

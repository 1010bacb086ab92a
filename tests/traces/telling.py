"""What a recorded export comes to: the canonical rows of its calls, without what differs from run to run."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from treadle.traces.dialects.registry import canonical_batch
from treadle.traces.dialects.repeats import COUNTED_IN
from treadle.traces.intake import NewSpan, pack
from treadle.traces.otlp.decode import JSON, decode
from treadle.traces.pricing import BUCKET_ATTRIBUTES

GOLDEN = Path(__file__).parent / "golden"
_ANTHROPICS_OWN = "com.anthropic.sdk.python"
_LEFT_OUT = (
    "project_id", "trace_id", "span_id", "parent_span_id", "name", "started_at", "latency_ms",
    "time_to_first_token_ms", "error_message", "events", "links", "attributes", "resource", "service_name",
)  # fmt: skip


def recordings() -> list[tuple[str, str]]:
    """Return the scenes with their emitters."""
    names = sorted(path.name.split(".") for path in GOLDEN.glob("*.json"))
    return [(scene, emitter) for scene, emitter, _ in names]


def recorded(scene: str, emitter: str) -> bytes:
    """Return what an emitter sent of a scene, as JSON."""
    return (GOLDEN / f"{scene}.{emitter}.json").read_bytes()


def canonical_of(body: bytes) -> list[NewSpan]:
    """Return an export's spans in canonical form, in order of start."""
    spans = canonical_batch(decode(body, JSON).spans, "prj")
    return sorted(spans, key=lambda span: span.started_at)


def calls(spans: list[NewSpan]) -> list[dict[str, Any]]:
    """Return the calls of models, tools and searches among spans, each once; what stands around them is each
    framework's own matter."""
    found: list[dict[str, Any]] = []
    for span in spans:
        is_step = span.kind in ("chain", "agent") or (span.kind == "retrieval" and span.documents is None)
        is_told_elsewhere = COUNTED_IN in span.attributes or "llm.prompt_template.template" in span.attributes
        is_told_elsewhere |= span.attributes["otel.scope.name"] == _ANTHROPICS_OWN
        row = row_of(span)
        if not is_step and not is_told_elsewhere and row not in found:
            found.append(row)
    return found


def row_of(span: NewSpan) -> dict[str, Any]:
    """Return a canonical row with its buckets of tokens."""
    packed = json.loads(pack(span).data)
    row = {name: value for name, value in packed.items() if name not in _LEFT_OUT and value not in ("", None)}
    if span.kind == "llm":
        row |= {name: span.attributes[name] for name in BUCKET_ATTRIBUTES.values() if span.attributes.get(name)}
    return row


def as_protobuf(body: bytes) -> bytes:
    """Return the same export in protobuf, whose JSON form has ids in base64."""
    request = ParseDict(_with_base64(json.loads(body)), ExportTraceServiceRequest(), ignore_unknown_fields=True)
    return bytes(request.SerializeToString())


def _with_base64(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: base64.b64encode(bytes.fromhex(value)).decode()
            if name in ("traceId", "spanId", "parentSpanId")
            else _with_base64(value)
            for name, value in node.items()
        }
    return [_with_base64(item) for item in node] if isinstance(node, list) else node

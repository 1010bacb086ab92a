"""What a span costs on its way from OTLP's bytes to the packed canonical span, against bare protobuf in the same run.

    python benchmarks/otlp_decode/run.py
    python benchmarks/otlp_decode/run.py --quick

Exits with 1 when the bar is missed: 40 microseconds of CPU per span of 2.2 kB, 300 spans per request, in protobuf. One
thread, medians of the rounds; the garbage collector is set as in a worker of the gateway.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).parent))  # the folder is not a package
from payload import request

from treadle.server.gateway_worker import GC_THRESHOLDS
from treadle.traces.dialects.registry import canonical_batch
from treadle.traces.intake import pack
from treadle.traces.otlp.decode import JSON, PROTOBUF, decode

TRACES, BAR_US = 100, 40.0
ROUNDS = 5 if "--quick" in sys.argv else 15
TIMES = 4 if "--quick" in sys.argv else 20


def main() -> int:
    """Print the costs; return 1 when the bar is missed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    body = request(TRACES)
    spans = 3 * TRACES
    json_body = _as_json(body)
    decoded = decode(body, PROTOBUF).spans
    made = canonical_batch(decoded, "prj")
    print(f"{spans} spans, {len(body) / spans:,.0f} bytes each in protobuf, {len(json_body) / spans:,.0f} in JSON")
    measured: dict[str, Callable[[], object]] = {
        "bare FromString": lambda: ExportTraceServiceRequest.FromString(body),
        "decode, protobuf": lambda: decode(body, PROTOBUF),
        "decode, JSON": lambda: decode(json_body, JSON),
        "canonical": lambda: canonical_batch(decoded, "prj"),
        "pack": lambda: [pack(span) for span in made],
        "all, JSON": lambda: [pack(span) for span in canonical_batch(decode(json_body, JSON).spans, "prj")],
        "all, protobuf": lambda: [pack(span) for span in canonical_batch(decode(body, PROTOBUF).spans, "prj")],
    }
    cost = 0.0
    for name, once in measured.items():
        cost = measure(once) / spans
        print(f"{name:<18}{cost:7.2f} us per span")
    print(f"bar: all, protobuf {cost:.2f} of {BAR_US:g} us: {'met' if cost <= BAR_US else 'MISSED'}")
    return 0 if cost <= BAR_US else 1


def measure(once: Callable[[], object]) -> float:
    """Return what one call costs in microseconds of CPU: the median of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(TIMES):
            once()
        rounds.append((time.process_time() - began) / TIMES * 1e6)
    return statistics.median(rounds)


def _as_json(body: bytes) -> bytes:
    """Return the same export as OTLP's JSON writes it: ids in hex."""
    import base64
    import json

    tree = MessageToDict(ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True)
    for group in tree["resourceSpans"]:
        for part in group["scopeSpans"]:
            for span in part["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
    return json.dumps(tree, separators=(",", ":")).encode()


if __name__ == "__main__":
    sys.exit(main())

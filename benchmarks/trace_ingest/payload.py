"""What is sent: OTLP/HTTP protobuf as peers were measured with it, 3 spans per trace (agent, retriever, chat), some 2.2 kB each.

A question of 900 characters, an answer of 1,000, a retrieved text of 1,900; `gen_ai.*` and OpenInference's attributes;
300 spans per request. Thirty templates of a request are made once; ids, times and one rare word per trace are patched
into the bytes, so that making a request costs the sender some microseconds per span. Starts are spread over 24 hours
in the order of sending, or at random as the peers' were (`spread`).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACES = 100
SPANS = 3 * TRACES
DAY_NS = 86_400 * 10**9
_STARTS = ["ka", "lo", "mi", "ne", "tu", "ra", "si", "po", "de", "fu", "ba", "ge", "hy", "ju"]
_MIDDLES = ["ba", "ren", "tik", "mol", "sa", "vert", "ing", "osh", "ul", "em", "and", "ist", "dor", "lan"]
_ENDS = ["", "s", "er", "ing", "ly"]
VOCABULARY = [start + middle + end for start in _STARTS for middle in _MIDDLES for end in _ENDS]
COMMON = VOCABULARY[0]
"""A word that nearly every trace has."""
MARK = "zzzzzzzzzzzz"
"""Where a trace's own word goes."""


class Template(NamedTuple):
    """A request's bytes, and where in them each trace's ids, times and word are."""

    data: bytes
    traces: list[list[int]]
    """Per trace: offsets of its id."""
    spans: list[list[list[int]]]
    """Per trace and span: offsets of its id, as its own and as a parent."""
    times: list[list[int]]
    """Per trace: offsets of the eight-byte times, start and end of each span in turn."""
    words: list[list[int]]
    """Per trace: offsets of its own word."""


def templates(seed: int, count: int = 30) -> list[Template]:
    """Return templates of requests; the same for the same seed."""
    draw = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(VOCABULARY))]

    def text(length: int) -> str:
        words = draw.choices(VOCABULARY, weights, k=length // 4)
        return " ".join(words)[:length]

    return [_template(draw, text) for _ in range(count)]


def patched(template: Template, draw: random.Random, at: Callable[[], int]) -> tuple[bytes, list[bytes]]:
    """Return a request with fresh ids and times, and its traces' ids. at: gives the start of a trace, in ns."""
    data, ids = bytearray(template.data), []
    for number, offsets in enumerate(template.traces):
        trace_id = draw.randbytes(16)
        ids.append(trace_id)
        for offset in offsets:
            data[offset : offset + 16] = trace_id
        for places in template.spans[number]:
            span_id = draw.randbytes(8)
            for offset in places:
                data[offset : offset + 8] = span_id
        start = at()
        for place, offset in enumerate(template.times[number]):
            duration = int(draw.lognormvariate(6, 1) * 1e6) if place % 2 else 0
            data[offset : offset + 8] = struct.pack("<Q", start + duration)
        word = word_of(trace_id).encode()
        for offset in template.words[number]:
            data[offset : offset + len(word)] = word
    return bytes(data), ids


def word_of(trace_id: bytes) -> str:
    """Return the rare word of a trace: one in some thousand traces has the same."""
    return f"rare{int.from_bytes(trace_id[:2], 'big') % 4096:08d}"


def _template(draw: random.Random, text: Callable[[int], str]) -> Template:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    _put(group.resource, "service.name", "bench")
    scope = group.scope_spans.add()
    scope.scope.name = "bench"
    marks = [draw.randbytes(16) for _ in range(TRACES)]
    spans = [[draw.randbytes(8) for _ in range(3)] for _ in range(TRACES)]
    times = [[(1 << 60) + number * 6 + place for place in range(6)] for number in range(TRACES)]
    for number in range(TRACES):
        question, answer, found = f"{MARK} {text(887)}", text(1000), text(1900)
        agent, retriever, chat = (scope.spans.add() for _ in range(3))
        for place, span in enumerate((agent, retriever, chat)):
            span.trace_id, span.span_id = marks[number], spans[number][place]
            span.start_time_unix_nano, span.end_time_unix_nano = times[number][place * 2 : place * 2 + 2]
            if place:
                span.parent_span_id = spans[number][0]
        agent.name, retriever.name, chat.name = "invoke_agent support", "retrieve", "chat"
        _put(agent, "openinference.span.kind", "AGENT")
        _put(agent, "session.id", f"session-{draw.randrange(1000)}")
        _put(agent, "user.id", f"user-{draw.randrange(500)}")
        _put(agent, "input.value", question)
        _put(agent, "output.value", answer)
        _put(retriever, "openinference.span.kind", "RETRIEVER")
        _put(retriever, "retrieval.documents.0.document.content", found)
        _put(retriever, "retrieval.documents.0.document.score", 0.83)
        model = f"model-{draw.randrange(5)}"
        chat.kind = Span.SPAN_KIND_CLIENT
        _put(chat, "gen_ai.operation.name", "chat")
        _put(chat, "gen_ai.system", "openai")
        _put(chat, "gen_ai.request.model", model)
        _put(chat, "gen_ai.response.model", model)
        _put(chat, "gen_ai.usage.input_tokens", draw.randrange(100, 2000))
        _put(chat, "gen_ai.usage.output_tokens", draw.randrange(20, 600))
        _put(chat, "gen_ai.prompt.0.role", "user")
        _put(chat, "gen_ai.prompt.0.content", question)
        _put(chat, "gen_ai.completion.0.role", "assistant")
        _put(chat, "gen_ai.completion.0.content", answer)
    data = request.SerializeToString()
    return Template(
        data,
        [_offsets(data, mark) for mark in marks],
        [[_offsets(data, span_id) for span_id in each] for each in spans],
        [[_offsets(data, struct.pack("<Q", time))[0] for time in each] for each in times],
        _marks(data),
    )


def _put(target: object, key: str, value: str | int | float) -> None:
    attribute = target.attributes.add()  # type: ignore[attr-defined]
    attribute.key = key
    name = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
    setattr(attribute.value, name, value)


def _offsets(data: bytes, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def _marks(data: bytes) -> list[list[int]]:
    found = _offsets(data, MARK.encode())
    return [found[number * 2 : number * 2 + 2] for number in range(TRACES)]

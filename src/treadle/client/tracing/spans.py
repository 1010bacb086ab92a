"""One span of an application while it lasts, and which span is around the code that runs now.

Spans nest by a context variable, so they follow threads' and tasks' own contexts. Where OpenTelemetry is loaded its
context is told too: its spans become children of ours, and ours of its spans.
"""

from __future__ import annotations

import logging
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Literal

from treadle import __version__
from treadle.client.tracing.otlp import ERROR, INTERNAL, Source, pairs_of
from treadle.client.tracing.snapshot import as_text, is_telling, snapshot

Kind = Literal["llm", "embedding", "retrieval", "rerank", "tool", "agent", "chain", "guardrail", "evaluator"]
KINDS: dict[Kind, str] = {
    "llm": "LLM", "embedding": "EMBEDDING", "retrieval": "RETRIEVER", "rerank": "RERANKER", "tool": "TOOL",
    "agent": "AGENT", "chain": "CHAIN", "guardrail": "GUARDRAIL", "evaluator": "EVALUATOR",
}  # fmt: skip
"""Our kinds in OpenInference's words, which our spans speak."""
SHORT_NAMES = {
    "model": "gen_ai.request.model",
    "provider": "gen_ai.provider.name",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "finish_reason": "llm.finish_reason",
    "cost_usd": "llm.cost.total",
    "session_id": "session.id",
    "user_id": "user.id",
    "tool_name": "tool.name",
    "no_training": "treadle.no_training",
}
"""What `set` has a short name for."""
log = logging.getLogger("treadle.tracing")
_SCOPE = ("treadle", __version__)
_MAX_STACK_CHARS = 20_000
_current: ContextVar[Span | None] = ContextVar("treadle_span", default=None)

Take = Callable[["Span"], None]


class Span:
    """One operation. Hand facts to it while it lasts; it is taken when it ends."""

    __slots__ = (
        "_attributes",
        "_events",
        "_input",
        "_output",
        "_started",
        "_status",
        "_take",
        "chars",
        "end_ns",
        "kind",
        "name",
        "parent_id",
        "resource",
        "session_id",
        "span_id",
        "start_ns",
        "trace_id",
        "user_id",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        *,
        kind: Kind = "chain",
        session_id: str | None = None,
        user_id: str | None = None,
        resource: tuple[tuple[str, Any], ...] = (),
        take: Take | None = None,
    ) -> None:
        """take: who gets it when it ends; None for a span that nobody wants."""
        around, foreign = _current.get(), _otel_context()
        if kind not in list(KINDS):
            log.warning(
                "span '%s' has the kind '%s' and is kept as 'chain'; kinds are %s", name, kind, ", ".join(KINDS)
            )
            kind = "chain"
        self.name, self.kind, self.resource, self._take = name, kind, resource, take
        self.trace_id: str
        self.parent_id: str | None = None
        if foreign is not None:
            self.trace_id, self.parent_id = f"{foreign.trace_id:032x}", f"{foreign.span_id:016x}"
        elif around is not None:
            self.trace_id, self.parent_id = around.trace_id, around.span_id
        else:
            self.trace_id = f"{random.getrandbits(128) or 1:032x}"
        self.span_id: str = f"{random.getrandbits(64) or 1:016x}"
        self.session_id: str | None = session_id or (around.session_id if around else None)
        self.user_id: str | None = user_id or (around.user_id if around else None)
        self.chars = 500
        self.end_ns = 0
        self._attributes: dict[str, Any] = {}
        self._events: list[tuple[str, int, dict[str, Any]]] = []
        self._input: Any = None
        self._output: Any = None
        self._status: tuple[int, str] | None = None
        self.start_ns, self._started = time.time_ns(), time.perf_counter_ns()

    def set(self, attributes: Mapping[str, Any] | None = None, /, **facts: Any) -> Span:
        """Say something about the operation: `input`, `output`, `documents`, the short names of SHORT_NAMES, and any other.

        Values are copied at once. Never raises.
        """
        for name, value in {**(attributes or {}), **facts}.items():
            if name == "input":
                self._input = self._kept(value)
            elif name == "output":
                self._output = self._kept(value)
            elif name == "documents":
                self._attributes.update(_documents(self._kept(value)))
            else:
                key = SHORT_NAMES.get(name, str(name))
                plain = "[HIDDEN]" if is_telling(key) else self._kept(value)
                self._attributes[key] = as_text(plain) if isinstance(plain, (dict, list)) else plain
        return self

    def event(self, name: str, **facts: Any) -> None:
        """Note that something happened now."""
        self._events.append((name, self._now_ns(), {key: self._kept(value) for key, value in facts.items()}))

    def fail(self, error: BaseException) -> None:
        """Note the exception that the operation ended with."""
        kind = type(error).__qualname__
        stack = "".join(traceback.format_exception(error, limit=-30))[-_MAX_STACK_CHARS:]
        message = _message(error)
        told = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
        self._events.append(("exception", self._now_ns(), told))
        self._attributes["error.type"] = kind
        self._status = (ERROR, message)
        self.chars += len(stack) + len(message)

    def end(self) -> None:
        """End the operation; what is said later is not heard."""
        if not self.end_ns:
            self.end_ns = self._now_ns()
            if self._take is not None:
                self._take(self)

    @property
    def traceparent(self) -> str:
        """The header that lets another service's spans be part of this one (W3C trace context)."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    def source(self) -> Source:
        """Return who made it."""
        return Source(self.resource, _SCOPE)

    def as_json(self) -> dict[str, Any]:
        """Return it as OTLP's JSON has it."""
        attributes: dict[str, Any] = {"openinference.span.kind": KINDS[self.kind]}
        for side, value in (("input", self._input), ("output", self._output)):
            if value is not None:
                attributes[f"{side}.value"] = as_text(value)
                attributes[f"{side}.mime_type"] = "text/plain" if isinstance(value, str) else "application/json"
        attributes |= {"session.id": self.session_id, "user.id": self.user_id, **self._attributes}
        if self.kind == "tool":
            attributes.setdefault("tool.name", self.name)
        told: dict[str, Any] = {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "name": self.name,
            "kind": INTERNAL,
            "startTimeUnixNano": str(self.start_ns),
            "endTimeUnixNano": str(self.end_ns),
            "attributes": pairs_of(attributes),
        }
        if self.parent_id is not None:
            told["parentSpanId"] = self.parent_id
        if self._events:
            told["events"] = [
                {"name": name, "timeUnixNano": str(at_ns), "attributes": pairs_of(facts)}
                for name, at_ns, facts in self._events
            ]
        if self._status is not None:
            told["status"] = {"code": self._status[0], "message": self._status[1]}
        return told

    @contextmanager
    def active(self) -> Iterator[Span]:
        """Be the span around the code in the block, without ending with it."""
        entered = self.enter()
        try:
            yield self
        finally:
            leave(entered)

    def enter(self) -> Any:
        """Become the span around the code that follows; `leave` undoes it with what this returns."""
        return _current.set(self), _attach(self)

    def _now_ns(self) -> int:
        """Return the time by the clock that cannot go back, set where the wall's clock was at the start."""
        return self.start_ns + time.perf_counter_ns() - self._started

    def _kept(self, value: Any) -> Any:
        found = snapshot(value)
        self.chars += found.chars
        return found.value


def current_span() -> Span | None:
    """Return the span around the code that runs now; None outside of any."""
    return _current.get()


def leave(entered: Any) -> None:
    """Undo `Span.enter`. A context that is gone, as after a task was handed over, is left alone."""
    token, attached = entered
    with suppress(ValueError):
        _current.reset(token)
    if attached is not None:
        from opentelemetry import context

        context.detach(attached)


def _attach(span: Span) -> Any:
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import context, trace

    own = trace.SpanContext(
        int(span.trace_id, 16), int(span.span_id, 16), is_remote=False, trace_flags=trace.TraceFlags(1)
    )
    return context.attach(trace.set_span_in_context(trace.NonRecordingSpan(own)))


def _otel_context() -> Any:
    """Return the ids of OpenTelemetry's span around the code that runs now; ours are among them."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    return found if found.is_valid else None


def _documents(found: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for number, one in enumerate(found if isinstance(found, list) else [found]):
        document = one if isinstance(one, dict) else {"content": as_text(one)}
        for name, value in document.items():
            if name in ("id", "content", "score", "metadata"):
                plain = as_text(value) if isinstance(value, (dict, list)) else value
                told[f"retrieval.documents.{number}.document.{name}"] = plain
    return told


def _message(error: BaseException) -> str:
    try:
        return str(error)[:10_000]
    except Exception as odd:
        return f"<{type(odd).__name__} when its text was asked for>"

"""Spans that the OpenTelemetry SDK ends, taken into our delivery: those about models, unless all are wanted.

What is left out (databases, HTTP) would break the tree where it stands between two that are sent; a span is therefore
hung under the nearest one around it that is sent too.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakValueDictionary

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from treadle.client.tracing.otlp import Finished, Foreign
from treadle.client.tracing.spans import current_span

FAMILIES = frozenset(
    ("gen_ai", "llm", "openinference", "traceloop", "langfuse", "ai", "mlflow", "mcp", "treadle", "input", "output",
     "retrieval", "reranker", "embedding", "tool", "crewai", "pydantic_ai", "agent")
)  # fmt: skip
"""Which first parts of attributes' names make a span one about models."""
SCOPES = ("openinference.", "opentelemetry.instrumentation.openai", "opentelemetry.util.genai", "langfuse", "treadle")
"""How the names of libraries begin that make spans about nothing else."""


class TreadleProcessor(SpanProcessor):
    """Hands spans over when they end."""

    def __init__(self, take: Callable[[Finished], None], flush: Callable[[float], bool], *, all_spans: bool) -> None:
        """flush: waits until everything is sent, so many seconds at most."""
        self._take, self._flush, self._all_spans = take, flush, all_spans
        self._living: WeakValueDictionary[int, Span] = WeakValueDictionary()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Know it for those inside it, and give it the session and user of our span around it."""
        self._living[span.get_span_context().span_id] = span
        own = current_span()
        if own is not None:
            for name, value in (("session.id", own.session_id), ("user.id", own.user_id)):
                if value is not None:
                    span.set_attribute(name, value)

    def on_end(self, span: ReadableSpan) -> None:
        """Take it, if it is wanted. Costs a few microseconds."""
        if self._is_wanted(span):
            self._take(Foreign(span, self._parent_id(span)))

    def shutdown(self) -> None:
        """Leave the sending to the process, which goes on with spans of its own."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until everything is sent."""
        return self._flush(timeout_millis / 1_000)

    def _is_wanted(self, span: ReadableSpan) -> bool:
        if self._all_spans:
            return True
        scope = span.instrumentation_scope
        if scope is not None and scope.name.startswith(SCOPES):
            return True
        return any(name.partition(".")[0] in FAMILIES for name in span.attributes or ())

    def _parent_id(self, span: ReadableSpan) -> int | None:
        """Return the nearest span around it that is sent; None for a root."""
        parent = span.parent
        while parent is not None and (around := self._living.get(parent.span_id)) and not self._is_wanted(around):
            parent = around.parent
        return None if parent is None else parent.span_id

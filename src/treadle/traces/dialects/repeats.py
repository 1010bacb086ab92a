"""The same call told twice: an instrumentation around a client that has one of its own, such as OpenInference's around
Anthropic's. Both are calls of a model, one directly within the other, and both state the usage.

Two that arrive in the same batch, which is the rule since they end within a millisecond, are told apart here. The outer
one counts: it knows the messages.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from treadle.traces.intake import NewSpan
from treadle.traces.pricing import COMPUTED, PRICE_VERSION
from treadle.traces.types import MODEL_KINDS

COUNTED_IN = "treadle.usage.counted_in"
"""The span that carries the usage in place of this one."""


def without_repeats(spans: Sequence[NewSpan]) -> list[NewSpan]:
    """Return the spans of a batch, those without counted usage whose direct parent counts it already."""
    counted = {(span.trace_id, span.span_id) for span in spans if _counts(span)}
    return [
        _uncounted(span) if _counts(span) and (span.trace_id, span.parent_span_id) in counted else span
        for span in spans
    ]


def _counts(span: NewSpan) -> bool:
    return span.kind in MODEL_KINDS and (span.input_tokens is not None or span.cost_usd is not None)


def _uncounted(span: NewSpan) -> NewSpan:
    attributes = {**span.attributes, COUNTED_IN: span.parent_span_id}
    if attributes.pop(COMPUTED, False):
        del attributes[PRICE_VERSION]
    return msgspec.structs.replace(span, input_tokens=None, output_tokens=None, cost_usd=None, attributes=attributes)

"""Signals: what live traffic came to, per step of time and group: volume, errors, latency, tokens, cost.

Of requests, what happened is counted at the root: a request is one, however many steps it took, and as slow as its root.
What was used is counted wherever it is stated: tokens and cost stand on the calls of models, which an application's root
is not. No token is counted twice, because an agent's sum of its calls is no usage of its own (`dialects.repeats`).

Read from rollups, which follow committed spans by some seconds (`SignalPage.complete_until`). Quantiles come from
mergeable sketches (REQ, Apache DataSketches): rank errors below 1 % at the median and far less towards p99.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from treadle.core.types import Record
from treadle.traces.types import SpanKind, Wanted

Step = Literal["minute", "hour", "day"]
Counted = Literal["spans", "requests"]
"""'spans': each by itself. 'requests': volume, errors, latencies and shares of root spans; tokens, speed and cost of all
spans that state them, copies of a shadow stage among them."""
Grouping = Literal["endpoint", "release_id", "model", "key_id", "user_id", "service_name", "kind"]


class SignalQuery(Record):
    """Which spans to count, and how to lay them out."""

    since: datetime
    """Started then or later; taken down to the step's beginning."""
    until: datetime
    """Started before then; taken up to the step's end. At most 50,000 points are given."""
    step: Step = "hour"
    """Width of a point; UTC."""
    as_one: bool = False
    """One point for the whole time, its quantiles those of all of it, in place of one for each step."""
    by: list[Grouping] = Field(default_factory=list)
    """One series for each combination of these; none is one series of everything. By user or service reads single spans and not
    rollups: some microseconds per span."""
    endpoint: Wanted | None = None
    """Only this endpoint."""
    release_id: Wanted | None = None
    """Only what this release answered."""
    model: Wanted | None = None
    """Only this model."""
    key_id: Wanted | None = None
    """Only what was called with this key."""
    user_id: Wanted | None = None
    """Only this end user; reads single spans."""
    segment: Wanted | None = None
    """Only end users whose ids begin so; reads single spans."""
    service_name: Wanted | None = None
    """Only what this service sent; reads single spans."""
    kind: SpanKind | None = None
    """Only spans of this kind."""
    of: Counted = "spans"
    """What is counted, where no `kind` is named."""


class Quantiles(Record):
    """Of one measure, in milliseconds."""

    p50: float
    """Half were quicker."""
    p95: float
    """One in twenty was slower."""
    p99: float
    """One in a hundred was slower."""


class SignalPoint(Record):
    """What one group came to in one step."""

    at: datetime
    """Where the step begins, UTC."""
    endpoint: str | None = None
    """None where the spans had none, and where it was not grouped by."""
    release_id: str | None = None
    """As above."""
    model: str | None = None
    """As above."""
    key_id: str | None = None
    """As above."""
    user_id: str | None = None
    """As above."""
    service_name: str | None = None
    """As above."""
    kind: SpanKind | None = None
    """As above."""
    count: int
    """Spans; of requests, roots."""
    call_count: int = 0
    """Calls of models: spans of the kinds that tokens and cost are stated on, within requests too."""
    error_count: int
    """Of those, with status 'error'; the caller's own leaving is not one."""
    cancelled_count: int
    """Of those, with status 'cancelled'."""
    errors: dict[str, int] = Field(default_factory=dict)
    """Errors by code; 'unknown' for those without."""
    latency_ms: Quantiles | None = None
    """Of spans with status 'ok'; None when there was none."""
    time_to_first_token_ms: Quantiles | None = None
    """Of streamed answers; None when there was none."""
    tokens_per_second: float | None = None
    """Output tokens per second of answering (after the first token where it is known); None when none was told."""
    input_tokens: int = 0
    """Sum of what was told."""
    output_tokens: int = 0
    """Sum of what was told."""
    cost_usd: Decimal = Decimal(0)
    """Sum of what is known."""
    unpriced_count: int = 0
    """Spans with tokens whose price is unknown."""
    cache_hits: int = 0
    """Answered from the gateway's cache."""
    refusals: int = 0
    """Answers in which the model refused."""
    guard_hits: int = 0
    """Spans at which a guard struck."""
    json_answers: int = 0
    """Requests' answers that were asked for as JSON ('gen_ai.output.type') or begin like it."""
    json_valid: int = 0
    """Of those, the ones that are JSON as a whole."""

    @property
    def error_rate(self) -> float:
        """Errors per span, 0 to 1."""
        return self.error_count / self.count if self.count else 0.0


class SignalPage(Record):
    """The points, by time and then by group."""

    items: list[SignalPoint]
    """Steps in which nothing happened are left out."""
    complete_until: datetime
    """Spans stored before then are counted; those of the last seconds follow."""

"""What a trace is: spans with times, content, tokens and cost, and which release and arm gave the answer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import JsonValue, Record

SpanKind = Literal["llm", "embedding", "retrieval", "rerank", "tool", "agent", "chain", "guardrail", "evaluator"]
MODEL_KINDS: frozenset[SpanKind] = frozenset(("llm", "embedding", "rerank"))
"""Kinds that call a model, and so carry its name and counted usage."""
SpanStatus = Literal["ok", "error", "cancelled"]
ScoreSource = Literal["human", "user", "signal", "code"]
Wanted = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
"""A text to look for; PostgreSQL has no NUL characters."""


class Document(Record):
    """A passage that a retrieval found or a reranking kept."""

    id: str | None = None
    """As the application names it."""
    content: str = ""
    """Its text; empty where only its id was recorded."""
    score: float | None = None
    """As the index or the reranker gave it: higher is better in most, not in all."""
    metadata: JsonValue = None
    """What the application keeps with it."""


class SpanEvent(Record):
    """Something that happened at one moment of a span, such as an exception or a stream's first token."""

    name: str
    """Which kind of happening."""
    after_ms: float
    """From the span's start; negative where the emitter's clock says so."""
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    """What came with it."""


class SpanLink(Record):
    """Another span that caused this one or belongs to it, without being its parent."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    """What came with it."""


class Span(Record):
    """One operation inside a trace."""

    trace_id: str
    """32 hex digits, as in OpenTelemetry."""
    span_id: str
    """16 hex digits, unique within the trace."""
    parent_span_id: str | None = None
    """The operation this one was part of; None for the root."""
    name: str
    """What was done, such as 'chat support'."""
    kind: SpanKind
    """Which sort of operation."""
    status: SpanStatus
    """'cancelled' means that the caller went away: nobody's fault."""
    error_code: str | None = None
    """Stable name of what went wrong; None unless status is 'error'."""
    error_message: str | None = None
    """What went wrong, in words; None unless status is 'error'."""
    started_at: datetime
    """Aware UTC."""
    latency_ms: float
    """From the request's arrival to its last byte."""
    time_to_first_token_ms: float | None = None
    """From the request's arrival to the first content of a stream; None when not streamed."""
    endpoint: str | None = None
    """Endpoint that was called; None outside the gateway."""
    release_id: str | None = None
    """Release that answered."""
    rollout_id: str | None = None
    """Rollout that was moving traffic then."""
    arm: str | None = None
    """'stable' or 'candidate'."""
    arm_weight: float | None = None
    """Probability with which the unit got this arm, 0 to 1."""
    unit: str | None = None
    """What was assigned to the arm: the session, else the trace itself."""
    session_id: str | None = None
    """Conversation or user that the application named."""
    user_id: str | None = None
    """End user that the application named."""
    key_id: str | None = None
    """API key that called."""
    config_hash: str | None = None
    """Digest of the gateway's configuration at that moment."""
    provider: str | None = None
    """Who ran the model, such as 'engine'."""
    model: str | None = None
    """Model that answered, in the provider's words; the one asked for where the answer names none."""
    model_version_id: str | None = None
    """Weights that answered."""
    service_name: str | None = None
    """Application that sent the span; None for the gateway's own."""
    tool_name: str | None = None
    """Tool that was called; None unless kind is 'tool'."""
    input_tokens: int | None = None
    """Tokens that the model read; None when the provider did not say."""
    output_tokens: int | None = None
    """Tokens that the model wrote; None when the provider did not say."""
    cost_usd: Decimal | None = None
    """None when the price is unknown; never 0 for that reason."""
    finish_reason: str | None = None
    """Why the model stopped, as the provider says."""
    input_messages: JsonValue = None
    """Messages as the model got them, prompt included."""
    output_messages: JsonValue = None
    """Messages that the model gave; of a cut stream what came through."""
    variables: JsonValue = None
    """What the caller gave before the prompt was filled in: `input` and its own variables."""
    documents: list[Document] = Field(default_factory=list)
    """What was retrieved, best first as the application ranks it."""
    events: list[SpanEvent] = Field(default_factory=list)
    """What happened on the way, in the emitter's order."""
    links: list[SpanLink] = Field(default_factory=list)
    """Other spans that this one points at."""
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    """Everything that came with the span, under the names of its emitter."""
    resource: dict[str, JsonValue] = Field(default_factory=dict)
    """What the emitter says of itself: service, version, host."""


class Score(Record):
    """What was said about a trace, newest per name and source; the feedback slice holds the history."""

    name: str
    """What is judged, such as 'correct'."""
    source: ScoreSource
    """Who judged: a person reviewing, the application's user, an implicit signal, or code."""
    value: float | None = None
    """The number, if it is one; booleans are 1 and 0."""
    label: str | None = None
    """The category, if it is one."""
    low: float | None = None
    """Smallest value of the scale that it stands on; None where it stands on none, as yes and no do."""
    high: float | None = None
    """Largest value of that scale."""


class Trace(Record):
    """One line of the list of traces: the root span and what the whole came to."""

    trace_id: str
    """32 hex digits."""
    name: str
    """Name of the root span."""
    started_at: datetime
    """Aware UTC, of the root span."""
    latency_ms: float
    """Of the root span."""
    time_to_first_token_ms: float | None = None
    """Of the root span."""
    status: SpanStatus
    """Of the root span."""
    error_code: str | None = None
    """Of the root span."""
    error_message: str | None = None
    """What went wrong, in words, of the root span."""
    endpoint: str | None = None
    """Endpoint that was called."""
    release_id: str | None = None
    """Release that answered."""
    rollout_id: str | None = None
    """Rollout that was moving traffic then."""
    arm: str | None = None
    """'stable' or 'candidate'."""
    session_id: str | None = None
    """Conversation or user."""
    has_root: bool = True
    """False where no root span has come: then the earliest span whose parent is unknown stands in for it."""
    input_tokens: int | None = None
    """Sum over all of its spans of what was told; None where none tells."""
    output_tokens: int | None = None
    """Sum over all of its spans of what was told; None where none tells."""
    cost_usd: Decimal | None = None
    """Sum over all of its spans of what is known; None where nothing is."""
    unpriced_count: int = 0
    """Spans with tokens whose price is unknown: where there are any, the sum is only part of the cost."""
    input_text: str
    """Beginning of what was asked, up to 200 characters; by the first part that says, where the root does not."""
    output_text: str
    """Beginning of what was answered, up to 200 characters; by the last part that says, where the root does not. Empty where the
    request failed and its root says nothing."""
    scores: list[Score]
    """What was said about it."""


class SpanNode(Record):
    """A span with what happened inside it."""

    span: Span
    """The operation."""
    children: list[SpanNode] = Field(default_factory=list)
    """Its parts, in order of start."""


class TraceDetail(Record):
    """A whole trace."""

    trace: Trace
    """Its line in the list."""
    roots: list[SpanNode]
    """The tree; more than one root when a parent has not arrived (yet)."""
    from_archive: bool = False
    """Whether some of it is archived."""


class Example(Record):
    """A trace as somebody who curates data needs it: what went in, what came out, what was said about it."""

    trace_id: str
    """Where it is from."""
    endpoint: str | None
    """Endpoint that was called."""
    release_id: str | None
    """Release that answered."""
    session_id: str | None
    """Conversation or user."""
    started_at: datetime
    """Aware UTC."""
    status: SpanStatus
    """Of the root span."""
    error_message: str | None = None
    """What went wrong, in words, of the root span."""
    variables: dict[str, JsonValue]
    """`input` and the caller's own variables, or the arguments of a function; those of the first part that has any where the
    root says nothing."""
    input_text: str = ""
    """What was asked, in words: `input`, else the only variable, else all of them as JSON, else the last user message; of the
    first part that says where the root does not. Empty when nobody does."""
    output_text: str
    """The whole answer, that of the last part that has one where the root says nothing; empty when there was none, as of a
    request that failed."""
    scores: list[Score]
    """What was said about it."""


class TraceFilter(Record):
    """Which traces to list; what is None is not asked for."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    q: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    """A filter in words, such as `status:error model:gpt-4o* latency>2s`; see docs/filters.md. What else is given must be,
    too."""
    endpoint: Wanted | None = None
    """Endpoint that was called."""
    release_id: Wanted | None = None
    """Release that answered."""
    rollout_id: Wanted | None = None
    """Rollout that was moving traffic."""
    arm: Literal["stable", "candidate"] | None = None
    """Arm that answered."""
    status: SpanStatus | None = None
    """How it ended."""
    session_id: Wanted | None = None
    """Conversation or user."""
    since: datetime | None = None
    """Started then or later."""
    until: datetime | None = None
    """Started before then."""
    text: Wanted | None = None
    """Words that one of its spans has, in the question, the answer, an error or a retrieved document: all of them, whole,
    in any order and any case."""
    score: Wanted | None = None
    """Name of a score that the trace has."""
    score_from: float | None = None
    """Smallest value of that score."""
    score_to: float | None = None
    """Largest value of that score."""


class Lag(Record):
    """How far what follows stored spans is behind. Lists and single traces are never behind."""

    signals_seconds: float
    """Age of the oldest block of spans that is not in the rollups; 0 when all are. Readers of signals add up to 400 blocks
    that wait."""
    signals_blocks: int
    """How many wait."""
    search_seconds: float
    """Age of the oldest block that is not in the index of words; 0 when all are. A search looks through the newest 16
    that wait."""
    search_blocks: int
    """How many wait."""


class PartialSuccess(Record):
    """What of an export was refused, as OTLP's JSON has it."""

    rejectedSpans: int = 0
    """How many spans."""
    errorMessage: str = ""
    """Why."""


class Accepted(Record):
    """The answer to an export of spans, as OTLP's JSON has it."""

    partialSuccess: PartialSuccess | None = None
    """None when all of them were taken."""


class Imported(Record):
    """What came of bringing traces over from a file."""

    spans_count: int
    """Spans that were taken, those that were there before among them."""
    refused_count: int
    """Spans that were not."""
    reasons: list[str] = Field(default_factory=list)
    """Why, up to ten requests' worth."""


class Retention(Record):
    """How long a project keeps its spans."""

    days: int | None = Field(default=None, ge=1, le=36_500)
    """Days after a span's start; None keeps them for good. Hourly signals and scores stay."""
    archive: bool = False
    """Whether days are written to the object store before they are forgotten; they can be asked there as before, only slower."""
    archive_days: int | None = Field(default=None, ge=1, le=36_500)
    """Days after a span's start until the archive forgets it, too; more than `days`. None keeps it for good."""

    @model_validator(mode="after")
    def _fits(self) -> Retention:
        if self.archive and self.days is None:
            raise ValueError("an archive takes what is not kept any more: say after how many days, with `days`")
        if self.archive_days is not None and (not self.archive or self.archive_days <= (self.days or 0)):
            raise ValueError("`archive_days` is more than `days`, and only where `archive` is on")
        return self


class KeptRetention(Revised, Retention):
    """How long the project keeps its spans now."""

    EDITED = frozenset(Retention.model_fields)

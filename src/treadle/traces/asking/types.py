"""What is listed of the store: spans as lines, pages that may have been stopped, sessions and users."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, StringConstraints, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import Page, Record
from treadle.traces.types import SpanKind, SpanStatus, Trace

T = TypeVar("T")


class LookedPage(Page[T], Generic[T]):
    """A page of a list that is looked through for a filter."""

    stopped_early: bool = False
    """True when as much was looked through as one request may before the page was full. There may be more: go on with
    `next_cursor`."""
    from_archive: bool = False
    """Whether archived days were looked through for this page; what is there comes after everything else."""


class SpanLine(Record):
    """One line of the list of spans: everything but the content."""

    seq: int
    """Position in the order of storing."""
    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits, unique within the trace."""
    parent_span_id: str | None = None
    """The operation this one was part of; None for a root."""
    name: str
    """What was done."""
    kind: SpanKind
    """Which sort of operation."""
    status: SpanStatus
    """How it ended."""
    error_code: str | None = None
    """Stable name of what went wrong."""
    error_message: str | None = None
    """What went wrong, in words."""
    started_at: datetime
    """Aware UTC."""
    latency_ms: float
    """To its end."""
    time_to_first_token_ms: float | None = None
    """To the first content of a stream."""
    endpoint: str | None = None
    """Endpoint that was called."""
    release_id: str | None = None
    """Release that answered."""
    session_id: str | None = None
    """Conversation."""
    user_id: str | None = None
    """End user."""
    provider: str | None = None
    """Who ran the model."""
    model: str | None = None
    """Model that answered."""
    service_name: str | None = None
    """Application that sent it."""
    tool_name: str | None = None
    """Tool that was called."""
    input_tokens: int | None = None
    """Tokens that the model read."""
    output_tokens: int | None = None
    """Tokens that the model wrote."""
    cost_usd: Decimal | None = None
    """None when unknown."""
    finish_reason: str | None = None
    """Why the model stopped."""


class ScoreMean(Record):
    """What the newest traces were judged."""

    name: str
    """What is judged."""
    count: int
    """Scores, numbers and labels."""
    mean: float | None = None
    """Of the numbers; None where there is none."""


class Party(Record):
    """A session or an end user, and what its traces came to since the first one. Follows the store by a second or so."""

    name: str
    """As the application names it."""
    first_at: datetime
    """When its earliest trace started, UTC."""
    last_at: datetime
    """When its newest trace started, UTC."""
    trace_count: int
    """Traces whose root names it."""
    error_count: int
    """Of those, with status 'error'."""
    span_count: int
    """All spans of these traces."""
    input_tokens: int
    """Sum over all spans of what was told."""
    output_tokens: int
    """Sum over all spans of what was told."""
    cost_usd: Decimal | None
    """Sum of what is known; None where tokens were used and no price is known."""
    unpriced_count: int
    """Spans with tokens whose price is unknown: where there are any, the sum is only part of the cost."""
    scores: list[ScoreMean]
    """By name, of the newest 20 traces."""


class PartyPage(Page[Party]):
    """A page of sessions or end users."""

    leaves_out_archive: bool = False
    """Whether there are archived days: who was only seen then is not listed; sums go on where somebody was seen since."""
    stopped_early: bool = False
    """True when as many names as one request may were looked through for a part of one before the page was full. There may be more: go
    on with `next_cursor`."""


class TreeRow(Record):
    """One span in a trace's tree: no content, but what its subtree came to."""

    span_id: str
    """16 hex digits; its content is at `/traces/{trace_id}/spans/{span_id}`."""
    parent_span_id: str | None = None
    """The operation this one was part of, whether or not it is there."""
    name: str
    """What was done."""
    kind: SpanKind
    """Which sort of operation."""
    status: SpanStatus
    """How it ended."""
    error_code: str | None = None
    """Stable name of what went wrong."""
    error_message: str | None = None
    """What went wrong, in words."""
    started_at: datetime
    """Aware UTC."""
    latency_ms: float
    """To its end."""
    model: str | None = None
    """Model that answered."""
    tool_name: str | None = None
    """Tool that was called."""
    input_tokens: int | None = None
    """Of this span alone."""
    output_tokens: int | None = None
    """Of this span alone."""
    cost_usd: Decimal | None = None
    """Of this span alone; None when unknown."""
    depth: int
    """0 for a root."""
    child_count: int
    """Its direct parts."""
    descendant_count: int
    """All spans below it."""
    subtree_error_count: int
    """Failed spans, itself among them."""
    subtree_input_tokens: int
    """Sum of what was told, itself among them."""
    subtree_output_tokens: int
    """Sum of what was told, itself among them."""
    subtree_cost_usd: Decimal | None
    """Sum of what is known, itself among them; None where tokens were used and no price is known."""
    subtree_unpriced_count: int = 0
    """Spans with tokens whose price is unknown, itself among them."""
    critical_ms: float
    """Its own time on the critical path: how much sooner the whole might have ended; 0 when it is not on it."""


class CriticalStep(Record):
    """A span on the critical path."""

    span_id: str
    """Which span."""
    name: str
    """What was done."""
    kind: SpanKind
    """Which sort of operation."""
    own_ms: float
    """Time for which the whole waited for this span itself and none of its parts."""


class TraceTree(Record):
    """One trace, of whatever size: what the whole came to, and a page of its spans."""

    trace: Trace
    """Its line in the list."""
    span_count: int
    """Spans of the trace."""
    error_count: int
    """Of those, failed."""
    root_count: int
    """Spans without a parent that is there; of a circle, one."""
    depth: int
    """Levels of the tree."""
    input_tokens: int
    """Sum over all spans of what was told."""
    output_tokens: int
    """Sum over all spans of what was told."""
    cost_usd: Decimal | None
    """Sum of what is known; None where tokens were used and no price is known."""
    unpriced_count: int = 0
    """Spans with tokens whose price is unknown: where there are any, the sum is only part of the cost."""
    critical_path: list[CriticalStep]
    """Of the first root, the spans that the whole waited for, those with most time first, up to 50."""
    critical_span_count: int
    """How many are on it."""
    is_complete: bool = True
    """False for a trace of more than 200,000 spans: these are told, the rest is not."""
    from_archive: bool = False
    """Whether some of it is archived."""
    rows: list[TreeRow]
    """This page, each span before its parts, parts in order of start."""
    next_cursor: str | None = None
    """Hand it back as `cursor` for the next page; None on the last one."""


ViewName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
"""1 to 60 of a-z, 0-9 and '-'."""


Listed = Literal[
    "trace", "span", "session", "user", "alert", "finding", "prompt", "dataset", "experiment", "queue", "run", "model", "job",
    "endpoint", "release", "rollout", "target", "actor", "key", "audit_entry", "dashboard",
]  # fmt: skip
"""What lists are of that can be kept as they are filtered; a finding is of a caller, a target of a gateway."""
WORDED = ("trace", "span")
"""Of these, filters are words."""
_Searched = Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
_Told = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]+$")]


class NewView(Record):
    """A filter to keep, with how its list is shown."""

    subject: Listed = "trace"
    """Which list it is of."""
    q: Annotated[str, StringConstraints(max_length=2_000)] = ""
    """Of traces and spans the filter in words; see docs/filters.md. Lists come newest first."""
    search: dict[_Searched, _Told] = Field(default_factory=dict, max_length=20)
    """Of every other list what stands in its page's address, by name, such as 'status': 'failed'; the API takes the same names."""
    columns: list[Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00]+$")]] = Field(
        default_factory=list, max_length=30
    )
    """Names of what is shown, in order; empty for the page's own choice."""
    is_shared: bool = False
    """Whether everybody in the project sees it; otherwise its owner does."""

    @model_validator(mode="after")
    def _is_of_its_list(self) -> Self:
        if self.subject in WORDED and self.search:
            raise ValueError(f"{self.subject}s are filtered in words; give q, and leave out search")
        if self.subject not in WORDED and self.q:
            raise ValueError(
                "words are for traces and spans; give search, such as {'status': 'failed'}, and leave out q"
            )
        return self


class View(Revised, NewView):
    """A kept filter."""

    EDITED = frozenset(NewView.model_fields)

    name: ViewName
    """Unique among its owner's, and among those that are shared."""
    owner_id: str
    """Who keeps it, and alone may change it."""
    updated_at: datetime
    """Aware UTC."""


Counted = Literal["all", "sums", "newest", "sample"]
"""How a chart came to its figures."""


class Days(Record):
    """Days one after another, both ends among them."""

    first: date
    """The oldest, UTC."""
    last: date
    """The newest, UTC."""


class TraceBar(Record):
    """What the traces of a list came to in one step of time."""

    at: datetime
    """Where the step begins, UTC."""
    count: int
    """Traces that began in it."""
    error_count: int
    """Of those, with status 'error'."""
    latency_p95_ms: float | None
    """One in twenty of those that ended well was slower; None where none did. Of a step that is archived in part, the larger one of
    its two parts."""
    cost_usd: Decimal | None
    """What they cost together, as far as it is known; None where nothing of it is."""
    unpriced_count: int
    """Calls among them whose price nobody knows."""


class TraceChart(Record):
    """A list of traces over time."""

    since: datetime
    """Aware UTC: where the first step begins."""
    until: datetime
    """Where the last one ends."""
    step_seconds: int
    """Width of a step."""
    bars: list[TraceBar]
    """By time; steps in which none began are left out."""
    counted: Counted
    """'all': every trace that matches, one by one. 'sums': from what is kept by minute and hour, in which a request that the gateway
    answered within a trace counts beside it. 'newest': only the newest that match, because their content decides. 'sample': estimated
    from the newest of each quarter of a step, each quarter by itself and by those sums; one with few traces is counted."""
    looked_count: int
    """Traces that it was taken of."""
    from_archive: bool = False
    """Whether archived traces are among them. Those are counted one by one, whatever `counted` says of the others, but for 'sums'."""
    left_out: list[Days] = Field(default_factory=list)
    """Archived days of this time that no bar tells of, because only so much of the archive is read for a chart: the newest days of it.
    1970-01-01 stands for the spans that said odd times."""


class NewExport(Record):
    """What to write into a file."""

    q: Annotated[str, StringConstraints(max_length=2_000)] = ""
    """A filter in words; see docs/filters.md. Empty for everything."""
    view: ViewName | None = None
    """Only what this kept filter of yours, or a shared one, finds, too. A view of traces makes the subject 'trace'."""
    subject: Literal["span", "trace"] = "span"
    """'span': the spans that match; 'trace': all spans of the traces that match."""
    format: Literal["jsonl", "parquet"] = "jsonl"
    """JSON lines with everything as it is, or Parquet, where nested values are JSON texts."""

"""Monitors, what they saw, and the alerts they raised."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import JsonValue, Record
from treadle.traces.types import SpanKind, Wanted

MonitorName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
"""1 to 60 of a-z, 0-9 and '-'."""
MonitorId = Annotated[str, StringConstraints(pattern=r"^mon_[0-9a-hjkmnp-tv-z]{26}$")]
AlertId = Annotated[str, StringConstraints(pattern=r"^alt_[0-9a-hjkmnp-tv-z]{26}$")]
Direction = Literal["above", "below", "both"]
Verdict = Literal["well", "bad", "unknown"]
Condition = Literal["ok", "firing", "no data"]
MonitorState = Literal["ok", "firing", "no data", "silenced", "off"]
Metric = Literal[
    "requests", "errors", "error_rate", "latency_p50", "latency_p95", "latency_p99", "ttft_p50", "ttft_p95", "ttft_p99",
    "tokens_per_second", "input_tokens", "output_tokens", "tokens", "output_length", "cost_usd", "cache_hit_rate",
    "refusal_rate", "guard_hit_rate", "json_valid_rate", "feedback_rate", "score", "engine_cpu_percent",
    "engine_memory_bytes", "engine_gpu_percent", "engine_gpu_memory_bytes",
]  # fmt: skip
"""What can be watched and drawn; `figures.py` has titles and units. Rates are shares, 0-1; 'output_length' is output tokens
per call of a model; 'score' is the mean of what was said, 'feedback_rate' of how many requests something was
said, such as 'copied', per request of the window; 'json_valid_rate' is taken of answers that were asked for as JSON or
begin like it. Tokens, their speed and cost are those of all calls of models; engines are measured by the minute; everything
else is that of whole requests."""
SAID: tuple[Metric, ...] = ("score", "feedback_rate")
"""Read from what was said of answers, so they need its name."""
Unit = Literal[
    "requests", "errors", "share", "ms", "tokens", "tokens/s", "USD", "score", "% of a core", "%", "bytes"
]  # fmt: skip
"""What a value or a limit is counted in; a share is 0-1."""
DriftChannel = Literal["input", "output", "context", "features", "scores"]


class Threshold(Record):
    """A value beyond a limit is bad."""

    kind: Literal["threshold"] = "threshold"
    """Which rule this is."""
    above: FiniteFloat | None = None
    """Larger values are bad."""
    below: FiniteFloat | None = None
    """Smaller values are bad."""
    margin: float = Field(default=0.0, ge=0, le=0.5)
    """While firing, how far within the limit a value must be to be well, as a share of the limit: 0.1 is a tenth."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("the threshold has no limit; give `above`, `below` or both")
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise ValueError(
                f"every value would be bad: `below` ({self.below:g}) must be less than `above` ({self.above:g})"
            )
        return self


class Anomaly(Record):
    """A value far from what the same hours of the same weekday came to in earlier weeks is bad."""

    kind: Literal["anomaly"] = "anomaly"
    """Which rule this is."""
    weeks: int = Field(default=4, ge=2, le=12)
    """Weeks to look back; of each, the window itself and those just before and after it."""
    deviations: float = Field(default=5.0, ge=2, le=20)
    """How many robust standard deviations from the median are too many."""
    direction: Direction = "both"
    """Which side is bad."""


class Sequential(Record):
    """Evidence gathered over windows that a share is beyond a limit; it is false in at most 1 % of monitors, ever."""

    kind: Literal["sequential"] = "sequential"
    """Which rule this is."""
    limit: float = Field(gt=0, lt=1)
    """The share that is still well."""
    direction: Literal["above", "below"] = "above"
    """Which side is bad."""


class Drift(Record):
    """Windows whose texts, answers or scores no longer look like a reference's are bad."""

    kind: Literal["drift"] = "drift"
    """Which rule this is."""
    channels: list[DriftChannel] = Field(default=["input", "output", "features"], min_length=1, max_length=5)
    """What is compared, each by itself; p-values are adjusted for their number."""
    reference_since: AwareDatetime
    """The reference begins then."""
    reference_until: AwareDatetime
    """And ends before then."""
    reference_rows: int = Field(default=500, ge=100, le=2000)
    """Traces taken as the reference at most, spread over its time."""
    window_rows: int = Field(default=200, ge=50, le=500)
    """Traces of a window looked at, at most."""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.reference_since >= self.reference_until:
            raise ValueError("`reference_since` must be before `reference_until`")
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("a channel is named twice")
        return self


RuleKind = Literal["threshold", "anomaly", "sequential", "drift"]
Rule = Threshold | Anomaly | Sequential
"""Rules that judge one number per window."""
AnyRule = Annotated[Threshold | Anomaly | Sequential | Drift, Field(discriminator="kind")]


class Watched(Record):
    """What a monitor looks at: one figure of the traffic that matches."""

    metric: Metric = "requests"
    """Which figure; a drift rule looks at texts and not at this."""
    score: Wanted | None = None
    """Name of the score or feedback, for the metrics 'score' and 'feedback_rate' and for no other."""
    endpoint: Wanted | None = None
    """Only this endpoint."""
    release_id: Wanted | None = None
    """Only what this release answered."""
    model: Wanted | None = None
    """Only this model."""
    key_id: Wanted | None = None
    """Only what was called with this key."""
    user_id: Wanted | None = None
    """Only this end user."""
    segment: Wanted | None = None
    """Only end users of this segment: the beginning of their ids, such as 'acme/' or 'trial-'; reads single spans."""
    service_name: Wanted | None = None
    """Only what this service sent, as its spans' `service.name` says; reads single spans."""
    error_code: Wanted | None = None
    """Only errors of this kind, for 'errors' and 'error_rate'."""
    model_version_id: Wanted | None = None
    """Only this version's engine, for the metrics of engines."""
    kind: SpanKind | None = None
    """Only spans of this kind, parts of requests included. None takes whole requests as their roots have them, with the tokens
    and the cost of all their calls."""

    @model_validator(mode="after")
    def _names_a_score(self) -> Self:
        is_said = self.metric in SAID
        if is_said != (self.score is not None):
            raise ValueError(
                f"the metric '{self.metric}' needs the name of one in `score`"
                if is_said
                else "`score` names what was said, for the metrics score and feedback_rate and for no other metric"
            )
        if is_said and self.kind:
            raise ValueError("scores are of whole requests; leave out `kind`")
        if self.error_code is not None and self.metric not in ("errors", "error_rate"):
            raise ValueError("`error_code` is for the metrics 'errors' and 'error_rate'")
        if self.user_id is not None and self.segment is not None:
            raise ValueError("give `user_id` or `segment`, not both")
        is_engine = self.metric.startswith("engine_")
        if not is_engine and self.model_version_id is not None:
            raise ValueError("`model_version_id` is for the metrics of engines")
        others = (
            self.endpoint, self.release_id, self.model, self.key_id, self.user_id, self.segment, self.service_name, self.kind,
        )  # fmt: skip
        if is_engine and any(each is not None for each in others):
            raise ValueError(
                "engines are shared by all requests; `model_version_id` is all that they can be cut down to"
            )
        return self


class NewMonitor(Record):
    """A monitor to make, or what it should be from now on."""

    name: MonitorName
    """What people call it; unique in the project."""
    signal: Watched
    """What it looks at."""
    rule: AnyRule
    """When that is bad."""
    window_minutes: int = Field(default=5, ge=1, le=1440)
    """Length of a window; windows begin at whole multiples of it (UTC)."""
    fire_after: int = Field(default=1, ge=1, le=100)
    """Bad windows in a row until it fires."""
    clear_after: int = Field(default=2, ge=1, le=100)
    """Well windows in a row until an alert is over."""
    least_count: int = Field(default=1, ge=0, le=1_000_000)
    """Windows with fewer spans are without data."""
    alert_on_silence: bool = False
    """Whether windows without data count as bad."""
    channels: list[str] = Field(default=[], max_length=10)
    """Names of the channels that are told."""
    is_on: bool = True
    """Whether it is evaluated."""


class Monitor(Revised):
    """A monitor and where it stands."""

    EDITED = frozenset(NewMonitor.model_fields)

    monitor_id: MonitorId
    """'mon_…'."""
    name: MonitorName
    """Unique in the project."""
    signal: Watched
    """What it looks at."""
    rule: AnyRule
    """When that is bad."""
    window_minutes: int
    """Length of a window."""
    fire_after: int
    """Bad windows in a row until it fires."""
    clear_after: int
    """Well windows in a row until an alert is over."""
    least_count: int
    """Windows with fewer spans are without data."""
    alert_on_silence: bool
    """Whether windows without data count as bad."""
    channels: list[str]
    """Who is told."""
    is_on: bool
    """Whether it is evaluated."""
    state: MonitorState
    """'silenced' and 'off' say that nobody is told; `condition` goes on beneath."""
    condition: Condition
    """What its windows say."""
    condition_since: datetime
    """Aware UTC."""
    value: float | None
    """Of the newest window; None without data."""
    unit: Unit
    """Of the value and of the rule's limits."""
    words: str
    """Why it stands as it does, for people."""
    evaluated_until: datetime
    """Aware UTC: the end of the newest window."""
    silenced_until: datetime | None
    """Aware UTC; None when it is not silenced."""
    alert_id: str | None
    """The alert that goes on; None without one."""
    created_at: datetime
    """Aware UTC."""


class Silence(Record):
    """Tell nobody for a while."""

    until: AwareDatetime | None
    """Until then; None ends a silence now."""
    reason: str = Field(default="", max_length=300)
    """Why, for the audit log."""


class WindowSeen(Record):
    """One window that was evaluated, once."""

    starts_at: datetime
    """Aware UTC."""
    ends_at: datetime
    """Aware UTC, not part of it."""
    value: float | None
    """What the signal came to; for drift the smallest adjusted p-value."""
    spans: int
    """How many spans that was taken of."""
    verdict: Verdict
    """What the rule says of it."""
    condition: Condition
    """Where the monitor stood afterwards."""
    expected_low: float | None
    """Where values would have been well; None where there is no such end."""
    expected_high: float | None
    """The same, upwards."""
    words: str
    """Why, for people."""
    detail: dict[str, JsonValue]
    """For drift: the channels with their p-values and what explains them. For a cost of which `value` is only a part:
    `unpriced_count`, how many calls have no known price."""


class Change(Record):
    """Something that somebody or the platform changed shortly before."""

    at: datetime
    """Aware UTC."""
    action: str
    """What, as in the audit log: 'releases.serve'."""
    object_id: str
    """To what."""
    actor: str = ""
    """Who; empty where that is not known any more."""
    words: str = ""
    """The same as people read it: "endpoint 'support' serves release 'triage v7'"."""


class AlertSpans(Record):
    """Which spans explain an alert: a filter for the list of traces."""

    since: datetime
    """Aware UTC: started then or later."""
    until: datetime
    """Aware UTC: started before then."""
    endpoint: str | None = None
    """Of this endpoint; None of all."""
    release_id: str | None = None
    """Answered by this release; None by any."""
    model: str | None = None
    """Answered by this model; None by any."""
    key_id: str | None = None
    """Called with this key; None with any."""
    user_id: str | None = None
    """By this end user; None by anyone."""
    service_name: str | None = None
    """Sent by this service; None by any."""
    q: str = ""
    """The same as a filter in words, as lists of traces take it."""


class Alert(Record):
    """One firing of a monitor."""

    alert_id: AlertId
    """'alt_…'."""
    monitor_id: MonitorId
    """Which monitor."""
    monitor: MonitorName
    """Its name then."""
    status: Literal["firing", "resolved"]
    """Whether it goes on."""
    summary: str
    """What is wrong, in one sentence."""
    value: float | None
    """What the signal came to when it fired."""
    unit: Unit | None
    """Of the value; None for drift."""
    opened_at: datetime
    """Aware UTC: the end of the window that made it fire."""
    resolved_at: datetime | None
    """Aware UTC; None while it goes on."""
    spans: AlertSpans
    """Which spans explain it."""
    release_id: str | None
    """The release whose traffic explains it most; None where no release stands out."""
    release: str | None
    """What that release is called: 'triage v7'; None where that is not known."""
    changes: list[Change]
    """What was changed in the day before, newest first, 10 at most."""
    is_told: bool
    """Whether channels were told; not while it is silenced."""


class AlertFilter(Record):
    """Which alerts to list."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    monitor: MonitorName | None = None
    """Of this monitor."""
    status: Literal["firing", "resolved"] | None = None
    """That go on, or are over."""

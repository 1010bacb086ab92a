"""Targets as people see them: their breakers, failures and speed, over all workers of the gateway."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from treadle.core.types import Record
from treadle.gateway.routing.words import FailureKind, State

TargetState = Literal["closed", "open", "probing", "unused"]
"""'closed' lets every request through, 'open' none, 'probing' one that decides; 'unused' was not asked in the last hour."""
TargetKey = Annotated[str, StringConstraints(min_length=3, max_length=400, pattern=r"^[^\x00/]+/[^\x00]+$")]
"""'<provider>/<model>', such as 'openai/gpt-5'."""


class WorkerView(Record):
    """A target as one worker knows it."""

    worker_id: str
    """'wrk_…'; a new one with each start."""
    host: str
    """The machine it runs on."""
    pid: int
    """Its process there."""
    state: State
    """Its breaker for this target."""
    why: FailureKind | None
    """What opened it; None while it is closed."""
    probe_at: datetime | None
    """Aware UTC: from then on one request is let through to try; None while it is closed."""
    is_reset_asked: bool
    """Whether it was told to close its breaker and did not do so yet."""
    in_flight: int
    """Requests under way."""
    attempts: int
    """That ended with a verdict, since it began."""
    failures: int
    """Those that spoke against the target."""
    attempts_lately: int
    """Attempts of the last minute or two."""
    failures_lately: int
    """Those of them that spoke against the target."""
    latency_ms: float | None
    """To the end of answers, streams included: an average that follows peaks; None before the first."""
    first_token_ms: float | None
    """The same to the first content of streams; None before the first."""
    first_token_p95_ms: float | None
    """95 % of streams brought content by then; None before the first."""
    last_failure: FailureKind | None
    """How it failed last; None where it has not."""
    last_failed_at: datetime | None
    """Aware UTC: when that was."""
    reported_at: datetime
    """Aware UTC: when it said so."""


class TargetHealth(Record):
    """A target over all workers that were heard of in the last half minute."""

    target: TargetKey
    """'<provider>/<model>'."""
    provider: str
    """What endpoints call the provider."""
    model: str
    """What the provider calls the model; for 'engine' a model version's id."""
    endpoints: list[str]
    """Which endpoints may send requests there."""
    state: TargetState
    """The worst of its workers'."""
    probe_at: datetime | None
    """Aware UTC: the first moment at which a worker tries it again; None where no breaker is open."""
    in_flight: int
    """Requests under way."""
    attempts_lately: int
    """Attempts of the last minute or two."""
    failures_lately: int
    """Those of them that spoke against the target."""
    latency_ms: float | None
    """The slowest worker's; None before the first answer."""
    last_failure: FailureKind | None
    """How it failed last; None where it has not."""
    last_failed_at: datetime | None
    """Aware UTC: when that was."""
    workers: list[WorkerView]
    """One by one, those with open breakers first."""


class HealthFilter(Record):
    """Which targets to list."""

    state: TargetState | None = None
    """That stand so."""
    provider: str | None = Field(default=None, max_length=200)
    """Of this provider."""


class NewReset(Record):
    """A breaker to close."""

    target: TargetKey
    """Which target's, in every worker."""

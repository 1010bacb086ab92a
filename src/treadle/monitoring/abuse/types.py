"""What callers are suspected of, and the policy that says what is done about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import Record

CallerKind = Literal["key", "user"]
ReasonName = Literal["attacks", "probing", "token_flood", "cost_spike", "scripted", "repetition"]
Action = Literal["flag", "throttle", "block"]
FindingId = Annotated[str, StringConstraints(pattern=r"^abu_[0-9a-hjkmnp-tv-z]{26}$")]


class AbusePolicy(Record):
    """What is done about callers, by their score."""

    is_on: bool = True
    """Whether callers are looked at."""
    flag_at: int = Field(default=40, ge=1, le=100)
    """From this score on a caller is listed."""
    throttle_at: int | None = Field(default=None, ge=1, le=100)
    """From this score on a caller is slowed down; None never does."""
    throttle_requests_per_minute: int = Field(default=6, ge=1, le=10_000)
    """What a slowed-down caller still gets."""
    block_at: int | None = Field(default=None, ge=1, le=100)
    """From this score on a caller gets nothing; None never does."""
    hours: int = Field(default=24, ge=1, le=24 * 30)
    """How long throttling and blocking last; then they end by themselves."""
    exempt: list[str] = Field(default=[], max_length=200)
    """Ids of keys and users that nothing is done about, such as a load test's."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        given = [each for each in (self.flag_at, self.throttle_at, self.block_at) if each is not None]
        if given != sorted(given):
            raise ValueError("the policy must get stricter as the score rises: flag_at <= throttle_at <= block_at")
        return self


class KeptAbusePolicy(Revised, AbusePolicy):
    """The policy that holds."""

    EDITED = frozenset(AbusePolicy.model_fields)


class Reason(Record):
    """One thing that speaks against a caller."""

    name: ReasonName
    """Which."""
    points: int
    """What it adds to the score."""
    words: str
    """What was seen, in figures."""


class AbuseFinding(Record):
    """A caller whose score is high, and what was done."""

    finding_id: FindingId
    """'abu_…'."""
    caller_kind: CallerKind
    """A key or an end user."""
    caller: str
    """The key's id, or the user as the application names them."""
    score: int
    """0 to 100, the highest of its hours."""
    reasons: list[Reason]
    """What it is made of, of that hour."""
    trace_ids: list[str]
    """Requests that show it, 10 at most."""
    action: Action
    """What was done."""
    status: Literal["open", "dismissed", "over"]
    """'dismissed' by a person, which undoes the action; 'over' when its time had passed."""
    first_seen_at: datetime
    """Aware UTC."""
    last_seen_at: datetime
    """Aware UTC: the last hour that looked like this."""
    ends_at: datetime
    """Aware UTC: when action and finding end, unless it is seen again."""


class AbuseFilter(Record):
    """Which findings to list."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Literal["open", "dismissed", "over"] | None = None
    """Where they stand."""
    caller: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] | None = None
    """About this caller."""

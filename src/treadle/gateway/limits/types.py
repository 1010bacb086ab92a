"""Limits as people see and set them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import Record

Scope = Literal["key", "project", "endpoint", "user"]
Unit = Literal["requests", "tokens", "usd", "concurrency"]
Window = Literal["minute", "hour", "day", "month"]
Unpriced = Literal["allow", "refuse"]
Outage = Literal["share", "refuse"]
LimitId = Annotated[str, StringConstraints(pattern=r"^lim_[0-9a-hjkmnp-tv-z]{26}$")]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=120)]


def usual_outage(unit: Unit) -> Outage:
    """Return what a limit does without the database where nobody said: money is not spent that nobody can count."""
    return "refuse" if unit == "usd" else "share"


class SetLimit(Record):
    """A bound on use. Setting one for the same scope, subject, unit and window again changes its amount."""

    scope: Scope
    """Whose use is counted together: that of a key, of the project, of an endpoint, or of an end user."""
    subject: Subject | None = None
    """The key's id or name, the endpoint's name or the user that is meant; None bounds each one of the scope by itself.
    Always None for 'project'."""
    unit: Unit
    """What is counted; 'tokens' are those read and written, 'concurrency' is requests being answered at once."""
    amount: float = Field(ge=0, le=1_000_000_000, allow_inf_nan=False)
    """How much; 0 allows nothing. Whole but for 'usd'."""
    window: Window | None = None
    """From one round minute, hour, day or month (UTC) to the next; None for 'concurrency' and only there."""
    unpriced: Unpriced = "allow"
    """For 'usd', of a request that a target without a known price may answer: 'allow' serves and counts it as unpriced,
    'refuse' answers 429."""
    outage: Outage | None = None
    """While the database cannot be asked, once what a worker had leased is used up: 'share' goes on with the worker's share of what was
    free when it was asked last, once per window; 'refuse' answers 503. None means 'refuse' for 'usd' and 'share' for all else."""

    @model_validator(mode="after")
    def _fits_together(self) -> SetLimit:
        if self.unit == "concurrency" and self.window is not None:
            raise ValueError("'concurrency' counts what is under way, so it has no window; leave 'window' (--per) out")
        if self.unit != "concurrency" and self.window is None:
            raise ValueError(
                f"'{self.unit}' need a window (--per) to be counted in: 'minute', 'hour', 'day' or 'month'"
            )
        if self.unit != "usd" and self.amount != int(self.amount):
            raise ValueError(f"{self.unit} are counted one by one: the amount must be a whole number")
        if self.unit != "usd" and self.unpriced != "allow":
            raise ValueError(f"only limits in 'usd' need a price: leave 'unpriced' out of a limit on {self.unit}")
        if self.scope == "project" and self.subject is not None:
            raise ValueError("a limit on the project has no subject: it bounds this project; leave it out")
        return self


class Limit(Revised):
    """A bound on use that holds now."""

    EDITED = frozenset({"amount", "unpriced", "outage"})

    limit_id: LimitId
    """Derived from project, scope, subject, unit and window: a limit that is removed and set again is the same one."""
    scope: Scope
    """Whose use is counted together."""
    subject: str | None
    """The key's id, the endpoint's name or the user that is meant; None bounds each one of the scope by itself."""
    subject_name: str | None = None
    """The key's name where the subject is a key's id; None otherwise."""
    unit: Unit
    """What is counted."""
    amount: float
    """How much."""
    window: Window | None
    """None for 'concurrency'."""
    unpriced: Unpriced
    """For 'usd': whether requests without a known price are served, uncounted."""
    outage: Outage
    """While the database cannot be asked: whether a worker goes on with its share of what was free, or refuses."""


class LimitStanding(Limit):
    """A limit and how much of it one subject has used in the present window."""

    by: str | None
    """Who used it: a key's id, an endpoint's name, a user (empty for requests that named none); None where nobody has yet."""
    by_name: str | None = None
    """The key's name where `by` is a key's id; None otherwise."""
    used: float
    """By requests that ended, as far as workers told: at most about a second behind. For 'concurrency': being
    answered now."""
    used_share: float | None
    """`used` as a share of `amount`; above 1 where more was used than is allowed; None where the amount is 0."""
    reserved: float
    """Held by workers for requests under way, and for the next ones."""
    remaining: float
    """What no worker holds; 0 where more was used than is allowed."""
    unpriced_requests: int
    """Requests that ended without a known price: what they cost is not in `used`. 0 for all but 'usd'."""
    resets_at: datetime | None
    """Aware UTC: when the window ends; None for 'concurrency'."""


class LimitUsage(Record):
    """How much of a limit is used by one subject in the present window."""

    subject: str
    """A key's id, an endpoint's name or a user; empty for requests that named no user."""
    subject_name: str | None = None
    """The key's name where the subject is a key's id; None otherwise."""
    amount: float
    """What the limit allows."""
    used: float
    """By requests that ended, as far as workers told: at most about a second behind. For 'concurrency': being
    answered now."""
    reserved: float
    """Held by workers for requests under way, and for the next ones."""
    remaining: float
    """What no worker holds; 0 where more was used than is allowed."""
    unpriced: int
    """Requests that ended without a known price: what they cost is not in `used`. 0 for all but 'usd'."""
    resets_at: datetime | None
    """Aware UTC: when the window ends; None for 'concurrency'."""

"""Rules as people see and set them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

from treadle.core.revisions import Revised
from treadle.core.types import Record
from treadle.evals.scoring.types import ScorerChoice
from treadle.feedback.types import FeedbackName
from treadle.traces.types import Wanted

RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
"""1 to 60 of a-z, 0-9 and '-'; unique in the project."""


class RuleFilter(Record):
    """Which answers a rule looks at; those that failed are never judged."""

    endpoint: Wanted | None = None
    """Of this endpoint; None of all."""
    release_id: Wanted | None = None
    """Of this release; None of all."""
    q: str | None = Field(default=None, min_length=1, max_length=2_000)
    """Further conditions as a filter in words, such as `model:gpt-4o* user:acme-*`; None of all."""


class NewRule(Record):
    """A rule to make, or what it should be from now on."""

    name: RuleName
    """What people call it."""
    filter: RuleFilter = RuleFilter()
    """Which answers it looks at."""
    sample_rate: float = Field(default=1.0, gt=0, le=1)
    """Share of them that is judged; the same traces whenever it is decided, and for every rule with the same share."""
    scorer: ScorerChoice
    """What judges."""
    score: FeedbackName
    """Name that its scores have on traces."""
    scores_per_day: int | None = Field(default=None, ge=1, le=10_000_000)
    """At most so many a day (UTC); None is no limit."""
    usd_per_day: Decimal | None = Field(default=None, gt=0, le=100_000)
    """At most so much a day (UTC); a scorer that costs must have it, for others None is no limit."""
    is_on: bool = True
    """Whether it judges."""


class OnlineRule(Revised, NewRule):
    """A rule and what it has done."""

    EDITED = frozenset(NewRule.model_fields)

    rule_id: str
    """'rul_…'."""
    judged_until: datetime
    """Aware UTC: requests that started before then are judged."""
    scores_today: int
    """Judged this day (UTC)."""
    scores_total: int
    """Judged since it was made."""
    usd_today: Decimal
    """What its judgements cost this day (UTC); 0 for scorers that compute."""
    usd_total: Decimal
    """What they cost since it was made."""
    words: str
    """What keeps it from judging, if something does."""
    created_at: datetime
    """Aware UTC."""

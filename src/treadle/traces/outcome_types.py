"""What an answer came to and where it came from, for whoever decides by it: rollouts, monitors, feedback."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import Field

from treadle.core.types import Record
from treadle.traces.types import Score, SpanStatus


class Origin(Record):
    """Where an answer came from, for whoever joins something to it."""

    trace_id: str
    """The request."""
    span_id: str
    """The span that says it: the answer's, where the gateway gave one."""
    endpoint: str | None
    """Endpoint that was called."""
    release_id: str | None
    """Release that answered."""
    rollout_id: str | None
    """Rollout that was moving traffic then."""
    arm: str | None
    """'stable' or 'candidate'."""
    arm_weight: float | None
    """Probability of this arm when it was chosen."""
    unit: str | None
    """What was assigned; None of what is no answer of the gateway."""
    model: str | None = None
    """Model that the request's root names."""
    key_id: str | None = None
    """Key that it was called with."""
    user_id: str | None = None
    """End user."""
    service_name: str | None = None
    """Service that sent it."""


class RolloutOutcome(Record):
    """What one request of a rollout came to; read in order of commit."""

    seq: int
    """Position; hand the last one back to read on."""
    trace_id: str
    """The request."""
    unit: str
    """What was assigned."""
    arm: str
    """'stable' or 'candidate'."""
    arm_weight: float
    """Probability of this arm when it was chosen."""
    status: SpanStatus
    """'error' is a bad event, 'cancelled' where the caller waited for too long."""
    error_code: str | None
    """Which error."""
    latency_ms: float
    """To the last byte."""
    time_to_first_token_ms: float | None
    """To the first content; None when not streamed."""
    cost_usd: Decimal | None
    """None when unknown."""
    started_at: datetime
    """Aware UTC."""
    release_id: str | None = None
    """Release that answered."""
    finish_reason: str | None = None
    """Why the model stopped, as the provider says."""
    signals: list[str] = Field(default_factory=list)
    """What else went wrong on the way to an answer, as the gateway noted it in `treadle.signals`: 'guard:NAME',
    'schema', 'refusal'; and 'rescued' or 'rescued:timeout' where another target answered in the end."""


class RecentOutcome(RolloutOutcome):
    """What one request of an endpoint came to, whether or not a rollout was going on, with what was said about it."""

    scores: list[Score]
    """What was said about it."""


class ShadowPair(Record):
    """A request that two releases answered: the caller got the stable one's answer, the other was made for comparison."""

    seq: int
    """Position of the copy; hand the last one back to read on."""
    trace_id: str
    """The trace of the request."""
    span_id: str
    """The answer that the caller got."""
    unit: str
    """What was assigned."""
    stable_status: SpanStatus
    """How the answer that the caller got ended."""
    stable_text: str
    """That answer."""
    candidate_status: SpanStatus
    """How the copy ended."""
    candidate_text: str
    """Its answer."""
    question: str = ""
    """What was asked, all turns of it where there are several; empty unless it was wanted too."""

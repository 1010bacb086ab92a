"""The name an application calls, what stands behind it and how it serves; what may be changed of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import JsonObject, Record
from treadle.releases.approvals.types import PRODUCTION, EnvironmentName

STRICTNESS = ("allow", "mask", "block")
"""What a guard's hit does, the least first."""

EndpointName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class ClockSettings(Record):
    """How long each part of an answer may take, in seconds."""

    connect_seconds: float = Field(default=5.0, gt=0, le=3600)
    """Until the connection stands."""
    first_token_seconds: float = Field(default=60.0, gt=0, le=3600)
    """From sending the request until the first content."""
    between_seconds: float = Field(default=60.0, gt=0, le=3600)
    """Between two chunks of a stream."""
    total_seconds: float = Field(default=600.0, gt=0, le=86_400)
    """For everything together."""


class RetrySettings(Record):
    """When an attempt that brought no content may be repeated."""

    attempts: int = Field(default=3, ge=1, le=10)
    """At most so many attempts for a request, the first and hedges included."""
    base_seconds: float = Field(default=0.05, ge=0, le=60)
    """Backoff before the first repetition on the same target; doubles, with full jitter."""
    budget: float = Field(default=0.2, ge=0, le=1)
    """Repetitions may be at most this share of recent requests."""


class HedgeSettings(Record):
    """A second request, sent when the first is slow."""

    budget: float = Field(default=0.05, gt=0, le=0.5)
    """At most this share of requests is hedged."""
    min_seconds: float = Field(default=0.05, ge=0, le=60)
    """Never sooner than this, whatever the measured p95 of time to first token."""


class RoutingSettings(Record):
    """How an endpoint picks among the targets of a release."""

    strategy: Literal["weighted", "latency", "least_busy", "cheapest"] = "weighted"
    """Within the best priority that is healthy."""
    regions: list[str] = Field(default_factory=list, max_length=50)
    """Only targets in these regions, in this order of preference; empty takes any."""
    max_latency_ms: float | None = Field(default=None, gt=0)
    """For 'cheapest': the measured latency that a target must not exceed; None asks nothing."""
    sticky: bool = False
    """Whether a session keeps the target that answered it before, while that is healthy."""
    retries: RetrySettings = Field(default_factory=RetrySettings)
    """When an attempt may be repeated."""
    hedge: HedgeSettings | None = None
    """When a second request is sent beside a slow one; None never."""
    clocks: ClockSettings = Field(default_factory=ClockSettings)
    """How long each part may take."""


class CacheSettings(Record):
    """When an answer that was given before is given again."""

    mode: Literal["off", "exact", "semantic"] = "off"
    """'semantic' looks for an exact one first."""
    ttl_seconds: float = Field(default=3600.0, gt=0, le=31_536_000)
    """How long an answer may be given again."""
    threshold: float | None = Field(default=None, gt=0, le=1)
    """For 'semantic': least cosine similarity, chosen on one's own data."""
    check_share: float = Field(default=0.02, ge=0, le=1)
    """For 'semantic': share of hits that are asked upstream all the same, to measure how often they are wrong."""
    max_wrong_rate: float = Field(default=0.05, gt=0, lt=1)
    """For 'semantic': share of similar answers that may be wrong; when the lower end of the checked share's 95 % interval is
    above it, only exact answers are given until the threshold is changed or the cache is cleared."""

    @model_validator(mode="after")
    def _has_a_threshold(self) -> Self:
        if self.mode == "semantic" and self.threshold is None:
            raise ValueError(
                "a semantic cache needs a threshold, chosen on your own questions; without one use 'exact'"
            )
        return self


class EndpointSettings(Record):
    """How an endpoint serves, whichever release stands behind it."""

    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    """Which target answers."""
    cache: CacheSettings = Field(default_factory=CacheSettings)
    """What is answered without asking."""
    guard_actions: dict[str, Literal["allow", "mask", "block"]] = Field(default_factory=dict)
    """By guard name: what a hit does here, instead of what the release says."""
    approved_actions: list[str] = Field(default_factory=list)
    """Guards whose action here was chosen by somebody who may approve releases. Of the others none does less than the release
    says that serves, whichever that will be: there the release's own action holds."""


class NewEndpoint(Record):
    """A request to make a name that applications call."""

    name: EndpointName
    """What an application passes as `model`."""
    release_id: str | None = None
    """An approved release to serve as soon as its engine answers; None serves nothing yet."""
    environment: EnvironmentName = PRODUCTION
    """Whose policy says what approval takes."""


class NewStable(Record):
    """A request to point an endpoint at a release, all at once; it serves as soon as its engine answers."""

    release_id: str
    """An approved release."""


class Endpoint(Revised):
    """The name an application calls, and what stands behind it now."""

    endpoint_id: str
    """Starts with end_."""
    name: str
    """What an application passes as `model`."""
    stable_release_id: str | None
    """The release that has the traffic, or what a rollout leaves of it; None serves nothing yet."""
    next_release_id: str | None
    """A release on its way to be the stable one: it serves as soon as its engine answers. None when there is none."""
    problem: str | None
    """Why the next release does not serve yet, or the engine of one that serves does not run; None when all is well."""
    previous_release_id: str | None
    """The stable release before this one: where a rollback after promotion leads."""
    rollout_id: str | None
    """The rollout under way; None when there is none."""
    created_at: datetime
    """When it was made."""
    changed_at: datetime
    """When what stands behind it last changed."""
    environment: EnvironmentName = PRODUCTION
    """Whose policy says what approval takes."""
    disabled: str | None = None
    """Why the kill switch is thrown; None serves."""
    notice: str | None = None
    """What one should know, such as that the approval of what serves has expired; None when there is nothing."""
    settings: EndpointSettings = Field(default_factory=EndpointSettings)
    """How it serves."""

    def edited(self) -> JsonObject:
        """Return what `ChangeEndpoint` states."""
        return self.settings.model_dump(mode="json", exclude={"approved_actions"}) | {"environment": self.environment}


class ChangeEndpoint(Record):
    """What to change of an endpoint; what is None stays as it is."""

    routing: RoutingSettings | None = None
    """All of the routing, anew."""
    cache: CacheSettings | None = None
    """All of the cache's settings, anew."""
    guard_actions: dict[str, Literal["allow", "mask", "block"]] | None = None
    """All of the guards' actions, anew."""
    environment: EnvironmentName | None = None
    """Where it belongs; what it serves must be approved there."""


class NewDisabling(Record):
    """A request to throw an endpoint's kill switch."""

    reason: str = Field(min_length=3, max_length=500)
    """Why; callers read it."""

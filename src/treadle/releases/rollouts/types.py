"""Rollouts as people see them: asking for one, where it stands, its evidence over time, and what a forecast promises."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from treadle.core.types import Record
from treadle.releases.endpoints.types import EndpointName
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.readings import GuardEvidence, Readout, ShadowEvidence, TargetEvidence

Stage = Literal["shadow", "canary", "bake", "arms"]
RolloutStatus = Literal["pending", "running", "paused", "held", "promoted", "rolled_back"]
LIVE_STATUSES: tuple[RolloutStatus, ...] = ("running", "paused", "held")
"""Statuses in which a candidate has traffic."""


class NewRollout(Record):
    """A request to move an endpoint's traffic to a candidate, step by step."""

    endpoint: EndpointName
    """The endpoint's name."""
    release_id: str | None = None
    """The candidate: an approved release other than the stable one. None where the plan names arms."""
    plan: Plan = Field(default_factory=Plan)
    """How to go about it."""
    key: str | None = Field(default=None, min_length=1, max_length=200)
    """Makes asking twice safe: the same key again is the same rollout, even after it has ended."""

    @model_validator(mode="after")
    def _names_a_candidate(self) -> Self:
        if (self.release_id is None) == (self.plan.arms is None):
            raise ValueError("give release_id for a canary, and the plan's arms for 'ab' and 'adaptive'; never both")
        return self


class Promotion(Record):
    """A request to promote by hand."""

    release_id: str | None = None
    """Which of several arms; None for a canary."""


class Rollout(Record):
    """Traffic on its way from the stable release to a candidate, with the evidence so far."""

    rollout_id: str
    """Starts with rol_."""
    endpoint_id: str
    """The endpoint whose traffic moves."""
    endpoint: str
    """Its name."""
    stable_release_id: str
    """The release it started from."""
    candidate_release_id: str
    """The release it may end at; with several arms the one it ended at, or the first."""
    plan: Plan
    """Steps, guards and levels; never changed."""
    status: RolloutStatus
    """'pending' waits for the candidate's engine, 'held' for a person; 'promoted' and 'rolled_back' are final."""
    step: int
    """Index of the current step, from 0; the last one reached when it has ended."""
    weight: float
    """Share of units that go to the candidate now, 0-1, or to all other arms; 1 in the bake stage and once promoted."""
    units: int
    """Units seen since the start."""
    step_units: int
    """Candidate units seen in this step."""
    words: str
    """What the evidence says, and what happens next."""
    reason: str | None
    """Why it is held, promoted or rolled back; None while it runs."""
    evidence: list[GuardEvidence]
    """The newest numbers, one per guard."""
    created_by: str
    """The actor who asked for it."""
    created_at: datetime
    """When it was asked for."""
    started_at: datetime | None
    """When the candidate got its first share; None while pending."""
    step_started_at: datetime
    """When the current step began."""
    ended_at: datetime | None
    """When it was promoted or rolled back."""
    stage: Stage = "canary"
    """'shadow' copies requests, 'canary' goes through the steps, 'bake' has all units on the candidate, 'arms' reads
    several releases out."""
    limits: dict[str, float] = Field(default_factory=dict)
    """What counts as slow (milliseconds) or dear (USD), as 'guard:signal', and as 'waited' (milliseconds) after how long a
    caller that leaves has waited for nothing; frozen when the rollout starts."""
    target: TargetEvidence | None = None
    """The target metric; None without one."""
    shadow: ShadowEvidence | None = None
    """What the shadow stage has shown; None without one."""
    readout: Readout | None = None
    """All arms side by side; None for a canary."""
    needs_attention: str | None = None
    """Why it does not go on without a person; None when it goes on by itself or has ended."""


class EvidencePoint(Record):
    """The evidence of a rollout at one moment: a point of its time series."""

    rollout_id: str
    """The rollout."""
    sequence: int
    """From 1, in order."""
    at: datetime
    """When it was taken."""
    status: RolloutStatus
    """The rollout's status after it."""
    step: int
    """The step after it, from 0."""
    weight: float
    """The candidate's share after it."""
    units: int
    """Units seen since the start."""
    evidence: list[GuardEvidence]
    """One per guard."""
    event: str | None
    """What changed at this point, in words, such as 'step 2 of 3: 25 %'; None for a plain reading."""
    stage: Stage = "canary"
    """The stage after it."""
    target: TargetEvidence | None = None
    """The target metric; None without one."""
    shadow: ShadowEvidence | None = None
    """What the shadow stage has shown; None without one."""
    readout: Readout | None = None
    """All arms side by side; None for a canary."""


class GuardForecast(Record):
    """When one guard is likely to be decided at one step."""

    guard: str
    """Its name."""
    bad_rate: float | None
    """Share of the stable release's units that were bad of late; None when its signals were never seen."""
    units_to_promote: int | None
    """Units of all traffic until a candidate that is as good is shown to be; None when it cannot be said."""
    seconds_to_promote: float | None
    """The same in time, at the traffic of late."""
    units_to_catch_double: int | None
    """Units until a candidate that is twice as bad is rolled back."""
    seconds_to_catch_double: float | None
    """The same in time."""


class StepForecast(Record):
    """What one step asks for."""

    step: int
    """From 1."""
    weight: float
    """Share of units that go to the candidate."""
    units: int
    """Units of all traffic until the step has seen enough of the candidate."""
    seconds: float | None
    """How long that takes at the traffic of late, and at least what the plan says; None without traffic."""
    guards: list[GuardForecast]
    """Each guard at this weight."""


class Forecast(Record):
    """How long a rollout is likely to take, before it is started."""

    endpoint: str
    """The endpoint."""
    stable_release_id: str
    """What it serves now."""
    plan: Plan
    """What it is a forecast of: the plan as it was asked for, with the usual value of all that it left out."""
    days: float
    """Length of the look back."""
    units: int
    """Units of the stable release's traffic that were looked at."""
    units_per_day: float
    """Units of all the endpoint's traffic."""
    limits: dict[str, float]
    """What counts as slow (milliseconds) or dear (USD), by guard: the stable release's 95th percentile; and as 'waited' the
    99th of the time to the first content."""
    steps: list[StepForecast]
    """In order."""
    target_units: int | None
    """Scored units until a candidate that is as good has ruled out the target's margin; None without a target."""
    target_seconds: float | None
    """The same in time, with the share of units that get a score."""
    seconds: float | None
    """The whole, if the candidate is as good as the stable release; None when it cannot be said."""
    words: str
    """The same in words."""

"""Where a rollout stands, what it has seen, and what happens to it next: the values that its rules take and return."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from treadle.releases.rollouts.breaker import Run
from treadle.releases.rollouts.evidence import Evidence
from treadle.releases.rollouts.means import Means
from treadle.releases.rollouts.shadow import Shadow
from treadle.releases.rollouts.types import RolloutStatus, Stage

Command = Literal["start", "pause", "resume", "promote", "rollback"]
Change = Literal[
    "none", "started", "advanced", "weighted", "dropped", "paused", "resumed", "held", "promoted", "rolled_back"
]


class Position(NamedTuple):
    """Where a rollout stands."""

    status: RolloutStatus
    step: int
    """Index of the current step, from 0."""
    units: int
    """Units seen since the start."""
    step_units: int
    """Candidate units seen in this step, or in this stage."""
    step_started_at: datetime
    limits_from: datetime
    """When the plan's limits began to count: the start, or the last time a person resumed."""
    limits_from_units: int = 0
    """Units seen by then."""
    stage: Stage = "canary"
    weights: Mapping[str, float] = {}
    """With several arms: the share of each but the stable one now, by release id; 0 for one that was dropped."""
    dropped: Mapping[str, str] = {}
    """With several arms: why one was dropped, by release id."""
    weighed_at_units: int = 0
    """Adaptive: units seen when the weights last changed."""
    winner: str | None = None
    """With several arms: the one that was promoted."""


class Seen(NamedTuple):
    """What the outcomes so far have shown."""

    guards: Mapping[str, Evidence]
    """Canary: evidence of each guard of the plan, by name."""
    run: Run = Run()
    """Canary: the candidate's current run of failed requests."""
    errors: Evidence | None = None
    """Plain counts of failed requests in both arms, for the breaker; None switches it off."""
    limits: Mapping[str, float] = {}
    """What counts as slow or dear, as 'guard:signal'; absent until it is known."""
    samples: Mapping[str, tuple[float, ...]] = {}
    """Of limits that are not known yet: the stable release's values so far."""
    target: Means = Means()
    """Scores of the target metric."""
    rates: Mapping[str, Means] = {}
    """Several arms: share of bad units by guard."""
    runs: Mapping[str, Run] = {}
    """Several arms: each one's current run of failed requests."""
    shadow: Shadow = Shadow()
    """What copied requests have shown."""


class Transition(NamedTuple):
    """Where the rollout stands next, and why."""

    position: Position
    change: Change
    words: str
    """What happened and what happens next, for a person."""

"""How a rollout goes: its stages, steps, guards, target and levels. Fixed once it has started."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from treadle.core.types import Record
from treadle.evals.paired import CRITERIA
from treadle.monitoring.channels.types import ChannelName

PlanKind = Literal["canary", "ab", "adaptive"]


class JudgePlan(Record):
    """A judge that compares both answers of each pair, asked twice with their places swapped."""

    endpoint: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    """The endpoint of this project that judges; another one than the rollout's. Two requests for each pair that differs."""
    criteria: str = Field(default=CRITERIA, min_length=3, max_length=2000)
    """What the better answer is more of."""
    min_judged: int = Field(default=50, ge=1)
    """Pairs that must have been judged before the first step."""
    margin: float = Field(default=0.1, gt=0, lt=0.5)
    """How far below a half the candidate's share of wins (a tie is half a win) may lie: promotion needs more ruled out,
    and surely more rolls back."""


class ShadowStage(Record):
    """Before the first step: requests of the stable release are copied to the candidate, whose answers nobody gets."""

    share: float = Field(default=0.1, gt=0, le=1)
    """Share of requests that are copied; each copy costs one more call."""
    min_pairs: int = Field(default=50, ge=1)
    """Units with both answers to have seen."""
    agree: Literal["exact", "normalised"] = "normalised"
    """When two answers are the same: letter by letter, or but for case, space and punctuation at the ends."""
    min_agreement: float | None = Field(default=None, ge=0, lt=1)
    """Share of pairs that must agree, by the lower end of its interval; surely less rolls back. None only reports it."""
    margin: float = Field(default=0.05, gt=0, lt=1)
    """Where right answers are known: the loss in share right that must be ruled out before the first step, once 50
    units are labelled; a sure loss beyond it rolls back."""
    judge: JudgePlan | None = None
    """Who says which of both answers is better; None goes by agreement and labels alone. While it cannot be asked the
    stage waits."""
    max_pairs: int | None = Field(default=2_000, ge=1)
    """Undecided after so many pairs: hold, and ask a person. None waits on."""


class TargetMetric(Record):
    """A score that the candidate should not lose, or should gain."""

    score: str = Field(pattern=r"^[a-z][a-z0-9_.-]{0,79}$")
    """Name of the feedback or judge's score; a unit counts with the first that it gets."""
    better: Literal["higher", "lower"] = "higher"
    """Which way is good."""
    margin: float = Field(default=0.02, ge=0)
    """Loss, in the score's own unit, that promotion must rule out; 0 asks for a gain."""


class BakeStage(Record):
    """After the last step: all units on the candidate while the stable release stays warm, one command away."""

    seconds: float = Field(default=3600, ge=0)
    """How long at least."""
    min_units: int = Field(default=1, ge=1)
    """Units to have seen meanwhile."""


class ArmPlan(Record):
    """A release of an A/B/n rollout or an adaptive one, beside the stable release."""

    release_id: str
    """An approved release other than the stable one."""
    weight: float = Field(gt=0, lt=1)
    """Share of units, 0-1; adaptive rollouts begin with it. The stable release has the rest."""


class ArmsPlan(Record):
    """Several releases at once, compared with the stable one and with each other."""

    arms: list[ArmPlan] = Field(min_length=1, max_length=12)
    """All but the stable release."""
    ends: Literal["never", "best"] = "never"
    """'never' reads out until a person decides; 'best' promotes an arm that is surely better than every other."""
    floor: float = Field(default=0.05, gt=0, lt=0.5)
    """Adaptive: least share of every arm, the stable one included."""
    every_units: int = Field(default=100, ge=1)
    """Adaptive: units between two changes of the weights."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        ids = [arm.release_id for arm in self.arms]
        if len(set(ids)) != len(ids):
            raise ValueError(f"each arm needs a release of its own; got {ids}")
        if sum(arm.weight for arm in self.arms) >= 1:
            raise ValueError("the weights of the arms must sum to less than 1, for the stable release has the rest")
        if self.floor * (len(self.arms) + 1) > 1:
            raise ValueError(f"a floor of {self.floor:g} for each of {len(self.arms) + 1} arms is more than there is")
        return self


SIGNALS = ("error", "timeout", "schema", "guard", "refusal", "slow", "cost")
NAMED_SIGNALS = ("guard", "feedback")


class Guard(Record):
    """A kind of bad event that a rollout watches."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """What people call it."""
    signals: list[str] = Field(min_length=1)
    """What makes a unit bad: 'error' (a failed request, also one that a fallback rescued), 'timeout' (also a caller that
    left after waiting longer than the plan's `waited_ms`, which is an error too), 'schema' (an answer that does not fit),
    'guard' or 'guard:NAME' (a hit), 'refusal', 'slow' (first token later than `slow_ms`), 'cost' (dearer than `cost_usd`),
    or 'feedback:NAME' (feedback of that name with a value of 0 or less)."""
    margin: float = Field(default=1.5, gt=1, le=100)
    """Risk ratio that would be too much; promotion needs it ruled out."""
    needed_to_promote: bool = True
    """False for a veto: it can roll back, but rare events need not prove the candidate good."""
    slow_ms: float | None = Field(default=None, gt=0)
    """For 'slow'; None takes the stable release's 95th percentile, frozen when the rollout starts."""
    cost_usd: float | None = Field(default=None, gt=0)
    """For 'cost', of one request; None takes the stable release's 95th percentile, frozen when the rollout starts."""

    @model_validator(mode="after")
    def _known_signals(self) -> Self:
        for signal in self.signals:
            kind, _, name = signal.partition(":")
            if signal not in SIGNALS and not (kind in NAMED_SIGNALS and name):
                known = [*SIGNALS, *(f"{each}:NAME" for each in NAMED_SIGNALS)]
                raise ValueError(f"signal '{signal}' is not known; use one of {', '.join(known)}")
        return self


class Step(Record):
    """One stretch of a rollout at one weight."""

    weight: float = Field(gt=0, lt=1)
    """Share of units, 0-1, that go to the candidate."""
    min_units: int = Field(default=20, ge=1)
    """Candidate units to have seen in this step before the next."""
    min_seconds: float = Field(default=0, ge=0)
    """Time to stay in this step at least."""


def _rising(steps: list[Step]) -> list[Step]:
    weights = [step.weight for step in steps]
    if weights != sorted(set(weights)):
        raise ValueError(f"the weights of the steps must rise; got {weights}")
    return steps


def _unlike_names(guards: list[Guard]) -> list[Guard]:
    names = [guard.name for guard in guards]
    if len(set(names)) != len(names):
        raise ValueError(f"guards need different names; got {names}")
    return guards


def default_steps() -> list[Step]:
    """Return the steps of a plan that names none: 10 %, 25 %, 50 %."""
    return [Step(weight=0.1), Step(weight=0.25), Step(weight=0.5)]


def default_guards() -> list[Guard]:
    """Return the guards of a plan that names none: a failed request, or an answer known to be wrong."""
    return [Guard(name="bad_answers", signals=["error", "feedback:correct"])]


class Plan(Record):
    """How a rollout goes: its steps, what it watches, and how sure it must be. Fixed once it has started."""

    kind: PlanKind = "canary"
    """'canary' moves traffic to one candidate in steps; 'ab' reads several arms out at fixed weights; 'adaptive' gives
    more to those that do better."""
    shadow: ShadowStage | None = None
    """Canary: what comes before the first step; None begins with it."""
    bake: BakeStage | None = None
    """Canary: what comes after the last step; None promotes at once."""
    target: TargetMetric | None = None
    """A score that must not be lost; None watches bad events alone."""
    arms: ArmsPlan | None = None
    """The other releases of 'ab' and 'adaptive'."""
    pause_cache: bool = True
    """Answer nothing from the cache meanwhile: what only one release has in it would be judged by the other's absence."""
    steps: Annotated[list[Step], AfterValidator(_rising)] = Field(
        default_factory=default_steps, min_length=1, max_length=20
    )
    """Stretches at rising weights; after the last comes promotion."""
    guards: Annotated[list[Guard], AfterValidator(_unlike_names)] = Field(
        default_factory=default_guards, min_length=1, max_length=20
    )
    """Kinds of bad events, at least one of them needed to promote."""
    waited_ms: float | None = Field(default=None, gt=0)
    """A caller that leaves before the first content, after waiting longer than this, counts as a timeout and an error of
    the release that it waited for; one that leaves sooner counts for nothing. None takes the stable release's 99th
    percentile of the time to the first content, frozen when the rollout starts."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance of rolling back an equal candidate, and of promoting one as bad as the margin, however often one looks."""
    max_units: int | None = Field(default=None, ge=1)
    """Undecided after so many units: hold, and ask a person. None never holds for this reason."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Undecided after so long: hold, and ask a person."""
    channels: list[ChannelName] | None = Field(default=None, max_length=50)
    """Names of the alert channels that are told when it is held, waits for its judge or is rolled back. None tells all of
    the project, and so do names of which none is left; an empty list tells nobody."""
    breaker_run: int | None = Field(default=5, ge=3)
    """Least run of failed candidate requests that rolls back at once; longer where failing is common, None is off."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "canary":
            if self.arms is not None:
                raise ValueError("a canary has one candidate; leave `arms` out, or set kind to 'ab' or 'adaptive'")
            return self
        if self.arms is None:
            raise ValueError(f"a rollout of kind '{self.kind}' needs `arms`")
        if self.shadow is not None or self.bake is not None:
            raise ValueError(f"a rollout of kind '{self.kind}' has no shadow or bake stage; leave them out")
        if self.kind == "adaptive" and len(self.arms.arms) < 2:
            raise ValueError(
                "adaptive weights pay from three arms on, the stable one included; with two use a canary or 'ab'"
            )
        return self

    @model_validator(mode="after")
    def _can_end(self) -> Self:
        if not any(guard.needed_to_promote for guard in self.guards):
            raise ValueError(
                "no guard is needed to promote, so nothing could ever promote; set one's needed_to_promote"
            )
        return self

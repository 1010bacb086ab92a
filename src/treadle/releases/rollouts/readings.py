"""What a rollout has shown: of each guard, of copied requests, of the target, and of all arms side by side."""

from __future__ import annotations

from typing import Literal

from treadle.core.types import Record

STABLE = "stable"
"""What the stable release is called among arms; the others go by their release ids."""


class GuardEvidence(Record):
    """What one guard has seen of both arms."""

    guard: str
    """The guard's name."""
    stable_units: int
    """Units on the stable release."""
    stable_bad: int
    """Of them, those with a bad event."""
    candidate_units: int
    """Units on the candidate."""
    candidate_bad: int
    """Of them, those with a bad event."""
    log10_e_bad: float
    """Base-10 logarithm of E_bad: how many times likelier the events are if the candidate is worse than if equal."""
    log10_e_good: float
    """Base-10 logarithm of E_good: how many times likelier they are if it is equal than if worse by the margin."""
    rollback_at: float
    """E_bad that rolls back: number of guards / alpha."""
    promote_at: float
    """E_good that promotion needs: 1 / alpha."""
    units_left: int | None = None
    """About how many more units promotion takes if the candidate is as good as the stable release; None while unknown."""
    words: str
    """The same in words."""


class ShadowEvidence(Record):
    """What copied requests have shown."""

    pairs: int
    """Units with both answers."""
    agreement: float | None
    """Share of them that agree; None before the first."""
    agreement_low: float
    """Lower end of its 95 % interval, which holds at every moment at once."""
    agreement_high: float
    """Upper end."""
    labelled: int
    """Units whose right answer is known."""
    gain: float | None
    """Share right of the candidate minus that of the stable release on those; None before the first."""
    gain_low: float
    """Lower end of its 95 % interval."""
    gain_high: float
    """Upper end."""
    stable_failed: int
    """Units that failed on the stable release only."""
    candidate_failed: int
    """Units that failed on the candidate only."""
    wins: int = 0
    """Pairs of which the judge preferred the candidate's answer in both places."""
    ties: int = 0
    """Pairs of which it preferred neither, or another one once the places were swapped."""
    losses: int = 0
    """Pairs of which it preferred the stable release's answer in both places."""
    unscored: int = 0
    """Pairs that it could not judge; they are in no share."""
    preference: float | None = None
    """The candidate's share of wins, a tie being half a win; None before the first."""
    preference_low: float = 0.0
    """Lower end of its 95 % interval, which holds at every moment at once."""
    preference_high: float = 1.0
    """Upper end."""
    judge_problem: str | None = None
    """Why the judge cannot be asked now; None when it can, or was not needed yet."""
    words: str
    """The same in words."""


class TargetEvidence(Record):
    """What the target metric has shown of the candidate against the stable release."""

    score: str
    """Its name."""
    stable_units: int
    """Scored units on the stable release."""
    candidate_units: int
    """Scored units on the candidate."""
    gain: float | None
    """Candidate minus stable, turned so that positive is good; None before the first units of both."""
    low: float | None
    """Lower end of the interval at level alpha, which holds at every moment at once; None while it is too early."""
    high: float | None
    """Upper end."""
    words: str
    """The same in words."""


class ArmReadout(Record):
    """One arm of an A/B/n or adaptive rollout."""

    arm: str
    """'stable', or the release id."""
    release_id: str
    """What it serves."""
    weight: float
    """Its share of units now, 0-1."""
    units: int
    """Units that it served."""
    dropped: str | None = None
    """Why it lost its traffic; None while it has some."""
    best_chance: float | None = None
    """Adaptive: chance that it is the best, by Thompson sampling; None before the first change of weights."""


class MetricReadout(Record):
    """One number of one arm, with its interval."""

    metric: str
    """A guard's name (share of bad units), or the target's score."""
    arm: str
    """'stable', or the release id."""
    units: int
    """Units that it is of."""
    estimate: float | None
    """Weighted by 1/probability; None without units."""
    low: float | None
    """Lower end of the 1 - alpha interval, which holds at every moment at once; None while it is too early."""
    high: float | None
    """Upper end."""


class PairReadout(Record):
    """Two arms compared by one metric."""

    metric: str
    """A guard's name, or the target's score."""
    arm: str
    """The one."""
    other: str
    """The other."""
    difference: float | None
    """The one minus the other."""
    low: float | None
    """Lower end of its interval, at alpha over the number of pairs; None while it is too early."""
    high: float | None
    """Upper end."""
    verdict: Literal["better", "worse", "undecided", "too early"]
    """Of the one against the other."""
    words: str
    """The same in words."""


class Readout(Record):
    """All arms side by side."""

    arms: list[ArmReadout]
    """The stable one first."""
    metrics: list[MetricReadout]
    """Each metric of each arm."""
    pairs: list[PairReadout]
    """Each two arms by each metric."""
    words: str
    """What it comes to."""

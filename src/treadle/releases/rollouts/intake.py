"""From outcomes as they arrive to evidence: each unit counts once, its first bad event counts once, order is no matter.

A unit (a session, or a request without one) may send many requests and get feedback late or twice. It is counted once
for each arm it was on (a rising weight moves some units to the candidate), and turns bad at its first bad event, with
the arm and the weight of that moment: both were fixed before the event, which is what the e-process asks for. A failed
request counts against its arm even when a fallback rescued it (intention to treat). The breaker follows a unit's first
request on an arm only, so that one client hammering one broken request is one failure; a caller that left before anybody
could say whether the arm hangs is neither a failure nor a success to it. A target's score counts once per unit: the first
that it gets.

A canary's guards are e-processes. With several arms they are rates weighted by 1/probability: of a request only the
probability of its own arm is known, and that is all they need, however the other weights move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from treadle.feedback.types import Outcome as FeedbackOutcome
from treadle.releases.rollouts import breaker, evidence, means, shadow, signals
from treadle.releases.rollouts.breaker import Run
from treadle.releases.rollouts.evidence import Arm, Evidence, Outcome
from treadle.releases.rollouts.means import Means
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.readings import STABLE
from treadle.releases.rollouts.shadow import Shadow
from treadle.releases.rollouts.state import Seen
from treadle.releases.rollouts.target import ARMS, CANDIDATE
from treadle.traces.outcome_types import RolloutOutcome, ShadowPair

ERROR = signals.ERROR
ERRORS_MARGIN = 2.0
"""Margin of the breaker's own counts; only their numbers are read."""
SCORED, PAIRED, LABELLED, JUDGED = "scored", "paired", "labelled", "judged"
"""What is remembered of a unit beside the guards that counted it; the last is the judge's (`judging.py`)."""


class Unit(NamedTuple):
    """What is remembered of one unit."""

    arms: frozenset[str]
    """The arms it was on: 'stable', 'candidate', or a release id."""
    bad: frozenset[str]
    """Names of the guards that have counted it as bad."""
    marks: frozenset[str] = frozenset()
    """Which of the marks above it has: each counts a unit once."""


class Taken(NamedTuple):
    """What a batch of outcomes came to."""

    seen: Seen
    changed: dict[str, Unit]
    """Units that are new or have turned bad, by name."""
    new_units: int
    new_candidate_units: int
    """Units that were on the candidate, or on any arm but the stable one, for the first time."""
    new_bad: int
    """Units that turned bad for some guard, and pairs that came in."""


def begin(plan: Plan, limits: Mapping[str, float] | None = None) -> Seen:
    """Return what a rollout has seen before its first outcome. limits: learnt from traffic before it."""
    known = dict(signals.stated_limits(plan) if limits is None else limits)
    several = plan.kind != "canary"
    return Seen(
        {} if several else {guard.name: evidence.start(guard.margin) for guard in plan.guards},
        errors=evidence.start(ERRORS_MARGIN),
        limits=known,
        samples=dict.fromkeys(signals.unknown_limits(plan, known), ()),
        rates={guard.name: Means() for guard in plan.guards} if several else {},
    )


def take_in(
    plan: Plan,
    seen: Seen,
    known: Mapping[str, Unit],
    requests: Sequence[RolloutOutcome],
    feedback: Sequence[FeedbackOutcome],
    *,
    pairs: Sequence[ShadowPair] = (),
    pairs_by_answer: Mapping[tuple[str, str], ShadowPair] | None = None,
) -> Taken:
    """Return the evidence after these outcomes. known: what is remembered of the units they name.

    pairs: new answers of the shadow stage. pairs_by_answer: those that the feedback may label, by the trace and the span
    of the answer that the caller got.
    Repeating an outcome changes nothing: its unit is known, and bad for that guard already.
    """
    desk = _Desk(plan, seen, known)
    for request in requests:
        desk.take_request(request)
    for pair in pairs:
        desk.take_pair(pair)
    for judged in feedback:
        desk.take_feedback(judged)
        pair_of_it = (pairs_by_answer or {}).get((judged.trace_id, judged.answer_span_id or ""))
        if pair_of_it is not None:
            desk.take_label(judged, pair_of_it)
    return desk.taken()


class _Desk:
    def __init__(self, plan: Plan, seen: Seen, known: Mapping[str, Unit]) -> None:
        self._plan, self._known, self._seen = plan, known, seen
        self._several = plan.arms is not None
        self._arms = ARMS if plan.arms is None else (STABLE, *(arm.release_id for arm in plan.arms.arms))
        self._guards: dict[str, Evidence] = dict(seen.guards)
        self._rates: dict[str, Means] = dict(seen.rates)
        self._run, self._errors = seen.run, seen.errors or evidence.start(ERRORS_MARGIN)
        self._runs: dict[str, Run] = dict(seen.runs)
        self._limits, self._samples = dict(seen.limits), dict(seen.samples)
        self._target: Means = seen.target
        self._shadow: Shadow = seen.shadow
        self._changed: dict[str, Unit] = {}
        self._new_units = self._new_candidate_units = self._new_bad = 0

    def take_request(self, request: RolloutOutcome) -> None:
        arm = self._arm_of(request.arm, request.release_id)
        if arm not in self._arms:
            return
        found = signals.signals_of(request, self._limits)
        failed = ERROR in found
        if self._meet(request.unit, arm, request.arm_weight) and (failed or not signals.was_left(request)):
            self._follow(arm, request.arm_weight, failed)
        for guard in self._plan.guards:
            if signals.is_bad(guard, found, request, self._limits):
                self._count_bad(request.unit, guard.name, arm, request.arm_weight)
        if arm == STABLE:
            self._learn(request)

    def take_feedback(self, judged: FeedbackOutcome) -> None:
        if judged.unit is None or judged.arm is None or judged.arm_weight is None:
            return
        arm = self._arm_of(judged.arm, judged.release_id)
        if arm not in self._arms:
            return
        self._meet(judged.unit, arm, judged.arm_weight)
        if judged.value is None:
            return
        if judged.value <= 0:
            for guard in self._plan.guards:
                if f"feedback:{judged.name}" in guard.signals:
                    self._count_bad(judged.unit, guard.name, arm, judged.arm_weight)
        if self._plan.target is not None and judged.name == self._plan.target.score:
            self._score(judged.unit, arm, judged.arm_weight, judged.value)

    def take_pair(self, pair: ShadowPair) -> None:
        if self._plan.shadow is None:
            return
        self._shadow = self._shadow._replace(seq=max(self._shadow.seq, pair.seq))
        if self._mark(pair.unit, PAIRED):
            self._shadow = shadow.take_pair(self._shadow, pair, self._plan.shadow.agree)
            self._new_bad += 1

    def take_label(self, judged: FeedbackOutcome, pair: ShadowPair) -> None:
        if self._plan.shadow is None or (judged.expected_output is None and judged.name != "correct"):
            return
        correct = None if judged.value is None or judged.name != "correct" else judged.value > 0
        after = shadow.take_label(
            self._shadow, pair, self._plan.shadow.agree, expected=judged.expected_output, correct=correct
        )
        if after is not None and self._mark(pair.unit, LABELLED):
            self._shadow = after
            self._new_bad += 1

    def taken(self) -> Taken:
        seen = self._seen._replace(
            guards=self._guards,
            run=self._run,
            errors=self._errors,
            limits=self._limits,
            samples=self._samples,
            target=self._target,
            rates=self._rates,
            runs=self._runs,
            shadow=self._shadow,
        )
        return Taken(seen, self._changed, self._new_units, self._new_candidate_units, self._new_bad)

    def _arm_of(self, arm: str, release_id: str | None) -> str:
        return release_id or "" if self._several and arm != STABLE else arm

    def _meet(self, unit: str, arm: str, probability: float) -> bool:
        """Count a unit on an arm; return False when it was counted there before."""
        remembered = self._find(unit)
        if arm in remembered.arms:
            return False
        self._new_units += not remembered.arms
        self._new_candidate_units += arm != STABLE
        self._changed[unit] = remembered._replace(arms=remembered.arms | {arm})
        for name, state in self._guards.items():
            self._guards[name] = evidence.observe(state, _outcome(arm, probability, False))
        for name, rate in self._rates.items():
            self._rates[name] = means.observe(rate, arm, probability, 0.0, centred=False)
        return True

    def _follow(self, arm: str, probability: float, failed: bool) -> None:
        side = cast(Arm, STABLE if arm == STABLE else CANDIDATE)
        self._errors = evidence.observe(self._errors, Outcome(side, 0.0, failed))
        if not self._several:
            self._run = breaker.follow(self._run, side, failed)
            return
        for name in self._arms[1:]:
            if arm in (STABLE, name):
                self._runs[name] = breaker.follow(self._runs.get(name, Run()), side, failed)

    def _find(self, unit: str) -> Unit:
        return self._changed.get(unit) or self._known.get(unit) or Unit(frozenset(), frozenset())

    def _mark(self, unit: str, mark: str) -> bool:
        """Remember a mark; return False when it was there before."""
        remembered = self._find(unit)
        if mark in remembered.marks:
            return False
        self._changed[unit] = remembered._replace(marks=remembered.marks | {mark})
        return True

    def _count_bad(self, unit: str, guard: str, arm: str, probability: float) -> None:
        remembered = self._find(unit)
        if guard in remembered.bad:
            return
        self._changed[unit] = remembered._replace(bad=remembered.bad | {guard})
        self._new_bad += 1
        if self._several:
            self._rates[guard] = means.turn(self._rates[guard], arm, probability)
        else:
            weight = candidate_weight(cast(Arm, arm), probability)
            self._guards[guard] = evidence.turn_bad(self._guards[guard], cast(Arm, arm), weight)

    def _score(self, unit: str, arm: str, probability: float, value: float) -> None:
        if 0 < probability < 1 and self._mark(unit, SCORED):
            self._target = means.observe(self._target, arm, probability, value)

    def _learn(self, request: RolloutOutcome) -> None:
        """Take the stable release's values until there are enough to freeze a limit."""
        for name, values in list(self._samples.items()):
            value = signals.sampled(signals.signal_in(name), request)
            if value is None:
                continue
            if len(values) + 1 < signals.LEAST_SAMPLES:
                self._samples[name] = (*values, value)
            else:
                self._limits[name] = signals.limit_from(name, (*values, value))
                del self._samples[name]


def candidate_weight(arm: Arm, arm_weight: float) -> float:
    """Return the candidate's probability from that of the arm which was chosen, as traces state it."""
    return arm_weight if arm == "candidate" else 1 - arm_weight


def _outcome(arm: str, probability: float, bad: bool) -> Outcome:
    side = cast(Arm, arm)
    return Outcome(side, candidate_weight(side, probability), bad)

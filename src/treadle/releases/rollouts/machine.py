"""The rollout machine: given a plan, where it stands, the evidence and the time, what happens next.

    pending -> running -> promoted                   while running:  shadow -> canary, step by step -> bake
                  |   \\-> rolled_back
                  +-> paused  (a person) --+-> running, promoted or rolled_back
                  +-> held (no decision) --+

Pure: values in, values out. Three rules carry the safety, and are tested as properties of the machine:
an unapproved candidate never has a share; promotion happens after the last step only, by evidence or by a person;
a paused or held rollout keeps its share and may still be rolled back by evidence, but neither advances nor promotes.
Rollouts with several arms have rules of their own for what evidence asks for (`several.py`), and the same commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from treadle.core.errors import Conflict
from treadle.releases.rollouts import breaker, evidence, shadow, target
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.state import Command, Position, Seen, Transition
from treadle.releases.rollouts.types import LIVE_STATUSES, RolloutStatus

DEFAULT_HORIZON_UNITS = 20_000
"""Length of a rollout that the breaker's budget is spread over when the plan sets no `max_units`."""

ALLOWED: Mapping[Command, tuple[RolloutStatus, ...]] = {
    "start": ("pending",),
    "pause": ("running",),
    "resume": ("paused", "held"),
    "promote": ("running", "paused", "held"),
    "rollback": ("pending", "running", "paused", "held", "promoted"),
}
"""Which command is possible in which status. Whether a promoted one can still be undone is for the endpoint to say."""


def begin(plan: Plan, now: datetime) -> Position:
    """Return the position of a rollout that has not started."""
    position = Position("pending", 0, 0, 0, now, now)
    if plan.arms is not None:
        weights = {arm.release_id: arm.weight for arm in plan.arms.arms}
        return position._replace(stage="arms", weights=weights)
    return position._replace(stage="shadow" if plan.shadow is not None else "canary")


def candidate_share(plan: Plan, position: Position, *, approved: bool) -> float:
    """Return the share of units, 0-1, that go to the candidate (with several arms: to all but the stable one).

    0 without approval, whatever the status says.
    """
    if not approved:
        return 0.0
    if position.status == "promoted":
        return 1.0
    if position.status not in LIVE_STATUSES or position.stage == "shadow":
        return 0.0
    if position.stage == "bake":
        return 1.0
    return sum(position.weights.values()) if position.stage == "arms" else plan.steps[position.step].weight


def shadow_share(plan: Plan, position: Position, *, approved: bool) -> float:
    """Return the share of requests, 0-1, that are copied to the candidate; 0 without approval."""
    copying = approved and position.status in LIVE_STATUSES and position.stage == "shadow"
    return plan.shadow.share if copying and plan.shadow is not None else 0.0


def rollback_threshold(plan: Plan) -> float:
    """Return the E_bad that rolls back: Bonferroni over all that may do it, the guards and the target."""
    return (len(plan.guards) + (plan.target is not None)) / plan.alpha


def promote_threshold(plan: Plan) -> float:
    """Return the E_good that each guard needs: all must pass, so no correction is due (intersection-union)."""
    return 1 / plan.alpha


def next_step(plan: Plan, position: Position, seen: Seen, *, approved: bool, now: datetime) -> Transition:
    """Return what the evidence asks for. Changes at most one thing; safe to repeat.

    In order: a withdrawn approval, the breaker, E_bad and a lost target roll back; then, only while running, the shadow
    stage ends when it was good, a step advances when it has seen enough, and the last one when also every needed
    guard's E_good passes and the target has held: into the bake stage, which promotes at its end. A limit holds.
    """
    if position.status not in LIVE_STATUSES:
        return Transition(position, "none", f"the rollout is {position.status}; nothing to decide")
    reason = None if approved else "the candidate's approval is gone"
    reason = reason or _reason_to_roll_back(plan, position, seen)
    if reason:
        return Transition(position._replace(status="rolled_back"), "rolled_back", reason)
    if position.status != "running":
        return Transition(position, "none", _waiting(plan, position, seen))
    onward = _onward(plan, position, seen, now)
    if onward is not None:
        return onward
    reason = None if position.stage == "bake" else reason_to_hold(plan, position, seen, now)
    if reason:
        return Transition(position._replace(status="held"), "held", reason)
    return Transition(position, "none", _waiting(plan, position, seen))


def obey(plan: Plan, position: Position, command: Command, *, approved: bool, now: datetime) -> Transition:
    """Return what a person's command does.

    Raises Conflict when the command is impossible in this status, or would serve an unapproved candidate.
    """
    if position.status not in ALLOWED[command]:
        raise Conflict(
            f"the rollout is {position.status.replace('_', ' ')}, so it takes no '{command}'; "
            f"that works while it is {' or '.join(status.replace('_', ' ') for status in ALLOWED[command])}",
            code="releases.rollout_status",
            status=position.status,
            command=command,
        )
    if command in ("start", "resume", "promote") and not approved:
        raise Conflict(
            f"the candidate is not approved, so the rollout cannot {command}; approve it with: treadle release approve",
            code="releases.not_approved",
        )
    if command == "start":
        running = position._replace(status="running", step_started_at=now, limits_from=now)
        return Transition(running, "started", f"started at {where_words(plan, running)}")
    if command == "pause":
        return Transition(position._replace(status="paused"), "paused", "paused by hand; evidence may still roll back")
    if command == "resume":
        going_on = position._replace(status="running", limits_from=now, limits_from_units=position.units)
        return Transition(going_on, "resumed", f"resumed at {where_words(plan, position)}")
    if command == "promote":
        return Transition(position._replace(status="promoted"), "promoted", "promoted by hand")
    after = " after it was promoted" if position.status == "promoted" else ""
    return Transition(position._replace(status="rolled_back"), "rolled_back", f"rolled back by hand{after}")


def where_words(plan: Plan, position: Position) -> str:
    """Return the stage, and the step within it, in words."""
    if position.stage == "shadow" and plan.shadow is not None:
        return f"the shadow stage, {100 * plan.shadow.share:g} % of requests copied"
    if position.stage == "bake":
        return "the bake stage, 100 % of units with the stable release warm behind"
    if position.stage == "arms":
        return ", ".join(f"{100 * weight:.3g} % on {arm}" for arm, weight in position.weights.items())
    return _step_words(plan, position.step)


def _reason_to_roll_back(plan: Plan, position: Position, seen: Seen) -> str | None:
    if plan.breaker_run is not None and seen.errors is not None:
        horizon = plan.max_units or DEFAULT_HORIZON_UNITS
        length = breaker.run_that_trips(plan.breaker_run, seen.errors, horizon_units=horizon)
        if position.stage == "bake":
            # Nobody is on the stable release to compare with; going back costs nothing if it is no better.
            if length is not None and seen.run.failures >= length:
                return f"{seen.run.failures} requests failed in a row in the bake stage"
        elif breaker.has_tripped(seen.run, length):
            return (
                f"{seen.run.failures} candidate requests failed in a row while the stable release did well "
                f"({seen.run.stable_good} good, {seen.run.stable_bad} failed)"
            )
    needed_bad, needed_good = rollback_threshold(plan), promote_threshold(plan)
    for guard in plan.guards:
        state = seen.guards[guard.name]
        if state.e_bad >= needed_bad:
            words = evidence.in_words(state, needed_bad=needed_bad, needed_good=needed_good)
            return f"guard '{guard.name}': {words}"
    if plan.target is not None and target.is_lost(plan.target, seen.target, 1 / needed_bad):
        return f"target {target.in_words(plan.target, seen.target, plan.alpha)}"
    if position.stage == "shadow" and plan.shadow is not None:
        verdict, words = shadow.judge(plan.shadow, seen.shadow, needed_bad=needed_bad)
        if verdict == "bad":
            return words
    return None


def _onward(plan: Plan, position: Position, seen: Seen, now: datetime) -> Transition | None:
    """Return the next step or stage, or the promotion, if the rollout may go on to it."""
    if position.stage == "shadow" and plan.shadow is not None:
        verdict, words = shadow.judge(plan.shadow, seen.shadow, needed_bad=rollback_threshold(plan))
        if verdict != "good":
            return None
        # What the shadow stage took is not held against the steps.
        canary = position._replace(
            stage="canary", step_units=0, step_started_at=now, limits_from=now, limits_from_units=position.units
        )
        return Transition(canary, "advanced", f"{words}; on to {where_words(plan, canary)}")
    if position.stage == "bake" and plan.bake is not None:
        stayed = (now - position.step_started_at).total_seconds()
        if stayed < plan.bake.seconds or position.step_units < plan.bake.min_units:
            return None
        words = f"baked for {stayed:.0f} s over {position.step_units} units"
        return Transition(position._replace(status="promoted"), "promoted", words)
    if not _step_is_done(plan, position, now):
        return None
    if position.step < len(plan.steps) - 1:
        return _advance(plan, position, now)
    if not _is_good(plan, seen):
        return None
    if plan.bake is None:
        return Transition(position._replace(status="promoted"), "promoted", _why_promoted(plan, seen))
    baking = position._replace(stage="bake", step_units=0, step_started_at=now)
    return Transition(baking, "advanced", f"{_why_promoted(plan, seen)}; on to {where_words(plan, baking)}")


def _is_good(plan: Plan, seen: Seen) -> bool:
    needed = promote_threshold(plan)
    guarded = all(seen.guards[guard.name].e_good >= needed for guard in plan.guards if guard.needed_to_promote)
    return guarded and (plan.target is None or target.has_held(plan.target, seen.target, plan.alpha))


def _step_is_done(plan: Plan, position: Position, now: datetime) -> bool:
    step = plan.steps[position.step]
    stayed = (now - position.step_started_at).total_seconds()
    return position.step_units >= step.min_units and stayed >= step.min_seconds


def _advance(plan: Plan, position: Position, now: datetime) -> Transition:
    onward = position._replace(step=position.step + 1, step_units=0, step_started_at=now)
    return Transition(onward, "advanced", f"on to {_step_words(plan, onward.step)}")


def reason_to_hold(plan: Plan, position: Position, seen: Seen, now: datetime) -> str | None:
    """Return which limit of the plan has passed without a decision, in words; None when none has."""
    pairs = seen.shadow.agreement.seen
    has_backlog = plan.shadow is not None and shadow.has_backlog(plan.shadow, seen.shadow)
    most = plan.shadow.max_pairs if plan.shadow is not None and position.stage == "shadow" else None
    if most is not None and pairs >= most and not has_backlog:
        why = f"; the judge cannot be asked ({seen.shadow.judge_problem})" if seen.shadow.judge_problem else ""
        return f"undecided after {pairs} copied requests (limit {most}){why}; a person decides: promote or roll back"
    going = (now - position.limits_from).total_seconds()
    units = position.units - position.limits_from_units
    if plan.max_units is not None and units >= plan.max_units:
        return f"undecided after {units} units (limit {plan.max_units}); a person decides: promote or roll back"
    if plan.max_seconds is not None and going >= plan.max_seconds:
        return f"undecided after {going:.0f} s (limit {plan.max_seconds:g} s); a person decides: promote or roll back"
    return None


def _why_promoted(plan: Plan, seen: Seen) -> str:
    needed_bad, needed_good = rollback_threshold(plan), promote_threshold(plan)
    parts = [
        f"guard '{guard.name}': "
        + evidence.in_words(seen.guards[guard.name], needed_bad=needed_bad, needed_good=needed_good)
        for guard in plan.guards
        if guard.needed_to_promote
    ]
    if plan.target is not None:
        parts.append(f"target {target.in_words(plan.target, seen.target, plan.alpha)}")
    return "; ".join(parts)


def _waiting(plan: Plan, position: Position, seen: Seen) -> str:
    needed_bad, needed_good = rollback_threshold(plan), promote_threshold(plan)
    # The guard that is nearest to rolling back is the one worth reading.
    nearest = max(plan.guards, key=lambda guard: seen.guards[guard.name].log_e_bad)
    words = evidence.in_words(seen.guards[nearest.name], needed_bad=needed_bad, needed_good=needed_good)
    told = f"guard '{nearest.name}': {words}"
    if plan.target is not None:
        told += f"; target {target.in_words(plan.target, seen.target, plan.alpha)}"
    where = where_words(plan, position)
    if position.status != "running":
        return f"{position.status} at {where}; {told}"
    if position.stage == "shadow" and plan.shadow is not None:
        verdict = shadow.judge(plan.shadow, seen.shadow, needed_bad=needed_bad)[1]
        return f"{where}; {verdict}; {shadow.in_words(seen.shadow)}"
    if position.stage == "bake" and plan.bake is not None:
        return f"{where}, {position.step_units} units so far; {told}"
    missing = max(0, plan.steps[position.step].min_units - position.step_units)
    goal = "the next step" if position.step < len(plan.steps) - 1 else "promotion"
    need = f"{missing} more candidate units before {goal}" if missing else f"enough units for {goal}"
    return f"{where}, {need}; {told}"


def _step_words(plan: Plan, step: int) -> str:
    return f"step {step + 1} of {len(plan.steps)}, {100 * plan.steps[step].weight:g} % of units"

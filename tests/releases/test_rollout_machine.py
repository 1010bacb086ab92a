"""The rollout machine: worked cases, and its safety as properties over any sequence of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from treadle.core.errors import Conflict
from treadle.releases.rollouts.breaker import Run
from treadle.releases.rollouts.evidence import Evidence, Outcome, observe, start
from treadle.releases.rollouts.machine import (
    ALLOWED,
    begin,
    candidate_share,
    next_step,
    obey,
    promote_threshold,
    rollback_threshold,
    shadow_share,
)
from treadle.releases.rollouts.means import observe as observe_score
from treadle.releases.rollouts.plans.types import BakeStage, Guard, Plan, ShadowStage, Step, TargetMetric
from treadle.releases.rollouts.shadow import take_pair
from treadle.releases.rollouts.state import Position, Seen
from treadle.traces.outcome_types import ShadowPair

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PLAN = Plan(steps=[Step(weight=0.1, min_units=5), Step(weight=0.5, min_units=5)], max_units=100, max_seconds=600)
NAME = PLAN.guards[0].name
ORDER = ("shadow", "canary", "bake")


def _seen(log_bad: float = 0.0, log_good: float = 0.0) -> Seen:
    return Seen({NAME: Evidence(margin=1.5, log_bad=(log_bad,) * 5, log_good=log_good, stable_bad=1)})


def _running(step: int = 0, units: int = 0, step_units: int = 0) -> Position:
    return Position("running", step, units, step_units, NOON, NOON)


def test_step_with_enough_units_advances() -> None:
    """
    Five candidate units end the first step; the next one counts from 0.
    """
    transition = next_step(PLAN, _running(step_units=5), _seen(), approved=True, now=NOON)

    assert ("advanced", 1, 0) == (transition.change, transition.position.step, transition.position.step_units)
    assert "on to step 2 of 2, 50 % of units" == transition.words


def test_proof_of_good_before_the_last_step_only_advances() -> None:
    """
    Promotion waits for the last step, however strong the evidence: steps also carry load.
    """
    transition = next_step(PLAN, _running(step_units=5), _seen(log_good=50), approved=True, now=NOON)

    assert "advanced" == transition.change


def test_proof_of_good_at_the_last_step_promotes() -> None:
    """
    At the last step with enough units, E_good of 20 promotes and the candidate has all traffic.
    """
    transition = next_step(PLAN, _running(1, 50, 5), _seen(log_good=3.0), approved=True, now=NOON)

    assert "promoted" == transition.change
    assert 1.0 == candidate_share(PLAN, transition.position, approved=True)
    assert "20 times likelier equal than that" in transition.words


@pytest.mark.parametrize("status", ["running", "paused", "held"])
def test_proof_of_harm_rolls_back_from_every_live_status(status: str) -> None:
    """
    E_bad of 20 rolls back, also while a person has paused or the rollout is held.
    """
    position = _running()._replace(status=status)  # type: ignore[arg-type]

    transition = next_step(PLAN, position, _seen(log_bad=3.0), approved=True, now=NOON)

    assert "rolled_back" == transition.change
    assert 0.0 == candidate_share(PLAN, transition.position, approved=True)


def test_more_guards_ask_for_more_proof_of_harm_and_not_of_good() -> None:
    """
    Any of K guards may roll back, so each needs K/alpha; all must be good, so each needs 1/alpha.
    """
    plan = Plan(guards=[Guard(name="wrong", signals=["feedback:correct"]), Guard(name="errors", signals=["error"])])

    assert pytest.approx(40) == rollback_threshold(plan)
    assert pytest.approx(20) == promote_threshold(plan)


def test_veto_guard_without_events_does_not_stand_in_the_way() -> None:
    """
    Errors that never happen prove nothing; as a veto they need not.
    """
    plan = Plan(
        steps=[Step(weight=0.5, min_units=1)],
        guards=[
            Guard(name="wrong", signals=["feedback:correct"]),
            Guard(name="errors", signals=["error"], needed_to_promote=False),
        ],
    )
    seen = Seen({"wrong": start(1.5)._replace(log_good=4.0, stable_bad=9), "errors": start(1.5)})

    transition = next_step(plan, _running(0, 50, 30), seen, approved=True, now=NOON)

    assert "promoted" == transition.change


def test_undecided_for_too_long_is_held_and_never_promoted() -> None:
    """
    At the limit of units or time the rollout stops moving and waits for a person, keeping its share.
    """
    by_units = next_step(PLAN, _running(1, 100, 5), _seen(), approved=True, now=NOON)
    by_time = next_step(PLAN, _running(1, 50, 5), _seen(), approved=True, now=NOON + timedelta(minutes=10))

    assert ["held", "held"] == [by_units.change, by_time.change]
    assert 0.5 == candidate_share(PLAN, by_units.position, approved=True)
    assert "undecided after 100 units (limit 100); a person decides: promote or roll back" == by_units.words


def test_resumed_after_a_hold_counts_its_limits_anew() -> None:
    """
    A person who resumes gives the plan's limits once more.
    """
    held = _running(1, 100, 5)._replace(status="held")

    resumed = obey(PLAN, held, "resume", approved=True, now=NOON).position

    assert "none" == next_step(PLAN, resumed._replace(units=150), _seen(), approved=True, now=NOON).change
    assert "held" == next_step(PLAN, resumed._replace(units=200), _seen(), approved=True, now=NOON).change


def test_run_of_failures_trips_the_breaker() -> None:
    """
    Five failed candidate requests in a row after a hundred clean stable ones roll back before the e-process would.
    """
    errors = start(1.5)
    for _ in range(100):
        errors = observe(errors, Outcome("stable", 0.5, False))
    seen = _seen()._replace(run=Run(failures=5, stable_good=4), errors=errors)

    transition = next_step(PLAN, _running(), seen, approved=True, now=NOON)

    assert "rolled_back" == transition.change
    assert transition.words.startswith("5 candidate requests failed in a row while the stable release did well")


@pytest.mark.parametrize("command", ["start", "resume", "promote"])
def test_no_command_moves_an_unapproved_candidate_forward(command: str) -> None:
    """
    Without approval a person cannot start, resume or promote either.
    """
    position = _running()._replace(status="pending" if command == "start" else "held")

    with pytest.raises(Conflict) as caught:
        obey(PLAN, position, command, approved=False, now=NOON)  # type: ignore[arg-type]

    assert "releases.not_approved" == caught.value.error_code


def test_finished_rollout_obeys_nothing() -> None:
    """
    Rolled back is final; promoted is final but for being rolled back by hand.
    """
    for status in ("promoted", "rolled_back"):
        for command in set(ALLOWED) - ({"rollback"} if status == "promoted" else set()):
            with pytest.raises(Conflict) as caught:
                obey(PLAN, _running()._replace(status=status), command, approved=True, now=NOON)  # type: ignore[arg-type]

            assert "releases.rollout_status" == caught.value.error_code


def test_good_candidate_bakes_before_it_is_promoted() -> None:
    """
    Proof of good opens the bake stage with all units; its time and units end it, and only then is it promoted.
    """
    plan = PLAN.model_copy(update={"bake": BakeStage(seconds=60, min_units=10)})
    baking = next_step(plan, _running(1, 50, 5), _seen(log_good=3.0), approved=True, now=NOON)
    position = baking.position

    early = next_step(plan, position._replace(step_units=10), _seen(), approved=True, now=NOON + timedelta(seconds=59))
    few = next_step(plan, position._replace(step_units=9), _seen(), approved=True, now=NOON + timedelta(seconds=61))
    done = next_step(plan, position._replace(step_units=10), _seen(), approved=True, now=NOON + timedelta(seconds=61))

    assert ("advanced", "bake", 0) == (baking.change, position.stage, position.step_units)
    assert 1.0 == candidate_share(plan, position, approved=True)
    assert ["none", "none", "promoted"] == [early.change, few.change, done.change]


def test_breaker_watches_the_bake_stage_without_anybody_to_compare_with() -> None:
    """
    At 100 % no stable unit can do well meanwhile; a run of failures goes back to the warm release all the same.
    """
    plan = PLAN.model_copy(update={"bake": BakeStage(seconds=60)})
    errors = start(1.5)._replace(stable_units=200)
    seen = _seen()._replace(run=Run(failures=5), errors=errors)

    transition = next_step(plan, _running(1)._replace(stage="bake"), seen, approved=True, now=NOON)

    assert ("rolled_back", "5 requests failed in a row in the bake stage") == (transition.change, transition.words)


def test_target_that_has_not_held_keeps_a_good_candidate_waiting() -> None:
    """
    Non-inferior guards are not enough: the target's loss must be ruled out too; a sure loss rolls back.
    """
    plan = PLAN.model_copy(update={"target": TargetMetric(score="rating", margin=0.1)})
    seen, held, lost = _seen(log_good=9.0), _seen(log_good=9.0), _seen(log_good=9.0)
    for number in range(2_000):
        arm, probability = ("candidate", 0.5) if number % 2 else ("stable", 0.5)
        usual = float(number // 2 % 5)
        held = held._replace(target=observe_score(held.target, arm, probability, usual))
        worse = usual - (1.0 if arm == "candidate" else 0.0)
        lost = lost._replace(target=observe_score(lost.target, arm, probability, worse))

    waiting = next_step(plan, _running(1, 50, 5), seen, approved=True, now=NOON)
    wide = plan.model_copy(update={"target": TargetMetric(score="rating", margin=0.5)})
    promoted = next_step(wide, _running(1, 50, 5), held, approved=True, now=NOON)
    back = next_step(plan, _running(1, 50, 5), lost, approved=True, now=NOON)

    assert "none" == waiting.change
    assert "'rating': too early for an interval" in waiting.words
    assert "promoted" == promoted.change
    assert "a loss of 0.5 is ruled out" in promoted.words
    assert "rolled_back" == back.change
    assert "target 'rating'" in back.words


def test_target_counts_among_what_may_roll_back() -> None:
    """
    One guard and a target share alpha: E_bad of 40 instead of 20.
    """
    plan = PLAN.model_copy(update={"target": TargetMetric(score="rating")})

    assert pytest.approx(40) == rollback_threshold(plan)


class RolloutMachine(RuleBasedStateMachine):
    """Any interleaving of outcomes, looks, commands and a withdrawn approval."""

    @initialize(
        steps=st.integers(1, 3), weight=st.sampled_from([0.05, 0.2]), bakes=st.booleans(), shadows=st.booleans()
    )
    def begin(self, steps: int, weight: float, bakes: bool, shadows: bool) -> None:
        """Start from nothing."""
        self.plan = Plan(
            steps=[Step(weight=weight * (i + 1), min_units=3) for i in range(steps)],
            max_units=40,
            bake=BakeStage(seconds=120) if bakes else None,
            shadow=ShadowStage(min_pairs=4, min_agreement=0.2) if shadows else None,
        )
        self.position, self.now, self.approved = begin(self.plan, NOON), NOON, True
        self.seen = Seen({NAME: start(1.5)}, errors=start(1.5))
        self.share = 0.0
        self.changes: list[str] = []

    @rule(command=st.sampled_from(sorted(ALLOWED)))
    def person_commands(self, command: str) -> None:
        """A person tries something; impossible things change nothing."""
        before = self.position
        try:
            transition = obey(self.plan, self.position, command, approved=self.approved, now=self.now)  # type: ignore[arg-type]
        except Conflict:
            assert before == self.position
            return
        self.position = transition.position
        self.changes.append(transition.change)

    @rule(arm=st.sampled_from(["stable", "candidate"]), bad=st.booleans(), times=st.integers(1, 8), weight=st.just(0.2))
    def outcomes_arrive(self, arm: str, bad: bool, times: int, weight: float) -> None:
        """Some units end alike."""
        state = self.seen.guards[NAME]
        for _ in range(times):
            state = observe(state, Outcome(arm, weight, bad))  # type: ignore[arg-type]
        self.seen = self.seen._replace(guards={NAME: state}, errors=state)
        self.position = self.position._replace(
            units=self.position.units + times,
            step_units=self.position.step_units + (times if arm == "candidate" else 0),
        )

    @rule(same=st.booleans(), times=st.integers(1, 30))
    def pairs_arrive(self, same: bool, times: int) -> None:
        """Some copied requests are answered by both."""
        pair = ShadowPair(
            seq=1, trace_id="0" * 32, span_id="0" * 16, unit="u", stable_status="ok", stable_text="a", candidate_status="ok",
            candidate_text="a" if same else "b",
        )  # fmt: skip
        shadow = self.seen.shadow
        for _ in range(times):
            shadow = take_pair(shadow, pair, "exact")
        self.seen = self.seen._replace(shadow=shadow)

    @rule()
    def controller_looks(self) -> None:
        """The controller takes one look."""
        before = self.position
        transition = next_step(self.plan, before, self.seen, approved=self.approved, now=self.now)
        self.position = transition.position
        self.changes.append(transition.change)
        if transition.change == "promoted":
            assert before.status == "running"
            assert before.step == len(self.plan.steps) - 1
            if self.plan.bake is None:
                assert before.step_units >= self.plan.steps[before.step].min_units
                assert self.seen.guards[NAME].e_good >= 20
            else:
                assert before.stage == "bake"
                assert self.now - before.step_started_at >= timedelta(seconds=120)
        if transition.change == "advanced":
            assert before.status == "running"
            assert ORDER.index(before.stage) + 1 == ORDER.index(transition.position.stage) or (
                before.stage == transition.position.stage == "canary" and before.step + 1 == transition.position.step
            )
            assert self.seen.guards[NAME].e_bad < 20
        if transition.position.stage == "bake" and before.stage == "canary":
            assert self.seen.guards[NAME].e_good >= 20
            assert before.step == len(self.plan.steps) - 1

    @precondition(lambda self: self.approved)
    @rule()
    def approval_is_withdrawn(self) -> None:
        """Somebody takes the approval back."""
        self.approved = False

    @rule(minutes=st.integers(1, 5))
    def time_passes(self, minutes: int) -> None:
        """The clock moves."""
        self.now += timedelta(minutes=minutes)

    @invariant()
    def unapproved_candidate_has_no_share(self) -> None:
        """The one rule that must never break."""
        share = candidate_share(self.plan, self.position, approved=self.approved)

        assert self.approved or share == 0.0
        assert 0.0 <= share <= 1.0
        if self.position.status in ("pending", "rolled_back") or (
            self.position.stage == "shadow" and self.position.status != "promoted"
        ):
            assert share == 0.0
        copied = shadow_share(self.plan, self.position, approved=self.approved)
        assert copied == 0.0 or (self.approved and share == 0.0)

    @invariant()
    def ended_is_ended(self) -> None:
        """Nothing happens after promotion or rollback, but that a person may roll a promotion back."""
        ends = [index for index, change in enumerate(self.changes) if change in ("promoted", "rolled_back")]
        after = [change for change in (self.changes[ends[0] + 1 :] if ends else []) if change != "none"]

        assert after == [] or (self.changes[ends[0]], after) == ("promoted", ["rolled_back"])


TestRolloutMachine = RolloutMachine.TestCase
TestRolloutMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)

"""From outcomes to evidence: units count once, bad events count once, order and repetition are no matter."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.feedback.types import Outcome as FeedbackOutcome
from treadle.releases.rollouts import intake
from treadle.releases.rollouts.intake import Taken, Unit, take_in
from treadle.releases.rollouts.plans.types import Guard, Plan
from treadle.releases.rollouts.state import Seen
from treadle.traces.outcome_types import RolloutOutcome

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PLAN = Plan(
    guards=[
        Guard(name="wrong", signals=["feedback:correct", "error"]),
        Guard(name="errors", signals=["error"], needed_to_promote=False),
    ]
)


def _request(
    unit: str, *, arm: str = "stable", weight: float = 0.8, failed: bool = False, seq: int = 1
) -> RolloutOutcome:
    return RolloutOutcome(
        seq=seq, trace_id="0" * 32, unit=unit, arm=arm, arm_weight=weight, status="error" if failed else "ok",
        error_code=None, latency_ms=1.0, time_to_first_token_ms=None, cost_usd=None, started_at=NOON,
    )  # fmt: skip


def _said(
    unit: str, value: float, *, arm: str = "stable", weight: float = 0.8, name: str = "correct"
) -> FeedbackOutcome:
    return FeedbackOutcome(
        seq=1, feedback_id="fbk_1", trace_id="0" * 32, name=name, value=value, label=None, source="user", endpoint="support",
        release_id="rel_1", rollout_id="rol_1", arm=arm, arm_weight=weight, unit=unit, created_at=NOON,
    )  # fmt: skip


def _counts(seen: Seen, guard: str) -> tuple[int, int, int, int]:
    state = seen.guards[guard]
    return state.stable_units, state.stable_bad, state.candidate_units, state.candidate_bad


def test_weight_of_evidence_is_the_candidates_whichever_arm_was_chosen() -> None:
    """
    A trace states the chance of the arm it got; a stable one at 0.8 means a candidate at 0.2.
    """
    by_stable = take_in(PLAN, intake.begin(PLAN), {}, [_request("a", failed=True)], [])
    by_candidate = take_in(PLAN, intake.begin(PLAN), {}, [_request("a", arm="candidate", weight=0.2, failed=True)], [])

    assert pytest.approx(1) == (
        0.8 * by_stable.seen.guards["wrong"].e_bad + 0.2 * by_candidate.seen.guards["wrong"].e_bad
    )


def test_failed_request_is_bad_for_every_guard_that_watches_errors() -> None:
    """
    One failure counts once in each guard with the signal.
    """
    taken = take_in(PLAN, intake.begin(PLAN), {}, [_request("a", failed=True), _request("b")], [])

    assert (2, 1, 0, 0) == _counts(taken.seen, "wrong") == _counts(taken.seen, "errors")
    assert (2, 0, 2) == (taken.new_units, taken.new_candidate_units, taken.new_bad)


def test_wrong_answer_is_bad_for_the_guard_that_watches_feedback() -> None:
    """
    Feedback with value 0 counts; with value 1, or of another name, it does not.
    """
    requests = [_request("a"), _request("b"), _request("c")]
    judged = [_said("a", 0), _said("b", 1), _said("c", 0, name="tone")]

    taken = take_in(PLAN, intake.begin(PLAN), {}, requests, judged)

    assert (3, 1, 0, 0) == _counts(taken.seen, "wrong")
    assert (3, 0, 0, 0) == _counts(taken.seen, "errors")


def test_cancelled_request_is_nobodys_fault() -> None:
    """
    A caller that went away is no bad event.
    """
    cancelled = _request("a").model_copy(update={"status": "cancelled"})

    taken = take_in(PLAN, intake.begin(PLAN), {}, [cancelled], [])

    assert (1, 0, 0, 0) == _counts(taken.seen, "wrong")


def test_caller_that_waited_longer_than_the_stable_release_ever_takes_was_failed() -> None:
    """
    A candidate that hangs is judged by those who gave up on it: a timeout and an error, and a run for the breaker.
    """
    first = [_request(f"s{number}", seq=number) for number in range(100)]
    left = {"status": "cancelled", "latency_ms": 30_000.0}
    hung = [_request(f"c{number}", arm="candidate", weight=0.2).model_copy(update=left) for number in range(6)]

    learnt = take_in(PLAN, intake.begin(PLAN), {}, first, []).seen
    taken = take_in(PLAN, learnt, {}, hung, []).seen

    assert {"waited": 1.0} == learnt.limits
    assert (100, 0, 6, 6) == _counts(taken, "wrong") == _counts(taken, "errors")
    assert 6 == taken.run.failures


def test_caller_that_left_early_is_neither_failure_nor_success_to_the_breaker() -> None:
    """
    Nobody can say what it would have got, so a run of failures goes on where it was.
    """
    failures = [_request(f"c{number}", arm="candidate", weight=0.2, failed=True) for number in range(4)]
    left = _request("left", arm="candidate", weight=0.2).model_copy(update={"status": "cancelled"})
    stopped = left.model_copy(update={"unit": "stopped", "time_to_first_token_ms": 0.5})

    early = take_in(PLAN, intake.begin(PLAN), {}, [*failures, left], []).seen
    answered = take_in(PLAN, early, {}, [stopped], []).seen

    assert (4, 4) == (early.run.failures, early.errors.candidate_units if early.errors else None)
    assert 0 == answered.run.failures


def test_what_callers_do_wrong_is_neutral() -> None:
    """
    Where both arms refuse the same share of requests, the evidence is against neither.
    """
    refused = {"status": "error", "error_code": "invalid_request"}
    requests = [
        _request(f"{arm} {number}", arm=arm, weight=0.5).model_copy(update=refused if number % 5 == 0 else {})
        for number in range(200)
        for arm in ("stable", "candidate")
    ]

    seen = take_in(PLAN, intake.begin(PLAN), {}, requests, []).seen

    assert (200, 40, 200, 40) == _counts(seen, "errors")
    assert seen.guards["errors"].e_bad < 1


def test_second_failure_of_a_unit_is_no_second_event() -> None:
    """
    Within a batch and across batches, a unit turns bad once.
    """
    first = take_in(PLAN, intake.begin(PLAN), {}, [_request("a", failed=True)], [_said("a", 0)])
    second = take_in(PLAN, first.seen, first.changed, [_request("a", failed=True, seq=2)], [_said("a", 0)])

    assert (1, 1, 0, 0) == _counts(second.seen, "wrong")
    assert {} == second.changed


def test_unit_that_moves_to_the_candidate_counts_there_too() -> None:
    """
    A rising weight moves units; each arm counts those it served, and a bad event counts for the arm that caused it.
    """
    first = take_in(PLAN, intake.begin(PLAN), {}, [_request("a")], [])
    moved = _request("a", arm="candidate", weight=0.5, failed=True, seq=2)

    second = take_in(PLAN, first.seen, first.changed, [moved], [])

    assert (1, 0, 1, 1) == _counts(second.seen, "wrong")
    assert (0, 1) == (second.new_units, second.new_candidate_units)


def test_one_client_hammering_is_one_failure_to_the_breaker() -> None:
    """
    Ten failures of one unit are a run of one.
    """
    hammering = [_request("a", arm="candidate", weight=0.2, failed=True, seq=seq) for seq in range(1, 11)]

    taken = take_in(PLAN, intake.begin(PLAN), {}, hammering, [])

    assert 1 == taken.seen.run.failures


OUTCOMES = st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.sampled_from([None, 0.0, 1.0])), max_size=25)
ARMS = {"a": "stable", "b": "candidate", "c": "stable", "d": "candidate", "e": "stable", "f": "stable"}


def _take(seen: Seen, known: dict[str, Unit], outcomes: list[tuple[str, bool, float | None]]) -> Taken:
    requests = [
        _request(unit, arm=ARMS[unit], weight=0.2 if ARMS[unit] == "candidate" else 0.8, failed=failed)
        for unit, failed, _ in outcomes
    ]
    judged = [
        _said(unit, value, arm=ARMS[unit], weight=0.2 if ARMS[unit] == "candidate" else 0.8)
        for unit, _, value in outcomes
        if value is not None
    ]
    return take_in(PLAN, seen, known, requests, judged)


@given(OUTCOMES, st.integers(0, 25))
def test_batches_do_not_matter(outcomes: list[tuple[str, bool, float | None]], cut: int) -> None:
    """
    Outcomes taken in two batches leave the counts and the evidence that one batch leaves.
    """
    whole = _take(intake.begin(PLAN), {}, outcomes)

    first = _take(intake.begin(PLAN), {}, outcomes[:cut])
    second = _take(first.seen, first.changed, outcomes[cut:])

    for guard in ("wrong", "errors"):
        assert _counts(whole.seen, guard) == _counts(second.seen, guard)
        assert pytest.approx(whole.seen.guards[guard].log_bad, abs=1e-9) == second.seen.guards[guard].log_bad


@given(OUTCOMES)
def test_taking_in_again_changes_nothing(outcomes: list[tuple[str, bool, float | None]]) -> None:
    """
    The same outcomes a second time are known already.
    """
    once = _take(intake.begin(PLAN), {}, outcomes)

    twice = _take(once.seen, once.changed, outcomes)

    assert once.seen.guards == twice.seen.guards
    assert {} == twice.changed

"""Rollouts through the HTTP contract: traffic moves by evidence, and never to what nobody approved."""

from __future__ import annotations

import asyncio

import pytest

from tests.releases.studio import Studio, later
from treadle.core.errors import Conflict, NotFound
from treadle.gateway.types import Endpoint as Published
from treadle.releases.controller import Controller
from treadle.releases.rollouts import moving
from treadle.releases.rollouts.plans.types import Plan, Step
from treadle.releases.rollouts.types import Rollout
from treadle.releases.types import Release

PLAN = Plan(steps=[Step(weight=0.2, min_units=10), Step(weight=0.5, min_units=10)])


def _shares(published: Published | None) -> dict[str, float]:
    assert published is not None
    return {arm.release_id: arm.weight for arm in published.arms}


def _begin(studio: Studio, plan: Plan = PLAN) -> tuple[Release, Release, Rollout]:
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", candidate.release_id, plan=plan)
    studio.tick()
    return stable, candidate, studio.rollouts.get(rollout.rollout_id)


def _drive(
    studio: Studio, rollout: Rollout, bad: dict[str, float], *, judged: bool = True, rounds: int = 60
) -> Rollout:
    """Send 50 units at a time and let the controller look, until the rollout has ended."""
    for number in range(rounds):
        studio.send("support", range(50 * number, 50 * (number + 1)), bad, judged=judged)
        studio.tick(1)
        rollout = studio.rollouts.get(rollout.rollout_id)
        if rollout.ended_at is not None:
            break
    return rollout


def test_endpoint_serves_its_first_release_when_the_engine_answers(studio: Studio) -> None:
    """
    A new endpoint is unknown to the gateway until its release's engine is up, then serves it alone.
    """
    stable = studio.release("base")
    made = studio.endpoints.create("support", release_id=stable.release_id)
    before = studio.published("support")

    studio.tick()

    assert (None, stable.release_id) == (made.stable_release_id, made.next_release_id)
    assert before is None
    assert {stable.release_id: 1.0} == _shares(studio.published("support"))
    assert stable.manifest.model_version_id in studio.engines.started


def test_better_candidate_is_promoted_by_evidence(studio: Studio) -> None:
    """
    A candidate with far fewer wrong answers goes 20 %, 50 %, all, and the endpoint then serves it alone.
    """
    stable, candidate, rollout = _begin(studio)
    first = _shares(studio.published("support"))

    ended = _drive(studio, rollout, {stable.release_id: 0.5, candidate.release_id: 0.05})

    assert {stable.release_id: 0.8, candidate.release_id: 0.2} == pytest.approx(first)
    assert ("promoted", 1) == (ended.status, ended.step)
    assert "not worse by 1.5 times or more" in ended.words
    assert {candidate.release_id: 1.0} == _shares(studio.published("support"))
    endpoint = studio.endpoints.get("support")
    assert (candidate.release_id, stable.release_id) == (endpoint.stable_release_id, endpoint.previous_release_id)


def test_broken_candidate_is_rolled_back_by_evidence(studio: Studio) -> None:
    """
    A candidate that is nearly always wrong loses its traffic within a few hundred units, with the reason in words.
    """
    stable, candidate, rollout = _begin(studio)

    ended = _drive(studio, rollout, {stable.release_id: 0.1, candidate.release_id: 0.95})

    assert "rolled_back" == ended.status
    assert ended.units <= 200
    assert ended.reason is not None
    assert "likelier worse than equal" in ended.reason
    assert {stable.release_id: 1.0} == _shares(studio.published("support"))
    assert studio.endpoints.get("support").rollout_id is None


def test_failed_requests_count_as_bad(studio: Studio) -> None:
    """
    A candidate whose requests fail is rolled back without any feedback.
    """
    stable, candidate, rollout = _begin(studio)

    ended = _drive(studio, rollout, {stable.release_id: 0.0, candidate.release_id: 1.0}, judged=False)

    assert "rolled_back" == ended.status
    assert ended.units <= 100


def test_evidence_over_time_tells_the_story(studio: Studio) -> None:
    """
    The time series is in order, names every change, and ends where the rollout ended.
    """
    stable, candidate, rollout = _begin(studio)
    ended = _drive(studio, rollout, {stable.release_id: 0.5, candidate.release_id: 0.05})

    points = studio.rollouts.list_evidence(rollout.rollout_id)

    assert list(range(1, len(points) + 1)) == [point.sequence for point in points]
    events = [point.event for point in points if point.event]
    assert events[0].startswith("started at step 1 of 2, 20 % of units")
    assert "on to step 2 of 2, 50 % of units" in events
    assert ended.words == events[-1]
    assert ended.evidence == points[-1].evidence
    assert points[2:] == studio.rollouts.list_evidence(rollout.rollout_id, after=2)


def test_looking_again_counts_nothing_twice(studio: Studio) -> None:
    """
    Ticks without new outcomes, and a second controller, leave units and evidence as they were.
    """
    stable, candidate, rollout = _begin(studio)
    studio.send("support", range(40), {stable.release_id: 0.2, candidate.release_id: 0.2})
    studio.tick(1)
    before = studio.rollouts.get(rollout.rollout_id)

    studio.tick(3)

    assert before == studio.rollouts.get(rollout.rollout_id)
    assert 40 == before.units


def test_session_with_many_failures_is_one_bad_unit(studio: Studio) -> None:
    """
    The unit is the session: its second bad answer is no second event.
    """
    stable, candidate, rollout = _begin(studio)
    bad = {stable.release_id: 1.0, candidate.release_id: 1.0}

    studio.send("support", range(10), bad)
    studio.send("support", range(10), bad)
    studio.tick(1)

    guard = studio.rollouts.get(rollout.rollout_id).evidence[0]
    assert 10 == guard.stable_bad + guard.candidate_bad == guard.stable_units + guard.candidate_units


def test_paused_rollout_keeps_its_share_and_can_still_be_rolled_back(studio: Studio) -> None:
    """
    Pausing stops the steps, not the watch.
    """
    stable, candidate, rollout = _begin(studio)
    studio.rollouts.pause(rollout.rollout_id)
    paused_shares = _shares(studio.published("support"))

    ended = _drive(studio, rollout, {stable.release_id: 0.1, candidate.release_id: 0.95})

    assert pytest.approx(0.2) == paused_shares[candidate.release_id]
    assert "rolled_back" == ended.status
    assert 0 == ended.step


def test_undecided_rollout_is_held_and_a_person_decides(studio: Studio) -> None:
    """
    At its limit an undecided rollout waits, and promotes by hand only.
    """
    plan = PLAN.model_copy(update={"max_units": 60})
    stable, candidate, rollout = _begin(studio, plan)
    studio.send("support", range(100), {stable.release_id: 0.1, candidate.release_id: 0.1})
    studio.tick(4)
    held = studio.rollouts.get(rollout.rollout_id)

    promoted = studio.rollouts.promote(rollout.rollout_id)

    assert "held" == held.status
    assert held.reason is not None
    assert "a person decides" in held.reason
    assert ("promoted", "promoted by hand") == (promoted.status, promoted.words)
    assert {candidate.release_id: 1.0} == _shares(studio.published("support"))


def test_time_limit_holds_without_any_traffic(studio: Studio) -> None:
    """
    A rollout that nobody sends traffic to is held when its time is up.
    """
    _, _, rollout = _begin(studio, PLAN.model_copy(update={"max_seconds": 60}))
    later(studio, seconds=61)

    studio.tick(1)

    assert "held" == studio.rollouts.get(rollout.rollout_id).status


def test_rollback_by_hand(studio: Studio) -> None:
    """
    One command gives the stable release all traffic again; a second one is refused.
    """
    stable, _, rollout = _begin(studio)

    ended = studio.rollouts.roll_back(rollout.rollout_id)
    with pytest.raises(Conflict) as caught:
        studio.rollouts.roll_back(rollout.rollout_id)

    assert "rolled_back" == ended.status
    assert {stable.release_id: 1.0} == _shares(studio.published("support"))
    assert "releases.rollout_status" == caught.value.error_code


@pytest.mark.parametrize("door", ["create", "set_stable", "rollout"])
def test_no_door_serves_an_unapproved_release(studio: Studio, door: str) -> None:
    """
    Every way to give a release traffic asks for its approval, and nothing changes when it has none.
    """
    stable, unapproved = studio.release("base"), studio.release("tuned", approved=False)
    studio.endpoint("support", stable)
    doors = {
        "create": lambda: studio.endpoints.create("other", release_id=unapproved.release_id),
        "set_stable": lambda: studio.endpoints.set_stable("support", unapproved.release_id),
        "rollout": lambda: studio.rollouts.start("support", unapproved.release_id),
    }

    with pytest.raises(Conflict) as caught:
        doors[door]()
    studio.tick()

    assert "releases.not_approved" == caught.value.error_code
    assert {stable.release_id: 1.0} == _shares(studio.published("support"))
    assert studio.published("other") is None


@pytest.mark.parametrize("door", ["controller", "promote", "resume"])
def test_approval_that_vanishes_stops_the_rollout(studio: Studio, door: str) -> None:
    """
    Even if an approval is taken out of the database by force, neither the controller nor a person serves on.
    """
    stable, candidate, rollout = _begin(studio)
    if door == "resume":
        studio.rollouts.pause(rollout.rollout_id)
    forget = "delete from release_approvals where release_id = %s"
    studio.run(studio.ctx.db.write(lambda db: db.execute(forget, [candidate.release_id])))

    if door == "controller":
        studio.tick(1)
        assert "the candidate's approval is gone" == studio.rollouts.get(rollout.rollout_id).reason
        assert {stable.release_id: 1.0} == _shares(studio.published("support"))
        return
    with pytest.raises(Conflict) as caught:
        getattr(studio.rollouts, door)(rollout.rollout_id)

    assert "releases.not_approved" == caught.value.error_code


def test_candidate_whose_engine_does_not_start_gets_no_traffic(studio: Studio) -> None:
    """
    A rollout waits for the candidate's engine; one that cannot start is rolled back before its first request.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    studio.engines.broken.add(candidate.manifest.model_version_id)
    rollout = studio.rollouts.start("support", candidate.release_id)

    studio.tick(4)

    ended = studio.rollouts.get(rollout.rollout_id)
    assert "rolled_back" == ended.status
    assert "its file is no model" in ended.words
    assert {stable.release_id: 1.0} == _shares(studio.published("support"))


def test_one_rollout_at_a_time(studio: Studio) -> None:
    """
    While traffic moves, neither a second rollout nor a new stable release is taken.
    """
    _begin(studio)
    other = studio.release("other")

    with pytest.raises(Conflict) as second:
        studio.rollouts.start("support", other.release_id)
    with pytest.raises(Conflict) as moved:
        studio.endpoints.set_stable("support", other.release_id)

    assert ["releases.rollout_under_way"] * 2 == [second.value.error_code, moved.value.error_code]


def test_same_key_is_the_same_rollout(studio: Studio) -> None:
    """
    Asking twice with a key starts one rollout, even after it has ended.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    first = studio.rollouts.start("support", candidate.release_id, key="turn 1")
    studio.rollouts.roll_back(first.rollout_id)

    again = studio.rollouts.start("support", candidate.release_id, key="turn 1")
    with pytest.raises(Conflict) as caught:
        studio.rollouts.start("support", candidate.release_id, plan=PLAN, key="turn 1")

    assert (first.rollout_id, "rolled_back") == (again.rollout_id, again.status)
    assert "releases.key_reused" == caught.value.error_code


def test_nothing_to_roll_out_from_or_to(studio: Studio) -> None:
    """
    A rollout needs a stable release, and a candidate that is another one.
    """
    stable = studio.release("base")
    studio.endpoints.create("empty")
    studio.endpoint("support", stable)

    for name in ("empty", "support"):
        with pytest.raises(Conflict) as caught:
            studio.rollouts.start(name, stable.release_id)

        assert "releases.nothing_to_replace" == caught.value.error_code
    with pytest.raises(NotFound):
        studio.rollouts.start("none", stable.release_id)


def test_two_controllers_at_once_decide_once(studio: Studio) -> None:
    """
    Outcomes that two controllers read at the same time are counted by one of them.
    """
    stable, candidate, rollout = _begin(studio)
    studio.send("support", range(60), {stable.release_id: 0.1, candidate.release_id: 0.1})

    async def both() -> None:
        await asyncio.gather(*(moving.advance_rollout(studio.ctx, rollout.rollout_id) for _ in range(4)))

    studio.run(both())

    assert 60 == studio.rollouts.get(rollout.rollout_id).units


def test_set_stable_back_to_the_previous_release(studio: Studio) -> None:
    """
    After a promotion one command leads back.
    """
    stable, candidate, rollout = _begin(studio)
    studio.rollouts.promote(rollout.rollout_id)

    studio.endpoints.set_stable("support", stable.release_id)
    studio.tick()

    assert {stable.release_id: 1.0} == _shares(studio.published("support"))
    assert candidate.release_id == studio.endpoints.get("support").previous_release_id


def test_server_that_starts_waits_for_the_engines_of_what_serves(studio: Studio) -> None:
    """
    After a restart both arms' engines are up before traffic is let in, so neither is judged by the other's delay.
    """
    stable, candidate, _ = _begin(studio)
    studio.engines.started.clear()

    async def start() -> None:
        controller = Controller(studio.engines)
        await controller.warm_up(studio.ctx, timeout_seconds=5)
        await controller.close()

    studio.run(start())

    assert {stable.manifest.model_version_id, candidate.manifest.model_version_id} == studio.engines.started


def test_database_that_is_away_is_not_held_against_the_candidate(studio: Studio) -> None:
    """
    An engine that waits for something else is tried again; only one that cannot run ends a rollout that waits for it.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    studio.engines.waiting.add(candidate.manifest.model_version_id)
    rollout = studio.rollouts.start("support", candidate.release_id)
    studio.tick(4)
    waiting = studio.rollouts.get(rollout.rollout_id)
    studio.engines.waiting.clear()

    studio.tick()

    assert "pending" == waiting.status
    assert "running" == studio.rollouts.get(rollout.rollout_id).status

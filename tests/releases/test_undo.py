"""Undoing a promotion: across a move of the endpoint to another environment, and after others have served."""

from __future__ import annotations

import pytest

from tests.releases.studio import Studio
from treadle.core.errors import Conflict
from treadle.releases.approvals.types import ApprovalPolicy
from treadle.releases.endpoints.types import ChangeEndpoint
from treadle.releases.rollouts.plans.types import Guard, Plan, Step
from treadle.releases.types import Release

PLAN = Plan(steps=[Step(weight=0.5, min_units=10)], guards=[Guard(name="errors", signals=["error"])])


def _serves(studio: Studio) -> dict[str, float]:
    published = studio.published("support")
    assert published is not None
    return {arm.release_id: arm.weight for arm in published.arms}


def _promoted(studio: Studio, gated: tuple[str, ...]) -> tuple[Release, Release, str]:
    """A rollout from 'base' to 'tuned' promoted in 'staging', then moved; those that are gated may serve in production."""
    stable, candidate = (studio.release(name, approved=False) for name in ("base", "tuned"))
    for name, release in (("base", stable), ("tuned", candidate)):
        if name in gated:
            other = studio.experiment(None, [False] * 40)
            own = studio.experiment(release, [True] * 40)
            studio.releases.evaluate_gate(release.release_id, baseline_id=other, candidate_id=own)
        studio.releases.approve(release.release_id, override_reason="a rehearsal")
    studio.client.environments.set_policy("production", ApprovalPolicy(gates=["evaluation"]))
    studio.endpoints.create("support", release_id=stable.release_id, environment="staging")
    studio.tick()
    rollout = studio.rollouts.start("support", candidate.release_id, plan=PLAN)
    studio.tick()
    studio.rollouts.promote(rollout.rollout_id)
    studio.endpoints.change("support", ChangeEndpoint(environment="production"))
    return stable, candidate, rollout.rollout_id


def test_promotion_is_undone_after_a_move_where_both_are_approved(studio: Studio) -> None:
    """
    The endpoint went to another environment that lets in what served before: undoing leads back to it.
    """
    stable, _, rollout_id = _promoted(studio, ("base", "tuned"))
    before = studio.endpoints.get("support").previous_release_id

    undone = studio.rollouts.roll_back(rollout_id)
    studio.tick()

    assert stable.release_id == before
    assert "rolled_back" == undone.status
    assert {stable.release_id: 1.0} == _serves(studio)


def test_undo_after_a_move_lets_nothing_in_that_is_not_approved_there(studio: Studio) -> None:
    """
    What served before may not serve in the new environment: refused with that reason, and possible again at home.
    """
    stable, candidate, rollout_id = _promoted(studio, ("tuned",))

    with pytest.raises(Conflict) as caught:
        studio.rollouts.roll_back(rollout_id)
    served = _serves(studio)
    studio.endpoints.change("support", ChangeEndpoint(environment="staging"))
    studio.rollouts.roll_back(rollout_id)
    studio.tick()

    assert "releases.cannot_undo" == caught.value.error_code
    assert "was moved to 'production'" in str(caught.value)
    assert "gate 'evaluation' passed" in str(caught.value)
    assert {candidate.release_id: 1.0} == served
    assert {stable.release_id: 1.0} == _serves(studio)


def test_old_promotion_is_not_undone_past_what_served_since(studio: Studio) -> None:
    """
    Another release served after the promotion and the promoted one came back: undoing would skip it, so it is refused.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", candidate.release_id, plan=PLAN)
    studio.tick()
    studio.rollouts.promote(rollout.rollout_id)
    other = studio.release("other")
    for release in (other, candidate):
        studio.endpoints.set_stable("support", release.release_id)
        studio.tick()

    with pytest.raises(Conflict) as caught:
        studio.rollouts.roll_back(rollout.rollout_id)

    assert "releases.cannot_undo" == caught.value.error_code
    assert {candidate.release_id: 1.0} == _serves(studio)

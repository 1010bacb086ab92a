"""Policies of environments: who must approve, how many, which gates, until when; and no path around them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.releases.studio import AppTransport, Studio, later
from treadle.client.client import Client
from treadle.client.releases import Releases
from treadle.core.errors import Conflict, Denied
from treadle.gateway import service as gateway
from treadle.gateway.refusals import Refusal
from treadle.gateway.table import Table
from treadle.gateway.types import Arm, Endpoint
from treadle.governance.access import permissions_of
from treadle.governance.types import CreatedApiKey, NewApiKey
from treadle.http.actor import Actor, RoleName
from treadle.http.context import Context
from treadle.releases import service
from treadle.releases.approvals import service as environments
from treadle.releases.approvals.policy import standing_of
from treadle.releases.approvals.types import Approval, ApprovalPolicy, NewApproval
from treadle.releases.controller import Controller
from treadle.releases.endpoints.types import ChangeEndpoint
from treadle.releases.rollouts.plans.types import Plan, Step
from treadle.releases.types import Gate, GatePolicy, Manifest, NewRelease, Release

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
REASON = "looked at by hand"
FOUR_EYES = ApprovalPolicy(approvals=2, author_may_approve=False, roles=["reviewer", "admin"])
PLAN = Plan(steps=[Step(weight=0.5, min_units=10)])


def _release(*approvals: tuple[str, RoleName, float], gates: dict[str, bool] | None = None) -> Release:
    """A release of 'author' with approvals (who, role, days before noon) and gates."""
    return Release(
        release_id="rel_1", name="support", version=1, digest="sha256:0", notes="", gate=None, approval=None,
        manifest=Manifest(model_version_id="m", model_digest="d", prompt_version_id=None, messages=[], parameters={}),
        created_by="author", created_at=NOON,
        gates=[
            Gate(
                name=name, result="passed" if passed else "failed", checks=[], policy=GatePolicy(),
                baseline_experiment_id="a", candidate_experiment_id="b", evaluated_at=NOON, evaluated_by="author",
            )
            for name, passed in (gates or {}).items()
        ],
        approvals=[
            Approval(
                actor_id=who, actor_name=who, approved_at=NOON - timedelta(days=days), override_reason=None, role=role
            )
            for who, role, days in approvals
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "release", "approved", "words"),
    [
        (ApprovalPolicy(), _release(("author", "owner", 0)), True, "may serve in 'production', approved by author"),
        (ApprovalPolicy(), _release(), False, "it lacks 1 more of 1 approvals"),
        (FOUR_EYES, _release(("author", "admin", 0), ("ann", "admin", 0)), False, "1 more of 2 approvals of reviewer"),
        (FOUR_EYES, _release(("ann", "reviewer", 0), ("bob", "admin", 0)), True, "approved by ann, bob"),
        (FOUR_EYES, _release(("ann", "reviewer", 0), ("bob", "owner", 0)), False, "not its author's"),
        (ApprovalPolicy(gates=["safety"]), _release(("ann", "owner", 0)), False, "gate 'safety' passed"),
        (
            ApprovalPolicy(gates=["safety"]),
            _release(("ann", "owner", 0), gates={"safety": False}),
            False,
            "gate 'safety' passed",
        ),
        (ApprovalPolicy(gates=["safety"]), _release(("ann", "owner", 0), gates={"safety": True}), True, "may serve"),
        (ApprovalPolicy(expires_days=7), _release(("ann", "owner", 8)), False, "(1 expired)"),
        (ApprovalPolicy(expires_days=7), _release(("ann", "owner", 6)), True, "until 2026-05-05 12:00 UTC"),
    ],
)
def test_standing(policy: ApprovalPolicy, release: Release, approved: bool, words: str) -> None:
    """
    Who, how many, which gates and until when are each asked for, and what is missing is said.
    """
    standing = standing_of(policy, release, "production", NOON)

    assert (approved, True) == (standing.is_approved, words in standing.words)


def test_approval_holds_as_long_as_enough_of_them_do() -> None:
    """
    Of three approvals where two are needed, the second newest decides when it ends.
    """
    release = _release(("a", "owner", 6), ("b", "owner", 3), ("c", "owner", 1))

    standing = standing_of(ApprovalPolicy(approvals=2, expires_days=7), release, "production", NOON)

    assert NOON + timedelta(days=4) == standing.expires_at


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 20)), max_size=4, unique_by=lambda one: one[0]))
@settings(max_examples=100)
def test_time_only_takes_away(given_: list[tuple[str, float]]) -> None:
    """
    Without new approvals a release that is not approved never becomes so, and one that is, is so until `expires_at`.
    """
    policy = ApprovalPolicy(approvals=2, expires_days=7)
    release = _release(*((who, "owner", days) for who, days in given_))
    standings = [standing_of(policy, release, "p", NOON + timedelta(days=days)) for days in range(9)]

    states = [one.is_approved for one in standings]

    assert states == sorted(states, reverse=True)
    if standings[0].expires_at is not None:
        assert not standing_of(policy, release, "p", standings[0].expires_at).is_approved
        assert standing_of(policy, release, "p", standings[0].expires_at - timedelta(seconds=1)).is_approved


def _as(studio: Studio, name: str, role: RoleName) -> Context:
    actor = Actor(actor_id=f"act_{name}", name=name, kind="person", role=role, permissions=permissions_of(role, None))
    return studio.platform.gatekeeper.context_for(studio.ctx.project_id, actor)


def _approve(studio: Studio, release: Release, *names: str, renew: bool = False) -> None:
    for name in names:
        new = NewApproval(override_reason=REASON, renew=renew)
        studio.run(service.approve(_as(studio, name, "reviewer"), release.release_id, new))


def _shares(studio: Studio, name: str = "support") -> dict[str, float]:
    published = studio.published(name)
    return {} if published is None else {arm.release_id: arm.weight for arm in published.arms if arm.weight}


def test_two_people_and_not_the_author(studio: Studio) -> None:
    """
    The author's approval does not count, one of two is not enough, the second one opens the door.
    """
    studio.client.environments.set_policy("production", FOUR_EYES)
    release = studio.release("base")
    refused = []
    for approver in (None, "ann", "ann"):
        if approver:
            _approve(studio, release, approver)
        with pytest.raises(Conflict) as caught:
            studio.endpoints.create("support", release_id=release.release_id)
        refused.append(str(caught.value))
    _approve(studio, release, "bob")

    studio.endpoint("support", release)

    assert "2 more of 2" in refused[0]
    assert "1 more of 2" in refused[1]
    assert "1 more of 2" in refused[2]
    assert ["local", "ann", "bob"] == [one.actor_name for one in studio.releases.get(release.release_id).approvals]
    assert studio.client.environments.get_standing("production", release.release_id).is_approved


def test_policy_is_set_by_those_who_govern_and_audited(studio: Studio) -> None:
    """
    An editor cannot loosen what stands in the editor's way.
    """
    studio.client.environments.set_policy("production", FOUR_EYES)

    with pytest.raises(Denied):
        studio.run(environments.set_policy(_as(studio, "eve", "editor"), "production", ApprovalPolicy()))

    assert FOUR_EYES == studio.client.environments.get("production").policy
    assert ApprovalPolicy() == studio.client.environments.get("staging").policy
    assert ["production"] == [one.name for one in studio.client.environments.list_()]
    assert 1 == sum(entry.action == "releases.set_policy" for entry in studio.client.audit.list_().items)


DOORS = ["create", "set_stable", "rollout", "arms", "start", "step", "promote", "move", "serve_next", "resume"]


@pytest.mark.parametrize("door", DOORS)
def test_no_path_serves_a_release_that_is_not_approved_there(studio: Studio, door: str) -> None:
    """
    The release has one approval and production asks for two: whichever way one tries, it gets no traffic there.
    """
    stable, wanted = studio.release("base"), studio.release("tuned")
    _approve(studio, stable, "ann")
    studio.endpoint("support", stable)
    studio.endpoints.create("other", environment="staging", release_id=wanted.release_id)
    studio.tick()
    two = ApprovalPolicy(approvals=2)
    under_way = {"start", "step", "promote", "resume"}
    rollout_id = ""
    if door in under_way:
        rollout_id = studio.rollouts.start("support", wanted.release_id, plan=PLAN).rollout_id
        if door != "start":
            studio.tick()
        if door == "resume":
            studio.rollouts.pause(rollout_id)
    if door == "serve_next":
        studio.endpoints.set_stable("support", wanted.release_id)
    studio.client.environments.set_policy("production", two)
    arms = Plan.model_validate(
        {"kind": "ab", "arms": {"arms": [{"release_id": wanted.release_id, "weight": 0.5}]}, "guards": PLAN.guards}
    )
    tries: dict[str, Callable[[], object]] = {
        "create": lambda: studio.endpoints.create("third", release_id=wanted.release_id),
        "set_stable": lambda: studio.endpoints.set_stable("support", wanted.release_id),
        "rollout": lambda: studio.rollouts.start("support", wanted.release_id, plan=PLAN),
        "arms": lambda: studio.rollouts.start("support", plan=arms),
        "promote": lambda: studio.rollouts.promote(rollout_id),
        "resume": lambda: studio.rollouts.resume(rollout_id),
        "move": lambda: studio.endpoints.change("other", ChangeEndpoint(environment="production")),
    }

    if door in tries:
        with pytest.raises(Conflict) as caught:
            tries[door]()
        assert "releases.not_approved" == caught.value.error_code
    studio.tick(3)

    assert {stable.release_id: 1.0} == _shares(studio)
    assert {} == _shares(studio, "third")
    assert "staging" == studio.endpoints.get("other").environment
    if door == "serve_next":
        assert "is not approved for 'production'" in str(studio.endpoints.get("support").problem)


def test_choice_among_models_is_no_door(studio: Studio) -> None:
    """
    What a choice tries is approved by nobody, so it exists for no key and in no list; nothing else publishes by itself.
    """
    arm = Arm(release_id="choice", role="stable", weight=1.0, model_version_id="mdv_1")
    tried = Endpoint(project_id=studio.ctx.project_id, name="cho_1-0", salt="s", arms=(arm,), internal=True)
    studio.run(studio.ctx.db.write(lambda db: gateway.publish_endpoint(db, tried)))
    snapshot = studio.run(gateway.load_snapshot(studio.platform.database))
    table = Table(snapshot, b"pepper")
    key = next(key for key in snapshot.keys.values() if key.project_id == studio.ctx.project_id)

    with pytest.raises(Refusal) as caught:
        table.endpoint(key, "cho_1-0")

    assert ("model_not_found", []) == (caught.value.code, table.names(key))
    assert studio.published("cho_1-0") is None
    source = Path(gateway.__file__).parents[1]
    publishing = [path for path in source.rglob("*.py") if "gateway.publish_endpoint(" in path.read_text()]
    assert ["choosing/work.py", "releases/publishing.py"] == sorted(
        str(path.relative_to(source)) for path in publishing
    )
    assert "internal=True" in (source / "choosing" / "work.py").read_text()


def test_restart_and_kill_switch_change_nothing_about_approval(studio: Studio) -> None:
    """
    What serves goes on after a restart, and after being switched off and on, also when its approval has expired; an
    unapproved one does not slip in.
    """
    studio.client.environments.set_policy("production", ApprovalPolicy(expires_days=7))
    stable, unapproved = studio.release("base"), studio.release("tuned", approved=False)
    studio.endpoint("support", stable)
    later(studio, days=8)

    studio.endpoints.disable("support", "drill")
    studio.endpoints.enable("support")

    async def restart() -> None:
        controller = Controller(studio.engines)
        await controller.warm_up(studio.ctx, timeout_seconds=5)
        await controller.tick(studio.ctx)
        await controller.close()

    studio.run(restart())
    with pytest.raises(Conflict):
        studio.endpoints.set_stable("support", unapproved.release_id)

    assert {stable.release_id: 1.0} == _shares(studio)


def test_candidate_whose_approval_runs_out_is_rolled_back(studio: Studio) -> None:
    """
    Nothing begins or goes on being tried on an approval that has expired; renewed, it may be tried again.
    """
    studio.client.environments.set_policy("production", ApprovalPolicy(expires_days=7))
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", candidate.release_id, plan=PLAN)
    studio.tick()
    later(studio, days=8)

    studio.tick()
    with pytest.raises(Conflict):
        studio.rollouts.start("support", candidate.release_id, plan=PLAN)
    studio.releases.approve(candidate.release_id, override_reason=REASON, renew=True)
    again = studio.rollouts.start("support", candidate.release_id, plan=PLAN)

    ended = studio.rollouts.get(rollout.rollout_id)
    assert ("rolled_back", "the candidate's approval is gone") == (ended.status, ended.reason)
    assert "pending" == again.status


def test_going_back_to_what_served_before_is_allowed_and_says_so(studio: Studio) -> None:
    """
    A rollback must always work: the old release's approval has expired, it serves again, and the endpoint says why.
    """
    studio.client.environments.set_policy("production", ApprovalPolicy(expires_days=7))
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", candidate.release_id, plan=PLAN)
    studio.tick()
    studio.rollouts.promote(rollout.rollout_id)
    later(studio, days=8)

    undone = studio.rollouts.roll_back(rollout.rollout_id)
    studio.tick()

    endpoint = studio.endpoints.get("support")
    assert {stable.release_id: 1.0} == _shares(studio)
    assert "(1 expired)" in undone.words
    assert "it serves because it served here before" in str(endpoint.notice)


def test_gate_of_a_name_must_have_passed_whatever_the_reason(studio: Studio) -> None:
    """
    A policy that asks for the gate 'safety' is not satisfied by an approval with a reason.
    """
    studio.client.environments.set_policy("production", ApprovalPolicy(gates=["safety"]))
    release = studio.release("tuned", approved=False)
    baseline, candidate = studio.experiment(None, [False] * 60), studio.experiment(release, [True] * 60)
    studio.releases.approve(release.release_id, override_reason=REASON)
    with pytest.raises(Conflict) as caught:
        studio.endpoints.create("support", release_id=release.release_id)
    gated = studio.release("other", approved=False)
    candidate = studio.experiment(gated, [True] * 60)
    studio.releases.evaluate_gate(gated.release_id, baseline_id=baseline, candidate_id=candidate, name="safety")
    studio.releases.approve(gated.release_id)

    studio.endpoint("support", studio.releases.get(gated.release_id))

    assert "gate 'safety' passed" in str(caught.value)
    assert ["safety"] == [gate.name for gate in studio.releases.get(gated.release_id).gates]


def _key(studio: Studio, name: str, **wanted: Any) -> Releases:
    made = studio.client.access.create_key(NewApiKey(name=name, **wanted))
    return Releases(Client("http://treadle.test", api_key=made.key, transport=AppTransport(studio.api)).send)


def test_person_with_two_keys_approves_once(studio: Studio) -> None:
    """
    Approvals count people: a second key of the same person adds nothing, another person's does.
    """
    studio.client.environments.set_policy("production", ApprovalPolicy(approvals=2))
    release = studio.release("base", approved=False)
    laptop = _key(studio, "laptop", person="ann", role="reviewer")
    desk = _key(studio, "desk", person="ann", role="reviewer")
    bob = _key(studio, "bob's", person="bob", role="reviewer")

    for key in (laptop, desk):
        key.approve(release.release_id, override_reason=REASON)
    alone = studio.client.environments.get_standing("production", release.release_id)
    bob.approve(release.release_id, override_reason=REASON)

    both = studio.client.environments.get_standing("production", release.release_id)
    assert (False, ["ann"]) == (alone.is_approved, [one.actor_name for one in alone.counted])
    assert (True, ["ann", "bob"]) == (both.is_approved, [one.actor_name for one in both.counted])


def test_key_that_somebody_else_made_approves_as_its_maker(studio: Studio) -> None:
    """
    Who makes a key for another person has seen it: what it approves counts as theirs, also by sessions and keys made with it.
    """
    studio.client.environments.set_policy("production", ApprovalPolicy(approvals=2))
    release = studio.release("base", approved=False)
    eve = _client(studio, studio.client.access.create_key(NewApiKey(name="eve's", person="eve", role="admin")))
    carol = _client(studio, eve.access.create_key(NewApiKey(name="carol's", person="carol", role="admin")))
    again = _client(studio, carol.access.create_key(NewApiKey(name="more", person="carol", role="admin")))

    for who in (eve, carol, again):
        who.releases.approve(release.release_id, override_reason=REASON)
    alone = studio.client.environments.get_standing("production", release.release_id)
    handed = studio.client.access.create_key(NewApiKey(name="handed", person="carol", role="admin"))
    own = _client(
        studio, _client(studio, handed).access.create_key(NewApiKey(name="own", person="carol", role="admin"))
    )
    own.releases.approve(release.release_id, override_reason=REASON)

    both = studio.client.environments.get_standing("production", release.release_id)
    assert (False, 1) == (alone.is_approved, len(alone.counted))
    assert (True, ["eve", "carol"]) == (both.is_approved, [one.actor_name for one in both.counted])


def _client(studio: Studio, made: CreatedApiKey) -> Client:
    return Client("http://treadle.test", api_key=made.key, transport=AppTransport(studio.api))


def test_program_cannot_approve_unless_the_policy_says_so(studio: Studio) -> None:
    """
    A program's key is refused; where programs may approve it counts as the person who answers for it, never beside them.
    """
    release = studio.release("base")
    program = _key(studio, "bot", role="reviewer")

    with pytest.raises(Denied) as caught:
        program.approve(release.release_id, override_reason=REASON)
    studio.client.environments.set_policy("staging", ApprovalPolicy(approvals=2, programs_may_approve=True))
    program.approve(release.release_id, override_reason=REASON)

    staging = studio.client.environments.get_standing("staging", release.release_id)
    production = studio.client.environments.get_standing("production", release.release_id)
    assert "releases.person_needed" == caught.value.error_code
    assert (False, 1) == (staging.is_approved, len(staging.counted))
    assert ["local"] == [one.actor_name for one in production.counted]


def test_author_does_not_approve_by_a_program_of_theirs(studio: Studio) -> None:
    """
    Where the author's approval does not count, neither does one that their program gives, nor one for what it bundled.
    """
    policy = ApprovalPolicy(author_may_approve=False, programs_may_approve=True)
    studio.client.environments.set_policy("production", policy)
    program = _key(studio, "bot", role="admin")
    mine = studio.release("base", approved=False)
    bundled = program.create(NewRelease(name="support", model_version_id=studio.model_version("tuned")))

    program.approve(mine.release_id, override_reason=REASON)
    studio.releases.approve(bundled.release_id, override_reason=REASON)

    for release_id in (mine.release_id, bundled.release_id):
        assert not studio.client.environments.get_standing("production", release_id).is_approved


def test_person_has_one_role_and_the_owners_name_is_taken(studio: Studio) -> None:
    """
    A second key of a person with another role is refused; nobody else makes keys of the workspace's owner.
    """
    admin = studio.client.access.create_key(NewApiKey(name="boss", person="eve", role="admin"))
    eve = Client("http://treadle.test", api_key=admin.key, transport=AppTransport(studio.api))

    with pytest.raises(Conflict) as other_role:
        studio.client.access.create_key(NewApiKey(name="more", person="eve", role="reviewer"))
    with pytest.raises(Denied) as owner:
        eve.access.create_key(NewApiKey(name="sly", person="local", role="admin"))
    with pytest.raises(ValueError, match="is for programs"):
        NewApiKey(name="odd", person="eve")

    assert "access.other_role" == other_role.value.error_code
    assert "access.owners_name" == owner.value.error_code

"""Stages of a canary, targets and several arms through the HTTP contract, with traffic as the gateway records it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.monitoring.receivers import listening
from tests.releases.studio import Studio, later
from tests.releases.traffic import ask
from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.gateway.addresses import PrivateHosts
from treadle.monitoring.channels import service as channels
from treadle.monitoring.channels.sending import Post
from treadle.monitoring.channels.types import NewChannel, Webhook
from treadle.releases.packaging.types import ManifestPrice, NewTarget
from treadle.releases.rollouts.plans.types import (
    ArmPlan,
    ArmsPlan,
    BakeStage,
    Guard,
    Plan,
    ShadowStage,
    Step,
    TargetMetric,
)
from treadle.releases.rollouts.types import Rollout
from treadle.releases.types import NewRelease, Release

ERRORS = [Guard(name="errors", signals=["error"])]
STEPS = [Step(weight=0.5, min_units=10)]


def _begin(studio: Studio, plan: Plan) -> tuple[Release, Release, Rollout]:
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    started = studio.rollouts.start("support", candidate.release_id, plan=plan)
    studio.tick()
    return stable, candidate, studio.rollouts.get(started.rollout_id)


def _weights(studio: Studio) -> dict[str, tuple[float, float]]:
    published = studio.published("support")
    assert published is not None
    return {arm.release_id: (arm.weight, arm.shadow_share) for arm in published.arms}


def _priced(studio: Studio, model: str) -> Release:
    version = studio.model_version(model)
    price = ManifestPrice(input_usd_per_million=Decimal(1), output_usd_per_million=Decimal(2))
    target = NewTarget(model_version_id=version, price=price)
    made = studio.releases.create(NewRelease(name="support", model_version_id=version, targets=[target]))
    return studio.releases.approve(made.release_id, override_reason="a rehearsal")


def test_shadow_stage_copies_requests_and_opens_the_first_step(studio: Studio) -> None:
    """
    In the shadow stage the candidate answers nobody; when enough copies agree it gets its first share.
    """
    plan = Plan(shadow=ShadowStage(share=1.0, min_pairs=100, min_agreement=0.8), steps=STEPS, guards=ERRORS)
    stable, candidate, rollout = _begin(studio, plan)
    first = _weights(studio)

    ask(studio, "support", range(150))
    studio.tick(1)

    moved = studio.rollouts.get(rollout.rollout_id)
    assert {stable.release_id: (1.0, 0.0), candidate.release_id: (0.0, 1.0)} == first
    assert ("shadow", "canary", 0) == (rollout.stage, moved.stage, moved.step)
    assert moved.shadow is not None
    assert (150, 1.0) == (moved.shadow.pairs, moved.shadow.agreement)
    assert {stable.release_id: (0.5, 0.0), candidate.release_id: (0.5, 0.0)} == _weights(studio)


def test_shadow_that_is_wrong_where_right_answers_are_known_is_rolled_back(studio: Studio) -> None:
    """
    No user saw the candidate, and it is rolled back: what it said was surely less often right.
    """
    plan = Plan(shadow=ShadowStage(share=1.0, min_pairs=1_000), steps=STEPS, guards=ERRORS)
    stable, _, rollout = _begin(studio, plan)

    ask(studio, "support", range(150), copy="lost", expected="refund")
    studio.tick(2)

    ended = studio.rollouts.get(rollout.rollout_id)
    assert "rolled_back" == ended.status
    assert ended.shadow is not None
    assert (150, -1.0) == (ended.shadow.labelled, ended.shadow.gain)
    assert {stable.release_id: (1.0, 0.0)} == _weights(studio)


def test_shadow_of_several_answers_in_one_trace(studio: Studio) -> None:
    """
    The right answer that is known of each answer in a caller's trace tells about the copy of that very answer.
    """
    plan = Plan(shadow=ShadowStage(share=1.0, min_pairs=1_000), steps=STEPS, guards=ERRORS)
    _, _, rollout = _begin(studio, plan)

    ask(studio, "support", range(5), copy="lost", expected="refund", trace_id="ab" * 16)
    ask(studio, "support", range(5, 7), copy="refund", trace_id="ab" * 16)
    studio.tick(1)

    shadow = studio.rollouts.get(rollout.rollout_id).shadow
    assert shadow is not None
    assert (7, 5, -1.0) == (shadow.pairs, shadow.labelled, shadow.gain)


def test_shadow_waits_for_its_other_half(studio: Studio) -> None:
    """
    A copy that is stored before the answer it is compared with is neither lost nor counted as a disagreement.
    """
    plan = Plan(shadow=ShadowStage(share=1.0, min_pairs=1_000), steps=STEPS, guards=ERRORS)
    _, _, rollout = _begin(studio, plan)
    ask(studio, "support", range(5))
    orphan = "update spans set span_id = 'gone ' || span_id where parent_span_id is null"
    back = "update spans set span_id = substr(span_id, 6) where span_id like 'gone %'"

    studio.run(studio.ctx.db.write(lambda db: db.execute(orphan)))
    studio.tick(1)
    before = studio.rollouts.get(rollout.rollout_id).shadow
    studio.run(studio.ctx.db.write(lambda db: db.execute(back)))
    studio.tick(1)
    after = studio.rollouts.get(rollout.rollout_id).shadow

    assert before is not None
    assert after is not None
    assert (0, 5) == (before.pairs, after.pairs)


def test_slow_candidate_is_rolled_back_by_the_stable_releases_own_pace(studio: Studio) -> None:
    """
    The limit is the stable release's 95th percentile of before, frozen; a candidate three times as slow is past it.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    ask(studio, "support", range(200), facts=lambda _, unit: {"latency_ms": 100.0 + unit % 20})
    plan = Plan(steps=STEPS, guards=[*ERRORS, Guard(name="slow", signals=["slow"], needed_to_promote=False)])
    rollout = studio.rollouts.start("support", candidate.release_id, plan=plan)
    studio.tick()

    slow = {stable.release_id: 105.0, candidate.release_id: 400.0}
    ask(studio, "support", range(1_000, 1_100), facts=lambda release, _: {"time_to_first_token_ms": slow[release]})
    studio.tick(1)

    ended = studio.rollouts.get(rollout.rollout_id)
    assert {"slow:slow": 118.0, "waited": 119.0} == ended.limits
    assert "rolled_back" == ended.status
    assert ended.reason is not None
    assert ended.reason.startswith("guard 'slow'")


@pytest.mark.parametrize("is_needed", [True, False], ids=["needed to promote", "a veto"])
def test_guard_on_cost_starts_only_where_every_price_is_known(studio: Studio, is_needed: bool) -> None:
    """
    What has no price would never count as dear, so the plan is refused, and says which release lacks one.
    """
    priced = [_priced(studio, name) for name in ("base", "tuned")]
    unpriced = studio.release("other")
    studio.endpoint("support", priced[0])
    plan = Plan(steps=STEPS, guards=[*ERRORS, Guard(name="dear", signals=["cost"], needed_to_promote=is_needed)])

    with pytest.raises(Conflict) as caught:
        studio.rollouts.start("support", unpriced.release_id, plan=plan)
    with pytest.raises(Conflict) as foretold:
        studio.rollouts.forecast("support", unpriced.release_id, plan=plan)
    started = studio.rollouts.start("support", priced[1].release_id, plan=plan)

    assert "releases.price_unknown" == caught.value.error_code == foretold.value.error_code
    assert f"in release '{unpriced.release_id}'" in caught.value.message
    assert "pending" == started.status


def test_rescued_request_counts_against_the_arm_that_failed(studio: Studio) -> None:
    """
    Intention to treat: the caller got an answer from elsewhere, and the candidate is rolled back for it.
    """
    _, candidate, rollout = _begin(studio, Plan(steps=STEPS, guards=ERRORS))

    def facts(release_id: str, _: int) -> dict[str, object]:
        return {"attributes": {"treadle.signals": ["rescued"]}} if release_id == candidate.release_id else {}

    ask(studio, "support", range(60), facts=facts)
    studio.tick(1)

    assert "rolled_back" == studio.rollouts.get(rollout.rollout_id).status


@pytest.mark.parametrize(
    "fate",
    [
        {"status": "error", "error_code": "invalid_request"},
        {"status": "error", "error_code": "not_translatable"},
        {"status": "cancelled", "latency_ms": 30_000.0, "output_text": ""},
    ],
    ids=["its prompt cannot be filled in", "its provider takes no such request", "it hangs until callers leave"],
)
def test_candidate_that_answers_nobody_is_rolled_back(studio: Studio, fate: dict[str, object]) -> None:
    """
    Whatever the fault is called, one that only the candidate's requests have is the candidate's.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    ask(studio, "support", range(150))
    rollout = studio.rollouts.start("support", candidate.release_id, plan=Plan(steps=STEPS, guards=ERRORS))
    studio.tick()

    ask(
        studio, "support", range(1_000, 1_100), facts=lambda release, _: fate if release == candidate.release_id else {}
    )
    studio.tick(1)

    ended = studio.rollouts.get(rollout.rollout_id)
    assert {"waited": 100.0} == ended.limits
    assert "rolled_back" == ended.status
    assert {stable.release_id: (1.0, 0.0)} == _weights(studio)


def test_promotion_needs_the_target_too_and_bakes_first(studio: Studio) -> None:
    """
    Good guards and a target that held lead into the bake stage, with the old release warm; its end promotes.
    """
    plan = Plan(
        steps=STEPS,
        guards=[Guard(name="wrong", signals=["feedback:correct"])],
        target=TargetMetric(score="correct", margin=0.1),
        bake=BakeStage(seconds=60),
    )
    stable, candidate, rollout = _begin(studio, plan)
    right = {stable.release_id: 3, candidate.release_id: 10}
    for number in range(8):
        units = range(400 * number, 400 * (number + 1))
        ask(studio, "support", units, score="correct", value=lambda release, unit: float(unit % right[release] > 0))
        studio.tick(1)
    baking = studio.rollouts.get(rollout.rollout_id)
    weights = _weights(studio)
    ask(studio, "support", range(90_000, 90_020))
    later(studio, seconds=61)

    studio.tick(1)

    assert ("running", "bake", 1.0) == (baking.status, baking.stage, baking.weight)
    assert baking.target is not None
    assert baking.target.low is not None
    assert baking.target.low > -0.1
    assert {stable.release_id: (0.0, 0.0), candidate.release_id: (1.0, 0.0)} == weights
    assert stable.release_id == studio.endpoints.get("support").previous_release_id
    assert "promoted" == studio.rollouts.get(rollout.rollout_id).status


def test_promotion_is_undone_by_one_command_while_nothing_else_changed(studio: Studio) -> None:
    """
    `rollback` of a promoted rollout leads back to what served before; once the endpoint moved on it is refused.
    """
    stable, candidate, rollout = _begin(studio, Plan(steps=STEPS, guards=ERRORS))
    studio.rollouts.promote(rollout.rollout_id)

    undone = studio.rollouts.roll_back(rollout.rollout_id)
    studio.tick()
    back = _weights(studio)
    second = studio.rollouts.start("support", candidate.release_id, plan=Plan(steps=STEPS, guards=ERRORS))
    studio.tick()
    studio.rollouts.promote(second.rollout_id)
    studio.endpoints.set_stable("support", stable.release_id)
    with pytest.raises(Conflict) as caught:
        studio.rollouts.roll_back(second.rollout_id)

    assert ("rolled_back", "rolled back by hand after it was promoted") == (undone.status, undone.words)
    assert {stable.release_id: (1.0, 0.0)} == back
    assert "releases.cannot_undo" == caught.value.error_code


def test_held_rollout_leaves_a_mark_and_a_line_in_the_log(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    """
    Inconclusive is told, not decided: an event in the time series and a warning.
    """
    plan = Plan(steps=STEPS, guards=ERRORS, max_units=30)
    _, _, rollout = _begin(studio, plan)

    ask(studio, "support", range(40))
    studio.tick(2)

    points = studio.rollouts.list_evidence(rollout.rollout_id)
    assert "held" == points[-1].status
    assert points[-1].event is not None
    assert "a person decides" in points[-1].event
    assert any("is held: undecided after" in record.getMessage() for record in caplog.records)


def test_rollout_that_stopped_is_told_to_the_channels(studio: Studio) -> None:
    """
    Held and rolled back are messages of their own to every channel of the project, or to those that the plan names.
    """
    with listening() as listener:
        for name in ("ops", "finance"):
            new = NewChannel(name=name, destination=Webhook(url=f"{listener.url}/{name}"), private=True)
            keys = studio.platform.gatekeeper.master_keys
            studio.run(channels.create_channel(studio.ctx, new, keys, PrivateHosts()))
        _, candidate, rollout = _begin(studio, Plan(steps=STEPS, guards=ERRORS, max_units=30))
        ask(studio, "support", range(40))
        studio.tick(2)
        studio.rollouts.roll_back(rollout.rollout_id)
        named = Plan(steps=STEPS, guards=ERRORS, channels=["ops"])
        second = studio.rollouts.start("support", candidate.release_id, plan=named)
        studio.rollouts.roll_back(second.rollout_id)

        studio.run(_deliver(studio))

    told = [(one.path, json.loads(one.body)) for one in listener.received]
    assert [
        ("/finance", "rollout.held", rollout.rollout_id),
        ("/finance", "rollout.rolled_back", rollout.rollout_id),
        ("/ops", "rollout.held", rollout.rollout_id),
        ("/ops", "rollout.rolled_back", rollout.rollout_id),
        ("/ops", "rollout.rolled_back", second.rollout_id),
    ] == sorted((path, body["type"], body["data"]["rollout_id"]) for path, body in told)
    held = next(body["data"] for _, body in told if body["type"] == "rollout.held")
    assert held["summary"].startswith("rollout on endpoint 'support' is held: undecided after 40 units (limit 30)")
    assert f"https://treadle.example/#/rollouts/{rollout.rollout_id}" == held["url"]


def test_plan_names_channels_that_there_are(studio: Studio) -> None:
    """
    A channel that nobody made is refused at the start, not found missing when it matters.
    """
    candidate = studio.release("tuned")
    studio.endpoint("support", studio.release("base"))

    with pytest.raises(NotFound) as caught:
        studio.rollouts.start("support", candidate.release_id, plan=Plan(channels=["nobody"]))

    assert "channels.not_found" == caught.value.error_code


async def _deliver(studio: Studio) -> None:
    post = Post(PrivateHosts())
    try:
        keys = studio.platform.gatekeeper.master_keys
        while await channels.deliver_due(studio.ctx, keys, post, url="https://treadle.example"):
            pass
    finally:
        await post.close()


def _arms(*releases: Release, kind: str = "ab", ends: str = "never") -> Plan:
    arms = [ArmPlan(release_id=release.release_id, weight=0.3) for release in releases]
    return Plan.model_validate(
        {
            "kind": kind,
            "arms": ArmsPlan.model_validate({"arms": arms, "ends": ends}),
            "guards": ERRORS,
            "target": TargetMetric(score="correct"),
        }
    )


def test_three_arms_are_read_out_and_one_is_promoted_by_hand(studio: Studio) -> None:
    """
    Fixed weights, an interval per arm, words per pair; a person names the arm to promote.
    """
    stable, first, second = (studio.release(name) for name in ("base", "tuned", "other"))
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", plan=_arms(first, second))
    studio.tick()
    shares = {release: weight for release, (weight, _) in _weights(studio).items()}
    right = {stable.release_id: 2, first.release_id: 10, second.release_id: 2}

    for number in range(4):
        units = range(500 * number, 500 * (number + 1))
        ask(studio, "support", units, score="correct", value=lambda release, unit: float(unit % right[release] > 0))
        studio.tick(2)
    read = studio.rollouts.get(rollout.rollout_id)
    with pytest.raises(InvalidInput) as unnamed:
        studio.rollouts.promote(rollout.rollout_id)
    promoted = studio.rollouts.promote(rollout.rollout_id, release_id=first.release_id)

    assert {stable.release_id: 0.4, first.release_id: 0.3, second.release_id: 0.3} == pytest.approx(shares)
    assert ("running", 2_000) == (read.status, read.units)
    assert read.readout is not None
    assert [stable.release_id, first.release_id, second.release_id] == [arm.release_id for arm in read.readout.arms]
    verdicts = {(p.arm, p.other): p.verdict for p in read.readout.pairs if p.metric == "correct"}
    assert "better" == verdicts[first.release_id, "stable"]
    assert "undecided" == verdicts[second.release_id, "stable"]
    assert "releases.which_arm" == unnamed.value.error_code
    assert ("promoted", first.release_id) == (promoted.status, promoted.candidate_release_id)
    assert {first.release_id: (1.0, 0.0)} == _weights(studio)


def test_failing_arm_is_dropped_and_units_of_the_others_stay(studio: Studio) -> None:
    """
    One arm fails again and again: its units go elsewhere, no unit of the other two moves between them.
    """
    from treadle.gateway.assign import choose_arm

    stable, good, broken = (studio.release(name) for name in ("base", "tuned", "other"))
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", plan=_arms(good, broken))
    studio.tick()
    before = studio.published("support")

    def facts(release_id: str, _: int) -> dict[str, object]:
        return {"status": "error", "error_code": "upstream_failed"} if release_id == broken.release_id else {}

    ask(studio, "support", range(80), facts=facts)
    studio.tick(1)

    after = studio.published("support")
    assert before is not None
    assert after is not None
    read = studio.rollouts.get(rollout.rollout_id).readout
    assert read is not None
    assert "failed in a row" in str(read.arms[2].dropped)
    assert {0.7, 0.3, 0.0} == {round(arm.weight, 9) for arm in after.arms}
    for unit in map(str, range(300)):
        was, now = choose_arm(before, unit).arm.release_id, choose_arm(after, unit).arm.release_id
        assert was == now or was == broken.release_id or (was, now) == (good.release_id, stable.release_id)
        assert now != broken.release_id


def test_adaptive_weights_are_published_and_logged(studio: Studio) -> None:
    """
    The arm that is right more often gets more traffic, within the floor, and the readout says how likely it is the best.
    """
    stable, first, second = (studio.release(name) for name in ("base", "tuned", "other"))
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", plan=_arms(first, second, kind="adaptive"))
    studio.tick()
    right = {stable.release_id: 2, first.release_id: 10, second.release_id: 2}

    for number in range(6):
        units = range(120 * number, 120 * (number + 1))
        ask(studio, "support", units, score="correct", value=lambda release, unit: float(unit % right[release] > 0))
        studio.tick(2)

    weights = {release: weight for release, (weight, _) in _weights(studio).items()}
    read = studio.rollouts.get(rollout.rollout_id)
    assert weights[first.release_id] > 0.45
    assert all(weight >= 0.05 - 1e-6 for weight in weights.values())
    assert read.readout is not None
    assert read.readout.arms[1].best_chance is not None
    assert read.readout.arms[1].best_chance > 0.95
    assert any("weights follow the scores" in str(p.event) for p in studio.rollouts.list_evidence(rollout.rollout_id))


def test_plan_that_mixes_kinds_is_refused(studio: Studio) -> None:
    """
    A canary names a release, several arms name theirs; never both, and never neither.
    """
    stable, other = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)

    with pytest.raises(ValueError, match="never both"):
        studio.rollouts.start("support", other.release_id, plan=_arms(other))
    with pytest.raises(ValueError, match="never both"):
        studio.rollouts.start("support")
    with pytest.raises(Conflict) as caught:
        studio.rollouts.start("support", plan=_arms(stable))

    assert "releases.nothing_to_replace" == caught.value.error_code


def test_forecast_says_how_long_before_anything_starts(studio: Studio) -> None:
    """
    From 1,000 units in a day with 10 % wrong: units and time per step and guard, and nothing is started.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    ask(studio, "support", range(500), score="correct", value=lambda _, unit: float(unit % 10 > 0))
    later(studio, hours=24)
    ask(studio, "support", range(500, 1_000), score="correct", value=lambda _, unit: float(unit % 10 > 0))

    forecast = studio.rollouts.forecast(
        "support", candidate.release_id, plan=Plan(target=TargetMetric(score="correct", margin=0.05))
    )

    guard = forecast.steps[-1].guards[0]
    assert pytest.approx(1_000, rel=0.01) == forecast.units_per_day
    assert pytest.approx(0.1) == guard.bad_rate
    # At 50 % and margin 1.5 it takes 147 events on average, at 10 % bad that is 1,470 units: a day and a half.
    assert pytest.approx(1_470, rel=0.02) == guard.units_to_promote
    assert guard.units_to_catch_double is not None
    assert guard.units_to_promote is not None
    assert guard.units_to_catch_double < guard.units_to_promote
    assert pytest.approx(127_000, rel=0.02) == guard.seconds_to_promote
    assert forecast.target_units is not None
    assert "guard 'bad_answers' (10.00% bad)" in forecast.words
    assert "(about 35.2 hours) at the last step" in forecast.words
    assert [] == studio.rollouts.list_().items


def test_forecast_without_traffic_says_so(studio: Studio) -> None:
    """
    Nothing to go by is said as such.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)

    forecast = studio.rollouts.forecast("support", candidate.release_id)

    assert "had no requests of late" in forecast.words
    assert forecast.seconds is None
    assert Plan() == forecast.plan

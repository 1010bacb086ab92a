"""The judge of a shadow stage: what it prefers decides, what it does not say counts for nobody, and its absence holds."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from tests.releases.studio import Studio
from tests.releases.traffic import ask
from treadle.core.errors import InvalidInput, NotFound
from treadle.core.types import JsonObject
from treadle.evals.judges.reply import Reply
from treadle.http.context import Context
from treadle.releases.rollouts.judging import Ask, judge_pairs
from treadle.releases.rollouts.plans.types import Guard, JudgePlan, Plan, ShadowStage, Step
from treadle.releases.rollouts.types import Rollout


def _plan(**judge: object) -> Plan:
    stage = ShadowStage(
        share=1.0, min_pairs=10, judge=JudgePlan.model_validate({"endpoint": "judge", "min_judged": 40, **judge})
    )
    guards = [Guard(name="errors", signals=["error"])]
    return Plan(shadow=stage, steps=[Step(weight=0.5, min_units=10)], guards=guards)


def _judge(verdict: Callable[[str], str]) -> Ask:
    """A judge by rule. verdict: from the text of place A to a reply."""

    async def ask_it(_: Context, endpoint: str, messages: list[JsonObject]) -> Reply:
        assert "judge" == endpoint
        shown = str(messages[1]["content"])
        return Reply(verdict(shown.split("[answer A ")[1].split("]\n")[1].split("\n[end")[0]))

    return ask_it


def _begin(studio: Studio, plan: Plan) -> str:
    studio.endpoint("judge", studio.release("judge"))
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    started = studio.rollouts.start("support", candidate.release_id, plan=plan)
    studio.tick()
    return started.rollout_id


def _judged(studio: Studio, rollout_id: str, judge: Ask) -> Rollout:
    async def work() -> None:
        while await judge_pairs(studio.ctx, rollout_id, judge):
            pass

    studio.run(work())
    studio.tick(1)
    return studio.rollouts.get(rollout_id)


def test_preferred_candidate_gets_its_first_share(studio: Studio) -> None:
    """
    The judge prefers 'a refund' wherever it stands: the 40th win of 40 opens the first step, in words and numbers.
    """
    rollout_id = _begin(studio, _plan())
    ask(studio, "support", range(60), copy="a refund within two days")
    studio.tick(1)
    waiting = studio.rollouts.get(rollout_id)

    moved = _judged(studio, rollout_id, _judge(lambda in_a: f"VERDICT: {'A' if 'two days' in in_a else 'B'}"))

    assert ("shadow", "0 of 40 pairs judged" in waiting.words) == (waiting.stage, True)
    assert "canary" == moved.stage
    assert moved.shadow is not None
    assert (40, 0, 0, 1.0) == (moved.shadow.wins, moved.shadow.ties, moved.shadow.losses, moved.shadow.preference)
    assert moved.shadow.preference_low > 0.4
    assert "the candidate won 40 of 40 judged pairs" in moved.shadow.words


def test_preferred_stable_release_rolls_back(studio: Studio) -> None:
    """
    The judge prefers the stable release's answers: surely below 40 % of wins ends the rollout before anybody got one.
    """
    rollout_id = _begin(studio, _plan())
    ask(studio, "support", range(120), copy="no")
    studio.tick(1)

    ended = _judged(studio, rollout_id, _judge(lambda in_a: f"VERDICT: {'B' if in_a == 'no' else 'A'}"))

    assert "rolled_back" == ended.status
    assert "the judge prefers the stable release's answers: the candidate won 0 of" in str(ended.reason)


def test_liking_for_a_place_is_a_tie(studio: Studio) -> None:
    """
    A judge that always says A prefers neither: ties all, which leaves a loss beyond the margin possible only for few.
    """
    rollout_id = _begin(studio, _plan(min_judged=200, margin=0.4))
    ask(studio, "support", range(60), copy="no")
    studio.tick(1)

    tied = _judged(studio, rollout_id, _judge(lambda _: "VERDICT: A"))

    assert tied.shadow is not None
    assert (0, 60, 0, 0.5) == (tied.shadow.wins, tied.shadow.ties, tied.shadow.losses, tied.shadow.preference)


def test_judge_is_shown_the_whole_conversation(studio: Studio) -> None:
    """
    All turns that both releases were told are shown, but nothing that only one was told as its instructions.
    """
    rollout_id = _begin(studio, _plan())
    turns = [
        {"role": "system", "content": "We sell bicycles."},
        {"role": "user", "content": "My order is 4711."},
        {"role": "assistant", "content": "Thank you."},
        {"role": "user", "content": [{"type": "text", "text": "Which one was it?"}]},
    ]
    told = [{"role": "system", "content": "Be brief."}, *turns]
    ask(
        studio,
        "support",
        range(1),
        facts=lambda *_: {"input_messages": msgspec.Raw(json.dumps(told).encode())},
        copy="no",
        copied={"input_messages": msgspec.Raw(json.dumps([{"role": "system", "content": "Sing."}, *turns]).encode())},
    )
    seen: list[str] = []

    async def look(_: Context, __: str, messages: list[JsonObject]) -> Reply:
        seen.append(str(messages[1]["content"]))
        return Reply("VERDICT: TIE")

    _judged(studio, rollout_id, look)

    assert 2 == len(seen)
    for words in ("We sell bicycles.", "My order is 4711.", "Thank you.", "Which one was it?"):
        assert words in seen[0]
    assert not any(own in seen[0] for own in ("Be brief.", "Sing."))


def test_unscored_pairs_count_for_nobody(studio: Studio) -> None:
    """
    A judge without a verdict leaves all pairs unscored: nothing is preferred and the stage does not end.
    """
    rollout_id = _begin(studio, _plan())
    ask(studio, "support", range(60), copy="no")
    studio.tick(1)

    mute = _judged(studio, rollout_id, _judge(lambda _: "I would rather not say"))

    assert "shadow" == mute.stage
    assert mute.shadow is not None
    assert (60, None, 0) == (mute.shadow.unscored, mute.shadow.preference, mute.shadow.ties)
    assert "0 of 40 pairs judged, 60 more could not be" in mute.words


def test_judge_that_cannot_be_reached_holds_the_stage_and_says_so(studio: Studio) -> None:
    """
    Without a gateway nothing can be asked: the stage waits, people are told once, and it goes on when the judge is back.
    """
    rollout_id = _begin(studio, _plan())
    ask(studio, "support", range(60), copy="a refund within two days")

    async def away(*_: object) -> Reply:
        return Reply(problem="status 503: its engine is not ready")

    studio.tick(1)
    for _ in range(2):
        waiting = _judged(studio, rollout_id, away)
    listed = [one.rollout_id for one in studio.rollouts.list_(needs_attention=True).items]
    told = [one for one in studio.client.audit.list_().items if one.action == "releases.needs_attention"]
    again = _judged(studio, rollout_id, _judge(lambda in_a: f"VERDICT: {'A' if 'two days' in in_a else 'B'}"))

    assert ("running", "shadow") == (waiting.status, waiting.stage)
    assert waiting.needs_attention == "its judge cannot be asked: status 503: its engine is not ready"
    assert waiting.shadow is not None
    assert (0, 0) == (waiting.shadow.unscored, waiting.shadow.ties)
    assert "cannot be asked, so the stage waits for it" in waiting.words
    assert [rollout_id] == listed
    assert [rollout_id] == [one.object_id for one in told]
    assert ("canary", None) == (again.stage, again.needs_attention)
    assert [] == studio.rollouts.list_(needs_attention=True).items


def test_judge_must_be_another_endpoint_that_is_there(studio: Studio) -> None:
    """
    An endpoint does not judge itself, and one that does not exist cannot.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)

    with pytest.raises(InvalidInput) as itself:
        studio.rollouts.start("support", candidate.release_id, plan=_plan(endpoint="support"))
    with pytest.raises(NotFound) as nobody:
        studio.rollouts.start("support", candidate.release_id, plan=_plan())

    assert "releases.judge_unfit" == itself.value.error_code
    assert "releases.endpoint_not_found" == nobody.value.error_code

"""Endpoints: settings that reach the gateway, and the kill switch."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from tests.releases.studio import Studio
from treadle.core.errors import Denied, InvalidInput, NotFound
from treadle.gateway.types import CachePolicy, GuardRule, Refinement, Routing
from treadle.releases.endpoints import service as endpoints
from treadle.releases.endpoints.types import (
    CacheSettings,
    ChangeEndpoint,
    HedgeSettings,
    NewStable,
    RetrySettings,
    RoutingSettings,
)
from treadle.releases.packaging.types import ManifestGuard, ManifestRefinement
from treadle.releases.rollouts.plans.types import Plan, Step
from treadle.releases.types import NewRelease, Release


def _guarded(studio: Studio) -> Release:
    new = NewRelease(
        name="support",
        model_version_id=studio.model_version("base"),
        prompt_version_id=studio.prompt_version(),
        guards=[
            ManifestGuard(name="personal", check="pii", action="mask", options={"kinds": ["email"]}),
            ManifestGuard(name="leak", check="leak", stage="output"),
        ],
        refinement=ManifestRefinement(trim=True, json_schema={"type": "object"}, ask_again=True),
    )
    made = studio.releases.create(new)
    return studio.releases.approve(made.release_id, override_reason="a rehearsal")


def test_defaults_are_the_gateways_own() -> None:
    """
    What nobody sets is what the data plane does by itself: the two vocabularies agree.
    """
    assert Routing() == msgspec.convert(RoutingSettings().model_dump(), Routing)
    assert CachePolicy() == msgspec.convert(CacheSettings().model_dump(), CachePolicy)
    assert Refinement() == msgspec.convert(ManifestRefinement().model_dump(), Refinement)
    guard = ManifestGuard(name="g", check="pii")
    assert GuardRule(name="g", check="pii") == msgspec.convert(guard.model_dump(), GuardRule)


def test_settings_are_published_with_the_release(studio: Studio) -> None:
    """
    Routing, cache and guard actions of the endpoint, guards and refinement of the release: all in one document.
    """
    release = _guarded(studio)
    studio.endpoint("support", release)
    routing = RoutingSettings(
        strategy="cheapest", regions=["eu"], max_latency_ms=900, sticky=True,
        retries=RetrySettings(attempts=5), hedge=HedgeSettings(budget=0.1),
    )  # fmt: skip

    changed = studio.endpoints.change(
        "support",
        ChangeEndpoint(routing=routing, cache=CacheSettings(mode="exact"), guard_actions={"personal": "block"}),
    )

    published = studio.published("support")
    assert published is not None
    assert (routing, "exact") == (changed.settings.routing, changed.settings.cache.mode)
    assert ("cheapest", ("eu",), 5) == (
        published.routing.strategy,
        published.routing.regions,
        published.routing.retries.attempts,
    )
    assert published.routing.hedge is not None
    assert ("exact", {"personal": "block"}) == (published.cache.mode, published.guard_actions)
    (arm,) = published.arms
    assert [("personal", "mask"), ("leak", "block")] == [(guard.name, guard.action) for guard in arm.guards]
    assert (True, {"type": "object"}) == (arm.refinement.trim, arm.refinement.json_schema)


def test_what_is_left_out_stays(studio: Studio) -> None:
    """
    Changing the cache leaves the routing; the same again changes nothing and is not audited twice.
    """
    studio.endpoint("support", studio.release("base"))
    studio.endpoints.change("support", ChangeEndpoint(routing=RoutingSettings(sticky=True)))
    change = ChangeEndpoint(cache=CacheSettings(mode="exact", ttl_seconds=60))

    first = studio.endpoints.change("support", change)
    second = studio.endpoints.change("support", change)

    assert first == second
    assert (True, "exact") == (second.settings.routing.sticky, second.settings.cache.mode)
    entries = [one for one in studio.client.audit.list_().items if one.action == "releases.change_endpoint"]
    assert 2 == len(entries)


def test_settings_that_cannot_be_are_refused(studio: Studio) -> None:
    """
    A semantic cache without a threshold and an action for a guard that nobody has are told with what would be right.
    """
    studio.endpoint("support", _guarded(studio))

    with pytest.raises(ValueError, match="needs a threshold"):
        CacheSettings(mode="semantic")
    with pytest.raises(InvalidInput) as caught:
        studio.endpoints.change("support", ChangeEndpoint(guard_actions={"persnal": "allow"}))
    with pytest.raises(NotFound):
        studio.endpoints.change("none", ChangeEndpoint())

    assert "releases.unknown_guard" == caught.value.error_code
    assert "there are: 'leak', 'personal'" in str(caught.value)


def test_cache_is_off_while_a_rollout_compares(studio: Studio) -> None:
    """
    What only the stable release has in its cache would be held against the candidate; afterwards it is on again.
    """
    studio.endpoint("support", studio.release("base"))
    studio.endpoints.change("support", ChangeEndpoint(cache=CacheSettings(mode="exact")))
    candidate = studio.release("tuned")
    rollout = studio.rollouts.start("support", candidate.release_id, plan=Plan(steps=[Step(weight=0.5)]))
    studio.tick()
    during = studio.published("support")

    studio.rollouts.roll_back(rollout.rollout_id)

    after = studio.published("support")
    assert during is not None
    assert after is not None
    assert ("off", "exact") == (during.cache.mode, after.cache.mode)


def test_kill_switch_answers_nothing_and_a_rollout_waits(studio: Studio) -> None:
    """
    Switched off, the endpoint is published with the reason and without its rollout; switched on, all is as before.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    rollout = studio.rollouts.start("support", candidate.release_id, plan=Plan(steps=[Step(weight=0.5)]))
    studio.tick()
    moving = studio.published("support")

    off = studio.endpoints.disable("support", "wrong prices in answers")
    disabled = studio.published("support")
    studio.tick()
    on = studio.endpoints.enable("support")

    assert disabled is not None
    assert ("wrong prices in answers", None) == (off.disabled, on.disabled)
    assert ("wrong prices in answers", None, 1) == (disabled.disabled, disabled.rollout_id, len(disabled.arms))
    assert "running" == studio.rollouts.get(rollout.rollout_id).status
    assert moving == studio.published("support")
    actions = [entry.action for entry in studio.client.audit.list_().items]
    assert {"releases.disable_endpoint", "releases.enable_endpoint"} <= set(actions)


def test_endpoint_that_serves_nothing_yet_can_be_switched_off(studio: Studio) -> None:
    """
    Disabled before its first release, it stays so when one is ready.
    """
    studio.endpoints.create("support")
    studio.endpoints.disable("support", "not before Monday")
    release = studio.release("base")

    studio.endpoints.set_stable("support", release.release_id)
    studio.tick()

    published = studio.published("support")
    assert published is not None
    assert "not before Monday" == published.disabled


def test_loosening_a_guard_needs_the_right_to_approve(studio: Studio) -> None:
    """
    An editor may make a guard stricter; letting it do less, or dropping what made it stricter, is for who may approve.
    """
    studio.endpoint("support", _guarded(studio))  # 'personal' masks, 'leak' blocks
    editor = studio.as_role("editor")

    def act(**actions: str) -> None:
        change = ChangeEndpoint.model_validate({"guard_actions": actions})
        studio.run(endpoints.change_endpoint(editor, "support", change))

    act(personal="block")
    refused = []
    for wanted in ({"personal": "allow"}, {"personal": "mask"}, {}, {"personal": "block", "leak": "mask"}):
        with pytest.raises(Denied) as caught:
            act(**wanted)
        refused.append(caught.value.values["permission"])
    studio.endpoints.change("support", ChangeEndpoint(guard_actions={"personal": "allow"}))

    assert ["releases.approve"] * 4 == refused
    assert {"personal": "allow"} == studio.endpoints.get("support").settings.guard_actions


def test_guard_loosened_ahead_of_its_release(studio: Studio) -> None:
    """
    What an editor chose never lets a guard of a later release do less than that release says; an approver's choice does.
    """
    lenient, strict = _personal(studio, "allow"), _personal(studio, "block")
    studio.endpoint("support", lenient)
    editor = studio.as_role("editor")
    change = ChangeEndpoint(guard_actions={"personal": "allow"})
    studio.run(endpoints.change_endpoint(editor, "support", change))

    studio.run(endpoints.set_stable(editor, "support", NewStable(release_id=strict.release_id)))
    studio.tick()
    served, notice = _actions(studio), studio.endpoints.get("support").notice
    studio.endpoints.change("support", change)
    sanctioned = _actions(studio)
    studio.endpoints.set_stable("support", lenient.release_id)
    studio.tick()

    assert {"personal": "block"} == served
    assert "guard 'personal' does 'block' as the release says, not 'allow'" in (notice or "")
    assert [{"personal": "allow"}] * 2 == [sanctioned, _actions(studio)]


def test_guard_loosened_ahead_of_a_rollout(studio: Studio) -> None:
    """
    While a stricter release is tried nothing that an editor chose holds its guard back.
    """
    studio.endpoint("support", _personal(studio, "allow"))
    strict = _personal(studio, "block")
    editor = studio.as_role("editor")
    studio.run(endpoints.change_endpoint(editor, "support", ChangeEndpoint(guard_actions={"personal": "allow"})))

    studio.rollouts.start("support", strict.release_id, plan=Plan(steps=[Step(weight=0.5, min_units=10)]))
    studio.tick()

    assert {"personal": "block"} == _actions(studio)


def _personal(studio: Studio, action: Literal["allow", "mask", "block"]) -> Release:
    new = NewRelease(
        name="support",
        model_version_id=studio.model_version("base"),
        prompt_version_id=studio.prompt_version(),
        guards=[ManifestGuard(name="personal", check="pii", action=action, options={"kinds": ["email"]})],
    )
    return studio.releases.approve(studio.releases.create(new).release_id, override_reason="a rehearsal")


def _actions(studio: Studio) -> dict[str, str]:
    published = studio.published("support")
    assert published is not None
    return dict(published.guard_actions)

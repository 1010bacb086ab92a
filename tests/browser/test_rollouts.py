"""What a person sees of a rollout that is over, that waits for them, or that tries several releases."""

from __future__ import annotations

import re
import uuid
from typing import Any

import httpx2
from playwright.sync_api import expect

from tests.browser.aside import unsound, until
from tests.browser.conftest import OpenPage
from tests.browser.world import World
from treadle.releases.rollouts.plans.types import ArmPlan, ArmsPlan, BakeStage, JudgePlan, Plan, ShadowStage, Step
from treadle.releases.types import NewRelease, Release


def test_rollout_is_started_from_the_endpoint(world: World, open_page: OpenPage) -> None:
    """
    One chooses the release, sees how long it is likely to take, and starts it; what serves already is not offered.
    """
    name, candidate = _endpoint(world), _candidate(world)
    page = open_page(f"/endpoints/{name}")

    page.get_by_role("button", name="Roll out a release").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Start it")).to_be_disabled()
    choice = dialog.get_by_label("Release", exact=True)
    expect(choice.locator(f"option[value={candidate.release_id}]")).to_have_count(1)
    expect(choice.locator(f"option[value={world.made['baseline_release_id']}]")).to_have_count(0)
    choice.select_option(candidate.release_id)
    expect(dialog.get_by_role("table", name="The steps, if it is as good as what serves")).to_be_visible()
    expect(dialog).to_contain_text(f"treadle rollout start {name} {candidate.release_id}")
    dialog.get_by_role("button", name="Start it").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text(f"on {name}")
    started = world.client.rollouts.list_(endpoint=name).items
    assert [candidate.release_id] == [rollout.candidate_release_id for rollout in started]
    expect(page).to_have_url(re.compile(started[0].rollout_id))
    world.client.rollouts.roll_back(started[0].rollout_id)


def test_rollout_goes_by_the_plan_that_was_written(world: World, open_page: OpenPage) -> None:
    """
    The server's steps stand in the form; what is changed there is forecast, sent, and in the command, and the rest stays the server's.
    """
    name, candidate = _endpoint(world), _candidate(world)
    page = open_page(f"/endpoints/{name}")

    page.get_by_role("button", name="Roll out a release").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Release", exact=True).select_option(candidate.release_id)
    shares = dialog.get_by_label(re.compile("^Candidate’s share in step"))
    expect(shares).to_have_count(len(Plan().steps))
    assert [100 * step.weight for step in Plan().steps] == [float(share.input_value()) for share in shares.all()]
    dialog.get_by_role("button", name="Remove step 3").click()
    shares.first.fill("60")
    expect(dialog.get_by_role("alert")).to_contain_text("larger than the one before")
    expect(dialog.get_by_role("button", name="Start it")).to_be_disabled()
    shares.first.fill("5")
    dialog.get_by_role("checkbox", name="Bake after the last step").check()
    usual = BakeStage().seconds / 60
    expect(dialog.get_by_label("Minutes of bake at least")).to_have_attribute("placeholder", f"{usual:g}")
    dialog.get_by_label("Units in it at least").fill("7")
    expect(
        dialog.get_by_role("table", name="The steps, if it is as good as what serves").get_by_role("row")
    ).to_have_count(3)
    assert [] == unsound(page)
    expect(dialog).to_contain_text(f"| treadle rollout start {name} {candidate.release_id} --plan -")
    dialog.get_by_role("button", name="Start it").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text(f"on {name}")
    started = world.client.rollouts.list_(endpoint=name).items[0]
    assert Plan(steps=[Step(weight=0.05), Step(weight=0.25)], bake=BakeStage(min_units=7)) == started.plan
    world.client.rollouts.roll_back(started.rollout_id)


def test_release_whose_gate_failed_is_marked_where_it_is_chosen(world: World, open_page: OpenPage) -> None:
    """
    The list says it, and of the chosen one what the gate found.
    """
    name, weak = _endpoint(world), _below_its_gate(world)
    failed = next(check for gate in weak.gates for check in gate.checks if not check.passed)
    page = open_page(f"/endpoints/{name}")

    page.get_by_role("button", name="Roll out a release").click()
    dialog = page.get_by_role("dialog")
    choice = dialog.get_by_label("Release", exact=True)
    expect(choice.locator(f"option[value={weak.release_id}]")).to_have_text(re.compile("gate failed"))
    choice.select_option(weak.release_id)

    expect(dialog.get_by_role("status").filter(has_text=failed.words)).to_contain_text("failed")


def test_promotion_is_undone_from_its_page(world: World, open_page: OpenPage) -> None:
    """
    While the endpoint serves what was promoted the page offers to go back; afterwards there is nothing to undo.
    """
    name, candidate = _endpoint(world), _candidate(world)
    rollout_id = _started(world, name, candidate.release_id)
    world.client.rollouts.promote(rollout_id)
    page = open_page(f"/rollouts/{rollout_id}")

    page.get_by_role("button", name="Undo the promotion").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"treadle rollout rollback {rollout_id}")
    page.get_by_role("dialog").get_by_role("button", name="Undo the promotion").click()

    expect(page.get_by_role("button", name="Undo the promotion")).to_have_count(0)
    expect(page.get_by_text("rolled back by hand after it was promoted").first).to_be_visible()
    until(lambda: world.client.endpoints.get(name).stable_release_id == str(world.made["baseline_release_id"]))


def test_rollout_that_waits_for_a_person_says_so(world: World, open_page: OpenPage) -> None:
    """
    Its judge is switched off, so the stage waits: the endpoint's page and the list of endpoints say that it needs attention.
    """
    name, judge, candidate = _endpoint(world), _endpoint(world), _candidate(world)
    world.client.endpoints.disable(judge, "out for lunch")
    stage = ShadowStage(share=1.0, min_pairs=1, agree="exact", judge=JudgePlan(endpoint=judge, min_judged=1))
    rollout_id = _started(world, name, candidate.release_id, Plan(shadow=stage))
    with httpx2.Client(base_url=world.url, headers={"authorization": f"Bearer {world.key}"}, timeout=30) as http:

        def waits() -> bool:
            body = {"model": name, "messages": [{"role": "user", "content": "Where is my lamp?"}]}
            http.post("/v1/chat/completions", json=body).raise_for_status()
            return world.client.rollouts.get(rollout_id).needs_attention is not None

        until(waits)
    page = open_page(f"/endpoints/{name}")

    expect(page.get_by_role("alert")).to_contain_text("Needs attention: its judge cannot be asked")
    expect(page.get_by_role("alert")).to_contain_text("out for lunch")
    expect(page.get_by_role("region", name="Copied requests")).to_contain_text(judge)
    page.get_by_role("link", name="Endpoints").first.click()
    row = page.get_by_role("table", name="Endpoints").get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text("needs attention")
    world.client.rollouts.roll_back(rollout_id)


def test_rollout_of_several_names_them_all(world: World, open_page: OpenPage) -> None:
    """
    The table of an endpoint's rollouts names every arm.
    """
    name, first, second = _endpoint(world), _candidate(world), _candidate(world)
    arms = ArmsPlan(arms=[ArmPlan(release_id=release.release_id, weight=0.2) for release in (first, second)])
    rollout_id = world.client.rollouts.start(name, plan=Plan(kind="ab", arms=arms)).rollout_id
    page = open_page(f"/endpoints/{name}")

    table = page.get_by_role("table", name=f"Rollouts of {name}")

    for release in (first, second):
        expect(table).to_contain_text(f"{release.name} v{release.version}")
    world.client.rollouts.roll_back(rollout_id)


def _endpoint(world: World) -> str:
    name = f"desk-{uuid.uuid4().hex[:8]}"
    world.client.endpoints.create(name, release_id=str(world.made["baseline_release_id"]))
    headers = {"authorization": f"Bearer {world.key}"}
    until(lambda: 200 == httpx2.get(f"{world.url}/v1/models/{name}", headers=headers).status_code)
    return name


def _candidate(world: World) -> Release:
    """A release of the tuned model of its own, approved by override. Short answers, for what counts is who gives them."""
    made = world.client.releases.get(str(world.made["release_id"])).manifest
    parameters: dict[str, Any] = {"temperature": 0, "max_tokens": 3, "seed": uuid.uuid4().int % 10_000}
    new = NewRelease(name="variant", model_version_id=made.model_version_id, parameters=parameters)
    release = world.client.releases.create(new)
    return world.client.releases.approve(release.release_id, override_reason="a rehearsal in a browser test")


def _below_its_gate(world: World) -> Release:
    """A release of the parts that served at first, held against those that came of the turn."""
    gate = world.client.releases.get(str(world.made["release_id"])).gates[0]
    made = world.client.releases.get(str(world.made["baseline_release_id"])).manifest
    new = NewRelease(
        name="weak",
        model_version_id=made.model_version_id,
        prompt_version_id=made.prompt_version_id,
        parameters=made.parameters,
    )
    release = world.client.releases.create(new)
    baseline_id, candidate_id = gate.candidate_experiment_id, gate.baseline_experiment_id
    return world.client.releases.evaluate_gate(release.release_id, baseline_id=baseline_id, candidate_id=candidate_id)


def _started(world: World, name: str, release_id: str, plan: Plan | None = None) -> str:
    plan = plan or Plan(steps=[Step(weight=0.5)])
    rollout_id = world.client.rollouts.start(name, release_id, plan=plan).rollout_id
    until(lambda: world.client.rollouts.get(rollout_id).status == "running")
    return rollout_id

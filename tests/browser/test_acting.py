"""What a person may change from a page, and who may not."""

from __future__ import annotations

import re
import uuid

from playwright.sync_api import expect

from tests.browser.aside import until, wait_for_trace
from tests.browser.conftest import OpenPage
from tests.browser.world import World
from treadle.client.client import Client
from treadle.feedback.types import FeedbackFilter
from treadle.governance.types import NewApiKey
from treadle.releases.approvals.types import ApprovalPolicy
from treadle.releases.types import NewRelease, Release


def test_rollout_is_paused_and_rolled_back(world: World, open_page: OpenPage) -> None:
    """
    A rollout under way can be paused and taken back, each after asking once more.
    """
    started = world.client.rollouts.start(world.name, str(world.made["baseline_release_id"]))
    until(lambda: world.client.rollouts.get(started.rollout_id).status != "pending")
    page = open_page(f"/endpoints/{world.name}")

    page.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"treadle rollout rollback {started.rollout_id}")
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()

    expect(page.get_by_role("heading", name="Newest rollout")).to_be_visible()
    assert "rolled_back" == world.client.rollouts.get(started.rollout_id).status


def test_release_without_gate_is_approved_with_a_reason(world: World, open_page: OpenPage) -> None:
    """
    What has not passed its gate is approved only with a reason, which stays on the release; notes are text, not markup.
    """
    release = new_release(world, notes="<img src=x onerror=\"window.hacked = true\"> see 'notes'")
    page = open_page(f"/releases/{release.release_id}")
    expect(page.get_by_text("<img src=x")).to_be_visible()

    page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Approve")).to_be_disabled()
    dialog.get_by_label("Reason").fill("a rehearsal in a browser test")
    dialog.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("region", name="Approvals", exact=True)).to_contain_text("a rehearsal in a browser test")
    assert world.client.releases.get(release.release_id).approval is not None
    assert page.evaluate("window.hacked") is None


def test_one_approval_of_two(world: World, open_page: OpenPage) -> None:
    """
    A release that is approved, but not often enough for an environment, is not shown as free to serve there.
    """
    strict = f"strict-{uuid.uuid4().hex[:8]}"
    world.client.environments.set_policy(strict, ApprovalPolicy(approvals=2))
    release = new_release(world, notes="half approved")
    page = open_page(f"/releases/{release.release_id}")

    page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("a rehearsal in a browser test")
    dialog.get_by_role("button", name="Approve").click()

    row = page.get_by_role("table", name="How it stands in each environment").get_by_role("row").filter(has_text=strict)
    expect(row).to_contain_text("it lacks 1 more of 2 approvals")
    expect(row.get_by_text("no", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_endpoint_is_switched_off_and_on(world: World, open_page: OpenPage) -> None:
    """
    The kill switch asks why, shows it for as long as it is thrown, and is taken back from the same place.
    """
    name = f"switch-{uuid.uuid4().hex[:8]}"
    world.client.endpoints.create(name, release_id=str(world.made["baseline_release_id"]))
    page = open_page(f"/endpoints/{name}")

    page.get_by_role("button", name="Switch off").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a drill")
    page.get_by_role("dialog").get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("alert")).to_contain_text("Switched off, so it answers nothing: a drill")
    thrown = world.client.endpoints.get(name).disabled
    page.get_by_role("button", name="Serve again").click()
    page.get_by_role("dialog").get_by_role("button", name="Serve again").click()
    expect(page.get_by_role("button", name="Switch off")).to_be_visible()

    assert ("a drill", None) == (thrown, world.client.endpoints.get(name).disabled)


def test_approval_by_a_key_that_somebody_else_made_says_so(world: World, open_page: OpenPage) -> None:
    """
    An approval counts as that of whoever made the key that it came by, and the page says where that is somebody else.
    """
    release = new_release(world, notes="approved by a borrowed name")
    names = [f"{name} {uuid.uuid4().hex[:8]}" for name in ("bob", "ann")]
    bob = world.client.access.create_key(NewApiKey(name=names[0], person=names[0], role="admin")).key
    with Client(world.url, api_key=bob) as client:
        ann = client.access.create_key(NewApiKey(name=names[1], person=names[1], role="admin")).key
    with Client(world.url, api_key=ann) as client:
        client.releases.approve(release.release_id, override_reason="to see how it is shown")

    page = open_page(f"/releases/{release.release_id}")

    approvals = page.get_by_role("region", name="Approvals", exact=True)
    expect(approvals).to_contain_text(f"{names[1]} (admin)")
    expect(approvals).to_contain_text("A key did it that somebody else made")


def test_viewer_is_offered_nothing_to_change(world: World, open_page: OpenPage) -> None:
    """
    Buttons that would be refused are not there.
    """
    release = new_release(world, notes="for a viewer")
    key = world.client.access.create_key(NewApiKey(name=f"viewer {uuid.uuid4().hex}", role="viewer")).key
    page = open_page("/sign-in", signed_in=False, expect="401")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()

    page.goto(f"{world.url}/#/releases/{release.release_id}")

    expect(page.get_by_role("region", name="Approvals", exact=True)).to_contain_text("Not approved")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_hostile_answer_stays_text(world: World, open_page: OpenPage) -> None:
    """
    What people and models write is shown as they wrote it and never becomes part of the page.
    """
    marker = uuid.uuid4().hex
    hostile = (
        f"<script>window.hacked = true</script><img src='https://evil.example/{marker}' onerror='window.hacked = true'>"
    )
    page = open_page("/traces")
    answer = page.request.post(
        f"{world.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {world.key}"},
        data={"model": world.name, "messages": [{"role": "user", "content": hostile}]},
    )
    assert 200 == answer.status
    wait_for_trace(world.client, answer.headers["x-treadle-trace-id"])
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))

    page.goto(f"{world.url}/#/traces/{answer.headers['x-treadle-trace-id']}")

    expect(page.get_by_role("main").get_by_text(re.compile(marker)).first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert 0 == page.locator("main img").count()
    assert [] == [url for url in requested if "evil.example" in url]


def test_answer_is_judged_where_it_is_read(world: World, open_page: OpenPage) -> None:
    """
    A person says that an answer is wrong and what it should have been; both are kept as feedback of a human.
    """
    page = open_page(f"/traces/{world.trace_id}")

    page.get_by_label("What it should have been").fill("a better answer")
    page.get_by_role("button", name="Wrong").click()

    expect(page.get_by_role("table", name="Feedback on this answer")).to_contain_text("a better answer")
    said = world.client.feedback.list_(FeedbackFilter(trace_id=world.trace_id)).items[0]
    assert (0, "a better answer", "human") == (said.value, said.expected_output, said.source)


def new_release(world: World, *, notes: str) -> Release:
    """Bundle the turn's model anew, so that nobody has approved it."""
    manifest = world.client.releases.get(str(world.made["release_id"])).manifest
    return world.client.releases.create(
        NewRelease(
            name=world.name,
            model_version_id=manifest.model_version_id,
            prompt_version_id=manifest.prompt_version_id,
            parameters={"user": uuid.uuid4().hex},
            notes=notes,
        )
    )

"""The pages of how things stand: targets and their breakers, jobs that go on, rows that are alike, lists that are searched, secrets, approvals."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx2
from playwright.sync_api import expect

from tests.browser.aside import beside, look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home, ensure_endpoint
from treadle.core.errors import TreadleError
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.monitoring import store
from treadle.monitoring.types import Drift, NewMonitor, Watched, WindowSeen
from treadle.prompts.types import Message

PATIENCE_SECONDS = 60.0
SLOW_MS = 60_000


def test_a_target_that_is_left_alone_is_asked_again(home: Home, open_home: OpenPage) -> None:
    """
    A failing target stands with why and since when, Home says so, and one press has it asked again.
    """
    break_target(home)
    page = open_home("/gateway/health")
    settle(page)
    row = page.get_by_role("table", name="Targets").get_by_role("row").nth(1)
    expect(row).to_contain_text("an error of its server", timeout=SLOW_MS)
    expect(row.get_by_role("button", name="Ask again")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("table", name="What each worker knows")).to_contain_text("scripted/mdv_x")
    assert [] == unsound(page)
    look(page, "gateway-health")

    row.get_by_role("button", name="Ask again").click()
    page.get_by_role("dialog").get_by_role("button", name="Ask it again").click()

    expect(row.get_by_role("button", name="Ask again")).to_have_count(0, timeout=SLOW_MS)
    expect(row).to_contain_text("Asked", timeout=SLOW_MS)


def test_a_failed_job_goes_on(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A job that failed is retried from the list, and its log says by whom.
    """
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    run = home.client.datasets.import_file("support", tmp_path / "rows.csv")
    with contextlib.suppress(TreadleError):
        home.client.runs.wait(run.run_id)
    page = open_home("/jobs?status=failed")
    settle(page)
    look(page, "jobs-failed")

    page.get_by_role("table", name="Jobs", exact=True).get_by_role("button", name="Go on").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"treadle run retry {run.run_id}")
    dialog.get_by_role("button", name="Go on", exact=True).click()
    expect(dialog).to_have_count(0)

    until = time.monotonic() + PATIENCE_SECONDS
    while not (home.client.runs.get(run.run_id).retries and home.client.runs.get(run.run_id).status == "failed"):
        assert time.monotonic() < until, "the run was not retried"
        time.sleep(0.2)
    assert any(line.text.startswith("retried by") for line in home.client.runs.logs(run.run_id))


def test_rows_that_are_alike_are_taken_away(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Groups of like rows stand below each other; what is chosen is taken away, and the page goes to the next version.
    """
    lines = [
        "text,label",
        "how do I close my account,close",
        "how do I close my account,close",
        "when do you open,hours",
    ]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    home.client.runs.wait(home.client.datasets.import_file("support", tmp_path / "rows.csv").run_id)
    home.client.runs.wait(home.client.datasets.start_profile("support").run_id)
    page = open_home("/datasets/support/versions/1?tab=duplicates")
    settle(page)
    assert [] == unsound(page)
    look(page, "duplicates")

    page.get_by_role("checkbox", name="Take away row 2").check()
    page.get_by_role("button", name="Take 1 away").click()
    page.get_by_role("dialog").get_by_role("button", name="Make the next version").click()

    expect(page.get_by_role("heading", level=1, name="support v2")).to_be_visible(timeout=SLOW_MS)
    assert 2 == home.client.datasets.get_version("support").num_rows


def test_a_list_is_searched_and_linked(home: Home, open_home: OpenPage) -> None:
    """
    What one looks for stands in the address and in the command; nothing found leads back to the whole list.
    """
    for name in ("refund-chat", "greeting"):
        home.client.prompts.create_version(name, [Message(role="user", template=name)])
    page = open_home("/prompts")
    settle(page)

    page.get_by_role("search").get_by_label("Name").fill("refund")
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="greeting")).to_have_count(0)
    expect(page.get_by_role("link", name="refund-chat")).to_be_visible()
    expect(page.get_by_text("treadle prompt list --search refund")).to_be_visible()
    assert "q=refund" in page.url
    page.get_by_role("search").get_by_label("Name").fill("parrot")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Show all prompts").click()
    expect(page.get_by_role("link", name="greeting")).to_be_visible()


def test_a_secret_is_kept_and_forgotten(home: Home, open_home: OpenPage) -> None:
    """
    A secret's name is listed and its value never shown.
    """
    page = open_home("/settings/secrets")
    settle(page)

    page.get_by_role("button", name="Keep a secret").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("warehouse")
    dialog.get_by_label("Value", exact=True).fill("s3cret-of-ours")
    dialog.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("table", name="Secrets")).to_contain_text("warehouse")
    expect(page.get_by_text("s3cret-of-ours")).to_have_count(0)
    assert [] == unsound(page)
    look(page, "secrets")

    page.get_by_role("button", name="Forget warehouse").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget it").click()
    expect(page.get_by_text("No secret yet")).to_be_visible()


def test_what_production_needs_is_set(home: Home, open_home: OpenPage) -> None:
    """
    A policy is set on the page and stands there in words.
    """
    page = open_home("/settings/approvals")
    settle(page)

    page.get_by_role("button", name="Set a policy").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Environment").fill("production")
    dialog.get_by_label("Approvals").fill("2")
    dialog.get_by_label("Who bundled the release may approve it").uncheck()
    expect(dialog).to_contain_text("treadle environment set production --approvals 2 --not-author")
    dialog.get_by_role("button", name="Set it").click()

    expect(page.get_by_role("table", name="Environments")).to_contain_text("approvals of 2 different people")
    policy = home.client.environments.get("production").policy
    assert (2, False) == (policy.approvals, policy.author_may_approve)
    assert [] == unsound(page)
    look(page, "approvals")


def test_what_has_moved_is_read_channel_by_channel(home: Home, open_home: OpenPage) -> None:
    """
    The readings of a drift monitor stand as a chart with its table, and say what is new in the traffic.
    """
    begin = datetime(2026, 1, 10, tzinfo=UTC)
    rule = Drift(reference_since=begin - timedelta(days=7), reference_until=begin)
    new = NewMonitor(name="texts", signal=Watched(endpoint="desk"), rule=rule, window_minutes=60, is_on=False)
    monitor_id = home.client.monitors.create(new).monitor_id
    for hour, p_value in enumerate((0.4, 0.003, 0.001)):
        kept = window(begin + timedelta(hours=hour), p_value)
        beside(home.ctx.db.write(partial(store.insert_window, monitor_id=monitor_id, seen=kept)))
    page = open_home("/drift")
    settle(page)

    told = page.get_by_role("table", name="What tells windows from the reference")
    expect(told).to_contain_text("crypto (50 %, was 0 %)")
    expect(told).to_contain_text("two windows in a row")
    page.get_by_role("figure", name="How likely it is by chance").get_by_role("button", name="Show table").click()
    expect(page.get_by_role("table", name="How likely it is by chance")).to_contain_text("0.003")
    assert [] == unsound(page)
    look(page, "drift")


def test_a_batch_is_started_from_a_file(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A file of requests is handed over, asked, and its answers are there to take along.
    """
    serve(home, Rule(match=".*", reply="parcel"))
    body = {"model": "desk", "messages": [{"role": "user", "content": "hello"}]}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    (tmp_path / "questions.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    page = open_home("/gateway/batches")
    settle(page)

    page.get_by_role("button", name="Start a batch").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(tmp_path / "questions.jsonl")
    expect(dialog).to_contain_text("treadle batch start questions.jsonl")
    dialog.get_by_label("API key", exact=True).fill(home.key)
    dialog.get_by_role("button", name="Start it").click()

    row = page.get_by_role("table", name="Batches").get_by_role("row").nth(1)
    expect(row).to_contain_text("Answered", timeout=SLOW_MS)
    expect(row.get_by_role("link", name="Answers of")).to_be_visible()
    assert [] == unsound(page)
    look(page, "batches")


def test_a_turn_is_started(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A turn is started on a dataset that is there, with the command that does the same, and its page follows.
    """
    (tmp_path / "rows.csv").write_text("text,label\nhi,greet\nbye,leave\n", encoding="utf-8")
    home.client.runs.wait(home.client.datasets.import_file("support", tmp_path / "rows.csv").run_id)
    page = open_home("/pipelines")
    settle(page)

    page.get_by_role("button", name="Start a turn").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Dataset").select_option("support")
    expect(dialog).to_contain_text("treadle turn start --name support --ask")
    look(page, "start-a-turn")
    dialog.get_by_role("button", name="Start it").click()

    expect(page.get_by_role("heading", level=1, name="Turn of support")).to_be_visible(timeout=SLOW_MS)
    assert 1 == len(home.client.turns.list_().items)


def window(begin: datetime, p_value: float) -> WindowSeen:
    """Return a window as a drift monitor keeps it; the later it is, the more of it has moved."""
    has_moved = p_value < 0.05
    explanation = {
        "auc": 0.9, "trace_ids": [], "clusters": [],
        "terms": [{"term": "crypto", "window_share": 0.5, "reference_share": 0.0}],
    }  # fmt: skip
    channel = {
        "channel": "input", "rows": 60, "reference_rows": 120, "p_value": p_value, "adjusted_p": p_value, "mmd2": 0.1,
        "effect": 5.0, "linear_p_value": p_value, "e_value": 1 / p_value, "windows_in_a_row": 2 if p_value < 0.002 else 0,
        "decision": "alarm" if p_value < 0.002 else "moved" if has_moved else "same",
        "reason": "two windows in a row" if p_value < 0.002 else "", "explanation": explanation if has_moved else None,
    }  # fmt: skip
    return WindowSeen(
        starts_at=begin, ends_at=begin + timedelta(hours=1), value=p_value, spans=60,
        verdict="bad" if p_value < 0.002 else "well", condition="firing" if p_value < 0.002 else "ok",
        expected_low=None, expected_high=None, words="input: perhaps moved", detail={"channels": [channel]},
    )  # fmt: skip


def serve(home: Home, *rules: Rule) -> None:
    """Have the endpoint 'desk' answer by script, and wait until it does."""
    ensure_endpoint(home.client, "desk")
    arm = Arm(
        release_id="rel_desk", model_version_id="mdv_x", role="stable", weight=1.0, provider="scripted", script=rules
    )
    made = Endpoint(project_id=home.ctx.project_id, name="desk", salt="salt", arms=(arm,))
    beside(home.ctx.db.write(lambda db: gateway.publish_endpoint(db, made)))
    until = time.monotonic() + PATIENCE_SECONDS
    while ask(home) in (401, 404):  # it hears of a new key as late as of an endpoint
        assert time.monotonic() < until, "the gateway does not serve 'desk'"
        time.sleep(0.1)


def break_target(home: Home) -> None:
    """Have an endpoint fail until the breaker of its target opens."""
    serve(home, Rule(match=".*", reply="no", status=500))
    until = time.monotonic() + PATIENCE_SECONDS
    while not any(each.state in ("open", "probing") for each in home.client.gateway.health().items):
        assert time.monotonic() < until, "the breaker did not open"
        ask(home)
        time.sleep(0.05)


def ask(home: Home) -> int:
    """Ask the endpoint once; return the status."""
    body = {"model": "desk", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": f"Bearer {home.key}"}
    return httpx2.post(f"{home.client.url}/v1/chat/completions", json=body, headers=headers, timeout=30).status_code

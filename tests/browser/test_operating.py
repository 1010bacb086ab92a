"""The frame and the pages for those who operate: going anywhere by name, the gateway, access, audit, and what is set for a project."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from treadle.governance.types import NewApiKey
from treadle.prompts.types import Message

EMPTY = {
    "/gateway": "No endpoint yet",
    "/gateway/limits": "Nothing is bounded",
    "/gateway/providers": "No provider yet",
    "/gateway/cache": "No endpoint yet",
    "/gateway/health": "Requests go nowhere yet",
    "/gateway/batches": "No batch yet",
    "/drift": "Nothing is held against a reference",
    "/settings/secrets": "No secret yet",
    "/settings/approvals": "No environment yet",
    "/rollouts": "No rollout yet",
    "/jobs": "No job yet",
    "/pipelines": "No turn yet",
    "/reports": "No release to report on yet",
    "/settings/rules": "No live answer is judged yet",
    "/settings/forwards": "Spans stay here",
    "/abuse": "Nobody stood out",
}
LEFTWARD = "مفتاح التطبيق"


@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_page_teaches_the_first_step(path: str, open_home: OpenPage) -> None:
    """
    Where there is nothing yet a page says so, shows the command that makes the first, and keeps the rules of every page.
    """
    page = open_home(path)
    settle(page)

    expect(page.get_by_text(EMPTY[path])).to_be_visible()
    expect(page.get_by_role("main").get_by_role("group").first).to_contain_text("treadle ")
    assert [] == unsound(page)


def test_anything_is_reached_by_its_name(home: Home, open_home: OpenPage) -> None:
    """
    The palette opens from the keyboard everywhere, finds pages, named things and traces, and Enter goes there.
    """
    home.client.prompts.create_version("greeting", [Message(role="user", template="Hi")])
    page = open_home("/settings")
    settle(page)

    page.keyboard.press("Control+k")
    asked = page.get_by_role("combobox", name="Go to anything")
    expect(asked).to_be_focused()
    asked.fill("gree")
    expect(page.get_by_role("option", name="greeting")).to_be_visible()
    assert [] == unsound(page)
    look(page, "palette")
    asked.fill("nothing-is-called-so-anywhere")
    expect(page.get_by_role("listbox", name="Found").get_by_role("option")).to_have_count(1)
    asked.fill("greet")
    expect(page.get_by_role("listbox", name="Found").get_by_role("option").first).to_have_text(re.compile("greeting"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="greeting")).to_be_focused()

    page.keyboard.press("Control+k")
    asked.fill("aud")
    expect(page.get_by_role("listbox", name="Found").get_by_role("option").first).to_have_text(re.compile("Audit"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Audit")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(asked).to_be_focused()
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)


def test_a_key_is_made_shown_once_and_revoked(home: Home, open_home: OpenPage) -> None:
    """
    What is written is what the key may do; the key itself is gone with the dialog; a revoked one stays in the list as such.
    """
    page = open_home("/gateway/keys", expect="422")
    settle(page)

    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What it is for").fill(f"{LEFTWARD} app")
    dialog.get_by_label("Endpoints that it may call").fill("support")
    dialog.get_by_label("Good for so many days").fill("7")
    dialog.get_by_role("button", name="Make it").click()
    secret = dialog.locator("[data-secret]")
    expect(secret).to_contain_text("tdl_")
    key = secret.inner_text()
    dialog.get_by_role("button", name="Close", exact=True).last.click()

    expect(page.get_by_text(key)).to_have_count(0)
    row = page.get_by_role("row").filter(has_text=LEFTWARD)
    expect(row).to_contain_text("call support")
    assert [] == unsound(page)
    look(page, "keys")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke it").click()
    expect(row).to_contain_text("Revoked")
    assert any(made.revoked_at is not None and made.endpoints == ["support"] for made in home.client.access.list_keys())


def test_a_limit_is_set_changed_and_removed(home: Home, open_home: OpenPage) -> None:
    """
    A limit stands with what is used of it; its amount can be changed, and what was said against it stands at the field.
    """
    page = open_home("/gateway/limits", expect="404")
    settle(page)

    page.get_by_role("button", name="Set a limit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Whose use is counted together").select_option("key")
    dialog.get_by_label("Which one").fill("nobody")
    dialog.get_by_role("button", name="Set it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("no API key is named 'nobody'")
    dialog.get_by_label("Whose use is counted together").select_option("project")
    expect(dialog.get_by_text("treadle limit set 50 usd --scope project --per day")).to_be_visible()
    dialog.get_by_role("button", name="Set it").click()
    row = page.get_by_role("table", name="Limits").locator("tbody tr")
    expect(row).to_contain_text("the whole project")
    expect(row).to_contain_text("(0 %)")
    assert [] == unsound(page)
    look(page, "limits")
    row.get_by_role("button", name="Change").click()
    dialog.get_by_label("At most").fill("20")
    dialog.get_by_label("While the database is away requests are").select_option("share")
    expect(dialog.get_by_text("treadle limit set 20 usd --scope project --per day --outage share")).to_be_visible()
    dialog.get_by_role("button", name="Change it").click()
    expect(dialog).to_have_count(0)
    expect(row).to_contain_text("served by shares")
    assert [(20, "share")] == [(limit.amount, limit.outage) for limit in home.client.limits.list_().items]
    row.get_by_role("button", name="Remove").click()
    dialog.get_by_role("button", name="Remove it").click()

    expect(page.get_by_text("Nothing is bounded")).to_be_visible()


def test_a_provider_is_added_checked_and_removed(home: Home, open_home: OpenPage) -> None:
    """
    A provider is kept with its key closed; a check says in words what one real call showed.
    """
    page = open_home("/gateway/providers")
    settle(page)

    page.get_by_role("button", name="Add a provider").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Which").select_option("")
    dialog.get_by_label("Name").fill("elsewhere")
    dialog.get_by_label("Where it is").fill("http://127.0.0.1:9/v1")
    dialog.get_by_label("It may be at a private address").check()
    dialog.get_by_label("Key").fill("sk-hidden-0123456789")
    dialog.get_by_role("button", name="Add it").click()
    row = page.get_by_role("table", name="Providers").locator("tbody tr")
    expect(row).to_contain_text("Kept")
    row.get_by_role("button", name="Check").click()
    expect(row.get_by_role("status")).to_contain_text("Does not work")
    assert "sk-hidden" not in page.content()
    assert [] == unsound(page)
    look(page, "providers")
    row.get_by_role("button", name="Change").click()
    dialog.get_by_label("Options").fill("organization=ours")
    dialog.get_by_label("Where it is").fill("http://127.0.0.1:10/v1")
    dialog.get_by_label("Region").fill("eu")
    expect(dialog.get_by_label("Key")).to_be_visible()
    expect(dialog).to_contain_text("treadle provider change elsewhere --url http://127.0.0.1:10/v1 --region eu")
    assert [] == unsound(page)
    look(page, "provider-change")
    dialog.get_by_label("Options").fill("")
    dialog.get_by_role("button", name="Change it").click()
    expect(dialog).to_contain_text("the stored key was dropped")
    dialog.get_by_role("button", name="Close").last.click()
    expect(row).to_contain_text("http://127.0.0.1:10/v1")
    expect(row).to_contain_text("None")
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove it").click()

    expect(page.get_by_text("No provider yet")).to_be_visible()


def test_the_audit_log_is_narrowed_and_verified(home: Home, open_home: OpenPage) -> None:
    """
    The log can be narrowed by a click, and the check of the whole says in words whether it is whole; a wrong hash is no proof.
    """
    home.client.secrets.set_("openai", "sk-one")
    page = open_home("/audit")
    settle(page)

    page.get_by_role("link", name="secrets.set").first.click()
    expect(page.get_by_role("table", name="Audit log").locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Check the whole log").click()
    expect(page.get_by_text(re.compile("none is missing in between"))).to_be_visible()
    page.get_by_label("Newest hash of an earlier check").fill("0" * 63 + "1")
    page.get_by_role("button", name="Check the whole log").click()
    expect(page.get_by_text("Not whole")).to_be_visible()

    assert [] == unsound(page)
    look(page, "audit")


def test_a_page_is_fetched_when_the_server_is_back(home: Home, open_home: OpenPage) -> None:
    """
    Without a server a page that one never saw says so within the frame, and opens by itself when the server is back.
    """
    page = open_home("/models", expect="The server does not answer")
    expect(page.get_by_role("heading", level=1, name="Models")).to_be_visible()
    settle(page)
    page.route("**/*", lambda route: route.abort())

    page.get_by_role("link", name="Alerts").click()
    expect(page.get_by_role("main").get_by_text("The server does not answer")).to_be_visible()
    expect(page.get_by_role("link", name="Datasets")).to_be_visible()
    page.unroute("**/*")

    expect(page.get_by_role("heading", level=1, name="Alerts")).to_be_visible()


def test_a_page_of_a_build_that_is_gone(home: Home, open_home: OpenPage) -> None:
    """
    Where the server has other pages than those that are open, the address is opened with the new ones.
    """
    page = open_home("/models", expect="The server does not answer")
    expect(page.get_by_role("heading", level=1, name="Models")).to_be_visible()
    page.route("**/assets/Alerts-*.js", lambda route: route.abort(), times=1)

    page.get_by_role("link", name="Alerts").click()

    expect(page.get_by_role("heading", level=1, name="Alerts")).to_be_visible()


def test_who_may_not_see_is_told_so(home: Home, context: BrowserContext) -> None:
    """
    A viewer gets the refusal in words on the pages of those who govern, and no button that would be refused.
    """
    key = home.client.access.create_key(NewApiKey(name="eve", person="eve", role="viewer")).key
    assert 204 == context.request.post(f"{home.client.url}/api/v1/session", data={"key": key}).status
    page = context.new_page()

    for path in ("/audit", "/access/keys"):
        page.goto(f"{home.client.url}/#{path}")
        expect(page.get_by_text("You may not see this").first).to_be_visible()
        settle(page)
        expect(page.get_by_role("button", name="Make a key")).to_have_count(0)
        assert [] == unsound(page)
    page.goto(f"{home.client.url}/#/gateway/limits")
    expect(page.get_by_text("Nothing is bounded")).to_be_visible()
    expect(page.get_by_role("button", name="Set a limit")).to_have_count(0)


def test_live_answers_are_judged_by_rules(home: Home, open_home: OpenPage) -> None:
    """
    A rule is made with the command beside it, can be switched off and on, and goes.
    """
    page = open_home("/settings/rules", expect="422")
    settle(page)

    page.get_by_role("button", name="Make a rule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Not A Name")
    _press(dialog, "Make it")
    expect(dialog.get_by_text(re.compile("'name' is 'Not A Name', but it should"))).to_be_visible()
    dialog.get_by_label("Name", exact=True).fill("valid-json")
    dialog.get_by_label("Per cent of them").fill("10")
    expect(
        dialog.get_by_text("treadle rule set valid-json --scorer json_valid --score json_valid --rate 0.1")
    ).to_be_visible()
    _press(dialog, "Make it")
    row = page.get_by_role("table", name="Rules").locator("tbody tr")
    expect(row).to_contain_text("10 % of every answer")
    assert [] == unsound(page)
    look(page, "rules")
    row.get_by_role("button", name="Switch off").click()
    expect(row.get_by_role("button", name="Switch on")).to_be_visible()
    assert [False] == [rule.is_on for rule in home.client.rules.list_().items]
    row.get_by_role("button", name="Remove").click()
    _press(dialog, "Remove it")

    expect(page.get_by_text("No live answer is judged yet")).to_be_visible()


def test_spans_are_sent_on_to_a_destination(home: Home, open_home: OpenPage) -> None:
    """
    A destination's headers are never shown again; a test says what came of it; it can be paused and forgotten.
    """
    page = open_home("/settings/forwards")
    settle(page)

    page.get_by_role("button", name="Add a destination").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("otel")
    dialog.get_by_label("Where").fill("https://otel.invalid")
    dialog.get_by_label("Headers").fill("x-api-key: very-secret")
    _press(dialog, "Add it")
    row = page.get_by_role("table", name="Destinations").locator("tbody tr")
    expect(row).to_contain_text("https://otel.invalid/v1/traces")
    row.get_by_role("button", name="Test").click()
    expect(row.get_by_role("status").last).to_contain_text("It does not work")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("Paused")
    assert "very-secret" not in page.content()
    assert [] == unsound(page)
    look(page, "forwards")
    row.get_by_role("button", name="Forget").click()
    _press(page.get_by_role("dialog"), "Forget it")

    expect(page.get_by_text("Spans stay here")).to_be_visible()


def test_what_is_kept_can_be_changed(home: Home, open_home: OpenPage) -> None:
    """
    The page warns before older traces go, says how long they are kept from then on, and that what was chosen is saved.
    """
    page = open_home("/settings/keeping")
    settle(page)

    page.get_by_label("Days").fill("30")
    expect(page.get_by_text("Older traces go")).to_be_visible()
    page.get_by_role("button", name="Keep so", exact=True).click()
    expect(page.get_by_text("Traces are kept for 30 days, then forgotten.")).to_be_visible()
    expect(page.get_by_role("region", name="For how long").get_by_text("Saved.")).to_be_visible()
    how_much = page.get_by_role("region", name="How much content")
    how_much.get_by_label("Of what is asked and answered").select_option("masked")
    how_much.get_by_role("button", name="Keep so much").click()
    expect(how_much.get_by_text("Saved.")).to_be_visible()
    expect(how_much.get_by_label("Of what is asked and answered")).to_have_value("masked")

    assert (30, "masked") == (home.client.traces.retention().days, home.client.traces.capture().capture)
    assert [] == unsound(page)
    look(page, "keeping")


def test_what_is_done_about_abuse_can_be_changed(home: Home, open_home: OpenPage) -> None:
    """
    The policy only gets stricter as the score rises: the other way round is refused in words.
    """
    page = open_home("/abuse", expect="422")
    settle(page)

    page.get_by_role("button", name="Change the policy").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Blocked from").fill("20")
    _press(dialog, "Change it")
    expect(dialog.get_by_text(re.compile("must get stricter"))).to_be_visible()
    dialog.get_by_label("Blocked from").fill("90")
    _press(dialog, "Change it")

    expect(dialog).to_have_count(0)
    expect(page.locator("dl").first.locator("div", has_text="Blocked from")).to_contain_text("90")
    assert 90 == home.client.abuse.get_policy().block_at


def _press(dialog: Locator, name: str) -> None:
    dialog.get_by_role("button", name=name, exact=True).click()

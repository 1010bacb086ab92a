"""Two people, one thing: an edit that others were quicker with is shown and not sent over theirs; what was typed is never lost by a slip."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Response, expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from treadle.client.client import Client
from treadle.feedback.labels.types import Field
from treadle.feedback.surveys.types import NewSurvey
from treadle.gateway.providers.types import ChangedProvider, NewProvider
from treadle.governance.types import NewApiKey
from treadle.monitoring.dashboards.types import Chart
from treadle.monitoring.rules.types import NewRule
from treadle.monitoring.types import NewMonitor, Watched
from treadle.prompts.types import Message
from treadle.traces.asking.types import NewView

SLOW = NewMonitor.model_validate(
    {"name": "slow", "signal": {"metric": "latency_p95"}, "rule": {"kind": "threshold", "above": 900}}
)

WHERE = "https://10.0.0.1/v1"
HOSTED = NewProvider.model_validate(
    {"name": "hosted", "kind": "openai", "base_url": WHERE, "secret": "sk-hidden-0123456789", "private": True}
)
JSON_RULE = NewRule.model_validate({"name": "json", "scorer": {"name": "json_valid"}, "score": "json_valid"})


@pytest.fixture
def ada(home: Home) -> Iterator[Client]:
    """
    Somebody else, who may do the same.
    """
    key = home.client.access.create_key(NewApiKey(name="ada", role="owner")).key
    with Client(home.client.url, api_key=key) as client:
        yield client


def test_an_edit_that_others_were_quicker_with_is_shown(home: Home, ada: Client, open_home: OpenPage) -> None:
    """
    The form stays as it was written, beside it stands who changed what; theirs can be taken, or overwritten on purpose.
    """
    home.client.monitors.create(SLOW)
    page = open_home("/monitors/slow", expect="412")
    dialog = _change(page)
    dialog.get_by_label("Above").fill("500")
    ada.monitors.change(SLOW.model_copy(update={"rule": SLOW.rule.model_copy(update={"above": 700})}))
    _press(dialog, "Change it")

    box = _box(dialog)
    expect(dialog.get_by_role("alert")).to_contain_text(
        re.compile(r"^\s*ada .*changed this in between.*This is where it differs:\s*$")
    )
    row = box.get_by_role("row").filter(has_text="Above")
    expect(row.get_by_role("cell")).to_have_text(["Above", "900", "700", "500"])
    assert [] == unsound(page)
    look(page, "conflict")
    assert 700 == _above(home)

    _press(box, "Go on editing")
    expect(dialog.get_by_label("Above")).to_have_value("500")
    _press(dialog, "Change it")
    _press(box, "Take theirs")
    expect(dialog.get_by_label("Above")).to_have_value("700")
    dialog.get_by_label("Above").fill("600")
    home.client.monitors.change(SLOW)
    _press(dialog, "Change it")
    expect(dialog.get_by_role("alert")).to_contain_text("You changed this in another window")
    _press(box, "Overwrite with mine")
    expect(dialog).to_have_count(0)
    assert 600 == _above(home)


def test_a_provider_that_others_moved(home: Home, open_home: OpenPage) -> None:
    """
    A provider's form, too, shows where somebody else put it, and sends its own place only when told to.
    """
    moved = ChangedProvider(kind="openai", base_url="https://10.0.0.2/v1", private=True)
    home.client.providers.create(HOSTED)
    page = open_home("/gateway/providers", expect="412")
    settle(page)
    page.get_by_role("table", name="Providers").get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Where it is").fill("https://10.0.0.3/v1")
    home.client.providers.change("hosted", moved)
    _press(dialog, "Change it")

    row = _box(dialog).get_by_role("row").filter(has_text="Where it is")
    expect(row.get_by_role("cell")).to_have_text(["Where it is", WHERE, moved.base_url, "https://10.0.0.3/v1"])
    assert moved.base_url == home.client.providers.get("hosted").base_url
    _press(_box(dialog), "Take theirs")
    expect(dialog.get_by_label("Where it is")).to_have_value(moved.base_url)


def test_headers_are_held_one_by_one(home: Home, open_home: OpenPage) -> None:
    """
    Of two who change different headers of a provider both keep theirs, and nobody is asked; of one header both are shown, and no other.
    """
    held = ChangedProvider.model_validate(
        HOSTED.model_dump(exclude={"name", "preset", "secret"}) | {"headers": {"team": "a", "tier": "1"}}
    )
    home.client.providers.create(HOSTED.model_copy(update={"headers": held.headers}))
    page = open_home("/gateway/providers", expect="412")
    settle(page)
    change = page.get_by_role("table", name="Providers").get_by_role("button", name="Change")
    dialog = page.get_by_role("dialog")
    headers = dialog.get_by_label("Headers sent with each request")

    change.click()
    headers.fill("team=a\ntier=2")
    home.client.providers.change(
        "hosted", held.model_copy(update={"headers": {"team": "b", "tier": "1"}, "region": "eu"})
    )
    _press(dialog, "Change it")
    expect(dialog).to_contain_text("It is changed")
    kept = home.client.providers.get("hosted")
    assert ({"team": "b", "tier": "2"}, "eu") == (kept.headers, kept.region)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    change.click()
    expect(headers).to_have_value("team=b\ntier=2")
    headers.fill("team=c\ntier=2")
    home.client.providers.change("hosted", held.model_copy(update={"headers": {"team": "d", "tier": "3"}}))
    _press(dialog, "Change it")
    rows = _box(dialog).get_by_role("table").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.get_by_role("cell")).to_have_text(["Headers sent with each request: team", "b", "d", "c"])
    _press(_box(dialog), "Overwrite with mine")
    expect(dialog).to_contain_text("It is changed")

    assert {"team": "c", "tier": "3"} == home.client.providers.get("hosted").headers


def test_two_who_change_different_fields_both_keep_theirs(home: Home, ada: Client, open_home: OpenPage) -> None:
    """
    What others changed elsewhere in the same thing is kept beside what is changed here, and nobody is asked.
    """
    home.client.monitors.create(SLOW)
    page = open_home("/monitors/slow", expect="412")
    dialog = _change(page)
    dialog.get_by_label("Above").fill("500")
    ada.monitors.change(SLOW.model_copy(update={"fire_after": 3, "is_on": False}))
    _press(dialog, "Change it")
    expect(dialog).to_have_count(0)

    kept = home.client.monitors.get("slow")
    assert (500, 3, False) == (_above(home), kept.fire_after, kept.is_on)


def test_a_label_is_moved_from_where_it_was_seen(home: Home, ada: Client, open_home: OpenPage) -> None:
    """
    Of two who move one label or one alias the second is shown where the first has put it, also where it was on nothing before.
    """
    for text in ("one", "two", "three"):
        home.client.prompts.create_version("greeting", [Message(role="user", template=text)])
        home.client.models.register_provider_version("gpt", provider="openai", model=text)
    home.client.prompts.publish("greeting", 1, label="staging")
    page = open_home("/prompts/greeting", expect="412")
    settle(page)
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Move staging").click()
    dialog.get_by_label("Version").fill("3")
    ada.prompts.publish("greeting", 2, label="staging")
    _press(dialog, "Move it")
    expect(dialog.get_by_role("alert")).to_contain_text("changed this in between")
    expect(_box(dialog).get_by_role("cell")).to_have_text(["Version", "1", "2", "3"])
    assert [] == unsound(page)
    look(page, "conflict-label")
    _press(_box(dialog), "Overwrite with mine")
    expect(dialog).to_have_count(0)
    assert {"staging": 3} == home.client.prompts.get("greeting").labels

    page.goto(page.url.split("#")[0] + "#/models/gpt")
    page.get_by_role("button", name="Move an alias").click()
    dialog.get_by_label("Version").select_option("3")
    expect(dialog.get_by_role("combobox", name="Alias")).to_have_value("champion")
    home.client.models.set_alias("gpt", "champion", 1)
    _press(dialog, "Set it")
    expect(_box(dialog).get_by_role("cell")).to_have_text(["Version", "nothing", "1", "3"])
    _press(_box(dialog), "Take theirs")
    expect(dialog).to_contain_text("champion points there already")

    assert {"champion": 1} == home.client.models.get("gpt").aliases


def test_a_kept_view_is_replaced_on_purpose(home: Home, open_home: OpenPage) -> None:
    """
    A view of one's own is replaced where one sees that it is, and stays shared; what was made of it meanwhile is shown first.
    """
    home.client.traces.put_view("slow", NewView(q="latency>2s", is_shared=True))
    page = open_home("/traces?view=slow&q=latency%3E3s", expect="412")
    settle(page)
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Keep as a view").click()
    expect(dialog.get_by_text("You keep a view of this name: it is replaced")).to_be_visible()
    expect(dialog.get_by_label("Everybody in the project sees it")).to_be_checked()
    expect(dialog).to_contain_text("treadle trace keep-view slow 'latency>3s' --shared")
    home.client.traces.put_view("slow", NewView(q="latency>4s", is_shared=True))
    _press(dialog, "Replace it")
    expect(dialog.get_by_role("alert")).to_contain_text("You changed this in another window")
    expect(_box(dialog).get_by_role("cell")).to_have_text(["Filter", "latency>2s", "latency>4s", "latency>3s"])
    _press(_box(dialog), "Overwrite with mine")
    expect(dialog).to_have_count(0)
    kept = home.client.traces.get_view("slow")
    assert ("latency>3s", True) == (kept.q, kept.is_shared)

    # What was kept by the time that it is sent is refused at the name.
    page.get_by_role("button", name="Keep as a view").click()
    page.route(
        re.compile(r"/api/v1/views\?.*q=fresh"), lambda route: route.fulfill(json={"items": [], "next_cursor": None})
    )
    dialog.get_by_label("Name").fill("fresh")
    home.client.traces.put_view("fresh", NewView(q="status:error"))
    _press(dialog, "Keep")
    expect(dialog.get_by_text(re.compile("'fresh' is there already"))).to_be_visible()

    assert "status:error" == home.client.traces.get_view("fresh").q


def test_a_key_goes_to_the_address_that_it_was_typed_for(home: Home, open_home: OpenPage) -> None:
    """
    A key that was typed for another address is not kept for the one that the provider stays at.
    """
    home.client.providers.create(HOSTED)
    page = open_home("/gateway/providers")
    settle(page)
    page.get_by_role("table", name="Providers").get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Where it is").fill("https://10.0.0.2/v1")
    dialog.get_by_label("Key", exact=True).fill("sk-of-another-host")
    dialog.get_by_label("Where it is").fill(WHERE)
    expect(dialog.get_by_label("Key", exact=True)).to_have_count(0)
    with page.expect_request(lambda request: request.method == "PUT") as sent:
        _press(dialog, "Change it")

    body = sent.value.post_data_json or {}
    assert (WHERE, False) == (body.get("base_url"), "secret" in body)


def test_a_form_outlives_the_row_that_it_was_opened_from(home: Home, open_home: OpenPage) -> None:
    """
    Somebody removes what is being edited: its row goes, the form and what was typed stay, and it can be made anew.
    """
    home.client.rules.create(JSON_RULE)
    page = open_home("/settings/rules", expect="404")
    settle(page)
    change = page.get_by_role("button", name="Change json")
    change.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(change).to_be_focused()
    change.click()
    dialog.get_by_label("Per cent of them").fill("7")
    home.client.rules.remove("json")

    expect(page.get_by_text("No live answer is judged yet")).to_be_attached()
    expect(dialog.get_by_label("Per cent of them")).to_have_value("7")


def test_how_long_traces_are_kept_is_changed_by_two(home: Home, open_home: OpenPage) -> None:
    """
    A form that stands on a page is held to what it was begun from, too; who leaves the box is at its button; and what both
    changed to the same is no question.
    """
    home.client.traces.set_retention(30)
    page = open_home("/settings/keeping", expect="412")
    settle(page)
    days, keep = page.get_by_label("Days", exact=True), page.get_by_role("button", name="Keep so", exact=True)
    days.fill("20")
    home.client.traces.set_retention(40)
    keep.click()
    box = _box(page)
    expect(box.get_by_role("row").filter(has_text="Days").first).to_contain_text("40")
    _press(box, "Go on editing")
    expect(keep).to_be_focused()
    expect(days).to_have_value("20")
    keep.click()
    _press(box, "Overwrite with mine")
    expect(page.get_by_text("Traces are kept for 20 days")).to_be_visible()

    days.fill("50")
    page.get_by_label("Write each day to the archive").check()
    home.client.traces.set_retention(50)
    keep.click()
    expect(page.get_by_text("Traces are kept for 50 days, then archived for good.")).to_be_visible()

    kept = home.client.traces.retention()
    assert (50, True) == (kept.days, kept.archive)


def test_what_others_changed_elsewhere_stays(home: Home, open_home: OpenPage) -> None:
    """
    A switch changes nothing but what it switches, whatever the list still shows of the rest.
    """
    rule = JSON_RULE
    home.client.rules.create(rule)
    page = open_home("/settings/rules", expect="412")
    settle(page)
    # Whatever the page asks again, it sees the list as it was.
    with page.expect_response("**/api/v1/rules") as listed:
        page.reload()
    seen = listed.value.text()
    settle(page)
    page.route("**/api/v1/rules", lambda route: route.fulfill(body=seen, content_type="application/json"))
    home.client.rules.change(rule.model_copy(update={"sample_rate": 0.25}))
    with page.expect_response(lambda answer: answer.status == 412), page.expect_response(_is_changed):
        page.get_by_role("button", name="Switch off json").click()

    kept = home.client.rules.list_().items[0]
    assert (0.25, False) == (kept.sample_rate, kept.is_on)


def test_a_taken_name_is_refused_at_its_field(home: Home, open_home: OpenPage) -> None:
    """
    Making something never replaces what has the name; a chart, whose name nobody is asked for, gets another one.
    """
    home.client.surveys.put(NewSurvey(name="nps", title="Theirs", fields=[Field(name="good", kind="boolean")]))
    home.client.dashboards.save(Chart(name="cost", title="Cost", signal=Watched(metric="errors")))
    page = open_home("/surveys", expect="412")
    settle(page)
    page.get_by_role("button", name="Make a survey").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").first.fill("nps")
    _press(dialog, "Make it")
    expect(dialog.get_by_text(re.compile("'nps' is there already"))).to_be_visible()
    _press(dialog, "Cancel")
    assert "Theirs" == home.client.surveys.get("nps").title

    page.goto(page.url.split("#")[0] + "#/dashboards")
    for title in ("Cost", "Задержка"):
        page.get_by_role("button", name="Keep a chart").click()
        dialog.get_by_label("Title").fill(title)
        _press(dialog, "Keep it")
        expect(dialog).to_have_count(0)

    kept = {chart.name: chart.title for chart in home.client.dashboards.list_charts().items}
    assert {"cost": "Cost", "cost-2": "Cost", "requests": "Задержка"} == kept


def test_a_click_beside_a_form_keeps_what_was_typed(home: Home, open_home: OpenPage) -> None:
    """
    Before anything is typed a click beside a dialog or Esc closes it; then the click does nothing, and Esc asks.
    """
    page = open_home("/queues")
    settle(page)
    make = page.get_by_role("button", name="Make a queue")
    dialog = page.get_by_role("dialog")
    make.click()
    expect(dialog).to_be_visible()
    page.mouse.click(5, 5)
    expect(dialog).to_have_count(0)

    make.click()
    dialog.get_by_label("Name").first.fill("triage")
    page.mouse.click(5, 5)
    page.keyboard.press("Escape")
    expect(dialog.get_by_text("Leave what you wrote here?")).to_be_visible()
    assert [] == unsound(page)
    look(page, "leave-a-form")
    _press(dialog, "Go on")
    expect(dialog.get_by_label("Name").first).to_have_value("triage")
    expect(dialog.get_by_label("Name").first).to_be_focused()
    page.keyboard.press("Escape")
    _press(dialog, "Throw it away")

    expect(dialog).to_have_count(0)


def test_a_secret_that_is_shown_once_stays(home: Home, open_home: OpenPage) -> None:
    """
    Neither a click beside it nor Esc takes a secret away that nobody can see again.
    """
    page = open_home("/access")
    settle(page)
    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What it is for").fill("batch")
    _press(dialog, "Make it")
    secret = dialog.get_by_text(re.compile("^tdl_"))
    expect(secret).to_be_visible()
    page.mouse.click(5, 5)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")

    expect(secret).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_have_count(0)


def _change(page: Page) -> Locator:
    settle(page)
    page.get_by_role("button", name="Change", exact=True).click()
    return page.get_by_role("dialog")


def _box(part: Page | Locator) -> Locator:
    """
    Where both edits stand beside each other.
    """
    return part.get_by_role("group", name=re.compile("in between$|in another window$"))


def _press(part: Locator, name: str) -> None:
    part.get_by_role("button", name=name, exact=True).click()


def _is_changed(answer: Response) -> bool:
    return answer.request.method == "PUT" and answer.ok


def _above(home: Home) -> float | None:
    rule = home.client.monitors.get("slow").rule
    assert rule.kind == "threshold"
    return rule.above

"""The playground: columns asked side by side as words come, what it cost, a link, and a column kept as a version."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.lab import ARABIC, HOSTILE, LONG, endpoint, imported, says
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from treadle.gateway.types import Rule

ECHO = Rule(match=r"(?s)(.*)", reply=r"\1", chunk_delay_ms=5)


def test_columns_are_asked_side_by_side_and_one_is_kept(home: Home, open_home: OpenPage) -> None:
    """
    A version and a draft are asked with two rows; answers, tokens and cost stand beside each other; a draft becomes a version.
    """
    endpoint(home, "echo", ECHO)
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    page = open_home("/playground?prompt=greeting")
    column = page.get_by_role("group", name="Column 1", exact=True)
    column.get_by_label("Endpoint").select_option("echo")
    expect(column.get_by_label("Text of message 1 of column 1")).to_have_text("Hello {{name}}")
    page.get_by_role("button", name="Another column").click()
    _write(page, "Text of message 1 of column 2", "Bye {{name}}")
    page.get_by_label("name of row 1").fill("Ada")
    page.get_by_role("button", name="Another row").click()
    page.get_by_label("name of row 2").fill("Bo")
    expect(column.get_by_text(re.compile("tokens for all 2 rows"))).to_be_visible()
    page.get_by_role("button", name="Ask 4 cells").click()

    rows = page.get_by_role("table", name="Answers by row and column").locator("tbody tr")
    expect(rows.nth(0).get_by_role("cell").nth(0)).to_contain_text("Hello Ada")
    expect(rows.nth(1).get_by_role("cell").nth(0)).to_contain_text("Hello Bo")
    expect(rows.nth(0).get_by_role("cell").nth(1)).to_contain_text("Bye Ada")
    expect(rows.nth(1).get_by_role("cell").nth(1)).to_contain_text("trace")
    expect(page.get_by_text(re.compile(r"4 cells asked, \$"))).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "playground")
    page.get_by_role("group", name="Column 2", exact=True).get_by_role("button", name="Save").click()
    page.get_by_role("dialog").get_by_label("Why, as in a commit").fill("parting")
    page.get_by_role("dialog").get_by_role("button", name="Save it").click()
    expect(page.get_by_role("dialog").get_by_role("link", name="greeting v2")).to_be_visible()

    made = home.client.prompts.get_version("greeting")
    assert ("Bye {{name}}", "parting", "echo") == (made.messages[0].template, made.message, made.config["endpoint"])


def test_a_version_is_typed_into_letter_by_letter(home: Home, open_home: OpenPage) -> None:
    """
    The first letter makes a draft of the version, and the next ones go on in it; another version and back is no change.
    """
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    home.client.prompts.save("greeting", says("Dear {{name}}"))
    page = open_home("/playground?prompt=greeting&version=1")
    column = page.get_by_role("group", name="Column 1", exact=True)
    text = column.get_by_label("Text of message 1 of column 1")
    expect(text).to_have_text("Hello {{name}}")
    for version, words in (("2", "Dear {{name}}"), ("1", "Hello {{name}}")):
        column.get_by_label("Version").select_option(version)
        expect(text).to_have_text(words)
    expect(column.get_by_role("button", name="Undo changes")).to_have_count(0)

    text.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("Good day")

    expect(text).to_have_text("Good day")
    expect(text).to_be_focused()
    column.get_by_role("button", name="Undo changes").click()
    expect(text).to_have_text("Hello {{name}}")
    expect(column.get_by_role("button", name="Undo changes")).to_have_count(0)


def test_what_asking_would_be_is_counted_once_the_prompt_is_there(home: Home, open_home: OpenPage) -> None:
    """
    While a version is still being read, nothing is refused for variables that nobody can fill in yet.
    """
    endpoint(home, "echo", ECHO)
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    page = open_home("/settings")
    held: list[Route] = []
    page.route("**/api/v1/prompts/greeting/versions/*", lambda route: held.append(route))
    page.clock.install()
    with page.expect_request("**/api/v1/prompts/greeting/versions/*"):
        page.goto(f"{home.client.url}/#/playground?prompt=greeting")
    column = page.get_by_role("group", name="Column 1", exact=True)

    column.get_by_label("Endpoint").select_option("echo")
    page.clock.run_for(5_000)
    for route in held:
        route.continue_()
    page.unroute("**/api/v1/prompts/greeting/versions/*")

    expect(column.get_by_text(re.compile("tokens for the row"))).to_be_visible()


def test_what_was_written_outlives_a_reload(home: Home, open_home: OpenPage) -> None:
    """
    What stands on the playground and was not asked is there after a reload, until one starts over.
    """
    endpoint(home, "echo", ECHO)
    page = open_home("/playground")
    page.get_by_label("Endpoint").select_option("echo")
    page.get_by_label("input of row 1").fill("not asked yet")

    page.reload()

    expect(page.get_by_label("input of row 1")).to_have_value("not asked yet")
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_label("input of row 1")).to_have_value("")


def test_a_link_opens_the_same_columns_and_rows(home: Home, open_home: OpenPage) -> None:
    """
    What was asked stands in the address: whoever opens it has the columns and rows, and an address that is no such thing is none.
    """
    endpoint(home, "echo", ECHO)
    page = open_home("/playground")
    page.get_by_label("Endpoint").select_option("echo")
    page.get_by_label("input of row 1").fill(f"shared {ARABIC}")
    page.get_by_role("button", name="Ask 1 cell").click()
    expect(page.get_by_role("region", name="All answers")).to_contain_text("shared")

    expect(page).to_have_url(re.compile("state="))
    again = open_home(page.url.split("#")[1])
    broken = open_home("/playground?state=%7Bnonsense")

    expect(again.get_by_label("input of row 1")).to_have_value(f"shared {ARABIC}")
    expect(again.get_by_label("Endpoint")).to_have_value("echo")
    expect(broken.get_by_label("input of row 1")).to_have_value("")


def test_another_link_on_the_same_page_is_another_board(home: Home, open_home: OpenPage) -> None:
    """
    Whoever stands on the playground and follows a link to another board sees that one, and each keeps what was written on it.
    """
    endpoint(home, "echo", ECHO)
    page = open_home("/playground")
    page.get_by_label("Endpoint").select_option("echo")
    page.get_by_label("input of row 1").fill("the first")
    page.get_by_role("button", name="Ask 1 cell").click()
    expect(page).to_have_url(re.compile("state="))
    first = page.url
    page.get_by_label("input of row 1").fill("the second")
    page.get_by_role("button", name="Ask 1 cell").click()
    expect(page).not_to_have_url(first)
    expect(page.get_by_role("region", name="All answers")).to_contain_text("trace")

    page.goto(first)

    expect(page.get_by_label("input of row 1")).to_have_value("the first")
    expect(page.get_by_text("Nothing was asked yet.")).to_be_visible()
    expect(page.get_by_text("What you wrote here before is still here.")).to_have_count(0)


def test_an_answer_stands_with_what_was_asked(home: Home, open_home: OpenPage) -> None:
    """
    No answer passes for one to another question: what was changed since says so, and what came later in its place has none.
    """
    endpoint(home, "echo", ECHO)
    endpoint(home, "other", Rule(match="", reply="no"))
    page = open_home("/playground")
    page.get_by_label("Endpoint").select_option("echo")
    page.get_by_label("input of row 1").fill("one")
    page.get_by_role("button", name="Another row").click()
    page.get_by_label("input of row 2").fill("two")
    page.get_by_role("button", name="Another column").click()
    page.get_by_role("button", name="Ask 4 cells").click()
    answers = page.get_by_role("table", name="Answers by row and column")
    expect(answers.get_by_role("link", name="trace")).to_have_count(4)
    changed = answers.get_by_text("Asked before this was changed")
    expect(changed).to_have_count(0)

    page.get_by_role("group", name="Column 1", exact=True).get_by_label("Endpoint").select_option("other")
    expect(answers.get_by_role("columnheader").nth(1)).to_contain_text("echo")
    expect(changed).to_have_count(2)
    page.get_by_label("input of row 1").fill("one and a half")
    expect(changed).to_have_count(3)
    page.get_by_role("button", name="Remove column 2").click()
    page.get_by_role("button", name="Another column").click()
    page.get_by_role("button", name="Remove row 2").click()
    page.get_by_role("button", name="Another row").click()

    expect(answers.locator("tbody tr").nth(0).get_by_role("cell").nth(0)).to_contain_text("trace")
    expect(answers.get_by_role("link", name="trace")).to_have_count(1)
    expect(answers.get_by_text("not asked")).to_have_count(3)


def test_rows_come_from_a_dataset(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Rows of a dataset fill in the variables by name, and what they expect stands beside the answers.
    """
    imported(home, tmp_path, [{"input": f"question {row}", "label": f"answer {row}", "tone": "kind"} for row in (1, 2)])
    home.client.prompts.save("triage", says("{{tone}}: {{input}}"))
    page = open_home("/playground?prompt=triage")
    expect(page.get_by_label("tone of row 1")).to_be_visible()

    page.get_by_role("button", name="From a dataset").click()
    page.get_by_role("dialog").get_by_label("Dataset").select_option("asked")
    page.get_by_role("button", name="Take them").click()

    expect(page.get_by_label("tone of row 2")).to_have_value("kind")
    expect(page.get_by_label("input of row 2")).to_have_value("question 2")
    expect(page.get_by_text("expected answer 2")).to_be_visible()


def test_hostile_long_and_failed_answers(home: Home, open_home: OpenPage) -> None:
    """
    Markup stays text, also as Markdown; a long answer folds; what failed says why; a template that is wrong is told before asking.
    """
    endpoint(
        home, "odd", Rule(match="one", reply=HOSTILE), Rule(match="two", reply=LONG), Rule(match="three", status=500)
    )
    page = open_home("/playground", expect="422")
    page.get_by_label("Endpoint").select_option("odd")
    for number, text in enumerate(("one", "two", "three"), start=1):
        if number > 1:
            page.get_by_role("button", name="Another row").click()
        page.get_by_label(f"input of row {number}").fill(text)
    page.get_by_role("button", name="Ask 3 cells").click()

    rows = page.get_by_role("table", name="Answers by row and column").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text("onerror")
    expect(rows.nth(1).get_by_role("button", name=re.compile("^Show all"))).to_be_visible()
    expect(rows.nth(2)).to_contain_text("No answer")
    page.get_by_label("Show answers as Markdown").check()
    expect(rows.nth(0)).to_contain_text("onerror")
    assert 0 == rows.nth(0).locator("img, script, a[href^=javascript]").count()
    settle(page)
    assert [] == unsound(page)
    assert "Playground · Treadle" == page.title()
    _write(page, "Text of message 1 of column 1", "{{#if}} no end")
    expect(page.get_by_role("group", name="Column 1", exact=True)).to_contain_text("is not valid Mustache")


def _write(page: Page, label: str, text: str) -> None:
    page.get_by_label(label).click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)

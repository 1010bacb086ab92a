"""Prompts: versions beside each other, labels moved in place, a version written, and a conflict that loses nothing."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.lab import ARABIC, HOSTILE, LONG, says
from tests.browser.test_every_page import settle
from tests.traces.home import Home


def test_versions_are_laid_side_by_side(home: Home, open_home: OpenPage) -> None:
    """
    What differs in text, parameters and schema stands in two columns, the words that changed marked, and nothing else.
    """
    shape = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    home.client.prompts.save("greeting", says("Be kind.", "Hello {{name}}", message="first", config={"temperature": 0}))
    more = {"message": "warmer", "config": {"temperature": 0.7}, "input_schema": shape}
    home.client.prompts.save("greeting", says("Be kind.", "Dear {{name}}", **more))

    page = open_home("/prompts/greeting?tab=changes")

    message = page.get_by_role("region", name="Message 2 (user)")
    expect(message.locator("del")).to_have_text("Hello")
    expect(message.locator("ins")).to_have_text("Dear")
    expect(page.get_by_role("region", name="Message 1 (system)")).to_have_count(0)
    expect(page.get_by_role("region", name="Parameters").locator("ins")).to_have_text(".7")
    expect(page.get_by_role("region", name="Schema of the variables")).to_contain_text("not there")
    settle(page)
    assert [] == unsound(page)
    look(page, "prompt-changes")


def test_a_label_is_moved_past_its_gate_with_a_reason(home: Home, open_home: OpenPage) -> None:
    """
    What a label takes stands beside it; a refusal says what is missing, and a reason goes past it.
    """
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    page = open_home("/prompts/greeting", expect="403")
    labels = page.get_by_role("table", name="Labels of greeting")
    expect(labels.get_by_role("row").filter(has_text="production")).to_contain_text(
        "A safety evaluation in which at least 90.0 % of the attempts"
    )

    page.get_by_role("button", name="Move production").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("treadle prompt publish greeting 1 --label production")).to_be_visible()
    dialog.get_by_role("button", name="Move it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("has had no safety evaluation")
    assert [] == unsound(page)
    dialog.get_by_label(re.compile("^Why it may carry")).fill("checked by hand with legal")
    dialog.get_by_role("button", name="Move it").click()

    expect(labels.get_by_role("row").filter(has_text="production")).to_contain_text("v1")
    assert {"production": 1} == home.client.prompts.get("greeting").labels


def test_a_version_is_written_in_the_editor(home: Home, open_home: OpenPage) -> None:
    """
    Variables stand out while one writes, and what is saved is what was written, with its reason.
    """
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    page = open_home("/prompts/greeting")
    page.get_by_role("button", name="Write a version").click()
    _write(page, 1, "Good morning {{name}}, order {{order}}")

    marked = page.locator(".cm-content span[class*=variable]")
    expect(marked).to_have_text(["{{name}}", "{{order}}"])
    expect(page.get_by_text("It fills in name, order.")).to_be_visible()
    page.get_by_label("Why, as in a commit").fill("says the order")
    settle(page)
    assert [] == unsound(page)
    look(page, "prompt-write")
    page.get_by_role("button", name="Save as a version").click()

    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    made = home.client.prompts.get_version("greeting")
    assert ("Good morning {{name}}, order {{order}}", "says the order", [1]) == (
        made.messages[0].template, made.message, made.parents,
    )  # fmt: skip


def test_a_version_is_written_on_the_newest_there_is(home: Home, open_home: OpenPage) -> None:
    """
    Who opens the form again begins from what is the newest then, and not from what the browser remembers.
    """
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    page = open_home("/prompts/greeting")
    page.get_by_role("button", name="Write a version").click()
    expect(page.get_by_text("Begun from v1.")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1, name="greeting")).to_be_visible()
    home.client.prompts.save("greeting", says("Theirs {{name}}"))

    page.get_by_role("button", name="Write a version").click()
    expect(page.get_by_text("Begun from v2.")).to_be_visible()
    expect(page.get_by_label("Text of message 1")).to_have_text("Theirs {{name}}")
    _write(page, 1, "Both {{name}}")
    page.get_by_role("button", name="Save as a version").click()

    expect(page.get_by_role("heading", name="Version 3")).to_be_visible()
    assert [2] == home.client.prompts.get_version("greeting").parents


def test_what_was_written_outlives_a_reload(home: Home, open_home: OpenPage) -> None:
    """
    A version that is not saved is there after a reload, still on top of what it was begun from, until one starts over.
    """
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    page = open_home("/prompts/greeting/write", expect="409")
    _write(page, 1, "Mine {{name}}")
    home.client.prompts.save("greeting", says("Theirs {{name}}"))

    page.reload()

    expect(page.get_by_label("Text of message 1")).to_have_text("Mine {{name}}")
    expect(page.get_by_text("Begun from v1.")).to_be_visible()
    page.get_by_role("button", name="Save as a version").click()
    expect(page.get_by_text("Somebody saved version 2 in between")).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_text("Begun from v2.")).to_be_visible()
    expect(page.get_by_label("Text of message 1")).to_have_text("Theirs {{name}}")


def test_a_first_version_is_written(home: Home, open_home: OpenPage) -> None:
    """
    A prompt begins with a name that is right, and a template that does not parse is told where it is saved.
    """
    page = open_home("/prompts", expect="422")
    expect(page.get_by_text("No prompt yet")).to_be_visible()
    page.get_by_role("button", name="Write a prompt").click()
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("New Prompt")
    expect(page.get_by_text(re.compile("begins with a small letter"))).to_be_visible()
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("new-prompt")
    page.get_by_role("button", name="Go on").click()
    _write(page, 2, "{{#if}} no end")
    page.get_by_role("button", name="Save as a version").click()
    expect(page.get_by_role("alert")).to_contain_text("prompts.template_invalid")
    _write(page, 2, "Hello {{name}}")
    page.get_by_role("button", name="Save as a version").click()

    expect(page.get_by_role("heading", name="Version 1")).to_be_visible()
    assert ["Hello {{name}}"] == [one.template for one in home.client.prompts.get_version("new-prompt").messages]


def test_a_version_saved_in_between_is_shown_and_nothing_is_lost(home: Home, open_home: OpenPage) -> None:
    """
    Who saves on top of what somebody else changed sees both, and may save on top of theirs.
    """
    home.client.prompts.save("greeting", says("Hello {{name}}"))
    page = open_home("/prompts/greeting/write", expect="409")
    _write(page, 1, "Mine {{name}}")
    home.client.prompts.save("greeting", says("Theirs {{name}}", message="in a hurry"))

    page.get_by_role("button", name="Save as a version").click()
    expect(page.get_by_text("Somebody saved version 2 in between")).to_be_visible()
    expect(page.get_by_role("region", name="Message 1 (user)").locator("ins")).to_have_text("Theirs")
    expect(page.get_by_label("Text of message 1")).to_have_text("Mine {{name}}")
    settle(page)
    assert [] == unsound(page)
    look(page, "prompt-conflict")
    page.get_by_role("button", name="Save mine on top of version 2").click()

    expect(page.get_by_role("heading", name="Version 3")).to_be_visible()
    assert "Mine {{name}}" == home.client.prompts.get_version("greeting").messages[0].template


def test_hostile_long_and_right_to_left_text_stays_text(home: Home, open_home: OpenPage) -> None:
    """
    A prompt that holds markup is shown as it is, a very long one folds, and Arabic runs from the right.
    """
    home.client.prompts.save("odd", says(f"{HOSTILE} {LONG}", ARABIC, message=HOSTILE))

    page = open_home("/prompts/odd")

    expect(page.get_by_text("onerror").first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Show all")).first).to_be_visible()
    assert "rtl" == page.get_by_text(ARABIC).evaluate("text => getComputedStyle(text).direction")
    settle(page)
    assert [] == unsound(page)
    assert "odd · Treadle" == page.title()


def test_checks_say_what_is_wrong_and_what_it_costs(home: Home, open_home: OpenPage) -> None:
    """
    Advice, attacks that were not made yet, and the price of a model that one names.
    """
    home.client.prompts.save("greeting", says("Summarise this: {{input}}"))
    page = open_home("/prompts/greeting?tab=checks")
    expect(page.get_by_role("table", name="What is likely wrong")).to_be_visible()
    expect(page.get_by_text("It was not attacked yet")).to_be_visible()

    page.get_by_label("Models, by commas").fill("gpt-4o-mini, nobody/nothing")
    page.keyboard.press("Enter")

    cost = page.get_by_role("table", name="Tokens and cost by model")
    expect(cost.get_by_role("row").filter(has_text="gpt-4o-mini")).to_contain_text("$")
    expect(cost.get_by_role("row").filter(has_text="nobody/nothing")).to_contain_text("no price known")
    settle(page)
    assert [] == unsound(page)
    look(page, "prompt-checks")


def _write(page: Page, number: int, text: str) -> None:
    box = page.get_by_label(f"Text of message {number}")
    box.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)

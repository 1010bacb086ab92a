"""Scorers: what they mean, that an unmeasured judge says so, and trying one."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.lab import HOSTILE
from tests.browser.test_every_page import settle
from tests.traces.home import Home


def test_scorers_say_what_they_mean_and_judges_how_far_to_believe_them(home: Home, open_home: OpenPage) -> None:
    """
    Judges stand apart, each with what people said of it or the word 'uncalibrated', and lead to their own page.
    """
    page = open_home("/scorers")
    judges = page.get_by_role("table", name="Scorers that ask a model")
    expect(judges.locator("tbody tr").first).to_contain_text("uncalibrated")
    expect(page.get_by_role("table", name="Scorers that compute")).to_contain_text("exact match")
    settle(page)
    assert [] == unsound(page)
    look(page, "scorers")

    judges.get_by_role("link").first.click()

    expect(page.get_by_text("It is uncalibrated: nobody has measured it against people")).to_be_visible()
    expect(page.get_by_text("treadle judge calibrate")).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "scorer-judge")


def test_a_scorer_is_tried_on_a_text(home: Home, open_home: OpenPage) -> None:
    """
    A scorer that must be told something asks for it, and judges what was typed; one that nobody knows is said not to be there.
    """
    page = open_home("/scorers/in_label_set", expect="422")
    expect(page.get_by_role("button", name="Judge it")).to_be_disabled()
    page.get_by_label("What was answered").fill(HOSTILE)
    page.get_by_role("textbox", name="labels").fill("(")
    page.get_by_role("button", name="Judge it").click()
    expect(page.get_by_role("alert")).to_contain_text("labels")

    page.get_by_role("textbox", name="labels").fill(json.dumps([HOSTILE]))
    page.get_by_role("button", name="Judge it").click()

    expect(page.get_by_role("status").filter(has_text="Score")).to_contain_text("100.0 %")
    assert [] == unsound(page)
    nobody = open_home("/scorers/nobody")
    expect(nobody.get_by_text("There is no scorer “nobody”")).to_be_visible()

"""The language of the pages: the browser's own at first, another when one says so, with numbers and dates written as it writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.aside import beside, unsound
from tests.browser.conftest import OpenPage, opening
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_traces import new_span
from treadle.traces import service as traces

GERMAN = [
    "Start",
    *("Traces", "Sitzungen", "Nutzer", "Dashboards", "Alarme"),
    *("Prompts", "Playground", "Datensätze"),
    *("Experimente", "Scorer", "Warteschlangen"),
    *("Läufe", "Modelle"),
    *("Endpunkte", "Releases", "Rollouts", "Gateway"),
    *("Pipelines", "Jobs"),
    *("Zugang", "Audit", "Berichte"),
    "Einstellungen",
]
"""The whole navigation, in its order."""
ENGLISH_ONLY = re.compile(
    r"\b(Home|Users|Sessions|Alerts|Datasets|Experiments|Queues|Runs|Models|Endpoints|Reports|Settings|Observe|Build|Evaluate|Serve|Govern)\b"
)
"""Words of the English navigation that German has others for."""

WRAPPED = """() => [...document.querySelectorAll('.mantine-AppShell-navbar :is(a, button)')].filter((one) => {
  const { height } = one.getBoundingClientRect()
  return height > 2 * parseFloat(getComputedStyle(one).lineHeight)
}).map((one) => one.innerText)"""
"""What stands on more than one line in the bar."""


@pytest.fixture
def open_german(browser: Browser, home: Home) -> Iterator[OpenPage]:
    """
    Opens a page of the test's own project in a browser whose reader wants German.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce", locale="de-DE")
    with opening(context, home.client.url, home.key) as opener:
        yield opener
    context.close()


def test_the_browsers_language_is_spoken(open_german: OpenPage) -> None:
    """
    A browser that asks for German gets the navigation and Home in German, without a word of the English navigation.
    """
    page = open_german("/")
    settle(page)

    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert GERMAN == page.get_by_role("navigation", name="Hauptnavigation").get_by_role("link").all_inner_texts()
    assert [] == ENGLISH_ONLY.findall(page.locator("body").inner_text())
    assert [] == page.evaluate(WRAPPED)
    assert [] == unsound(page)


def test_numbers_and_dates_follow_the_language(home: Home, open_german: OpenPage) -> None:
    """
    An amount and a moment stand as German writes them.
    """
    span = new_span(0, started_at=datetime.now(UTC) - timedelta(minutes=3), model="small", cost_usd=Decimal("1234.5"))
    beside(traces.record(home.ctx.db, [span]))

    page = open_german(f"/traces/{span.trace_id}")
    settle(page)

    facts = page.locator("dl").first
    expect(facts).to_contain_text(re.compile(r"1\.234,50\s\$"))
    expect(facts.locator("time")).to_have_attribute("title", re.compile(r"^\d\d\.\d\d\.\d{4}, \d\d:\d\d:\d\d$"))
    expect(facts).to_contain_text("vor 3 min")


def test_another_language_can_be_chosen(open_german: OpenPage) -> None:
    """
    The settings change the language at once; the choice outlives a reload and can be left to the browser again.
    """
    page = open_german("/settings")
    _choose(page, "Sprache", "English")

    expect(page.get_by_role("heading", level=1, name="Settings")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Datasets")).to_be_visible()

    _choose(page, "Language", "As the browser asks")
    expect(page.get_by_role("heading", level=1, name="Einstellungen")).to_be_visible()


def test_english_needs_no_catalogue(open_home: OpenPage) -> None:
    """
    Who reads English loads no other language.
    """
    page = open_home("/")
    settle(page)

    expect(page.locator("html")).to_have_attribute("lang", "en")
    loaded = page.evaluate("() => performance.getEntriesByType('resource').map((one) => one.name)")
    assert [] == [address for address in loaded if re.search(r"/de-[\w-]+\.js$", address)]


def _choose(page: Page, name: str, language: str) -> None:
    page.get_by_role("main").get_by_role("combobox", name=name, exact=True).select_option(label=language)

"""Keyboard, colour scheme, and what a page says when something is wrong."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.browser.world import World
from treadle.governance.types import NewApiKey

MOST_STEPS = 40


def test_keyboard_skips_to_the_content(open_page: OpenPage) -> None:
    """
    The first stop of the keyboard leads past the navigation.
    """
    page = open_page("/models")
    expect(page.get_by_role("heading", level=1, name="Models")).to_be_visible()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()


def test_keyboard_alone_reaches_another_page(open_page: OpenPage) -> None:
    """
    Every place of the navigation can be reached and entered without a pointer, and one sees where one is.
    """
    page = open_page("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()

    press_tab_until(page, "Endpoints")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1, name="Endpoints")).to_be_focused()
    assert "solid" == outline


def test_chosen_scheme_is_kept(open_page: OpenPage) -> None:
    """
    The system decides the scheme until a person does; the choice outlives a reload.
    """
    page = open_page("/settings")
    root = page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")

    page.get_by_role("main").get_by_text("Dark", exact=True).click()
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.reload()

    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")


@pytest.mark.parametrize("width", [1280, 1400])
def test_traces_fit_the_window(open_page: OpenPage, width: int) -> None:
    """
    On a usual window every column of the traces is in sight.
    """
    page = open_page("/traces")
    page.set_viewport_size({"width": width, "height": 800})
    frame = page.get_by_role("region", name="Traces")
    expect(frame.get_by_role("link").first).to_be_visible()
    settle(page)

    hidden = frame.evaluate("frame => frame.scrollWidth - frame.clientWidth")

    assert hidden < 16  # the last cell's padding


def test_server_that_went_away_is_waited_for(open_page: OpenPage) -> None:
    """
    Without a server a page says so and how to start it, and goes on by itself when it is back.
    """
    page = open_page("/settings", expect="ERR_FAILED")
    expect(page.get_by_role("heading", level=1, name="Settings")).to_be_visible()
    page.route("**/api/v1/models*", lambda route: route.abort())

    page.get_by_role("link", name="Models").click()
    expect(page.get_by_text("The server does not answer")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("treadle up")).to_be_visible()
    page.unroute("**/api/v1/models*")

    expect(page.get_by_role("table", name="Models")).to_be_visible()


def test_missing_thing_is_said_in_the_servers_words(open_page: OpenPage) -> None:
    """
    A page of something that does not exist says what was asked for and what to do.
    """
    page = open_page("/datasets/nobody-made-this", expect="404")

    expect(page.get_by_text("There is nothing here")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("nobody-made-this")


def test_page_without_permission_names_it(world: World, open_page: OpenPage) -> None:
    """
    Who may not see a page is told which permission is missing.
    """
    key = world.client.access.create_key(NewApiKey(name=f"program {uuid.uuid4().hex}", role="service")).key
    page = open_page("/sign-in?next=/datasets", signed_in=False, expect="40")

    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")

    expect(page.get_by_text("You may not see this")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("data.read")


def press_tab_until(page: Page, name: str) -> None:
    """Press Tab until the focused element reads so."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"'{name}' cannot be reached with the keyboard in {MOST_STEPS} steps")

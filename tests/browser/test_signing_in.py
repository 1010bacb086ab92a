"""Signing in and out, and what one sees without."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.world import World


def test_wrong_key_is_refused_in_words(open_page: OpenPage) -> None:
    """
    A key that nobody knows leaves one at the door, with the reason beside the field.
    """
    page = open_page("/sign-in", signed_in=False, expect="401")

    page.get_by_label("API key").fill("tdl_not_a_key")
    page.get_by_role("button", name="Sign in").click()

    expect(
        page.locator("[role=alert], .mantine-InputWrapper-error, .mantine-PasswordInput-error").first
    ).to_be_visible()
    assert "/sign-in" in page.url


def test_key_leads_to_the_page_one_wanted(world: World, open_page: OpenPage) -> None:
    """
    Who follows a link without a session signs in with a key and lands where the link led.
    """
    page = open_page("/models", signed_in=False, expect="401")

    page.get_by_label("API key").fill(world.key)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()


def test_link_signs_in_once(world: World, open_page: OpenPage) -> None:
    """
    The link that the server prints signs its opener in, leaves no token in the address, and is used up.
    """
    token = world.client.access.create_sign_in_link().token

    page = open_page(f"/sign-in?token={token}", signed_in=False, expect="401")

    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    assert token not in page.url
    page.context.clear_cookies()
    again = open_page(f"/sign-in?token={token}", signed_in=False)
    expect(again.get_by_text("The link did not work")).to_be_visible()


def test_signing_out_closes_the_door(open_page: OpenPage) -> None:
    """
    After signing out a page leads back to signing in.
    """
    page = open_page("/settings", expect="401")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.goto(page.url.split("#")[0] + "#/runs")

    expect(page.get_by_label("API key")).to_be_visible()


def test_link_from_elsewhere_does_not_choose_where_one_lands(world: World, open_page: OpenPage) -> None:
    """
    Where one lands after signing in is a place of this application, whatever the link says.
    """
    page = open_page("/sign-in?next=//evil.example/", signed_in=False, expect="401")

    page.get_by_label("API key").fill(world.key)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    assert page.url.startswith(world.url)

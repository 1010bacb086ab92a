"""Two people in two browsers: what one says is there for the other, who is here is seen, and nobody's words are lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import opening
from tests.browser.lab import HOSTILE
from tests.traces.home import Home
from treadle.client.client import Client
from treadle.governance.types import NewApiKey
from treadle.http.actor import RoleName
from treadle.prompts.types import Message

Enter = Callable[[str, RoleName], "Person"]


class Person:
    """Somebody with a browser and a key of their own."""

    def __init__(self, client: Client, open_page: Callable[..., Page]) -> None:
        self.client = client
        self.open_page = open_page


@pytest.fixture
def enter(browser: Browser, home: Home) -> Iterator[Enter]:
    """
    Makes people of the project, each with a browser of their own.
    """
    home.client.prompts.create_version("support", [Message(role="user", template="Hello {{name}}")])
    with ExitStack() as leaving:

        def as_person(name: str, role: RoleName) -> Person:
            key = home.client.access.create_key(NewApiKey(name=f"{name}'s", person=name, role=role)).key
            context = browser.new_context(
                viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce", locale="en-GB"
            )
            leaving.callback(context.close)
            opener = leaving.enter_context(opening(context, home.client.url, key))
            return Person(leaving.enter_context(Client(home.client.url, api_key=key)), opener)

        yield as_person


def test_a_mention_arrives(enter: Enter) -> None:
    """
    Who is on the page is seen, a name is chosen behind an '@' by the keyboard, and the mention is there without a reload.
    """
    ana, bo = enter("Ana Lima", "editor"), enter("bo", "reviewer")
    hers, his = ana.open_page("/prompts/support"), bo.open_page("/prompts/support")

    expect(hers.get_by_role("list", name="Also on this page").get_by_text("bo", exact=True)).to_be_attached()
    expect(his.get_by_role("list", name="Also on this page").get_by_text("Ana Lima")).to_be_attached()
    his.get_by_role("button", name="Comments").click()
    field = his.get_by_role("textbox", name="Say something")
    field.click()
    field.press_sequentially("Is this ours, @an")
    expect(his.get_by_role("option", name="Ana Lima")).to_be_visible()
    field.press("Enter")
    expect(field).to_have_value('Is this ours, @"Ana Lima" ')
    field.press("Control+Enter")

    hers.get_by_role("button", name="1 unread mention of you").click()
    hers.get_by_role("dialog", name="Mentions of you").get_by_role("button", name="bo").click()
    panel = hers.get_by_role("dialog", name="Comments on support")
    expect(panel.get_by_text("Is this ours,")).to_be_visible()
    expect(hers.get_by_role("button", name="Comments (1)", include_hidden=True)).to_be_attached()
    panel.get_by_role("button", name="Answer").click()
    panel.get_by_role("textbox", name="Your answer").fill("Since May")
    panel.get_by_role("textbox", name="Your answer").press("Control+Enter")

    expect(his.get_by_role("dialog", name="Comments on support").get_by_text("Since May")).to_be_visible()
    assert 0 == ana.client.comments.count_mentions().num_unread


def test_two_edit_one_comment(enter: Enter) -> None:
    """
    Who saves second sees what stands there now beside their own words, and decides; neither text is lost.
    """
    ana, eve = enter("ana", "editor"), enter("eve", "admin")
    said = ana.client.comments.add("prompt", "support", "first words")
    panels = []
    for person in (ana, eve):
        page = person.open_page("/prompts/support", expect=f"409 {ana.client.url}")
        page.get_by_role("button", name="Comments (1)").click()
        panel = page.get_by_role("dialog", name="Comments on support")
        panel.get_by_role("button", name="Edit").click()
        panels.append(panel)
    hers, his = panels

    his.get_by_role("textbox", name="Your words").fill("eve was quicker")
    his.get_by_role("button", name="Save").click()
    expect(his.get_by_text("eve was quicker")).to_be_visible()
    hers.get_by_role("textbox", name="Your words").fill("ana wrote this")
    hers.get_by_role("button", name="Save").click()

    conflict = hers.get_by_role("alert")
    expect(conflict).to_contain_text("eve has edited it meanwhile")
    expect(conflict).to_contain_text("eve was quicker")
    expect(hers.get_by_role("textbox", name="Your words")).to_have_value("ana wrote this")
    hers.get_by_role("textbox", name="Your words").fill("eve was quicker, ana wrote this")
    hers.get_by_role("button", name="Save mine over it").click()
    expect(his.get_by_text("eve was quicker, ana wrote this")).to_be_visible()
    assert 3 == ana.client.comments.get(said.comment_id).version


def test_an_answer_outlives_its_thread(enter: Enter) -> None:
    """
    A thread that somebody settles meanwhile, or a panel that is closed, takes no answer away that is being written.
    """
    ana, eve = enter("ana", "editor"), enter("eve", "admin")
    said = ana.client.comments.add("prompt", "support", "why so?")
    page = ana.open_page("/prompts/support")
    comments = page.get_by_role("button", name="Comments (1)")
    comments.click()
    panel = page.get_by_role("dialog", name="Comments on support")
    panel.get_by_role("button", name="Answer").click()
    answer = panel.get_by_role("textbox", name="Your answer")
    answer.fill("because")

    eve.client.comments.resolve(said.thread_id)
    expect(panel.get_by_text("Resolved by eve")).to_be_visible()
    expect(answer).to_have_value("because")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)
    comments.click()

    expect(answer).to_have_value("because")
    answer.press("Control+Enter")
    expect(answer).to_have_count(0)


def test_what_changes_before_the_page_is_told(enter: Enter, home: Home) -> None:
    """
    A change between the reading of a page and the beginning of its stream is not lost.
    """
    page = enter("ana", "viewer").open_page("/prompts")
    held: list[Route] = []
    page.route("**/api/v1/changes*", lambda route: held.append(route))
    with page.expect_request("**/api/v1/changes*"):
        page.reload()
    expect(page.get_by_role("link", name="support")).to_be_visible()

    home.client.prompts.create_version("just-before", [Message(role="user", template="Hi")])
    # The page asks for what was told before; where the stream came late it asks for everything, and would hide that it did not.
    assert re.search(r"[?&]recent_ms=[1-9]", held[0].request.url)
    held[0].continue_()

    expect(page.get_by_role("link", name="just-before")).to_be_visible()


def test_what_somebody_else_does_is_seen(enter: Enter, home: Home) -> None:
    """
    A version that somebody adds is on the page of who looks, without a reload.
    """
    page = enter("ana", "viewer").open_page("/prompts")
    expect(page.get_by_role("link", name="support")).to_be_visible()

    home.client.prompts.create_version("fresh-one", [Message(role="user", template="Hi")])

    expect(page.get_by_role("link", name="fresh-one")).to_be_visible()


def test_nobody_tells_of_changes(enter: Enter) -> None:
    """
    While the stream is down the frame says so, and it ends when the stream is back.
    """
    page = enter("ana", "viewer").open_page("/prompts", expect="ERR_FAILED")
    expect(page.get_by_role("link", name="support")).to_be_visible()
    expect(page.get_by_text("Not live")).to_have_count(0)

    page.route("**/api/v1/changes*", lambda route: route.abort())
    page.get_by_role("link", name="Datasets").click()
    expect(page.get_by_text("Not live")).to_be_visible()
    page.unroute("**/api/v1/changes*")

    expect(page.get_by_text("Not live")).to_have_count(0)


def test_a_hostile_comment(enter: Enter) -> None:
    """
    What people write is Markdown that runs nothing and fetches nothing.
    """
    ana = enter("ana", "editor")
    ana.client.comments.add("prompt", "support", f"{HOSTILE} **bold**")
    page = ana.open_page("/prompts/support")

    page.get_by_role("button", name="Comments (1)").click()
    panel = page.get_by_role("dialog", name="Comments on support")

    expect(panel.locator("strong", has_text="bold")).to_be_visible()
    assert "owned" != page.title()
    expect(panel.locator("img")).to_have_count(0)
    expect(panel.locator("a[href^=javascript]")).to_have_count(0)


def test_the_panels_are_sound(enter: Enter) -> None:
    """
    Comments, the choice of names and mentions are without a fault that axe knows, in both schemes and at 320 px.
    """
    ana, bo = enter("ana", "editor"), enter("bo", "editor")
    thread = bo.client.comments.add("prompt", "support", "@ana look, `code` and **more**")
    bo.client.comments.reply(thread.comment_id, "an answer")
    settled = bo.client.comments.add("prompt", "support", "done with")
    bo.client.comments.resolve(settled.comment_id)
    bo.open_page("/prompts/support")
    page = ana.open_page("/prompts/support")
    expect(page.get_by_role("list", name="Also on this page").get_by_text("bo", exact=True)).to_be_attached()
    look(page, "who-is-here")

    page.get_by_role("button", name="Comments (3)").click()
    panel = page.get_by_role("dialog", name="Comments on support")
    expect(panel.get_by_text("an answer")).to_be_visible()
    panel.get_by_text("All, with 1 resolved").click()
    expect(panel.get_by_text("Resolved by bo")).to_be_visible()
    panel.get_by_role("textbox", name="Say something").press_sequentially("@b")
    expect(panel.get_by_role("option", name="bo")).to_be_visible()
    assert [] == unsound(page)
    look(page, "comments")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.get_by_role("button", name="1 unread mention of you").click()
    expect(page.get_by_role("dialog", name="Mentions of you").get_by_text("look,")).to_be_visible()
    assert [] == unsound(page)
    look(page, "mentions")

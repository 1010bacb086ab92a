"""Choosing one of many by name: also what no first page holds can be chosen."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.aside import unsound
from tests.browser.conftest import OpenPage
from tests.traces.home import Home
from treadle.monitoring.channels.types import Webhook
from treadle.prompts.types import Message

MORE_THAN_A_PAGE = 55


def test_one_beyond_the_first_page(home: Home, open_home: OpenPage) -> None:
    """
    Where there are more than a page holds, what is typed is looked for on the server, and what was chosen can be taken back.
    """
    for number in range(MORE_THAN_A_PAGE):
        home.client.prompts.create_version(f"p{number:02}", [Message(role="user", template=f"Prompt {number}")])
    listed = [prompt.name for prompt in home.client.prompts.list_().items]
    beyond = next(name for name in (f"p{number:02}" for number in range(MORE_THAN_A_PAGE)) if name not in listed)
    page = open_home("/playground")

    column = page.get_by_role("group", name="Column 1")
    choice = column.get_by_role("combobox", name="Prompt", exact=True)
    expect(choice).to_have_attribute("aria-haspopup", "listbox")
    choice.fill(beyond)
    page.get_by_role("option", name=beyond).click()

    expect(choice).to_have_value(beyond)
    expect(column.get_by_role("combobox", name="Version", exact=True)).to_have_value("latest")
    expect(page.get_by_text(f"Prompt {int(beyond[1:])}", exact=True)).to_be_visible()
    assert [] == unsound(page)
    choice.click()
    page.get_by_role("option", name="A draft without a name").click()
    expect(choice).to_have_value("")


def test_a_monitor_tells_a_channel_beyond_the_first_page(home: Home, open_home: OpenPage) -> None:
    """
    Of many channels the chosen ones stand to be ticked, and any other is looked for by its name.
    """
    for number in range(MORE_THAN_A_PAGE):
        home.client.channels.create(f"c{number:02}", Webhook(url="http://127.0.0.1:9"), private=True)
    beyond = f"c{MORE_THAN_A_PAGE - 1}"
    assert beyond not in [channel.name for channel in home.client.channels.list_().items]
    page = open_home("/alerts")

    page.get_by_role("button", name="Make a monitor").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("slow")
    other = dialog.get_by_role("combobox", name="Another channel")
    for name in ("c00", beyond):
        other.fill(name)
        page.get_by_role("option", name=name).click()
        expect(dialog.get_by_role("checkbox", name=name)).to_be_checked()
        expect(other).to_have_value("")
    assert [] == unsound(page)
    dialog.get_by_role("checkbox", name="c00").click()
    expect(dialog.get_by_role("checkbox", name="c00")).not_to_be_checked()
    dialog.get_by_label("Above").fill("0.5")
    dialog.get_by_role("button", name="Make it").click()

    expect(page.get_by_role("heading", level=1, name="slow")).to_be_visible()
    assert [beyond] == home.client.monitors.get("slow").channels


def test_few_are_a_plain_list(home: Home, open_home: OpenPage) -> None:
    """
    While all of them fit, the browser's own list offers them.
    """
    home.client.prompts.create_version("support", [Message(role="user", template="Hello")])
    page = open_home("/playground")

    column = page.get_by_role("group", name="Column 1")
    column.get_by_role("combobox", name="Prompt", exact=True).select_option("support")

    expect(page.get_by_text("Hello", exact=True)).to_be_visible()

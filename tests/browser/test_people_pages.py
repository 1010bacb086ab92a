"""Sessions as conversations and users with what their traces came to: what is unknown is said, never counted as nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import Raw
from playwright.sync_api import expect

from tests.browser.aside import beside, look, unsound, until
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_traces import new_span
from treadle.traces import service as traces


def test_a_session_reads_as_a_conversation(home: Home, open_home: OpenPage) -> None:
    """
    From the list one comes to a session whose turns stand in the order in which they were said, each once, with its trace behind it.
    """
    _traffic(home)
    page = open_home("/sessions")
    settle(page)
    table = page.get_by_role("table", name="Sessions")
    expect(table).to_contain_text("at least $0.10")
    assert [] == unsound(page)
    look(page, "sessions")

    page.get_by_label("Name").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No session matches")).to_be_visible()
    page.get_by_role("link", name="Show all sessions").click()
    table.get_by_role("link", name="shop/42 ü").click()
    expect(page.get_by_role("heading", level=1, name="shop/42 ü")).to_be_visible()
    settle(page)
    turns = page.get_by_role("region", name="The conversation").get_by_role("listitem")
    expect(turns).to_have_count(3)
    expect(turns.first).to_contain_text("question 0")
    expect(turns.last).to_contain_text("question 2")
    expect(turns.last).not_to_contain_text("question 0")
    turns.last.scroll_into_view_if_needed()
    expect(turns.last).to_contain_text("the end of a long answer")
    assert [] == unsound(page)
    look(page, "session")
    turns.first.get_by_role("link").click()

    expect(page.get_by_role("tree", name="Spans of the trace")).to_be_visible()


def test_a_user_has_traces_cost_and_signals(home: Home, open_home: OpenPage) -> None:
    """
    A user's page tells what is known of their cost, how their traffic went, and lists their traces.
    """
    _traffic(home)
    page = open_home("/users")
    settle(page)
    expect(page.get_by_role("table", name="Users")).to_contain_text("unknown")
    assert [] == unsound(page)
    look(page, "users")

    page.get_by_role("link", name="bob").click()
    expect(page.get_by_role("heading", level=1, name="bob")).to_be_visible()
    settle(page)
    expect(page.locator("dl").first).to_contain_text("unknown")
    expect(page.get_by_role("figure")).to_have_count(4)
    assert [] == unsound(page)
    look(page, "user")

    expect(page.get_by_role("table", name="Traces").locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("treadle trace list 'user:\"bob\"'")).to_be_visible()


def _traffic(home: Home) -> None:
    """Store a conversation of three turns, each sent whole, of one unknown price, and a question of somebody else; waits for the counts."""
    now = datetime.now(UTC)
    messages: list[dict[str, str]] = []
    spans = []
    for turn in range(3):
        messages.append({"role": "user", "content": f"question {turn} {'very ' * 60}long"})
        answer = f"answer {turn} {'word ' * 80} the end of a long answer"
        spans.append(
            new_span(
                turn,
                started_at=now - timedelta(minutes=9 - turn),
                session_id="shop/42 ü",
                user_id="ann",
                variables=None,
                input_messages=Raw(msgspec.json.encode(messages)),
                output_messages=Raw(msgspec.json.encode([{"role": "assistant", "content": answer}])),
                model="small",
                input_tokens=50 * (turn + 1),
                output_tokens=20,
                cost_usd=None if turn == 2 else Decimal("0.05"),
            )
        )
        messages.append({"role": "assistant", "content": answer})
    spans.append(
        new_span(
            4,
            started_at=now - timedelta(minutes=2),
            session_id="other",
            user_id="bob",
            model="unpriced",
            input_tokens=5,
            output_tokens=5,
        )
    )
    beside(traces.record(home.ctx.db, spans))
    until(lambda: 2 == len(home.client.traces.list_sessions().items) == len(home.client.traces.list_users().items))

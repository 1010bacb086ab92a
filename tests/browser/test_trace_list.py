"""The list of traces: a filter in words with help and with its faults, kept views, columns, what is done with chosen rows, and the first trace."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from playwright.sync_api import expect

from tests.browser.aside import beside, look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_heads import wait_for_roots
from tests.traces.test_traces import new_span
from treadle.feedback.labels.types import Field
from treadle.feedback.queues.types import NewQueue
from treadle.governance.types import NewApiKey
from treadle.traces import service as traces


def test_a_link_to_a_view_that_is_gone_says_so(home: Home, open_home: OpenPage) -> None:
    """
    A view that was forgotten, or that nobody shared, is said to be gone, and all traces are one step away.
    """
    page = open_home("/traces?view=nope", expect="404")
    expect(page.get_by_role("alert")).to_contain_text("nope")

    page.get_by_role("link", name="Show all traces").click()

    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("No trace yet")).to_be_visible()


def test_a_filter_is_written_with_help(home: Home, open_home: OpenPage) -> None:
    """
    Fields and values are offered as one types, Enter asks, and the list, its address and its command say the same.
    """
    _traffic(home)
    page = open_home("/traces")
    settle(page)
    box = page.get_by_label("Filter", exact=True)

    box.press_sequentially("sta")
    page.get_by_role("option", name=re.compile("^status:")).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("status:")
    page.get_by_role("option", name="status:error").wait_for()
    look(page, "traces-completion")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(box).to_have_value("status:error")
    page.keyboard.press("Enter")

    expect(page.get_by_role("table", name="Traces").locator("tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile("q=status%3Aerror"))
    expect(page.get_by_text("treadle trace list status:error")).to_be_visible()


def test_the_list_stands_in_the_order_of_a_column(home: Home, open_home: OpenPage) -> None:
    """
    The head of a column that the list can be in order of puts the largest first, by the keyboard too, and the address, the command
    and whoever cannot see it are told; a trace whose root has not come says so.
    """
    _traffic(home)
    now = datetime.now(UTC)
    orphan = new_span(77, started_at=now, latency_ms=9_000.0, parent_span_id="f" * 16, name="orphan")
    beside(traces.record(home.ctx.db, [orphan]))
    beside(asyncio.to_thread(wait_for_roots, home))
    page = open_home("/traces")
    settle(page)
    table = page.get_by_role("table", name="Traces")

    expect(table.get_by_role("columnheader", name="When")).to_have_attribute("aria-sort", "descending")
    table.get_by_role("button", name="Latency").focus()
    page.keyboard.press("Enter")

    expect(table.get_by_role("columnheader", name="Latency")).to_have_attribute("aria-sort", "descending")
    expect(table.locator("tbody tr").first).to_contain_text("its root has not come")
    expect(page).to_have_url(re.compile("sort=latency"))
    expect(page.get_by_text("treadle trace list --sort latency")).to_be_visible()
    assert [] == unsound(page)
    look(page, "traces-in-order")
    table.get_by_role("button", name="When").click()
    expect(page).not_to_have_url(re.compile("sort="))


def test_a_filter_that_cannot_be_read_says_so_below_its_box(home: Home, open_home: OpenPage) -> None:
    """
    The server's words stand at the box, and mending it brings the list back.
    """
    _traffic(home)
    page = open_home("/traces", expect="422")
    settle(page)
    box = page.get_by_label("Filter", exact=True)

    box.fill("latency>soon")
    page.keyboard.press("Enter")

    expect(page.get_by_text(re.compile("the filter cannot be read at character"))).to_be_visible()
    expect(box).to_have_attribute("aria-invalid", "true")
    assert [] == unsound(page)
    look(page, "traces-unread")
    box.fill("latency>100ms")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Traces").locator("tbody tr").first).to_be_visible()


def test_a_view_is_kept_and_shared(home: Home, open_home: OpenPage) -> None:
    """
    What is filtered and shown is kept under a name, opens by its address for others, and is forgotten by its owner.
    """
    _traffic(home)
    page = open_home("/traces?q=endpoint:billing", expect="422")
    settle(page)

    page.get_by_role("button", name="Columns").click()
    # What is ticked stands in the address first, and in the box and the table a moment later.
    page.get_by_label("Cost", exact=True).click()
    expect(page.get_by_label("Cost", exact=True)).to_be_checked()
    page.get_by_label("Scores", exact=True).click()
    expect(page.get_by_label("Scores", exact=True)).not_to_be_checked()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keep as a view").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Bad Name")
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(dialog.get_by_text(re.compile("'name' is 'Bad Name', but it should"))).to_be_visible()
    dialog.get_by_label("Name").fill("billing")
    dialog.get_by_label("Everybody in the project sees it").check()
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(page).to_have_url(re.compile(r"#/traces\?view=billing$"))
    kept = home.client.traces.get_view("billing")
    other = open_home("/traces?view=billing")
    settle(other)

    assert ("endpoint:billing", True) == (kept.q, kept.is_shared)
    assert "cost" in kept.columns
    assert "scores" not in kept.columns
    table = other.get_by_role("table", name="Traces")
    expect(table.locator("tbody tr")).to_have_count(3)
    expect(table.get_by_role("columnheader", name="Cost")).to_be_visible()
    expect(table).to_contain_text("unknown")
    other.goto(f"{home.client.url}/#/views")
    expect(other.get_by_role("button", name="Forget billing")).to_be_visible()
    settle(other)
    assert [] == unsound(other)
    look(other, "views")
    page.goto(f"{home.client.url}/#/traces")  # whoever still looks through it is told that it is gone
    expect(page).to_have_url(re.compile(r"#/traces$"))
    other.get_by_role("button", name="Forget billing").click()
    other.get_by_role("button", name="Forget it").click()
    expect(other.get_by_text("No filter is kept yet")).to_be_visible()


def test_chosen_traces_go_to_a_queue_and_a_dataset(home: Home, open_home: OpenPage) -> None:
    """
    Rows that were chosen become items of a queue and rows of a dataset's next version.
    """
    _traffic(home)
    home.client.queues.create(NewQueue(name="triage", fields=[Field(name="correct", kind="boolean")]))
    page = open_home("/traces")
    settle(page)
    assert [] == unsound(page)
    look(page, "traces")

    page.get_by_label("Choose q0", exact=True).check()
    page.get_by_label("Choose q1", exact=True).check()
    expect(page.get_by_text("2 traces chosen")).to_be_visible()
    look(page, "traces-chosen")
    page.get_by_role("table", name="Traces").locator("tbody a").first.click()
    expect(page).to_have_url(re.compile("/traces/"))
    page.go_back()
    expect(page.get_by_text("2 traces chosen")).to_be_visible()
    expect(page).to_have_url(re.compile("ticked="))
    page.get_by_role("button", name="Add to a queue").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Queue")).to_have_value("triage")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_contain_text("2 answers are new in triage")
    dialog.get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="Add to a dataset").click()
    dialog.get_by_role("combobox", name="Dataset").fill("seen")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_contain_text("It is being made")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    assert 2 == home.client.queues.get("triage").num_items
    page.get_by_label("Status").select_option("ok")
    expect(page.get_by_role("group", name="What to do with the chosen traces")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("ticked="))


def test_the_first_trace_is_waited_for(home: Home, open_home: OpenPage) -> None:
    """
    Before any trace the page teaches how to send one and with which key, and shows it by itself once it is there.
    """
    page = open_home("/traces")
    settle(page)
    expect(page.get_by_text("treadle access key create --name my-app --role service")).to_be_visible()
    assert [] == unsound(page)
    look(page, "traces-first")

    page.get_by_text("OpenTelemetry", exact=True).click()
    expect(page.get_by_role("region", name="First trace with OpenTelemetry")).to_contain_text(home.client.url)
    _traffic(home)

    expect(page.get_by_role("table", name="Traces")).to_be_visible()


def test_who_may_only_look_chooses_nothing(home: Home, open_home: OpenPage) -> None:
    """
    A viewer sees the list without boxes for what they may not do.
    """
    _traffic(home)
    key = home.client.access.create_key(NewApiKey(name="looks", role="viewer", person="vera")).key
    page = open_home("/sign-in?next=/traces", signed_in=False, expect="40")

    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")

    expect(page.get_by_role("table", name="Traces").locator("tbody tr").first).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)


def _traffic(home: Home) -> None:
    """Store nine requests to two endpoints, two of which failed; of half of them the price is known."""
    now = datetime.now(UTC)
    spans = [
        new_span(
            number,
            started_at=now - timedelta(minutes=1 + number),
            endpoint="billing" if number % 3 == 2 else "support",
            latency_ms=150.0 + 300 * number,
            input_tokens=100,
            output_tokens=20 + number,
            cost_usd=Decimal("0.0004") if number % 2 else None,
            model="small",
            session_id=f"session-{number // 3}",
            **({"status": "error", "error_code": "provider_timeout"} if number in (4, 7) else {}),
        )
        for number in range(9)
    ]
    beside(traces.record(home.ctx.db, spans))

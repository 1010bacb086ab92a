"""Dashboards over real traffic: figures, lines by group, another time, another endpoint, and what stands there before any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from playwright.sync_api import expect

from tests.browser.aside import beside, look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_traces import new_span
from treadle.traces import service as traces


def test_what_traffic_came_to(home: Home, open_home: OpenPage) -> None:
    """
    A dashboard draws every chart it has, tells the same figures as a table, and goes by time and endpoint as its address says.
    """
    _traffic(home)
    page = open_home("/dashboards")
    settle(page)
    expect(page.get_by_role("figure")).to_have_count(9)
    expect(page.get_by_role("figure", name="Requests").locator("svg")).to_be_attached()
    assert [] == unsound(page)
    look(page, "dashboard-overview")

    page.get_by_role("figure", name="Requests").get_by_role("button").click()
    cells = page.get_by_role("table", name="Requests").locator("tbody tr td:nth-child(2)")
    expect(cells.first).to_be_visible()
    counts = cells.all_inner_texts()
    page.get_by_role("radiogroup", name="Dashboard").get_by_text("Endpoints").click()
    expect(page.get_by_role("figure", name="Requests by endpoint")).to_contain_text("billing")
    settle(page)
    assert [] == unsound(page)
    look(page, "dashboard-endpoints")
    page.get_by_label("Endpoint", exact=True).select_option(label="All")
    page.get_by_label("Time").select_option("7d")

    assert 144 == sum(int(count) for count in counts)
    expect(page).to_have_url(f"{home.client.url}/#/dashboards?board=endpoints&range=7d")


def test_before_any_traffic(home: Home, open_home: OpenPage) -> None:
    """
    Without traffic the page says so and teaches the first step.
    """
    page = open_home("/dashboards?range=1h")

    settle(page)

    expect(page.get_by_text("No traffic in this time")).to_be_visible()
    expect(page.get_by_role("group", name="The first step")).to_contain_text("treadle demo")
    assert [] == unsound(page)


def _traffic(home: Home) -> None:
    """Store 144 requests to two endpoints over the last 18 hours; some fail, some are slow."""
    now = datetime.now(UTC)
    spans = [
        new_span(
            number,
            started_at=now - timedelta(minutes=5 + hour * 60 + number),
            endpoint="billing" if number % 4 == 3 else "support",
            latency_ms=200.0 + 40 * ((hour * 7 + number * 3) % 11),
            time_to_first_token_ms=80.0 + number * 10,
            input_tokens=120,
            output_tokens=40 + number,
            cost_usd=Decimal("0.0004"),
            model="small",
            **({"status": "error", "error_code": "timeout"} if (hour + number) % 17 == 0 else {}),
        )
        for hour in range(18)
        for number in range(8)
    ]
    beside(traces.record(home.ctx.db, spans))

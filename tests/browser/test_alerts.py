"""Alerts as a person meets them: the page that a message leads to, the list, and a monitor that is silenced."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.aside import beside, look, unsound, until
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_traces import new_span
from treadle.core.clock import SettableClock
from treadle.governance import audit
from treadle.monitoring import service
from treadle.monitoring.types import Alert, NewMonitor, Threshold, Watched
from treadle.traces import service as traces


def test_the_page_that_a_message_leads_to(home: Home, open_home: OpenPage) -> None:
    """
    An alert's page says what fired with its figures, draws the signal, leads to the traces, and names what was changed just before.
    """
    alert = _fired(home)
    page = open_home(f"/alerts/{alert.alert_id}", expect="/api/v1/releases/rel_new")  # of no release of ours

    settle(page)

    expect(page.get_by_role("heading", level=1)).to_have_text("errors")
    expect(page.locator("main header")).to_contain_text("share of errors of 'support': 75 % is above 10 %")
    expect(page.locator("dl").first).to_contain_text("75.0 %")
    expect(page.get_by_role("region", name="The signal around it").locator("svg").first).to_be_attached()
    expect(page.get_by_role("table", name="Changes in the day before")).to_contain_text("Releases: serve")
    expect(page.get_by_role("region", name="Who was told")).to_contain_text("Nobody was told")
    assert [] == unsound(page)
    look(page, "alert")
    page.get_by_role("link", name="All these traces").click()
    rows = page.get_by_role("table", name="Traces").get_by_role("row")
    expect(rows).to_have_count(1 + 15)


def test_a_monitor_is_silenced(home: Home, open_home: OpenPage) -> None:
    """
    From the list one comes to a monitor, silences it with a reason, and the list says so.
    """
    _fired(home)
    page = open_home("/alerts?monitor=errors")
    expect(page.get_by_role("table", name="Alerts").get_by_role("row")).to_have_count(2)
    settle(page)
    look(page, "alerts")
    page.get_by_role("table", name="Monitors").get_by_role("link", name="errors").click()

    page.get_by_role("button", name="Silence").click()
    page.get_by_label("Why, for the audit log").fill("load test")
    expect(page.get_by_role("dialog")).to_contain_text(
        "treadle monitor silence errors --minutes 60 --reason 'load test'"
    )
    page.get_by_role("dialog").get_by_role("button", name="Silence").click()

    expect(page.get_by_role("button", name="End the silence")).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "monitor")
    assert "silenced" == home.client.monitors.get("errors").state


def test_home_shows_the_last_day_before_any_turn(home: Home, open_home: OpenPage) -> None:
    """
    Where there is traffic and no turn, Home tells what came in the last day, what fires and what waits for people.
    """
    _fired(home)

    page = open_home("/")
    settle(page)

    facts = page.get_by_role("region", name="The last day").locator("dl")
    expect(facts.locator("div", has_text="Requests")).to_contain_text("240")
    expect(facts.locator("div", has_text="Errors")).to_contain_text("18 (7.5 %)")
    expect(facts.locator("div", has_text="Cost")).to_contain_text("unknown")
    expect(facts.locator("div", has_text="Waits for a review")).to_contain_text("nothing")
    expect(page.get_by_role("table", name="Traces").get_by_role("row")).to_have_count(1 + 5)
    assert [] == unsound(page)
    look(page, "home-no-turn")


def test_nothing_is_watched_yet(home: Home, open_home: OpenPage) -> None:
    """
    Empty lists teach the first step, and the command that they show works as it stands.
    """
    page = open_home("/alerts")

    settle(page)

    expect(page.get_by_text("No alert yet")).to_be_visible()
    expect(page.get_by_role("group", name="The first step")).to_contain_text(re.compile("treadle monitor set errors"))
    assert [] == unsound(page)


def _fired(home: Home) -> Alert:
    """Let errors of one release fire a monitor that has watched for the last minutes, as the server's own watch finds it."""
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=12)
    spans = []
    for minute in range(12):
        for number in range(20):
            at = begin + timedelta(minutes=minute, milliseconds=number)
            failed = number < (15 if minute == 9 else 1 if minute % 3 == 0 else 0)
            more = {"status": "error", "error_code": "upstream_500"} if failed else {}
            spans.append(
                new_span(number, **{"started_at": at, "release_id": "rel_new" if failed else "rel_old", **more})
            )
    changing = replace(home.ctx, clock=SettableClock(begin + timedelta(minutes=7)))
    new = NewMonitor(
        name="errors", signal=Watched(metric="error_rate", endpoint="support"), rule=Threshold(above=0.1), window_minutes=1
    )  # fmt: skip

    async def happen() -> None:
        await traces.record(home.ctx.db, spans)
        await changing.db.write(lambda db: audit.record(db, changing, action="releases.serve", object_id="end_1"))
        await service.create_monitor(replace(home.ctx, clock=SettableClock(begin)), new)

    beside(happen())
    until(lambda: home.client.alerts.list_().items)
    return home.client.alerts.list_().items[0]

"""What people make from the web: monitors, channels, queues, charts, surveys, schedules; what the server says against a field stands at it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page, expect

from tests.browser.aside import beside, look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_traces import new_span
from treadle.traces import service as traces


def test_a_monitor_is_made_changed_silenced_and_removed(home: Home, open_home: OpenPage) -> None:
    """
    What is written is what is watched; the faults stand at the fields; a change begins with what there is.
    """
    page = open_home("/alerts", expect="422")
    settle(page)
    page.get_by_role("button", name="Make a monitor").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Too Slow")
    dialog.get_by_label("Figure").select_option("latency_p95")
    dialog.get_by_label("Above").fill("2000")
    _press(dialog, "Make it")
    expect(dialog.get_by_text(re.compile("'name' is 'Too Slow', but it should"))).to_be_visible()
    assert [] == unsound(page)
    look(page, "monitor-form")
    dialog.get_by_label("Name", exact=True).fill("slow")
    expect(dialog.get_by_text("treadle monitor set slow --metric latency_p95 --above 2000")).to_be_visible()
    _press(dialog, "Make it")

    expect(page.get_by_role("heading", level=1, name="slow")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    expect(dialog.get_by_label("Above")).to_have_value("2000")
    dialog.get_by_label("It is bad when").select_option("anomaly")
    _press(dialog, "Change it")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Silence").click()
    _press(dialog, "Silence")
    expect(page.get_by_text("Silenced")).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "monitor")

    made = home.client.monitors.get("slow")
    assert ("anomaly", "latency_p95") == (made.rule.kind, made.signal.metric)
    assert made.silenced_until is not None
    page.get_by_role("button", name="Remove").click()
    _press(dialog, "Remove it")
    expect(page.get_by_text("Nothing is watched yet")).to_be_visible()


def test_a_channel_is_made_and_tried(home: Home, open_home: OpenPage) -> None:
    """
    A webhook's secret is shown once; a test says what came of it; an address that is none is refused at its field.
    """
    page = open_home("/channels", expect="422")
    settle(page)
    assert [] == unsound(page)
    page.get_by_role("button", name="Make a channel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("mail")
    dialog.get_by_label("How", exact=True).select_option("email")
    dialog.get_by_label("SMTP server").fill("127.0.0.1")
    dialog.get_by_label("From", exact=True).fill("alerts")
    dialog.get_by_label("To", exact=True).fill("team@example.org")
    _press(dialog, "Make it")
    expect(dialog.get_by_text(re.compile("should be an e-mail address"))).to_be_visible()
    look(page, "channel-form")
    dialog.get_by_label("How", exact=True).select_option("webhook")
    dialog.get_by_label("Address", exact=True).fill("http://127.0.0.1:9/hook")
    dialog.get_by_label("It may be at a private address").check()
    dialog.get_by_label("Name").fill("ops")
    _press(dialog, "Make it")
    expect(dialog.get_by_text(re.compile("^whsec_"))).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="Change ops").click()
    dialog.get_by_label("Name").fill("night")
    _press(dialog, "Change it")
    page.get_by_role("button", name="Send a test to night").click()

    expect(page.get_by_role("table", name="Channels").get_by_role("status")).not_to_be_empty()
    assert [] == unsound(page)
    look(page, "channels")
    assert ["night"] == [channel.name for channel in home.client.channels.list_().items]


def test_a_queue_is_made_and_changed(home: Home, open_home: OpenPage) -> None:
    """
    A queue asks what was written, and a later change keeps what it does not touch.
    """
    page = open_home("/queues", expect="422")
    settle(page)
    page.get_by_role("button", name="Make a queue").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").first.fill("triage")
    dialog.get_by_role("button", name="Another question").click()
    second = dialog.get_by_role("group", name="Question 2")
    second.get_by_label("Name", exact=True).fill("Tone")
    second.get_by_label("Answer", exact=True).select_option("category")
    second.get_by_label("Categories").fill("kind, neutral, rude")
    _press(dialog, "Make it")
    expect(second.get_by_text(re.compile("'fields.1.name' is 'Tone', but it should"))).to_be_visible()
    assert [] == unsound(page)
    look(page, "queue-form")
    second.get_by_label("Name", exact=True).fill("tone")
    _press(dialog, "Make it")
    expect(page.get_by_role("heading", level=1, name="triage")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    dialog.get_by_label("Judges per item").fill("2")
    _press(dialog, "Change it")
    expect(dialog).to_have_count(0)

    made = home.client.queues.get("triage")
    assert 2 == made.judges_per_item
    assert [("correct", []), ("tone", ["kind", "neutral", "rude"])] == [
        (field.name, [option.label for option in field.options]) for field in made.fields
    ]


def test_a_chart_is_kept_and_removed(home: Home, open_home: OpenPage) -> None:
    """
    A chart that somebody keeps stands among the saved ones, for everybody, until somebody removes it.
    """
    now = datetime.now(UTC)
    spans = [new_span(number, started_at=now - timedelta(minutes=number), model="small") for number in range(30)]
    beside(traces.record(home.ctx.db, spans))
    page = open_home("/dashboards")
    settle(page)
    page.get_by_role("button", name="Keep a chart").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Slowest by model")
    dialog.get_by_label("Figure").select_option("latency_p99")
    dialog.get_by_label("Shows").select_option("model")
    assert [] == unsound(page)
    look(page, "chart-form")
    _press(dialog, "Keep it")

    expect(page).to_have_url(re.compile("board=saved"))
    figure = page.get_by_role("figure", name="Slowest by model")
    expect(figure).to_contain_text("Latency, p99 · A line for each model")
    assert ["slowest-by-model"] == [chart.name for chart in home.client.dashboards.list_charts().items]
    settle(page)
    assert [] == unsound(page)
    look(page, "dashboard-saved")
    figure.get_by_role("button", name="Remove").click()
    expect(dialog).to_contain_text("treadle dashboard remove slowest-by-model")
    _press(dialog, "Remove it")
    expect(page.get_by_text("No chart is kept yet")).to_be_visible()


def test_a_survey_and_a_schedule_are_made(home: Home, open_home: OpenPage) -> None:
    """
    What is written is what is kept; a refusal says why, and the form stays as it was.
    """
    page = open_home("/surveys", expect="4")
    settle(page)
    assert [] == unsound(page)
    page.get_by_role("button", name="Make a survey").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").first.fill("Not A Name")
    dialog.get_by_label("Endpoint whose sessions are asked").fill("support")
    _press(dialog, "Make it")
    expect(dialog.get_by_text(re.compile("'name' is 'Not A Name'"))).to_be_visible()
    look(page, "survey-form")
    dialog.get_by_label("Name").first.fill("nps")
    _press(dialog, "Make it")
    expect(page.get_by_role("heading", level=1, name="nps").or_(dialog.get_by_role("alert"))).to_be_visible()

    _go(page, f"{home.client.url}/#/schedules")
    settle(page)
    assert [] == unsound(page)
    look(page, "schedules-empty")
    page.get_by_role("button", name="Make a schedule").click()
    dialog.get_by_label("Name").fill("learn")
    dialog.get_by_label("Turn").fill("Not A Turn")
    expect(dialog.get_by_text("treadle schedule put learn --turn 'Not A Turn' --corrected 500")).to_be_visible()
    _press(dialog, "Make it")

    expect(dialog.get_by_text(re.compile("'turn' is 'Not A Turn'"))).to_be_visible()
    assert [] == unsound(page)
    look(page, "schedule-form")


def _press(dialog: Locator, name: str) -> None:
    dialog.get_by_role("button", name=name, exact=True).click()


def _go(page: Page, url: str) -> None:
    page.goto(url)
    page.reload()

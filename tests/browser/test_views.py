"""Lists over time, lists kept as they are filtered, rows that stay ticked, pairs for a queue, and scores said where one reads."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec import Raw
from playwright.sync_api import Request, Route, expect

from tests.browser.aside import beside, look, unsound, until
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import faults, settle
from tests.traces.home import Home
from tests.traces.test_archive import archive
from tests.traces.test_traces import new_span
from treadle.feedback.labels.types import Field
from treadle.feedback.queues.types import NewQueue
from treadle.traces import service as traces
from treadle.traces.archive import charted
from treadle.traces.asking.types import NewExport, NewView

NOW = datetime.now(UTC)


def test_a_list_over_time_is_narrowed_by_a_bar(home: Home, open_home: OpenPage) -> None:
    """
    Above the list stands what it came to over time, for its own filter; a step of it narrows the list to its time.
    """
    spans = [
        new_span(n, started_at=NOW - timedelta(hours=n, minutes=1), status="error" if n == 2 else "ok")
        for n in range(3)
    ]
    beside(traces.record(home.ctx.db, spans))
    page = open_home("/traces?figure=errors")
    settle(page)
    figure = page.get_by_role("figure", name="Over time")
    expect(figure).to_contain_text(re.compile("3 traces from .* until .*, each bar 30 minutes"))
    expect(figure.get_by_label("What is drawn")).to_have_value("errors")
    assert [] == unsound(page)
    figure.get_by_label("What is drawn").select_option("requests")
    expect(page).not_to_have_url(re.compile("figure="))
    look(page, "traces-over-time")

    figure.get_by_role("button", name="Show table").click()
    table = figure.get_by_role("table", name="Over time")
    expect(table.locator("tbody tr")).to_have_count(3)
    assert [] == unsound(page)
    held: list[Route] = []
    page.route("**/api/v1/traces/chart*", lambda route: held.append(route))
    with page.expect_request("**/api/v1/traces/chart*"):
        table.get_by_role("button").last.click()

    expect(page).to_have_url(re.compile("since=.*until="))
    expect(figure).to_have_attribute("aria-busy", "true")
    expect(figure).not_to_contain_text("3 traces from")
    expect(table.get_by_role("button").last).to_be_disabled()
    for route in held:
        route.continue_()
    page.unroute("**/api/v1/traces/chart*")
    expect(figure).to_contain_text("1 trace from")
    expect(page.get_by_role("table", name="Traces").locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("table", name="Traces")).to_contain_text("q2")
    expect(figure).to_contain_text("treadle trace chart")


def test_days_of_the_archive_that_a_chart_leaves_out(
    home: Home, open_home: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A chart over archived days says so, and which of them are not drawn because the archive is too large.
    """
    monkeypatch.setattr(charted, "MAX_FILES", 1)
    at = datetime(NOW.year, NOW.month, NOW.day, 12, tzinfo=UTC) - timedelta(days=40)
    home.client.traces.set_retention(30, archive=True)
    spans = [new_span(n, started_at=at - timedelta(days=n), status="error") for n in range(3)]
    beside(asyncio.to_thread(archive, home, spans))

    page = open_home("/traces?q=age%3C60d+status%3Aerror")
    settle(page)

    figure = page.get_by_role("figure", name="Over time")
    first, last = (rf"{day.day} \w+ {day.year}" for day in (at - timedelta(days=2), at - timedelta(days=1)))
    expect(figure).to_contain_text("1 trace from")
    expect(figure).to_contain_text("Archived ones are among them.")
    expect(figure).to_contain_text(re.compile(f"The archived days from {first} to {last} are left out"))
    assert [] == unsound(page)
    look(page, "traces-over-time-archived")


def test_a_bar_is_pressed(home: Home, open_home: OpenPage) -> None:
    """
    A press on a bar does what its row in the table does.
    """
    beside(traces.record(home.ctx.db, [new_span(1, started_at=NOW - timedelta(hours=5))]))
    page = open_home("/traces")
    settle(page)
    drawn = page.get_by_role("figure", name="Over time").locator("svg")
    shapes = drawn.locator("path[fill='#13636e']")  # the bar, and the sign of its colour in the legend
    expect(shapes).to_have_count(2)

    max(shapes.all(), key=lambda shape: (shape.bounding_box() or {"height": 0})["height"]).click(force=True)

    expect(page).to_have_url(re.compile("since=.*until="))


def test_any_list_is_kept_as_it_is_filtered(home: Home, open_home: OpenPage) -> None:
    """
    What a list was filtered by is kept under a name, for oneself or for all, and is one press away; it stands among all views.
    """
    for name in ("triage", "duel"):
        home.client.queues.create(NewQueue(name=name, fields=[Field(name="correct", kind="boolean")]))
    page = open_home("/queues?q=tri")
    settle(page)
    page.get_by_role("button", name="Views").click()
    expect(page.get_by_text("No filter of this list is kept yet")).to_be_visible()
    assert [] == faults(page)
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 320, "height": 800})
    page.get_by_role("button", name="Views").click()
    expect(page.get_by_text("No filter of this list is kept yet")).to_be_visible()
    assert 0 == page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="Keep what is shown").click()
    dialog = page.get_by_role("dialog", name="Keep what is shown as a view")
    dialog.get_by_label("Name").fill("first-look")
    dialog.get_by_label("Everybody in the project sees it").check()
    expect(dialog).to_contain_text("treadle trace keep-view first-look --of queue --search q=tri --shared")
    look(page, "views-keep")
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Views")).to_be_focused()
    page.goto(f"{home.client.url}/#/queues")
    expect(page.get_by_role("table", name="Queues").locator("tbody tr")).to_have_count(2)

    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="first-look (shared)").click()

    expect(page).to_have_url(re.compile(r"#/queues\?q=tri$"))
    expect(page.get_by_role("table", name="Queues").locator("tbody tr")).to_have_count(1)
    assert {"q": "tri"} == home.client.traces.get_view("first-look").search
    home.client.traces.put_view("broken", NewView(subject="run", search={"kind": "training"}))
    page.goto(f"{home.client.url}/#/views")
    expect(page.get_by_role("link", name="broken")).to_have_attribute("href", "/#/runs?kind=training")
    settle(page)
    assert [] == unsound(page)
    look(page, "views-of-all-lists")


def test_ticked_rows_stand_in_the_address(home: Home, open_home: OpenPage) -> None:
    """
    Runs that are ticked to be compared stay ticked when one goes to one of them and back, or sends the link.
    """
    runs = [home.client.traces.start_export(NewExport(q=f"name:a{n}")).run_id for n in range(2)]
    page = open_home("/runs")
    settle(page)

    boxes = page.get_by_role("table", name="Runs").get_by_role("checkbox")
    # Quicker than the page can follow.
    boxes.evaluate_all("boxes => boxes.slice(0, 2).forEach((box) => box.click())")
    expect(boxes.first).to_be_checked()
    expect(boxes.nth(1)).to_be_checked()
    expect(page).to_have_url(re.compile("ticked=" + "%2C|".join(runs)))
    again = open_home(page.url.partition("#")[2])
    expect(again.get_by_text("2 chosen")).to_be_visible()
    again.get_by_role("button", name="Compare").click()

    expect(again).to_have_url(re.compile("runs/compare"))


def test_two_traces_are_compared_in_a_queue(home: Home, open_home: OpenPage) -> None:
    """
    Two chosen traces become a pair of a queue, with the right answer where it is known; the queue can be removed.
    """
    spans = [new_span(n, variables=new_span(0).variables) for n in range(2)]
    beside(traces.record(home.ctx.db, spans))
    home.client.queues.create(NewQueue(name="duel", mode="pairwise"))
    page = open_home("/queues/duel", expect="/queues/duel")  # asked for while it goes
    expect(page.get_by_text("treadle queue add duel TRACE --against OTHER")).to_be_visible()
    page.goto(f"{home.client.url}/#/traces")
    for number in range(2):
        page.get_by_role("table", name="Traces").get_by_role("checkbox").nth(number + 1).check()

    page.get_by_role("button", name="Compare in a queue").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Queue")).to_have_value("duel")
    dialog.get_by_label("The right answer is known").check()
    dialog.get_by_text("A is better").click()
    expect(dialog).to_contain_text("--against")
    assert [] == unsound(page)
    look(page, "queue-pair")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_contain_text("1 pair is new in duel")
    dialog.get_by_role("link", name="duel").click()

    (item,) = home.client.queues.list_items("duel").items
    assert {span.trace_id for span in spans} == {item.trace_id, item.other_trace_id}
    assert {"preferred": "a"} == item.gold
    held: list[Route] = []
    page.route(
        "**/api/v1/queues/duel",
        lambda route: held.append(route) if route.request.method == "DELETE" else route.continue_(),
    )
    page.get_by_role("button", name="Remove").click()
    with page.expect_request(lambda request: request.method == "DELETE"):
        page.get_by_role("dialog").get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("table", name="Questions")).to_have_count(0)  # what goes is asked for no more
    held[0].continue_()
    page.unroute("**/api/v1/queues/duel")
    expect(page.get_by_text("No queue yet")).to_be_visible()
    assert [] == home.client.queues.list_().items


def test_any_score_is_said_of_a_span(home: Home, open_home: OpenPage) -> None:
    """
    A score of any name, on a scale, is said of the span one looks at; the worst mark of a scale is no yes. Nothing else is read again.
    """
    span = new_span(1)
    beside(traces.record(home.ctx.db, [span]))
    page = open_home(f"/traces/{span.trace_id}")
    settle(page)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.get_by_role("button", name="Score this span").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="What is judged").fill("helpful")
    dialog.get_by_label("What there is to say").select_option("number")
    dialog.get_by_label("Number").fill("1")
    expect(dialog).to_contain_text(f"--value 1 --low 1 --high 5 --span {span.span_id}")
    assert [] == unsound(page)
    look(page, "score-span")
    dialog.get_by_role("button", name="Say it").click()

    said = page.get_by_role("table", name="Feedback on this answer")
    expect(said).to_contain_text("1 of 1 to 5")
    expect(said.get_by_role("link", name="one span")).to_be_visible()
    assert [] == [url for url in asked if "/traces?" in url]
    (kept,) = home.client.feedback.list_().items
    assert (span.span_id, "helpful", 1.0, 5.0, "human") == (
        kept.span_id, kept.name, kept.value, kept.high, kept.source,
    )  # fmt: skip
    home.client.feedback.rate(span.trace_id, "tone", 1, low=1, high=5)
    page.goto(f"{home.client.url}/#/traces")
    expect(page.get_by_role("table", name="Traces")).to_contain_text("tone: 1 of 1 to 5")


def test_a_trace_that_a_link_leads_to_reads_no_list(home: Home, open_home: OpenPage) -> None:
    """
    Neighbours are looked for in the list that a trace was opened from; a link leads to no list, and none is read.
    """
    spans = [new_span(n) for n in range(2)]
    beside(traces.record(home.ctx.db, spans))
    page = open_home("/settings")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{home.client.url}/#/traces/{spans[0].trace_id}")
    expect(page.get_by_role("region", name="Spans")).to_be_visible()
    settle(page)

    assert [] == [url for url in asked if re.search(r"/api/v1/traces\?", url)]
    assert 0 == page.get_by_role("button", name="Next").count()


def test_turns_are_read_when_they_come_into_sight(home: Home, open_home: OpenPage) -> None:
    """
    Of a long conversation only what is near is read whole, and the way to earlier turns stands above them.
    """
    long = Raw(msgspec.json.encode([{"role": "assistant", "content": "word " * 120 + "end"}]))
    beside(
        traces.record(
            home.ctx.db,
            [
                new_span(n, started_at=NOW - timedelta(minutes=n), session_id="s", output_messages=long)
                for n in range(55)
            ],
        )
    )
    until(lambda: home.client.traces.list_sessions().items)
    page = open_home("/settings")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{home.client.url}/#/sessions/s")
    expect(page.get_by_role("region", name="The conversation")).to_be_visible()
    settle(page)

    turns = page.get_by_role("region", name="The conversation").get_by_role("listitem")
    expect(turns).to_have_count(50)
    expect(turns.first).to_contain_text("end")
    assert 0 < len([url for url in asked if "/tree" in url]) < 25
    button = page.get_by_role("button", name="Show earlier turns")
    assert (button.bounding_box() or {"y": 0})["y"] < (turns.first.bounding_box() or {"y": 0})["y"]
    button.click()

    expect(turns).to_have_count(55)


def test_views_beyond_the_first_page(home: Home, open_home: OpenPage) -> None:
    """
    Of more views than a page holds, those of traces are found by what one types, those of any other list by going further.
    """
    for number in range(102):
        home.client.traces.put_view(f"of-traces-{number:03}", NewView(q=f"model:m{number}"))
        home.client.traces.put_view(f"of-runs-{number:03}", NewView(subject="run", search={"kind": f"k{number}"}))
    page = open_home("/traces")
    choice = page.get_by_role("combobox", name="View", exact=True)
    expect(choice).to_have_attribute("aria-haspopup", "listbox")
    choice.fill("traces-101")
    page.get_by_role("option", name="of-traces-101").click()
    expect(page).to_have_url(re.compile("view=of-traces-101"))
    expect(choice).to_have_value("of-traces-101")
    settle(page)
    assert [] == unsound(page)

    page.goto(f"{home.client.url}/#/runs")
    page.get_by_role("button", name="Views").click()
    views = page.get_by_role("dialog", name="Views")
    expect(views.get_by_role("link", name=re.compile("^of-runs"))).to_have_count(100)
    views.get_by_role("button", name="Show more").click()
    views.get_by_role("link", name="of-runs-101").click()

    expect(page).to_have_url(re.compile(r"#/runs\?kind=k101$"))

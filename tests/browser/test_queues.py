"""A queue worked through by keyboard, a pair compared, and what the page of a queue tells of it."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.browser.aside import beside, look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_traces import START, new_span
from treadle.client.client import Client
from treadle.feedback.labels.types import Field, Option
from treadle.feedback.queues.types import NewItem, NewQueue
from treadle.governance.types import NewApiKey
from treadle.traces import service as traces

HELPFUL = Field(name="helpful", kind="number", low=1, high=5, step=1, question="How helpful is it?")
TONE = Field(
    name="tone",
    kind="category",
    question="How does it sound?",
    help="Rude is what you would not say to a guest.",
    options=[Option(label="kind"), Option(label="neutral"), Option(label="rude")],
)
BETTER = Field(name="better", kind="correction", is_required=False, question="What should it have been?")


def test_a_queue_is_worked_through_by_keyboard(home: Home, open_home: OpenPage) -> None:
    """
    Digits answer, enter sends, the next item is there at once, u takes back, s skips; what was said arrives as it was pressed.
    """
    trace_ids = _queue(home, 3)
    page = open_home("/queues/triage/judge")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q0")
    settle(page)
    assert [] == unsound(page)
    look(page, "judge")

    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_have_text("This must be answered")
    page.keyboard.press("4")
    page.keyboard.press("1")
    page.get_by_label("Comment (optional)").fill("too long")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q1")
    page.keyboard.press("u")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q0")
    expect(page.get_by_label("Comment (optional)")).to_have_value("too long")
    expect(page.get_by_role("radio", name="4")).to_be_checked()
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q1")
    page.keyboard.press("s")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")  # along the choices of one question, not on to the next
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is left for you here")).to_be_visible()

    said = {one.item_id: one for one in home.client.queues.list_judgements("triage").items}
    by_trace = {one.trace_id: said[one.item_id] for one in home.client.queues.list_items("triage").items}
    assert [
        ("judged", {"helpful": 5.0, "tone": "kind"}),
        ("skipped", None),
        ("judged", {"helpful": 2.0, "tone": "neutral"}),
    ] == [(by_trace[trace_id].state, by_trace[trace_id].answers) for trace_id in trace_ids]


def test_single_keys_are_turned_off(home: Home, open_home: OpenPage) -> None:
    """
    The help opens with ?, turns single keys off, and from then on a digit or a letter does nothing, also after coming back.
    """
    _queue(home, 1)
    page = open_home("/queues/triage/judge")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q0")

    page.keyboard.press("?")
    page.get_by_role("switch").click()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q0")
    page.keyboard.press("4")
    page.keyboard.press("s")

    expect(page.get_by_role("radio", name="4")).not_to_be_checked()
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q0")


def test_words_are_typed_and_not_taken_for_keys(home: Home, open_home: OpenPage) -> None:
    """
    In a field for words letters and digits are text, Enter sends, and the correction becomes feedback.
    """
    (trace_id,) = _queue(home, 1)
    page = open_home("/queues/triage/judge")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q0")

    page.keyboard.press("2")
    page.keyboard.press("3")
    expect(page.get_by_role("radio", name="rude")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("us 123?")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Nothing is left for you here")).to_be_visible()
    (said,) = home.client.queues.list_judgements("triage").items
    assert {"helpful": 2.0, "tone": "rude", "better": "us 123?"} == said.answers
    assert trace_id == home.client.feedback.list_().items[0].trace_id


def test_an_item_that_others_were_enough_for(home: Home, open_home: OpenPage) -> None:
    """
    A judgement that comes too late is refused with its reason, and the next item stands there all the same.
    """
    first, _ = _queue(home, 2)
    page = open_home("/queues/triage/judge", expect="/judgement")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q0")
    item = next(one.item_id for one in home.client.queues.list_items("triage").items if one.trace_id == first)
    _given_to_another(home, item)

    page.keyboard.press("3")
    page.keyboard.press("1")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("others were enough")
    expect(page.get_by_label("Question", exact=True)).to_contain_text("q1")
    assert ["judged"] == [
        one.state for one in home.client.queues.list_judgements("triage").items if one.item_id == item and one.answers
    ]


def test_two_answers_side_by_side(home: Home, open_home: OpenPage) -> None:
    """
    Of a pair the better one is chosen by a digit; the page of the queue then tells how its judges do.
    """
    spans = [new_span(number, variables=new_span(0).variables) for number in range(4)]
    beside(traces.record(home.ctx.db, spans))
    home.client.queues.create(NewQueue(name="duel", mode="pairwise", instructions="Which one would you send?"))
    pairs = [NewItem(trace_id=spans[n].trace_id, other_trace_id=spans[n + 1].trace_id) for n in (0, 2)]
    home.client.queues.add("duel", pairs)
    page = open_home("/queues/duel/judge")
    expect(page.get_by_label("Answer A")).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "duel")

    page.keyboard.press("2")
    page.keyboard.press("Enter")

    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "1 of 2 items done · 1 open right now")
    _to_queue(page, "duel")
    expect(page.get_by_role("table", name="Judges").get_by_role("row")).to_have_count(2)
    settle(page)
    assert [] == unsound(page)
    look(page, "queue")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Queues").click()
    expect(page.get_by_role("table", name="Queues")).to_contain_text("preferred")
    look(page, "queues")
    said = home.client.queues.list_judgements("duel").items
    assert [{"preferred": "b"}] == [one.answers for one in said if one.state == "judged"]


def test_a_queue_is_filled_and_becomes_a_dataset(home: Home, open_home: OpenPage) -> None:
    """
    The page of a queue lists its items with the answers behind them, fills it from traffic, and makes rows of a dataset of it.
    """
    trace_ids = _queue(home, 2)
    later = [new_span(number + 10, started_at=START + timedelta(minutes=1, seconds=number)) for number in range(3)]
    beside(traces.record(home.ctx.db, later))
    page = open_home("/queues/triage")
    settle(page)
    items = page.get_by_role("table", name="Items")
    expect(items.locator("tbody tr")).to_have_count(2)

    page.get_by_role("button", name="Fill").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("How many").fill("3")
    expect(dialog).to_contain_text("treadle queue fill triage --strategy newest --num 3")
    assert [] == unsound(page)
    look(page, "queue-fill")
    dialog.get_by_role("button", name="Fill it").click()
    expect(dialog.get_by_text("It is being filled")).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    expect(items.locator("tbody tr")).to_have_count(5, timeout=180_000)
    settle(page)
    assert [] == unsound(page)
    look(page, "queue-items")
    page.get_by_role("button", name="Add to a dataset").click()
    dialog.get_by_label("Dataset").fill("judged")
    expect(dialog).to_contain_text("treadle data curate judged --queue triage")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("It is being made")).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_have_count(0)

    items.get_by_role("link", name=trace_ids[0][-8:]).click()
    expect(page.get_by_role("tree", name="Spans of the trace")).to_be_visible()


def _to_queue(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def _given_to_another(home: Home, item_id: str) -> None:
    """Let the reservation be over and somebody else judge the item."""
    past = home.ctx.clock.now() - timedelta(minutes=1)
    over = [past, item_id]
    sql = "update queue_judgements set reserved_until = %s where item_id = %s"
    beside(home.ctx.db.write(lambda db: db.execute(sql, over)))
    key = home.client.access.create_key(NewApiKey(name="another", role="reviewer")).key
    with Client(home.client.url, api_key=key) as another:
        another.queues.judge("triage", item_id, {"helpful": 5, "tone": "kind"})


def _queue(home: Home, num_traces: int) -> list[str]:
    home.client.queues.create(NewQueue(name="triage", fields=[HELPFUL, TONE, BETTER]))
    spans = [new_span(number) for number in range(num_traces)]
    beside(traces.record(home.ctx.db, spans))
    trace_ids = [span.trace_id for span in spans]
    home.client.queues.add("triage", trace_ids)
    return trace_ids

"""One trace: a tree that comes in parts, keys, search, what a span was given, and figures that say what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw
from playwright.sync_api import expect

from tests.browser.aside import beside, look, unsound, until
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from tests.traces.test_traces import new_span
from treadle.traces import service as traces
from treadle.traces.intake import NewSpan

TRACE = "ab" * 16
MANY = 1200
"""More than one request brings, so that the tree comes in parts."""


def test_a_trace_is_gone_through_by_keyboard(home: Home, open_home: OpenPage) -> None:
    """
    j and k go along the spans, arrows close and open them, and the chosen span stands beside with what it was given.
    """
    _record(home, _answer())
    page = open_home(f"/traces/{TRACE}")
    settle(page)
    assert [] == unsound(page)
    look(page, "trace")
    tree = page.get_by_role("tree", name="Spans of the trace")
    expect(tree.get_by_role("treeitem")).to_have_count(5)

    page.keyboard.press("j")
    expect(tree.get_by_role("treeitem", selected=True)).to_contain_text("find documents")
    expect(page.get_by_role("region", name="find documents")).to_contain_text("Parcels take two days")
    page.keyboard.press("j")
    expect(page.get_by_role("region", name="write")).to_contain_text("How long does it take?")
    page.keyboard.press("k")
    page.keyboard.press("k")  # at once: a key that is held goes on before the page has followed
    tree.press("ArrowLeft")

    expect(tree.get_by_role("treeitem")).to_have_count(1)
    expect(tree.get_by_role("treeitem")).to_contain_text("4 spans, 1 failed")
    tree.press("ArrowRight")
    expect(tree.get_by_role("treeitem")).to_have_count(5)


def test_what_a_function_was_given_is_shown(home: Home, open_home: OpenPage) -> None:
    """
    A span without messages shows its variables; the head sums what the parts told, and an unknown cost is unknown and not nothing.
    """
    _record(home, _answer())

    page = open_home(f"/traces/{TRACE}")
    settle(page)

    expect(page.get_by_role("table", name="Variables: what the caller gave")).to_contain_text("How long does it take?")
    expect(page.get_by_text("No input was told")).to_have_count(0)
    facts = page.locator("dl").first
    expect(facts.locator("div", has_text="Tokens")).to_contain_text("120 in, 30 out")
    expect(facts.locator("div", has_text="Cost")).to_contain_text("unknown")


def test_a_trace_whose_root_says_nothing_opens_on_question_and_answer(home: Home, open_home: OpenPage) -> None:
    """
    The root of `with treadle.trace("turn")` shows what the trace was asked and what it answered, and not that nothing is there.
    """
    asked = '{"question": "How long does it take?"}'
    said = _json([{"role": "assistant", "content": "Two days."}])
    failed = [{"name": "exception", "after_ms": 5.0, "attributes": {"exception.stacktrace": "Traceback\n" + "x" * 900}}]
    _record(
        home,
        [
            _span(0, None, "turn", "chain", after_ms=0, latency_ms=900, events=_json(failed)),
            _span(1, 0, "answer", "agent", after_ms=5, latency_ms=800, input_text=asked, output_messages=said),
        ],
    )
    until(lambda: home.client.traces.list_().items[0].output_text)

    page = open_home(f"/traces/{TRACE}")
    settle(page)

    root = page.locator("section[aria-label=turn]")
    expect(root).to_contain_text("The question and the answer of the trace, as its parts tell them.")
    expect(root.get_by_text("How long does it take?", exact=True)).to_be_visible()
    expect(root.get_by_text("Two days.", exact=True)).to_be_visible()
    table = root.get_by_role("region", name="What happened on the way")
    assert 0 == table.evaluate("table => table.scrollWidth - table.clientWidth")
    assert [] == unsound(page)
    look(page, "trace-silent-root")
    page.get_by_role("link", name="Traces").first.click()
    expect(page.get_by_role("link", name="How long does it take?", exact=True)).to_be_visible()


def test_a_large_trace_comes_in_parts(home: Home, open_home: OpenPage) -> None:
    """
    Of a trace of many spans the shape comes first; what is opened or scrolled to follows, and every span can be reached.
    """
    _record(home, _large())
    page = open_home(f"/traces/{TRACE}")
    settle(page)
    tree = page.get_by_role("tree", name="Spans of the trace")
    expect(tree.get_by_role("treeitem", name="step 0000")).to_be_visible()
    expect(page.locator("dl").first).to_contain_text(f"{2 * MANY + 1:,}")
    assert [] == unsound(page)
    look(page, "trace-large")

    tree.focus()
    last = tree.get_by_role("treeitem", name=f"step {MANY - 1:04}")

    def is_at_the_end() -> bool:
        tree.evaluate("tree => tree.scrollTo(0, tree.scrollHeight)")
        return last.is_visible()

    until(is_at_the_end)
    last.click()
    tree.press("ArrowRight")
    expect(tree.get_by_role("treeitem", name=f"call {MANY - 1:04}")).to_be_visible()

    assert tree.get_by_role("treeitem").count() < 100


def test_spans_are_found_inside_a_trace(home: Home, open_home: OpenPage) -> None:
    """
    Words and filters find spans of this trace alone, in parts that were never opened too; the address keeps what was found.
    """
    _record(home, [*_large(), new_span(0, trace_id="cd" * 16, name="call 0777")])
    page = open_home(f"/traces/{TRACE}")
    settle(page)

    page.get_by_label("Search in this trace", exact=True).last.fill("0777")
    page.keyboard.press("Enter")
    found = page.get_by_role("tree", name="Spans that were found")
    expect(found.get_by_role("treeitem")).to_have_count(2)
    found.get_by_role("treeitem", name="call 0777").click()
    expect(page.get_by_role("region", name="call 0777")).to_contain_text("small")
    assert "find=0777" in page.url
    page.get_by_label("Search in this trace", exact=True).last.fill("kind:tool latency>1h")
    page.keyboard.press("Enter")

    expect(page.get_by_text("No span has it")).to_be_visible()
    page.get_by_role("button", name="Back to the tree").click()
    expect(page.get_by_role("tree", name="Spans of the trace")).to_be_visible()


def test_a_search_that_cannot_be_read_says_why(home: Home, open_home: OpenPage) -> None:
    """
    The server's words stand where one searched.
    """
    _record(home, _answer())
    page = open_home(f"/traces/{TRACE}?find=latency:%3E%3E", expect="422")

    expect(page.get_by_role("alert")).to_contain_text("traces.filter")


def test_traces_are_gone_through_in_the_order_of_their_list(home: Home, open_home: OpenPage) -> None:
    """
    J and K go to the next trace of the list that one came from and back, by buttons too; at an end there is no further.
    """
    ids = [f"{number:02x}" * 16 for number in (1, 2, 3)]
    for trace_id in ids:
        _record(
            home,
            [
                _span(
                    int(trace_id[:2]),
                    None,
                    f"ask {trace_id[:2]}",
                    "agent",
                    after_ms=int(trace_id[:2]),
                    latency_ms=5,
                    trace_id=trace_id,
                )
            ],
        )
    page = open_home("/traces?q=name:ask*")
    page.get_by_role("link", name="ask 03").click()
    settle(page)
    expect(page.get_by_role("button", name="Before")).to_be_disabled()

    page.keyboard.press("Shift+J")
    expect(page.get_by_role("heading", level=1, name="ask 02")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1, name="ask 01")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.keyboard.press("Shift+K")

    expect(page.get_by_role("heading", level=1, name="ask 02")).to_be_visible()


def test_a_model_call_is_replayed_in_the_playground(home: Home, open_home: OpenPage) -> None:
    """
    A span of a model leads to the playground with what it was asked; a step that is no model call offers nothing.
    """
    _record(home, _answer())
    page = open_home(f"/traces/{TRACE}?span={2:016x}")
    settle(page)
    expect(page.get_by_role("region", name="find documents")).to_be_visible()
    expect(page.get_by_role("link", name="Replay in the playground")).to_have_count(0)
    page.keyboard.press("j")

    page.get_by_role("link", name="Replay in the playground").click()

    expect(page.get_by_role("heading", level=1, name="Playground")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("How long does it take?")


def test_two_traces_stand_side_by_side(home: Home, open_home: OpenPage) -> None:
    """
    Chosen in the list, two traces show their figures, what each was asked and answered, and which steps took longer; hostile text
    stays text.
    """
    hostile = "<img src=x onerror='window.hacked = true'>"
    said = _json([{"role": "assistant", "content": hostile}])
    other = "cd" * 16
    _record(home, _answer())
    _record(home, [
        _span(10, None, "answer", "agent", after_ms=0, latency_ms=300, trace_id=other, variables=_json({"question": "How long?"}), output_messages=said),
        _span(11, 10, "write", "llm", after_ms=10, latency_ms=200, trace_id=other, model="small", cost_usd=Decimal("0.01")),
    ])  # fmt: skip
    page = open_home("/traces")
    settle(page)
    page.get_by_role("checkbox", name="Choose all that are shown").check()
    page.get_by_role("group", name="What to do with the chosen traces").get_by_role("link", name="Compare").click()

    expect(page.get_by_role("heading", level=1, name="Two traces side by side")).to_be_visible()
    settle(page)
    steps = page.get_by_role("table", name="Steps by name, those that differ most in time first")
    expect(steps.locator("tbody tr").first).to_contain_text("answer")
    expect(steps.get_by_role("row").filter(has_text="find documents")).to_contain_text("none")
    expect(page.get_by_text(hostile)).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert [] == unsound(page)
    look(page, "traces-compared")


def _record(home: Home, spans: list[NewSpan]) -> None:
    beside(traces.record(home.ctx.db, spans))


def _span(
    number: int,
    parent: int | None,
    name: str,
    kind: str,
    *,
    after_ms: float,
    latency_ms: float,
    trace_id: str = TRACE,
    **more: Any,
) -> NewSpan:
    facts: dict[str, Any] = {"endpoint": None, "variables": None, "output_messages": None, **more}
    return new_span(
        number,
        trace_id=trace_id,
        span_id=f"{number + 1:016x}",
        parent_span_id=None if parent is None else f"{parent + 1:016x}",
        name=name,
        kind=kind,
        started_at=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5) + timedelta(milliseconds=after_ms),
        latency_ms=latency_ms,
        **facts,
    )


def _json(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))


def _answer() -> list[NewSpan]:
    """A function that looks up, calls a model whose price nobody knows, and a tool that fails."""
    asked = [{"role": "user", "content": "How long does it take?"}]
    said = [{"role": "assistant", "content": "Two days."}]
    found = [{"id": "doc-1", "content": "Parcels take two days.", "score": 0.91}]
    return [
        _span(0, None, "answer", "agent", after_ms=0, latency_ms=900, variables=_json({"question": "How long does it take?", "limit": 3}), session_id="s1", user_id="ann"),
        _span(1, 0, "find documents", "retrieval", after_ms=10, latency_ms=200, variables=_json({"query": "parcel"}), documents=_json(found)),
        _span(2, 0, "write", "llm", after_ms=220, latency_ms=500, model="small", input_tokens=120, output_tokens=30, input_messages=_json(asked), output_messages=_json(said)),
        _span(3, 0, "log it", "tool", after_ms=730, latency_ms=60, tool_name="log", status="error", error_code="timeout", error_message="no answer in 60 ms"),
        _span(4, 0, "check", "guardrail", after_ms=800, latency_ms=90, cost_usd=None),
    ]  # fmt: skip


def _large() -> list[NewSpan]:
    """An agent with many steps, each of which calls a model once."""
    steps = [
        pair
        for step in range(MANY)
        for pair in (
            _span(2 * step + 1, 0, f"step {step:04}", "chain", after_ms=step, latency_ms=1.0),
            _span(2 * step + 2, 2 * step + 1, f"call {step:04}", "llm", after_ms=step, latency_ms=0.8, model="small", cost_usd=Decimal("0.0001"), input_tokens=1, output_tokens=1),
        )
    ]  # fmt: skip
    return [_span(0, None, "go through all", "agent", after_ms=0, latency_ms=float(MANY)), *steps]

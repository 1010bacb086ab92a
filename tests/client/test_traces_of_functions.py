"""What becomes of an application's own traces, whose roots are functions and no requests of the gateway's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner

import treadle
from tests.traces.home import Home
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput
from treadle.data.types import CurateRequest
from treadle.traces import service
from treadle.traces.types import Trace, TraceFilter

T = TypeVar("T")
PATIENCE_SECONDS = 60


def wait(look: Callable[[], T | None]) -> T:
    """Return what is there as soon as it is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def sent() -> None:
    """Wait until the server has what was traced."""
    assert treadle.flush(timeout_seconds=PATIENCE_SECONDS).sent


@treadle.trace(kind="retrieval")
def find(question: str) -> list[str]:
    """Look something up."""
    return [f"{question} takes two days"]


@treadle.trace("answer", kind="agent")
def answer(question: str, city: str) -> str:
    """Answer with two calls of models."""
    for number in (1, 2):
        with treadle.trace(f"call {number}", kind="llm") as span:
            span.set(input=f"step {number} of {question}", model="gpt-x", input_tokens=100, output_tokens=10)
            span.set(output=f"words {number}", cost_usd=0.006)
    return f"{find(question)[0]} in {city}"


def rows_of(home: Home, **wanted: Any) -> list[tuple[str, str | None, Any]]:
    """Make a version of all traces; return its rows' input, answer and city."""
    request = CurateRequest(wanted=TraceFilter(), unjudged="answer", **wanted)
    home.client.runs.wait(home.client.datasets.start_curate("made", request).run_id)
    return [
        (row.input, row.expected_output, (row.metadata or {}).get("city"))
        for row in home.client.datasets.iter_examples("made")
    ]


def test_a_functions_arguments_become_a_row(home: Home) -> None:
    """
    Of a function's trace the arguments are the variables, by name, and what it returned is the answer.
    """
    answer("a parcel", "Leeds")
    find("one argument")
    sent()

    rows = rows_of(home)

    assert {
        ('{"question":"a parcel","city":"Leeds"}', "a parcel takes two days in Leeds", "Leeds"),
        ("one argument", '["one argument takes two days"]', None),
    } == set(rows)


def test_a_root_that_says_nothing_becomes_a_row(home: Home) -> None:
    """
    Of a root without content the first step says what was asked, the last one what came of it.
    """
    with treadle.trace("turn"):
        with treadle.trace("call", kind="llm") as span:
            span.set(input="where is it", output="I look it up", model="gpt-x")
        with treadle.trace("call", kind="llm") as span:
            span.set(input="and now", output="it is in Leeds", model="gpt-x")
    sent()

    assert [("where is it", "it is in Leeds", None)] == rows_of(home)


def ask(question: str, *, fails: bool) -> None:
    """Find something, write, and fail at the end or not."""
    with treadle.trace("turn") as turn:
        turn.set(input=question)
        with treadle.trace("write", kind="llm") as span:
            span.set(output=f"on {question}", model="gpt-x")
        find(question)
        if fails:
            raise TimeoutError("no model answered")


def test_a_failed_request_has_no_answer(home: Home) -> None:
    """
    What a step found stands for no answer, and of a request that failed no step's output does: neither in lists nor in rows.
    """
    with pytest.raises(TimeoutError):
        ask("a parcel", fails=True)
    ask("a letter", fails=False)
    sent()

    def told() -> dict[str, tuple[str, str | None]] | None:
        lines = {line.input_text: (line.output_text, line.error_message) for line in home.client.traces.list_().items}
        return lines if lines["a letter"][0] else None

    assert {"a parcel": ("", "no model answered"), "a letter": ("on a letter", None)} == wait(told)
    assert [("a letter", "on a letter", None)] == rows_of(home)


def test_only_failed_requests_were_selected(home: Home) -> None:
    """
    Where every selected request failed, taking answers as right is refused with that reason.
    """
    with pytest.raises(TimeoutError):
        ask("a parcel", fails=True)
    sent()

    with pytest.raises(InvalidInput, match=r"1 failed.*never taken as right"):
        rows_of(home)


def test_a_kind_that_there_is_not(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """
    A kind that there is not is refused over a function, with the kinds that there are; around a block it is told and no span
    is lost.
    """
    with pytest.raises(InvalidInput, match=r"kind is 'tools'; it is one of llm, .*tool, "):
        treadle.trace("parent", kind="tools")(find)  # type: ignore[call-overload]
    with treadle.trace("parent", kind="tools"), treadle.trace("child", kind="llm"):  # type: ignore[call-overload]
        pass
    sent()

    [line] = home.client.traces.list_().items
    tree = home.client.traces.tree(line.trace_id)

    assert [("parent", "chain"), ("child", "llm")] == [(row.name, row.kind) for row in tree.rows]
    assert "'parent' has the kind 'tools' and is kept as 'chain'" in caplog.text


@pytest.mark.parametrize("tokens", [10**18, 10**30])
def test_tokens_beyond_belief(
    home: Home, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    """
    Numbers of tokens that no call has are unknown, and never 0; the span is kept, and whoever sent it is told.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    with treadle.trace("write", kind="llm") as span:
        span.set(input="q", output="a", model="gpt-4o", input_tokens=tokens, output_tokens=tokens)
    sent()

    shown = CliRunner().invoke(cli, ["trace", "show", span.trace_id]).output

    assert "unknown tokens in, unknown out, cost unknown" in shown
    (told,) = [each.getMessage() for each in caplog.records if "tokens are unknown" in each.getMessage()]
    assert f"its tokens are unknown: 'gen_ai.usage.input_tokens' is {tokens}" in told
    assert "spans wait" not in told


def test_the_address_of_models() -> None:
    """
    An address that ends in /v1, as clients of models have it, is refused with the one that is meant.
    """
    with pytest.raises(InvalidInput, match=r"spans go to 'http://127\.0\.0\.1:8700': leave out /v1"):
        treadle.configure_tracing("http://127.0.0.1:8700/v1/", api_key="tdl_x")


def test_nothing_was_said_anywhere(home: Home) -> None:
    """
    Where nobody says what was asked the refusal says how to say it, and nothing of corrections.
    """
    with treadle.trace("turn"):
        pass
    sent()

    with pytest.raises(InvalidInput, match=r"1 no_input.*span\.set\(input=") as caught:
        rows_of(home)

    assert "unjudged" not in caught.value.message


def test_a_root_that_says_nothing_is_listed_by_its_steps(home: Home) -> None:
    """
    A list shows what a trace was asked and answered though its root says neither, from steps that came before and after it.
    """

    def told(line: Trace) -> tuple[str, str] | None:
        return (line.input_text, line.output_text) if line.input_text else None

    with treadle.trace("turn", session_id="s1"):
        answer("a parcel", "Leeds")
    sent()

    assert ('{"question":"a parcel","city":"Leeds"}', "a parcel takes two days in Leeds") == wait(
        lambda: told(home.client.traces.list_("session:s1").items[0])
    )


def test_what_a_trace_used_is_what_its_calls_used(home: Home) -> None:
    """
    Tokens and cost of a line are those of the whole trace, and so are those that a filter asks for; `root.` and `span.`
    ask one span.
    """
    answer("a parcel", "Leeds")
    sent()
    found = {
        q: len(home.client.traces.list_(q).items)
        for q in (
            "model:gpt-x* latency>0 cost>0.01 tokens:220", "cost>0.02", "span.cost>0.01", "span.cost:0.006", "root.cost:*",
            "input_tokens>=200 output_tokens:20", "-cost:*",
        )
    }  # fmt: skip

    [line] = home.client.traces.list_().items

    assert (200, 20, Decimal("0.012"), 0) == (
        line.input_tokens,
        line.output_tokens,
        line.cost_usd,
        line.unpriced_count,
    )
    assert [1, 0, 0, 1, 0, 1, 0] == list(found.values())


def test_unknown_cost_is_not_nothing(home: Home) -> None:
    """
    Where no price is known the sum is unknown; where some are the sum says how many are not.
    """
    for session, costs in (("none", [None]), ("some", [0.5, None])):
        with treadle.trace("turn", session_id=session, user_id=session):
            for cost in costs:
                with treadle.trace("call", kind="llm") as span:
                    span.set(model="home-made", input_tokens=3, output_tokens=4, cost_usd=cost)
    sent()
    expected = {"none": (None, 1), "some": (Decimal("0.5"), 1)}

    lines = {str(line.session_id): line for line in home.client.traces.list_().items}
    trees = {name: home.client.traces.tree(line.trace_id) for name, line in lines.items()}
    wait(lambda: len(found_users(home)) == 2 or None)
    parties = home.client.traces.list_users().items

    assert expected == {name: (line.cost_usd, line.unpriced_count) for name, line in lines.items()}
    assert expected == {name: (tree.cost_usd, tree.unpriced_count) for name, tree in trees.items()}
    assert expected == {name: (tree.rows[0].subtree_cost_usd, 1) for name, tree in trees.items()}
    assert expected == {one.name: (one.cost_usd, one.unpriced_count) for one in parties}


def found_users(home: Home) -> list[str]:
    """Return the users whose spans are all counted."""
    counts = {"none": 2, "some": 3}
    return [one.name for one in home.client.traces.list_users().items if one.span_count == counts[one.name]]


def test_examples_are_read_for_whoever_asks(home: Home) -> None:
    """
    What goes to queues and rules says the same as a row.
    """
    with treadle.trace("turn"):
        find("a parcel")
        with treadle.trace("write", kind="llm") as span:
            span.set(output="it takes two days", model="gpt-x")
    sent()
    [line] = home.client.traces.list_().items

    [example] = asyncio.run(service.get_many(home.ctx, [line.trace_id]))

    assert ("a parcel", {"question": "a parcel"}) == (example.input_text, example.variables)
    assert "it takes two days" == example.output_text

"""`treadle.trace` in an application, seen through the server's own traces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider

import treadle
from tests.traces.home import Home
from treadle.client.tracing.snapshot import MAX_NODES, snapshot
from treadle.traces.types import Span, SpanNode

PATIENCE_SECONDS = 60


def arrived(home: Home) -> list[SpanNode]:
    """Return the roots of the project's only trace, once the server has all of it."""
    report = treadle.flush(PATIENCE_SECONDS)
    assert report.is_complete, report
    (trace,) = home.client.traces.list_().items
    return home.client.traces.get(trace.trace_id).roots


def only(home: Home) -> Span:
    """Return the project's only span."""
    (root,) = arrived(home)
    assert [] == root.children
    return root.span


def test_a_function(home: Home) -> None:
    """
    Arguments become variables by their names, those that no parameter names among them; the result is the output.
    """

    @treadle.trace("answer", kind="agent", session_id="s1", user_id="u1")
    def answer(question: str, *, tone: str = "kind", **more: int) -> dict[str, Any]:
        return {"reply": question.upper()}

    given = answer("where", tone="dry", tries=2)

    span = only(home)
    assert {"reply": "WHERE"} == given
    assert ("answer", "agent", "ok") == (span.name, span.kind, span.status)
    assert {"question": "where", "tone": "dry", "tries": 2} == span.variables
    assert "WHERE" in str(span.output_messages)
    assert ("s1", "u1", "shop") == (span.session_id, span.user_id, span.service_name)


def test_calls_inside_calls(home: Home) -> None:
    """
    What is called inside is a child, in threads and tasks too, and belongs to the session around it.
    """

    @treadle.trace(kind="tool")
    def look_up(word: str) -> str:
        return word

    @treadle.trace
    async def work(number: int) -> None:
        look_up(str(number))

    @treadle.trace("turn", session_id="s9")
    async def turn() -> None:
        await asyncio.gather(*(work(number) for number in range(3)))

    asyncio.run(turn())

    (root,) = arrived(home)
    names = [(node.span.name.split(".")[-1], [leaf.span.kind for leaf in node.children]) for node in root.children]
    assert [("work", ["tool"])] * 3 == names
    assert {"s9"} == {leaf.span.session_id for node in root.children for leaf in node.children}


def test_an_exception(home: Home) -> None:
    """
    It is recorded with its class and message, and reaches the caller as it was.
    """

    @treadle.trace
    def fail() -> None:
        raise KeyError("parcel 7")

    with pytest.raises(KeyError, match="parcel 7"):
        fail()

    span = only(home)
    assert ("error", "KeyError", "'parcel 7'") == (span.status, span.error_code, span.error_message)
    assert ["exception"] == [event.name for event in span.events]
    assert "test_trace.py" in str(span.events[0].attributes["exception.stacktrace"])


def test_a_stream(home: Home) -> None:
    """
    A generator is one span with all its pieces as output; what its reader does between two pieces is not inside it.
    """

    @treadle.trace(kind="llm")
    def stream(count: int) -> Iterator[str]:
        for number in range(count):
            with treadle.trace(f"step {number}"):
                yield str(number)

    with treadle.trace("reader"):
        for piece in stream(2):
            with treadle.trace(f"read {piece}"):
                pass

    (root,) = arrived(home)
    children = {node.span.name: [leaf.span.name for leaf in node.children] for node in root.children}
    (told,) = [node.span for node in root.children if node.span.kind == "llm"]
    assert {told.name: ["step 0", "step 1"], "read 0": [], "read 1": []} == children
    assert {"count": 2} == told.variables
    assert "01" == told.output_messages[0]["content"]  # type: ignore[index,call-overload]


def test_streams_of_a_loop(home: Home) -> None:
    """
    An asynchronous generator passes through what is sent and thrown into it; one that is left early is no error.
    """
    seen: list[str] = []

    @treadle.trace("left early")
    async def letters() -> AsyncIterator[str]:
        try:
            for letter in "abc":
                yield letter
        finally:
            seen.append("closed")

    @treadle.trace("sent to")
    def echo() -> Iterator[str]:
        given = ""
        while True:
            try:
                given = yield given
            except ValueError:
                given = "thrown"

    async def read() -> None:
        stream: Any = letters()
        seen.append(await anext(stream))
        await stream.aclose()

    with treadle.trace("around"):
        asyncio.run(read())
        talk: Any = echo()
        seen += [next(talk), talk.send("x"), talk.throw(ValueError())]
        talk.close()

    (root,) = arrived(home)
    assert ["a", "closed", "", "x", "thrown"] == seen
    assert [("left early", "ok"), ("sent to", "ok")] == [(n.span.name, n.span.status) for n in root.children]


def test_facts_about_a_block(home: Home) -> None:
    """
    A block says what it wants: model, tokens, documents, and anything else under its own name.
    """
    with treadle.trace("find", kind="retrieval") as span:
        span.set(input="parcel", documents=[{"id": "d1", "content": "Parcels.", "score": 0.5}], shop="north")
    with treadle.trace("ask", kind="llm") as span:
        span.set(model="small", provider="openai", input_tokens=3, output_tokens=5)

    treadle.flush(PATIENCE_SECONDS)
    told = {line.name: home.client.traces.get(line.trace_id).roots[0].span for line in home.client.traces.list_().items}
    assert [("d1", "Parcels.", 0.5)] == [(d.id, d.content, d.score) for d in told["find"].documents]
    assert "north" == told["find"].attributes["shop"]
    ask = told["ask"]
    assert ("small", "openai", 3, 5) == (ask.model, ask.provider, ask.input_tokens, ask.output_tokens)


def test_what_is_not_recorded(home: Home) -> None:
    """
    Arguments that are named like secrets, those to be ignored and the object itself stay out; iterators stay unread.
    """

    @dataclass
    class Order:
        number: int
        password: str

    class Shop:
        @treadle.trace(ignore=["connection"])
        def sell(self, order: Order, api_key: str, connection: object, lines: Iterator[int]) -> list[int]:
            return list(lines)

    sold = Shop().sell(Order(7, "hush"), "sk-1", object(), iter([1, 2]))

    span = only(home)
    assert [1, 2] == sold
    assert isinstance(span.variables, dict)
    assert {"number": 7, "password": "[HIDDEN]"} == span.variables["order"]
    assert {"order", "api_key", "lines"} == set(span.variables)
    assert ("[HIDDEN]", "<builtins.list_iterator>") == (span.variables["api_key"], span.variables["lines"])


def test_huge_and_odd_values() -> None:
    """
    A value is recorded within bounds whatever it is: large, endless, hostile.
    """

    class Hostile(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise OSError("no")

    endless: list[Any] = []
    endless.append(endless)

    assert MAX_NODES >= str(snapshot([[1] * 1_000] * 1_000)).count("1")
    assert "(cut)" in str(snapshot(endless))
    assert "OSError" in str(snapshot(Hostile()))
    assert "(cut)" in snapshot("x" * 3_000_000).value[-10:]


def test_beside_opentelemetry(home: Home) -> None:
    """
    Our spans and OpenTelemetry's are one tree, whichever is around which.
    """
    provider = TracerProvider()
    treadle.instrument(only=[], tracer_provider=provider, all_spans=True)
    tracer = otel.get_tracer("app", tracer_provider=provider)

    with treadle.trace("ours"), tracer.start_as_current_span("theirs"), treadle.trace("ours again"):
        pass

    (root,) = arrived(home)
    (theirs,) = root.children
    assert ["ours", "theirs", "ours again"] == [root.span.name, theirs.span.name, theirs.children[0].span.name]


def test_many_threads(home: Home) -> None:
    """
    Every span of many threads is counted and stored, once.
    """

    @treadle.trace
    def work(number: int) -> int:
        return number

    before = treadle.tracing_stats()
    with treadle.trace("all"), ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(800)))
    report = treadle.flush(PATIENCE_SECONDS)

    stats = treadle.tracing_stats()
    assert (0, 801, True) == (before.taken, report.sent, report.is_complete)
    assert (801, 801, 0, 0) == (stats.taken, stats.sent, stats.dropped, stats.rejected)

"""How much of what is asked and answered leaves an application: what the project allows, or less."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import treadle
from tests.client.listening import listening
from tests.ports import free_port
from tests.traces.home import Home
from treadle.cli.main import cli
from treadle.client.tracing.capture import reduce_span
from treadle.client.tracing.otlp import pairs_of
from treadle.core.errors import Denied
from treadle.governance.types import NewApiKey
from treadle.guards.capture import LEVELS, Capture, lower, masked

PATIENCE_SECONDS = 60
QUESTION = "I am ann@example.com, where is parcel 7?"


def tell() -> None:
    """End a span that says something personal, and a model's facts."""
    with treadle.trace("ask ann@example.com", kind="llm", user_id="ann@example.com", session_id="s1") as span:
        span.set(input=QUESTION, output="On its way.", model="small", input_tokens=3, shop="mail bob@example.com")
        span.event("looked", content="for ann@example.com")


EXPECTED: dict[Capture, tuple[str, str]] = {
    "on": (QUESTION, "On its way."),
    "masked": (QUESTION.replace("ann@example.com", "[EMAIL]"), "On its way."),
    "off": ("", ""),
}


@pytest.mark.parametrize("allowed", LEVELS)
@pytest.mark.parametrize("wanted", LEVELS)
def test_project_and_application(home: Home, tmp_path: Path, allowed: Capture, wanted: Capture) -> None:
    """
    The lesser of what the project allows and the application wants is sent; models and tokens always are.
    """
    home.client.traces.set_capture(allowed)
    treadle.configure_tracing(home.client.url, api_key=home.key, spool=tmp_path / "own", capture=wanted)

    tell()
    treadle.flush(PATIENCE_SECONDS)

    (trace,) = home.client.traces.list_().items
    (root,) = home.client.traces.get(trace.trace_id).roots
    level = lower(allowed, wanted)
    assert EXPECTED[level] == (trace.input_text, trace.output_text)
    assert ("small", 3, "s1") == (root.span.model, root.span.input_tokens, root.span.session_id)
    assert ("ann@example.com" in root.span.model_dump_json()) == (level == "on")
    assert ("bob@example.com" in root.span.model_dump_json()) == (level == "on")
    assert level == treadle.tracing_stats().capture


def test_nobody_says_what_is_allowed(tmp_path: Path) -> None:
    """
    As long as the server has not said, content is written down masked; it is cut again once the server says less.
    """
    port = free_port()
    treadle.configure_tracing(f"http://127.0.0.1:{port}", spool=tmp_path)
    tell()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while treadle.tracing_stats().spooled == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    with listening(port, capture="off") as heard:
        report = treadle.flush(PATIENCE_SECONDS)
        treadle.configure_tracing(enabled=False)

        (span,) = heard.spans()
        names = {pair["key"] for pair in span["attributes"]}
        assert report.is_complete
        assert "input.value" not in names
        assert "gen_ai.request.model" in names
        assert "ask [EMAIL]" == span["name"]


def test_server_that_does_not_say_yet(tmp_path: Path) -> None:
    """
    Nothing is sent before the server has said how much of it may be.
    """
    with listening(capture="off") as heard:
        heard.is_starting = True
        treadle.configure_tracing(heard.url, spool=tmp_path)
        tell()
        early = treadle.flush(3.0)

        heard.is_starting = False
        report = treadle.flush(PATIENCE_SECONDS)
        treadle.configure_tracing(enabled=False)

        (span,) = heard.spans()
        assert (0, 1) == (early.sent, early.waiting)
        assert report.is_complete
        assert "input.value" not in {pair["key"] for pair in span["attributes"]}


def test_who_may_change_it(home: Home) -> None:
    """
    Applications may ask; only who governs the project may change it, and it is written down.
    """
    key = home.client.access.create_key(NewApiKey(name="app", role="service")).key
    with treadle.Client(home.client.url, api_key=key) as application:
        assert "on" == application.traces.capture().capture
        with pytest.raises(Denied):
            application.traces.set_capture("off")

    home.client.traces.set_capture("masked")

    assert "masked" == home.client.traces.capture().capture
    assert "traces.capture" in [entry.action for entry in home.client.audit.list_().items]


FOREIGN: dict[str, Any] = {
    "gen_ai.input.messages": "[…ann@example.com]", "llm.input_messages.0.message.content": "ann@example.com",
    "gen_ai.prompt.0.content": "ann@example.com", "traceloop.entity.input": "ann@example.com",
    "ai.prompt.messages": "ann@example.com", "langfuse.observation.input": "ann@example.com",
    "mlflow.spanInputs": "ann@example.com", "db.query.text": "ann@example.com", "odd": ["ann@example.com"],
    "deep": {"a": [{"b": "ann@example.com"}]}, "llm.token_count.prompt": 4, "gen_ai.request.model": "small",
}  # fmt: skip


@pytest.mark.parametrize("level", ["off", "masked"])
def test_other_libraries_spans(level: Capture) -> None:
    """
    Whoever told of a call and under whatever name, nothing personal passes; twice is the same as once.
    """
    span = {
        "name": "chat ann@example.com", "attributes": pairs_of(FOREIGN), "status": {"code": 2, "message": "ann@example.com"},
        "events": [{"name": "exception", "attributes": pairs_of({"exception.message": "ann@example.com"})}],
    }  # fmt: skip

    reduced = reduce_span(span, level)

    kept = {pair["key"] for pair in reduced["attributes"]}
    assert "ann@example.com" not in str(reduced)
    assert reduced == reduce_span(reduced, level)
    assert {"llm.token_count.prompt", "gen_ai.request.model", "odd", "deep"} <= kept
    assert (level == "masked") == ("mlflow.spanInputs" in kept)
    assert "sk-" not in masked("key sk-proj-abcdefghijklmnopqrstuvwxyz0123")


def test_from_the_terminal(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    `treadle trace capture` says what is allowed, and changes it.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    terminal = CliRunner()

    before = terminal.invoke(cli, ["trace", "capture"]).output
    changed = terminal.invoke(cli, ["trace", "capture", "--level", "masked", "--json"]).output

    assert "applications send content: on" in before
    assert "masked" == json.loads(changed)["capture"]

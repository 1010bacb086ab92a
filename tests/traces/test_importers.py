"""Traces brought over from Langfuse, Phoenix, MLflow and OTLP files, through the command and the same door as all others."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.traces.exports import json_span
from tests.traces.home import Home
from tests.traces.telling import GOLDEN, calls, canonical_of, recorded
from treadle.cli.main import cli
from treadle.client.client import Client
from treadle.core.errors import Unauthenticated
from treadle.traces.importers.export import ImportRefused, nanoseconds
from treadle.traces.importers.sources import requests_of
from treadle.traces.intake import NewSpan

IMPORTS = GOLDEN / "imports"


@pytest.fixture
def home(home: Home) -> Home:
    """
    A project whose key the door for spans knows, which takes a moment.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            home.client.traces.import_spans([{"resourceSpans": []}])
            break
        except Unauthenticated:
            time.sleep(0.05)
    return home


def test_a_phoenix_database(tmp_path: Path) -> None:
    """
    What Phoenix kept of an export comes to the same rows as the export itself.
    """
    spans = _brought(_phoenix(tmp_path), "phoenix")

    for scene in ("openai-tools", "langchain-rag", "openai-error"):
        expected = calls(canonical_of(recorded(scene, "openinference")))
        traces = {span.trace_id for span in canonical_of(recorded(scene, "openinference"))}
        assert expected == calls([span for span in spans if span.trace_id in traces])
    failed = next(span for span in spans if span.status == "error")
    assert "exception" == json.loads(bytes(failed.events or b""))[0]["name"]


def test_mlflow_traces() -> None:
    """
    MLflow's spans have their kinds, messages, documents, tokens and session; its agent's sums are not counted.
    """
    spans = _brought(IMPORTS / "mlflow.json", "mlflow")

    rows = calls(spans)
    expected = [row for row in _expected("openai-tools") if row["kind"] == "llm"]
    told = [row for row in rows if row["kind"] == "llm"]
    assert expected == [
        {name: value for name, value in row.items() if name not in ("session_id", "user_id")} | {"provider": "openai"}
        for row in told
    ]
    assert {"s-1"} == {span.session_id for span in spans}
    assert ["agent", "retrieval", "llm", "tool", "llm"] == [span.kind for span in spans]
    assert 300 == sum((span.input_tokens or 0) + (span.output_tokens or 0) for span in spans)
    document = {"id": "d1", "content": "Parcel 4711 left Hull.", "metadata": {"source": "log"}}
    assert [document] == json.loads(bytes(spans[1].documents or b""))


def test_a_langfuse_export() -> None:
    """
    A trace's row is the root above its observations; both ways of writing names are read.
    """
    root, answer, tool = _brought(IMPORTS / "langfuse.jsonl", "langfuse")

    assert (None, "help", 1_500.0) == (root.parent_span_id, root.name, root.latency_ms)
    assert root.span_id == answer.parent_span_id
    assert [row for row in _expected("langfuse-sdk") if row["kind"] == "llm"] == [
        {name: value for name, value in row.items() if name not in ("session_id", "user_id")} for row in calls([answer])
    ]
    assert 250.0 == answer.time_to_first_token_ms
    assert (None, "error", "timed out", "u-2") == (
        tool.parent_span_id,
        tool.status,
        tool.error_message,
        tool.user_id,
    )


@pytest.mark.parametrize("form", ["lines", "list", "page"])
def test_the_forms_of_an_export(form: str, tmp_path: Path) -> None:
    """
    Rows come in lines, in a list, or in the `data` of a page of the API.
    """
    rows = [json.loads(line) for line in (IMPORTS / "langfuse.jsonl").read_text().splitlines()]
    forms = {"lines": "\n".join(map(json.dumps, rows)), "list": json.dumps(rows, indent=1)}
    file = tmp_path / "export.json"
    file.write_text(forms.get(form, json.dumps({"data": rows, "meta": {"page": 1}}, indent=1)))

    spans = _brought(file, "langfuse")

    assert ["help", "answer", "find_parcel"] == [span.name for span in spans]


@pytest.mark.parametrize("source", ["langfuse", "mlflow", "otlp", "phoenix"])
@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1}', "{broken", "SQLite format 3\x00"])
def test_a_file_of_something_else(source: str, content: str, tmp_path: Path) -> None:
    """
    A file that is not what it is said to be is refused with a word on what would be.
    """
    file = tmp_path / "file"
    file.write_text(content)

    with pytest.raises(ImportRefused):
        list(requests_of(file, source))


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    """
    What Windows saves as UTF-8 begins with a mark, which is no part of it.
    """
    file = tmp_path / "export.jsonl"
    file.write_text((IMPORTS / "langfuse.jsonl").read_text(), encoding="utf-8-sig")

    assert ["help", "answer", "find_parcel"] == [span.name for span in _brought(file, "langfuse")]


@pytest.mark.parametrize("source", ["langfuse", "mlflow", "otlp"])
@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00", '[{"a": 1}]'.encode("utf-16")])
def test_a_file_that_is_no_text_in_utf_8(source: str, content: bytes, tmp_path: Path) -> None:
    """
    A file that is still compressed, or in another encoding, is refused with what to do about it.
    """
    file = tmp_path / "file"
    file.write_bytes(content)

    with pytest.raises(ImportRefused, match="unpack"):
        list(requests_of(file, source))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("1970-01-01T00:00:01.999999Z", 1_999_999_000),
        ("1970-01-01 00:00:01", 1_000_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("soon", 0),
        (None, 0),
    ],
)
def test_moments(stated: object, expected: int) -> None:
    """
    Times keep their microseconds; without a zone they are UTC.
    """
    assert expected == nanoseconds(stated)


def test_importing_twice_through_the_command(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    The command sends a file to the server; what is there already stays once.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    replay = tmp_path / "collector.jsonl"
    replay.write_bytes(recorded("openai-tools", "vercel") + recorded("openai-chat", "openllmetry"))
    asked = ["trace", "import", str(replay), "--from", "otlp", "--json"]

    first = CliRunner().invoke(cli, asked)
    second = CliRunner().invoke(cli, asked)

    assert (0, 0) == (first.exit_code, second.exit_code), first.output + second.output
    assert (
        {"spans_count": 5, "refused_count": 0, "reasons": []} == json.loads(first.output) == json.loads(second.output)
    )
    names = sorted(trace.name for trace in home.client.traces.list_().items)
    assert ["ai.generateText", "openai.chat"] == names


def test_a_call_that_two_instrumentations_tell_of(home: Home) -> None:
    """
    Anthropic's client tells of a call that OpenInference tells of too: its 162 tokens are stored once.
    """
    home.client.traces.import_spans([json.loads(recorded("anthropic-chat", "openinference"))])

    (trace,) = home.client.traces.list_().items
    (root,) = home.client.traces.get(trace.trace_id).roots
    (inner,) = root.children
    assert (150, 12) == (root.span.input_tokens, root.span.output_tokens)
    assert (None, None) == (inner.span.input_tokens, inner.span.output_tokens)
    assert root.span.span_id == inner.span.attributes["treadle.usage.counted_in"]


def test_characters_that_the_database_has_no_place_for(home: Home) -> None:
    """
    A NUL anywhere in a span, its attributes and resource included, costs neither the span nor its neighbours.
    """
    odd = {"key": "a\x00b", "value": {"stringValue": "c\x00d"}}
    span = json_span(name="odd\x00name", attributes=[odd])
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "e\x00f"}}]}

    done = home.client.traces.import_spans(
        [{"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}]
    )

    (trace,) = home.client.traces.list_().items
    (root,) = home.client.traces.get(trace.trace_id).roots
    assert (1, 0) == (done.spans_count, done.refused_count)
    assert ["odd\ufffdname", {"a\ufffdb": "c\ufffdd"}] == [
        root.span.name.replace("\x00", "\ufffd"),
        {
            name.replace("\x00", "\ufffd"): str(value).replace("\x00", "\ufffd")
            for name, value in root.span.attributes.items()
        },
    ]


def test_a_key_that_nobody_knows(home: Home) -> None:
    """
    The door for spans refuses in OTLP's words, which the SDK reads as its own kinds of error.
    """
    with Client(home.client.url, api_key="tdl_nobody") as stranger, pytest.raises(Unauthenticated) as caught:
        stranger.traces.import_spans([{"resourceSpans": []}])

    assert "key" in caught.value.message


def _phoenix(folder: Path) -> Path:
    file = folder / "phoenix.db"
    with closing(sqlite3.connect(file)) as db:
        db.executescript((IMPORTS / "phoenix.sql").read_text())
        db.commit()
    return file


def _brought(file: Path, source: str) -> list[NewSpan]:
    return [span for request in requests_of(file, source) for span in canonical_of(json.dumps(request).encode())]


def _expected(scene: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((GOLDEN / "expected" / f"{scene}.json").read_text())
    return rows

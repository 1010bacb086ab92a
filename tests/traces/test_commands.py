"""`treadle trace` and `treadle feedback`, as typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec import Raw

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.feedback.types import NewFeedback


@pytest.fixture
def treadle(home: Home, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """
    A terminal that talks to the test's project.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    monkeypatch.setenv("COLUMNS", "240")
    return CliRunner()


def test_from_a_list_to_a_judgement(home: Home, treadle: CliRunner) -> None:
    """
    A trace is found, shown and judged from the terminal; tables for people and JSON for pipes say the same.
    """
    spans = [
        new_span(1, arm="stable", input_tokens=5, output_tokens=1),
        new_span(2, status="error", error_code="stream_cut"),
    ]
    record(home, spans)

    kept = treadle.invoke(
        cli, ["feedback", "add", spans[0].trace_id, "correct", "--value", "0", "--expected", "better", "--json"]
    )
    table = treadle.invoke(cli, ["trace", "list", "--score", "correct", "--score-to", "0.5"])
    listed = treadle.invoke(cli, ["trace", "list", "--json"])
    shown = treadle.invoke(cli, ["trace", "show", spans[0].trace_id])
    feedback = treadle.invoke(cli, ["feedback", "list", "--corrections"])

    assert "better" == json.loads(kept.output)["expected_output"]
    assert spans[0].trace_id in table.output
    assert "correct=0" in table.output
    assert spans[1].trace_id not in table.output
    assert [span.trace_id for span in reversed(spans)] == [
        trace["trace_id"] for trace in json.loads(listed.output)["items"]
    ]
    assert "input: q1" in shown.output
    assert "assistant: a1" in shown.output
    assert "5 tokens in, 1 out, unknown cost" in shown.output
    assert "should be: better" in feedback.output


def test_nothing_to_list(treadle: CliRunner) -> None:
    """
    An empty list teaches the next step.
    """
    assert "call an endpoint" in treadle.invoke(cli, ["trace", "list"]).output
    assert "treadle feedback add" in treadle.invoke(cli, ["feedback", "list"]).output


def test_feedback_that_says_nothing(treadle: CliRunner) -> None:
    """
    It is refused before anything is sent, in words.
    """
    command = [sys.executable, "-m", "treadle.cli.main", "feedback", "add", "a" * 32, "correct"]

    result = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert 2 == result.returncode
    assert "says nothing" in result.stderr
    assert "treadle feedback add --help" in result.stderr


def test_a_filter_that_begins_with_not(home: Home, treadle: CliRunner) -> None:
    """
    A filter is the rest of the line, also where it begins with '-'; an option that does not exist is still refused.
    """
    spans = [new_span(1, session_id="s1"), new_span(2)]
    record(home, spans)

    listed = treadle.invoke(cli, ["trace", "list", "-session:*", "status:ok", "--limit", "5", "--json"])
    kept = treadle.invoke(cli, ["trace", "keep-view", "lone", "-session:*", "--shared"])
    viewed = treadle.invoke(cli, ["trace", "list", "--view", "lone", "--json"])
    removed = treadle.invoke(cli, ["trace", "remove-view", "lone"])
    wrong = treadle.invoke(cli, ["trace", "list", "--limt", "5"])

    for result in (listed, viewed):
        assert [spans[1].trace_id] == [trace["trace_id"] for trace in json.loads(result.output)["items"]]
    assert "-session:*" in kept.output
    assert "is gone" in removed.output
    assert "no view is kept" in treadle.invoke(cli, ["trace", "views"]).output
    assert (2, True) == (wrong.exit_code, "--limt" in wrong.output)


def test_the_beginning_of_an_id(home: Home, treadle: CliRunner) -> None:
    """
    A trace and its spans are shown by the beginnings of their ids; where several begin so they are named.
    """
    trace_ids = ["ab" + "1" * 30, "ab" + "2" * 30]
    record(home, [new_span(number, trace_id=trace_id) for number, trace_id in enumerate(trace_ids)])
    span = home.client.traces.tree(trace_ids[1]).rows[0]

    shown = treadle.invoke(cli, ["trace", "show", "ab2"])
    one = treadle.invoke(cli, ["trace", "show", "ab22", "--span", span.span_id[:5]])
    judged = treadle.invoke(cli, ["feedback", "add", trace_ids[1][:8], "correct", "--value", "1", "--json"])
    unclear = treadle.invoke(cli, ["trace", "show", "ab"])
    unknown = treadle.invoke(cli, ["trace", "show", "cd"])

    assert "assistant: a1" in shown.output
    assert "assistant: a1" in one.output
    assert trace_ids[1] == json.loads(judged.output)["trace_id"]
    assert all(trace_id in str(unclear.exception) for trace_id in trace_ids)
    assert "there is no trace 'cd'" in str(unknown.exception)


def test_a_table_in_an_ordinary_terminal(home: Home) -> None:
    """
    The list of traces is a table in 100 columns, whatever was said, with each score once and no columns of nothing.
    """
    said = json.dumps({"question": "x" * 60, "context": ["y" * 60]}, separators=(",", ":"))
    spans = [
        new_span(n, variables=Raw(json.dumps({"input": said}).encode()), endpoint=None, name="answer") for n in (1, 2)
    ]
    record(home, spans)
    for source in ("human", "user"):
        home.client.feedback.add(NewFeedback(trace_id=spans[0].trace_id, name="correct", value=1, source=source))

    wide, narrow = (in_a_terminal(["trace", "list"], home, columns) for columns in (200, 100))

    assert 2 == len([line for line in narrow if line.startswith(tuple(span.trace_id[:16] for span in spans))])
    assert ["trace", "started", "(UTC)", "name", "status", "took", "asked", "answered", "scores"] == narrow[0].split()
    assert max(map(len, narrow)) <= 100
    assert 1 == "\n".join(narrow).count("correct=1")
    assert spans[0].trace_id in "\n".join(wide)


def in_a_terminal(command: list[str], home: Home, columns: int) -> list[str]:
    """Return the lines that a command prints to a terminal of so many columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    environment |= {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "NO_COLOR": "1", "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "treadle.cli.main", *command], stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            told += piece
        process.wait(120)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", told.decode().replace("\r\n", "\n")).splitlines()


def test_a_format_that_is_none(treadle: CliRunner, tmp_path: Path) -> None:
    """
    A name that ends in another format is refused with the names that would be right; nothing is written.
    """
    told = treadle.invoke(cli, ["trace", "export", str(tmp_path / "x.csv")])

    assert 2 == told.exit_code
    assert "x.parquet" in told.output
    assert "x.jsonl" in told.output
    assert [] == list(tmp_path.iterdir())


def test_ids_that_name_no_trace(home: Home, treadle: CliRunner) -> None:
    """
    No id at all, a span's id, and one so short that another trace may be meant are refused, each with what would be right.
    """
    span = new_span(1)
    record(home, [span])

    empty = treadle.invoke(cli, ["trace", "show", ""])
    of_span = treadle.invoke(cli, ["trace", "show", span.span_id])
    short = treadle.invoke(cli, ["data", "curate", "z", "--trace", span.trace_id[:3]])

    assert "no id is given" in str(empty.exception)
    assert f"treadle trace show {span.trace_id} --span {span.span_id}" in str(of_span.exception)
    assert "give 8 digits of it or more" in str(short.exception)


def test_a_filter_that_finds_nothing(home: Home, treadle: CliRunner) -> None:
    """
    Where there are traces an empty list says that the filter found none, and what `not` does; a time is told by an example.
    """
    record(home, [new_span(1)])

    nothing = treadle.invoke(cli, ["trace", "list", "did not answer"]).output

    assert "nothing matches did not answer; words are found whole" in nothing
    assert "`not` leaves out what follows" in nothing
    assert "leave some out" in treadle.invoke(cli, ["trace", "list", "--endpoint", "nobody"]).output
    assert "'yesterday' is no time; write 2026-11-21" in (
        treadle.invoke(cli, ["trace", "list", "--since", "yesterday"]).output
    )
    assert "an empty filter finds everything" in treadle.invoke(cli, ["trace", "keep-view", "x", ""]).output


def test_what_was_said_is_shown_with_the_trace(home: Home, treadle: CliRunner) -> None:
    """
    A correction's text stands beside its score.
    """
    span = new_span(1)
    record(home, [span])
    home.client.feedback.correct(span.trace_id, "a better answer")

    assert "should be: a better answer" in treadle.invoke(cli, ["trace", "show", span.trace_id]).output


def test_what_steps_found_and_did(home: Home, treadle: CliRunner) -> None:
    """
    What a search found and a tool was given stands in the tree, not only what models said.
    """
    root = new_span(0, kind="chain", name="turn", variables=None, output_messages=None)
    found = Raw(b'[{"id": "d1", "content": "Parcels take two days."}]')
    inner = {"trace_id": root.trace_id, "parent_span_id": root.span_id, "output_messages": None}
    search = new_span(1, kind="retrieval", documents=found, variables=Raw(b'{"query": "parcels"}'), **inner)
    tool = new_span(2, kind="tool", variables=Raw(b'{"number": "4711"}'), **inner)
    record(home, [root, search, tool])

    shown = treadle.invoke(cli, ["trace", "show", root.trace_id]).output

    assert "found d1: Parcels take two days." in shown
    assert "query: parcels" in shown
    assert "number: 4711" in shown
    assert "--span SPAN" in shown

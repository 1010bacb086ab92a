"""What commands print: text as it is, nothing obeyed, nothing broken that people copy."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import pty
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import treadle.cli
from treadle.cli.output import emit_facts, emit_json, emit_table, note, say
from treadle.core.types import JsonValue

HOSTILE = "[red]x[/red] [/] :smile: \x1b[2J\x1b]0;owned\x07 \u202egnp.exe \x9b31m"
SHOWN = "[red]x[/red] [/] :smile: ␛[2J␛]0;owned␇ <202e>gnp.exe <009b>31m"
ROOMS = Path(treadle.cli.__file__).parent


def test_text_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Markup is text and control characters are shown, in lines, facts and tables, names and headings included.
    """
    say(HOSTILE, (HOSTILE, "bold"))
    note(HOSTILE)
    emit_facts([(HOSTILE, HOSTILE)])
    emit_table([HOSTILE], [[HOSTILE], [[HOSTILE]]], empty=HOSTILE)

    printed = capsys.readouterr()
    assert 2 + 2 + 1 + 2 == printed.out.count(SHOWN)
    assert SHOWN == printed.err.rstrip("\n")
    assert not set("\x1b\x07\x9b\u202e") & set(printed.out + printed.err)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_any_text_is_one_row_in_a_pipe(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """
    In a pipe a row is a line, whatever is in it.
    """
    emit_table(["a", "b"], [[text, 1], ["x", 2]], empty="")

    lines = capsys.readouterr().out.split("\n")
    assert ["", "1", "2", ""] == [lines[0][:0], lines[1][-1], lines[2][-1], lines[3]]


def test_json_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What a pipe gets parses, has every character back, and obeys none on a terminal.
    """
    emit_json({"text": HOSTILE, "not a number": float("nan"), "at": datetime(2026, 1, 2, tzinfo=UTC)})

    printed = capsys.readouterr().out
    assert {"text": HOSTILE, "not a number": None, "at": "2026-01-02T00:00:00Z"} == json.loads(printed)
    assert not set("\x1b\x07\x9b\u202e") & set(printed)


def test_nothing_to_list(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The sentence about an empty list is for people: a pipe gets nothing.
    """
    emit_table(["run"], [], empty="no runs yet; make some: treadle demo")

    assert ("", "no runs yet; make some: treadle demo\n") == tuple(capsys.readouterr())


def test_times_and_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Times say their zone once, numbers stand under each other, absent values are a dash.
    """
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    emit_table(
        ["name", "rows", "took", "next", "at"], [["a", 5, "0.8 s", None, at], ["b", 1234, "", None, None]], empty=""
    )

    assert [
        "name  rows   took  next  at (UTC)",
        "a        5  0.8 s     -  2026-01-02 03:04:05",
        "b     1234            -  -",
    ] == capsys.readouterr().out.splitlines()


RUN, MODEL = "run_5bjmsn07sm43m1s0rqpfy7bkpa", "mdv_387hr1yjs9g9jcsqd6wce2wyvp"


def test_narrow_terminal() -> None:
    """
    Words wrap, identifiers never do: where they do not fit beside each other, a row becomes a block.
    """
    words = "many words that will not fit beside the rest of the row"

    table = _on_a_terminal(80, ["run", "text"], [[RUN, words]])
    blocks = _on_a_terminal(50, ["run", "model", "text"], [[RUN, MODEL, words], [RUN, MODEL, words]])

    assert [
        f"run{' ' * 29}text",
        f"{RUN}  many words that will not fit beside the rest of",
        f"{' ' * 32}the row",
    ] == table
    assert [
        f"run    {RUN}",
        f"model  {MODEL}",
        "text   many words that will not fit beside the",
        "       rest of the row",
        "",
    ] == blocks[:5]


def test_one_room_prints() -> None:
    """
    No other room of the command line writes to the terminal, so that none can forget to treat text as text.
    """
    strays = [
        f"{path.name}: {ast.unparse(node)}"
        for path in sorted(ROOMS.glob("*.py"))
        if path.name != "output.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if _prints(node)
    ]

    assert [] == strays


def _prints(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names]
        return any((name or "").split(".")[0] == "rich" for name in [getattr(node, "module", ""), *names])
    if isinstance(node, ast.Name):
        return node.id == "print"
    return isinstance(node, ast.Attribute) and node.attr in ("echo", "secho", "echo_via_pager", "style")


def _read_to_the_end(leader: int) -> str:
    printed = b""
    with contextlib.suppress(OSError):  # Linux says so that the other end was closed
        while more := os.read(leader, 65536):
            printed += more
    return printed.decode()


def _on_a_terminal(width: int, columns: list[str], rows: list[list[JsonValue]]) -> list[str]:
    """Print a table on a pseudo terminal of a width, and return its lines without their looks."""
    leader, follower = pty.openpty()
    before = sys.stdout, os.environ.get("COLUMNS"), os.environ.get("TERM")
    os.environ |= {"COLUMNS": str(width), "TERM": "xterm"}
    try:
        with os.fdopen(follower, "w", encoding="utf-8") as sys.stdout:
            emit_table(columns, rows, empty="")
        printed = _read_to_the_end(leader)
    finally:
        os.close(leader)
        sys.stdout = before[0]
        for name, value in zip(("COLUMNS", "TERM"), before[1:], strict=True):
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()]

"""Messages that name a next step name one that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

import treadle
from treadle.cli.main import COMMANDS, cli

SOURCE = Path(treadle.__file__).parent
ROOT = Path(__file__).parents[2]
HINT = re.compile(r"\btreadle ([a-z][^\n`;,)'\"<|]*)")


def test_commands_that_messages_name() -> None:
    """
    Every `treadle …` in a message, on a page of the documentation and in the browser application is a command with these options.
    """
    wrong = [f"{place}: {hint}" for place, text in _texts() for hint in HINT.findall(text) if not _exists(hint.split())]

    assert [] == wrong


def _texts() -> Iterator[tuple[str, str]]:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
                yield path.name, "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "web" / "src").rglob("*.tsx")):
        yield path.name, path.read_text("utf-8")


def _exists(words: list[str]) -> bool:
    """Follow words down the commands, then look for the options among the rest. What is prose and no command counts as existing."""
    if words[0] not in COMMANDS:
        return True
    context = click.Context(cli, info_name="treadle")
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0].rstrip(".:"))
        if found is None:
            return words[0].startswith("-") or words[0] in ("(", "-h")
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return all(word.rstrip(".:").split("=")[0] in {*options, "--help"} for word in words if word.startswith("--"))

"""Write the parts of the documentation that follow from the code: every error code, every command. `--check` only compares.

Each goes between two marker lines of its page, so the prose around it is written by hand.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "treadle"
BEGIN, END = "<!-- written by tools/write_reference.py: begin -->", "<!-- end -->"
KINDS = (
    "NotFound",
    "Outdated",
    "Conflict",
    "InvalidInput",
    "Unauthenticated",
    "Denied",
    "TooLarge",
    "LimitExceeded",
    "Unavailable",
    "MissingExtra",
    "TreadleError",
)


class Code(NamedTuple):
    """One error code as it stands in the source."""

    code: str
    kind: str
    meaning: str


def main() -> None:
    """Write both pages, or with --check end with 1 when one is behind."""
    behind = []
    for page, text in (("errors.md", error_table()), ("cli.md", command_list())):
        path = ROOT / "docs" / page
        before = path.read_text("utf-8")
        start, end = before.index(BEGIN) + len(BEGIN), before.index(END)
        after = f"{before[:start]}\n\n{text}\n{before[end:]}"
        if after != before:
            behind.append(page)
            if "--check" not in sys.argv:
                path.write_text(after, "utf-8")
    if behind and "--check" in sys.argv:
        sys.exit(f"behind the code: {', '.join(behind)}; write them with: python tools/write_reference.py")


def error_table() -> str:
    """Return every code of the source as a Markdown table."""
    from treadle.core import errors

    lines = ["| code | kind | HTTP | exit | meaning |", "| --- | --- | --- | --- | --- |"]
    by_code: dict[str, Code] = {}
    for code in _codes():
        by_code.setdefault(code.code, code)
    for code in sorted(by_code.values()):
        kind = getattr(errors, code.kind)
        lines.append(
            f"| `{code.code}` | {code.kind} | {errors.HTTP_STATUS[kind]} | {errors.EXIT_CODE[kind]} | {code.meaning} |"
        )
    return "\n".join(lines)


def command_list() -> str:
    """Return every command with its line of help."""
    from treadle.cli.main import COMMANDS, cli

    context = click.Context(cli, info_name="treadle")
    lines = ["| command | what it does |", "| --- | --- |"]
    for name in sorted(COMMANDS):
        command = cli.get_command(context, name)
        assert command is not None
        lines += [f"| `{path}` | {text} |" for path, text in _commands(command, f"treadle {name}")]
    return "\n".join(lines)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        if command.invoke_without_command:
            yield path, command.get_short_help_str(limit=160)
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], f"{path} {name}")
        return
    arguments = [
        (parameter.metavar or parameter.name or "").upper()
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]
    yield " ".join([path, *arguments]), command.get_short_help_str(limit=160)


def _codes() -> Iterator[Code]:
    classes: dict[str, ast.ClassDef] = {}
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))]
    for tree in trees:
        classes |= {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and (code := _class_code(node)) and (kind := _kind(node.name, classes)):
                yield Code(code, kind, _first_sentence(ast.get_docstring(node) or ""))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and (kind := _kind(node.func.id, classes))
            ):
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                        yield Code(str(keyword.value.value), kind, _shape_of_message(node))


def _class_code(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = getattr(statement, "value", None)
        if (
            isinstance(target, ast.Name)
            and target.id == "code"
            and isinstance(value, ast.Constant)
            and "." in str(value.value)
        ):
            return str(value.value)
    return None


def _kind(name: str, classes: dict[str, ast.ClassDef]) -> str | None:
    """Return the ground-floor kind that a class belongs to, by its bases' names."""
    if name in KINDS:
        return name
    for base in classes[name].bases if name in classes else []:
        if isinstance(base, ast.Name) and (kind := _kind(base.id, classes)):
            return kind
    return None


def _shape_of_message(node: ast.Call) -> str:
    """Return the beginning of a message with its values as …."""
    if not node.args:
        return ""
    first = node.args[0]
    parts = first.values if isinstance(first, ast.JoinedStr) else [first]
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    return text.split(";")[0].strip().replace("|", "/").replace("\n", " ")


def _first_sentence(text: str) -> str:
    return text.split("\n")[0].strip().rstrip(".").replace("|", "/")


if __name__ == "__main__":
    main()

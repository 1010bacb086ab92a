"""`treadle prompt push`, `pull`, `diff`, `import` and `export`: prompts as files in a repository."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click

from treadle.cli.output import connected, emit_json, emit_text, json_option, note, say
from treadle.client.client import Client
from treadle.prompts.types import FileFormat, Pushed, PushFile

SUFFIX = ".prompt"
DIFFERS = 1
"""Exit code of `diff --exit-code` where something differs, as git's."""
_format = click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(FileFormat)),
    default="dotprompt",
    show_default=True,
    help="What kind of file.",
)


@click.command("push", epilog="\b\nExample: treadle prompt push greeting.prompt --message 'kinder words'")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--message", default="", help="Why, as in a commit.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of them.")
@json_option
def push(paths: tuple[Path, ...], message: str, dry_run: bool, as_json: bool) -> None:
    """Make versions of .prompt files, of all or none; folders are searched. A file that says nothing new makes nothing."""
    told = _push(paths, message, dry_run=dry_run)
    if as_json:
        return emit_json([pushed for _, pushed in told])
    for path, pushed in told:
        news = f"{'would be' if dry_run else 'is'} new" if pushed.is_new else "is there already"
        say(f"{path}: '{pushed.version.prompt_name}' version {pushed.version.version} {news}")
    return None


@click.command("pull", epilog="\b\nExample: treadle prompt pull greeting --version production --to prompts")
@click.argument("names", nargs=-1)
@click.option("--version", default="latest", show_default=True, help="A number or a label.")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("."), help="The folder.")
@json_option
def pull(names: tuple[str, ...], version: str, folder: Path, as_json: bool) -> None:
    """Write .prompt files of these prompts, or of all that have such a version."""
    written = []
    with connected() as client:
        for name in names or _all(client, version):
            file = client.prompts.get_file(name, version)
            path = folder / file.file_name
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
            written.append({"prompt": name, "version": file.version, "path": str(path)})
            if not as_json:
                say(f"{path}: '{name}' version {file.version}")
    return emit_json(written) if as_json else None


@click.command("diff", epilog="\b\nExample: treadle prompt diff greeting.prompt --exit-code")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--exit-code", is_flag=True, help=f"End with {DIFFERS} where something differs.")
@json_option
def diff(paths: tuple[Path, ...], exit_code: bool, as_json: bool) -> None:
    """Show how .prompt files differ from the newest versions, as a push would change them."""
    found = []
    for path, pushed in _push(paths, "", dry_run=True):
        before = (pushed.latest or "").splitlines(keepends=True)
        name = pushed.version.prompt_name
        lines = list(difflib.unified_diff(before, pushed.text.splitlines(keepends=True), f"{name} (newest)", str(path)))
        found.append({"path": str(path), "prompt": name, "differs": bool(lines), "diff": "".join(lines)})
    if as_json:
        emit_json(found)
    else:
        for each in found:
            emit_text(str(each["diff"]))
        if not any(each["differs"] for each in found):
            note("no differences")
    if exit_code and any(each["differs"] for each in found):
        sys.exit(DIFFERS)


@click.command("import", epilog="\b\nExample: treadle prompt import greeting.prompty --format prompty")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_format
@click.option("--name", help="The prompt; the name in the file when not given.")
@click.option("--message", default="", help="Why, as in a commit.")
@json_option
def import_(path: Path, format_: FileFormat, name: str | None, message: str, as_json: bool) -> None:
    """Make a version of a file of another tool."""
    with connected() as client:
        new = PushFile(format=format_, text=_read(path), name=name, message=message)
        pushed = client.prompts.push_file(new)
    version = pushed.version
    return emit_json(pushed) if as_json else say(f"prompt '{version.prompt_name}' version {version.version}")


@click.command("export", epilog="\b\nExample: treadle prompt export greeting --version production --format langfuse")
@click.argument("name")
@click.option("--version", default="latest", show_default=True, help="A number or a label.")
@_format
@click.option(
    "--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="A file; the terminal when not given."
)
@json_option
def export(name: str, version: str, format_: FileFormat, target: Path | None, as_json: bool) -> None:
    """Write a version as a file for another tool, or for an application to fall back on (format 'treadle')."""
    with connected() as client:
        file = client.prompts.get_file(name, version, format=format_)
    if target is not None:
        target.write_text(file.text, encoding="utf-8")
    if as_json:
        return emit_json(file)
    return emit_text(file.text) if target is None else say(f"{target}: '{name}' version {file.version}")


def _push(paths: tuple[Path, ...], message: str, *, dry_run: bool) -> list[tuple[Path, Pushed]]:
    """Return what becomes of all files, which may include each other."""
    found = [(path, _file(path, message)) for path in _files(paths)]
    if not found:
        return []
    with connected() as client:
        told = client.prompts.push_files([file for _, file in found], dry_run=dry_run)
    return [(path, pushed) for (path, _), pushed in zip(found, told, strict=True)]


def _file(path: Path, message: str) -> PushFile:
    text = _read(path)
    head = text.split("\n---", 1)[0]
    named = any(line.startswith("name:") for line in head.splitlines())
    return PushFile(text=text, name=None if named else path.name.removesuffix(SUFFIX), message=message, path=str(path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"'{path}' cannot be read as UTF-8 text: {error}") from error


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        found = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not found:
            note(f"no {SUFFIX} files in '{path}'")
        yield from found


def _all(client: Client, version: str) -> Iterator[str]:
    cursor = None
    while True:
        page = client.prompts.list_(cursor=cursor)
        for prompt in page.items:
            if version == "latest" or version in prompt.labels:
                yield prompt.name
        cursor = page.next_cursor
        if cursor is None:
            return

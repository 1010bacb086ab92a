"""What must hold of the browser application without a browser: its contract, its commands, its weight, its origins."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import click
import pytest

from treadle.cli.main import cli
from treadle.server.app import openapi
from treadle.server.shell import WEB_FOLDER

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
FIRST_PAGE_BYTES = 600_000
COMMAND = re.compile(r"""(["'`])(treadle [a-z](?:(?!\1).)*)\1|<code>(treadle [a-z ]+)</code>""")

pytestmark = pytest.mark.skipif(not WEB.is_dir(), reason="an installed package has no web/: nothing to look at")


def test_types_follow_the_contract() -> None:
    """
    The types that the pages are written against are generated from what the server offers now.
    """
    kept = json.loads((WEB / "openapi.json").read_text(encoding="utf-8"))

    assert without_prose(openapi()) == without_prose(kept), "the contract has changed: python tools/write_contract.py"


def test_commands_on_pages_exist() -> None:
    """
    Every command line that a page shows is one that the CLI has, options included.
    """
    wrong = [f"{path.name}: {line}" for path, line in commands() if not is_known(line)]

    assert [] == wrong
    assert 20 < len(commands())


def test_first_page_is_light() -> None:
    """
    What the first page loads is under 600 kB as it travels.
    """
    index = WEB_FOLDER / "index.html"
    if not index.is_file():
        pytest.skip("the web pages are not built: python tools/build_web.py")
    linked = re.findall(r'(?:src|href)="\./([^"]+\.(?:js|css))"', index.read_text(encoding="utf-8"))

    size = sum(len(gzip.compress((WEB_FOLDER / name).read_bytes())) for name in ["index.html", *linked])

    assert any(name.endswith(".js") and "assets/" in name for name in linked)
    assert size < FIRST_PAGE_BYTES


def test_nothing_comes_from_elsewhere() -> None:
    """
    Lock file and pages name no address of a machine or a third party: everything is bundled, from wherever npm is pointed at.
    """
    lock = (WEB / "package-lock.json").read_text(encoding="utf-8")

    assert "resolved" not in lock
    for path in [*WEB.glob("src/**/*.ts*"), *WEB.glob("src/**/*.css"), WEB / "index.html"]:
        if path.name == "schema.d.ts":
            continue
        assert not re.search(
            r"(?:src|href)=[\"']https?:|@import url\(['\"]?https?:|url\(['\"]?https?:", path.read_text(encoding="utf-8")
        ), path


def without_prose(contract: object) -> object:
    """Leave out what only people read: a sentence that was reworded changes no type."""
    if isinstance(contract, dict):
        prose = {"description", "summary"} if isinstance(contract.get("description"), str) else set()
        return {key: without_prose(value) for key, value in contract.items() if key not in prose}
    return [without_prose(value) for value in contract] if isinstance(contract, list) else contract


def commands() -> list[tuple[Path, str]]:
    """Return every command line in the sources, placeholders filled in."""
    found = []
    for path in sorted(WEB.glob("src/**/*.tsx")):
        for _, quoted, tagged in COMMAND.findall(path.read_text(encoding="utf-8")):
            found.append((path, re.sub(r"\$\{[^}]*\}", "X", quoted or tagged)))
    return found


def is_known(line: str) -> bool:
    """Walk the command tree along a line; every option on it must be one of the command's own."""
    words = shlex.split(line)[1:]
    command: click.Command = cli
    with click.Context(cli) as context:
        while isinstance(command, click.Group) and words:
            found = command.get_command(context, words.pop(0))
            if found is None:
                return False
            command = found
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return not isinstance(command, click.Group) and all(word in options for word in words if word.startswith("--"))

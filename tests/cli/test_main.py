"""The console script as a shell sees it: exit codes, what goes where, and no stack ever."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.conftest import RunningServer
from treadle.cli.main import COMMANDS, cli
from treadle.governance.service import LOCAL_ACTOR
from treadle.governance.types import NewApiKey
from treadle.prompts.types import Message

SCRIPT = Path(sys.executable).parent / "treadle"
WITHOUT_JSON = {
    "treadle up",
    "treadle data export",
    "treadle batch results",
    "treadle queue work",
    "treadle release render k8s",
}
"""One never ends, one talks with whoever sits there; the whole output of the others has a format of its own: JSON Lines, YAML."""


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Yield each command that does something, with the words that call it."""
    context = click.Context(cli, info_name="treadle")
    waiting = [(f"treadle {name}", cli.get_command(context, name)) for name in COMMANDS]
    while waiting:
        path, command = waiting.pop()
        assert command is not None
        if isinstance(command, click.Group):
            waiting += [(f"{path} {name}", command.commands[name]) for name in command.commands]
        else:
            yield path, command


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the console script in a pipe."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREADLE_")}
    return subprocess.run(
        [SCRIPT, *arguments], capture_output=True, text=True, timeout=180, check=False, env={**kept, **environment}
    )


@pytest.fixture
def shell(server: RunningServer) -> dict[str, str]:
    """
    The environment of a shell that talks to a running server.
    """
    return {"TREADLE_URL": server.url, "TREADLE_API_KEY": server.key}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["runn", "list"], "there is no command 'runn'; did you mean 'run'?"),
        (["run", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["run", "list", "--limit", "many"], "'many' is not a valid integer range"),
        (["data", "import", "/nowhere.csv", "--name", "x"], "File '/nowhere.csv' does not exist"),
        (["demo", "--label", "category"], "are about --data FILE"),
        (["up", "--port", "70000"], "70000 is not in the range"),
        (
            ["up", "--public-url", "treadle.example"],
            "the public URL 'treadle.example' is not like https://treadle.example",
        ),
    ],
)
def test_wrong_usage(arguments: list[str], told: str) -> None:
    """
    Wrong usage ends with 2 and says what would be right, on standard error.
    """
    done = run(*arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_an_option_was_given_is_told_by_its_name() -> None:
    """
    A value that no request takes is told by the option that was typed, not by the field that it became.
    """
    done = run("release", "approve", "rel_1", "--override-reason", "short", TREADLE_URL="http://127.0.0.1:9")

    assert (2, "") == (done.returncode, done.stdout)
    assert "--override-reason should have at least 10 characters; see: treadle release approve --help" in done.stderr


@pytest.mark.parametrize(
    ("url", "exit_code", "told"),
    [
        ("http://127.0.0.1:9", 7, "no Treadle answers at 'http://127.0.0.1:9'"),
        ("127.0.0.1:8700", 2, "'127.0.0.1:8700' is not the address of a server; it should look like http://"),
        ("http://[::1", 2, "is not the address of a server"),
        ("http://127.0.0.1:99999", 2, "is not the address of a server"),
        ("ftp://127.0.0.1", 2, "is not the address of a server"),
        ("http://127.0.0.1:9/v1", 2, "the server itself is at 'http://127.0.0.1:9' (TREADLE_URL)"),
        ("http://127.0.0.1:9/v1/", 2, "the server itself is at 'http://127.0.0.1:9' (TREADLE_URL)"),
    ],
)
def test_server_that_cannot_be_reached(url: str, exit_code: int, told: str) -> None:
    """
    An address that is none is wrong input; one where nobody answers is unavailable.
    """
    done = run("run", "list", TREADLE_URL=url)

    assert (exit_code, "") == (done.returncode, done.stdout)
    assert told in done.stderr
    assert 1 == done.stderr.count("\n")


def test_exit_codes_of_what_the_server_refuses(server: RunningServer, shell: dict[str, str]) -> None:
    """
    The kind of a refusal decides the exit code: one line, on standard error.
    """
    viewer = server.client.access.create_key(NewApiKey(name="eyes", role="viewer")).key

    refused = {
        5: run("run", "show", "run_nobody", **shell),
        4: run("prompt", "create", "greeting", "--text", "Hello", **{**shell, "TREADLE_API_KEY": viewer}),
        2: run("prompt", "create", "Not A Name", "--text", "Hello", **shell),
        6: run("access", "key", "create", "--name", "eyes", **shell),
    }

    assert list(refused) == [done.returncode for done in refused.values()]
    assert [("", 1)] * 4 == [(done.stdout, done.stderr.count("\n")) for done in refused.values()]
    assert all(done.stderr.startswith("treadle: ") for done in refused.values())
    assert 4 == run("run", "list", TREADLE_URL=server.url, TREADLE_API_KEY="nonsense").returncode


@pytest.mark.parametrize(
    ("arguments", "exit_code", "told"),
    [
        (
            ["limit", "set", "100", "requests"],
            2,
            "'requests' need a window (--per) to be counted in: 'minute', 'hour', 'day' or 'month'; see: treadle limit set --help",
        ),
        (
            ["prompt", "create", "Not A Name", "--text", "Hello"],
            2,
            "'name' is 'Not A Name', but it should be 1 to 80 of a-z, 0-9, '.', '_' and '-', the first of a-z and 0-9; "
            "see: treadle prompt create --help",
        ),
        (["limit", "remove", "nosuch"], 5, "there is no limit 'nosuch'; list them with: treadle limit list"),
    ],
)
def test_words_of_a_refusal(shell: dict[str, str], arguments: list[str], exit_code: int, told: str) -> None:
    """
    What a type refuses, here or at the server, is said in our words with the command whose help explains it.
    """
    done = run(*arguments, **shell)

    assert (exit_code, f"treadle: {told}\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{broken", "is not JSON at line 1, column 2"),
        (b"[]", "should hold one JSON object"),
        (b"\xff", "is not JSON in UTF-8"),
        (b'{"routing": {"strategy": "nearest"}}', "'routing.strategy' is 'nearest', but it should be 'weighted', "),
    ],
)
def test_file_of_settings_that_cannot_be_used(shell: dict[str, str], tmp_path: Path, text: bytes, told: str) -> None:
    """
    A JSON file that an option names is refused by its name as wrong usage, never as a fault of Treadle.
    """
    file = tmp_path / "settings.json"
    file.write_bytes(text)

    done = run("endpoint", "set", "support", "--settings", str(file), **shell)

    assert 2 == done.returncode
    assert str(file) in done.stderr
    assert told in done.stderr


@pytest.mark.parametrize("has_workspace", [True, False])
def test_fault_of_treadle_itself(tmp_path: Path, has_workspace: bool) -> None:
    """
    What nobody foresaw is one line that names the file with the stack: with the workspace's logs, or among temporary files.
    """
    workspace, temporary, spoilt = tmp_path / "workspace", tmp_path / "temporary", tmp_path / "spoilt"
    for folder in (temporary, spoilt, *([workspace / "logs"] if has_workspace else [])):
        folder.mkdir(parents=True)
    (spoilt / "difflib.py").write_text("raise RuntimeError('spoilt')")  # a wrong command looks for one that is near
    shell = {"TREADLE_WORKSPACE": str(workspace), "TMPDIR": str(temporary)}

    done = run("no-such-command", **shell, PYTHONPATH=f"{spoilt}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    (file,) = [*(workspace / "logs").glob("*"), *temporary.glob("*")]
    assert (1, workspace / "logs" if has_workspace else temporary) == (done.returncode, file.parent)
    assert f"RuntimeError: spoilt; please report it with the file '{file}'\n" == done.stderr.partition("itself: ")[2]
    assert "Traceback" in file.read_text()


def test_who_did_it(server: RunningServer, shell: dict[str, str], tmp_path: Path) -> None:
    """
    People read names, pipes get ids beside them.
    """
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\none,a\ntwo,b\n")
    made = server.client.datasets.import_file("tiny", rows)
    commands = [["run", "show", made.run_id], ["audit", "list"]]

    shown = [run(*command, **shell).stdout for command in commands]
    documents = [run(*command, "--json", **shell).stdout for command in commands]

    assert [True, True] == [" local " in f"{text} ".replace("\n", " ") for text in shown]
    assert not any("act_" in text for text in shown)
    assert all(f'"actor_id": "{LOCAL_ACTOR}"' in text for text in documents)


def test_file_that_cannot_be_written(server: RunningServer, shell: dict[str, str], tmp_path: Path) -> None:
    """
    A path that cannot be used is named, without a stack.
    """
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "".join(f"message number {n},{'ab'[n % 2]}\n" for n in range(20)))
    assert 0 == run("data", "import", str(rows), "--name", "desk", **shell).returncode

    done = run("data", "profile", "desk", "--html", str(tmp_path / "nowhere" / "page.html"), **shell)

    assert 1 == done.returncode
    assert f"'{tmp_path}/nowhere/page.html' cannot be used: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_reader_that_has_seen_enough(server: RunningServer, shell: dict[str, str]) -> None:
    """
    `| head` ends a command in silence.
    """
    for number in range(3):
        server.client.prompts.create_version(f"prompt-{number}", [Message(role="user", template="Hello")])

    done = subprocess.run(
        ["bash", "-c", f"{shlex.quote(str(SCRIPT))} prompt list --json | head -c 1"],
        capture_output=True, text=True, timeout=180, check=False, env={**os.environ, **shell},
    )  # fmt: skip

    assert ("{", "") == (done.stdout, done.stderr)


def test_sign_in_link_without_a_server(tmp_path: Path) -> None:
    """
    A link to a server that does not run is not printed.
    """
    done = run("open", TREADLE_WORKSPACE=str(tmp_path / "workspace"))

    assert (7, "") == (done.returncode, done.stdout)
    assert "start one with: treadle up" in done.stderr


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"items": [{"run": 1}]}', "is the server of another version?"),
        (b"<html>hello</html>", "is the server of another version?"),
    ],
)
def test_something_else_answers(body: bytes, told: str) -> None:
    """
    An answer that is not Treadle's, or a later Treadle's, is told as such and not as wrong usage.
    """

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as other:
        threading.Thread(target=other.handle_request).start()
        done = run("run", "list", TREADLE_URL=f"http://127.0.0.1:{other.server_port}")

    assert (1, "") == (done.returncode, done.stdout)
    assert told in done.stderr


def test_lists_in_a_pipe(shell: dict[str, str]) -> None:
    """
    Every list is one JSON document with --json, and no data on standard output where there is nothing to list.
    """
    lists = [path.split()[1:] for path, _ in every_command() if path.endswith(" list")]

    documents = [CliRunner().invoke(cli, [*path, "--json"], env=shell) for path in lists]
    tables = {" ".join(path): CliRunner().invoke(cli, path, env=shell) for path in lists}

    assert all(isinstance(json.loads(document.stdout), dict | list) for document in documents)
    assert {""} == {tables[path].stdout for path in ("data list", "model list", "prompt list", "run list", "turn list")}
    assert "make some: treadle demo" in tables["run list"].stderr


def test_every_command_has_json_and_an_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each command can print JSON, says what its options are, and its help ends with an example that it understands.
    """
    monkeypatch.chdir(tmp_path)
    for path, command in every_command():
        options = {option for parameter in command.params for option in parameter.opts}
        assert path in WITHOUT_JSON or "--json" in options, path
        assert all(option.help for option in command.params if isinstance(option, click.Option)), path
        words = shlex.split((command.epilog or "").removeprefix("\b\nExample: "))
        assert path.split() == words[: len(path.split())], f"{path}: {command.epilog}"
        _understands(command, words[len(path.split()) :])


FILES = {"edits.json": '{"message": "one more", "newest_version": 3, "added": [{"input": "where is it?"}]}'}
"""What a file of an example must hold for the command to read it; others may be empty."""


def _understands(command: click.Command, arguments: list[str]) -> None:
    told = arguments[: arguments.index("<")] if "<" in arguments else arguments
    for word in told:
        if word.endswith((".csv", ".json", ".jsonl", ".prompt", ".prompty")):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).write_text(FILES.get(word, ""), encoding="utf-8")
    command.make_context("example", told)

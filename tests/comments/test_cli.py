"""`treadle comment`: a thread, mentions and an erasure from the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable

from click.testing import CliRunner, Result

from tests.traces.home import Home
from treadle.cli.main import cli
from treadle.client.client import Client
from treadle.http.actor import RoleName
from treadle.prompts.types import Message


def run(home: Home, *arguments: str, typed: str | None = None) -> Result:
    """Run a command against the server."""
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"}
    return CliRunner().invoke(cli, ["comment", *arguments], env=environment, input=typed)


def test_a_thread_from_the_terminal(home: Home, join: Callable[[str, RoleName], Client]) -> None:
    """
    Say, answer, edit, list, settle, open again, delete: every command says what it did; --json prints one document.
    """
    join("ana", "editor")
    home.client.prompts.create_version("support", [Message(role="user", template="Hello")])

    added = run(home, "add", "prompt", "support", "@ana and @zoe, look")
    first = added.stdout.split()[0]
    replied = run(home, "reply", first, "-", "--json", typed="from a file\n")
    edited = run(home, "edit", first, "@ana, look", "--version", "1")
    listed = run(home, "list", "prompt", "support")
    settled = run(home, "resolve", first)
    still_open = run(home, "list", "prompt", "support", "--open")
    reopened = run(home, "reopen", first, "--json")
    people = run(home, "people", "an")
    deleted = run(home, "delete", json.loads(replied.stdout)["comment_id"])

    done = (added, replied, edited, listed, settled, still_open, reopened, people, deleted)
    assert [0] * 9 == [one.exit_code for one in done]
    assert "nobody here is called 'zoe'" in added.stderr
    assert "from a file" == json.loads(replied.stdout)["body"]
    assert "version 2" in edited.stdout
    assert "↳ from a file" in listed.stdout
    assert "open, edited" in listed.stdout
    assert "nothing is said about it" in still_open.stderr
    assert json.loads(reopened.stdout)["resolved_at"] is None
    assert "@ana" in people.stdout


def test_what_asks_for_me(home: Home, join: Callable[[str, RoleName], Client]) -> None:
    """
    Mentions are listed with what they are about, and seen with one option.
    """
    home.client.prompts.create_version("support", [Message(role="user", template="Hello")])
    owner = home.client.access.me().actor.name
    ana = join("ana", "editor")
    ana.comments.add("prompt", "support", f'@"{owner}" look')

    unread = run(home, "mentions", "--unread")
    seen = run(home, "mentions", "--read")
    left = run(home, "mentions", "--unread")

    assert "support" in unread.stdout
    assert "0 mentions are unread" in seen.stdout
    assert "nobody has asked for you" in left.stderr


def test_a_person_is_erased_from_the_terminal(home: Home, join: Callable[[str, RoleName], Client]) -> None:
    """
    An admin erases by name.
    """
    home.client.prompts.create_version("support", [Message(role="user", template="Hello")])
    join("ana", "editor").comments.add("prompt", "support", "mine")

    erased = run(home, "erase", "ana")

    assert "1 comments and 0 mentions are erased" in erased.stdout

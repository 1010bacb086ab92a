"""Prompts in an application: from memory, renewed beside it, and there when the server is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from treadle.client.client import Client
from treadle.client.prompt_cache import PromptCache
from treadle.core.errors import NotFound, Unavailable
from treadle.prompts.types import Message, Version


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_prompt_from_the_server(client: Client) -> None:
    """
    A prompt is fetched by its label and filled in here.
    """
    client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])
    client.prompts.publish("greeting", 1, label="staging")

    prompt = client.get_prompt("greeting", label="staging")

    assert [{"role": "user", "content": "Hello Ada"}] == prompt.fill(name="Ada")
    assert "server" == prompt.source


def test_a_refresh_never_keeps_anybody_waiting(client: Client) -> None:
    """
    While a refresh hangs, the known version is given at once; when it is done, the new one is.
    """
    client.prompts.create_version("greeting", [Message(role="user", template="old")])
    go_on, asked, now = threading.Event(), [0], [0.0]

    def fetch(name: str, label: str) -> Version:
        asked[0] += 1
        if asked[0] > 1:
            assert go_on.wait(timeout=60)
        return client.prompts.get_version(name, label)

    cache = PromptCache(fetch, fresh_seconds=10, now=lambda: now[0])
    first = cache.get("greeting", "latest", None)
    client.prompts.create_version("greeting", [Message(role="user", template="new")])
    now[0] = 11.0

    during = [cache.get("greeting", "latest", None) for _ in range(3)]

    assert [first] * 3 == during
    go_on.set()
    wait_for(lambda: cache.get("greeting", "latest", None).version.version == 2)
    assert 2 == asked[0]
    cache.close()


def test_server_away_from_the_beginning(client: Client, tmp_path: Path) -> None:
    """
    Without a server the packaged file is given, and without a file the fault is told.
    """
    client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])
    packaged = tmp_path / "greeting.json"
    packaged.write_text(client.prompts.get_file("greeting", format="treadle").text)

    with Client("http://127.0.0.1:9") as away:
        prompt = away.get_prompt("greeting", fallback=packaged)
        with pytest.raises(Unavailable):
            away.get_prompt("other")

    assert ("fallback", [{"role": "user", "content": "Hello Ada"}]) == (prompt.source, prompt.fill(name="Ada"))


def test_server_that_goes_away(client: Client) -> None:
    """
    The last known version outlives the server.
    """
    client.prompts.create_version("greeting", [Message(role="user", template="Hello")])
    now, fails = [0.0], [0]

    def fetch(name: str, label: str) -> Version:
        if now[0] > 0:
            fails[0] += 1
            raise Unavailable("away")
        return client.prompts.get_version(name, label)

    cache = PromptCache(fetch, fresh_seconds=10, now=lambda: now[0])
    cache.get("greeting", "latest", None)
    now[0] = 11.0
    cache.get("greeting", "latest", None)
    wait_for(lambda: fails[0] == 1)

    assert "Hello" == cache.get("greeting", "latest", None).version.messages[0].template
    cache.close()


def test_unknown_prompt_is_no_reason_for_a_fallback(client: Client, tmp_path: Path) -> None:
    """
    Where the server says that there is no such prompt, a packaged file does not hide it.
    """
    with pytest.raises(NotFound):
        client.get_prompt("greeting", fallback=tmp_path / "greeting.json")

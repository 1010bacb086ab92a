"""Putting includes in their places: each prompt is looked up once, and what grows too long is given up at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from treadle.prompts.compiling import IncludeRefused, compile_prompt
from treadle.prompts.types import Message, NewVersion, Version


class Shelf:
    """Has every prompt, each with the same text, and counts who asks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    def find(self, name: str, wanted: str) -> Version:
        self.asked.append(name)
        return Version(
            prompt_version_id=f"prv_{name}", prompt_name=name, version=1, variables=[], message="", digest="", kind="text",
            messages=[Message(role="user", template=self.text)], created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip


def _chat(text: str) -> NewVersion:
    return NewVersion(messages=[Message(role="user", template=text)])


def test_one_prompt_included_often() -> None:
    """
    A prompt that is included many times is looked up once, with all its uses pinned to what was found.
    """
    shelf = Shelf("Be kind.")

    compiled = compile_prompt("main", _chat("{{> tone}} " * 50), shelf.find)

    assert ["tone"] == shelf.asked
    assert "Be kind. " * 50 == compiled.messages[0].template
    assert "{{> tone@1}} " * 50 == compiled.source[0].template


def test_includes_that_come_to_too_much() -> None:
    """
    Once 400,000 characters are full nothing more is looked up or put in.
    """
    shelf = Shelf("x" * 90_000)

    with pytest.raises(IncludeRefused) as caught:
        compile_prompt("main", _chat("".join(f"{{{{> p{number}}}}}" for number in range(50))), shelf.find)

    assert "400,000 characters" in caught.value.message
    assert 5 == len(shelf.asked)


def test_too_many_different_includes() -> None:
    """
    A prompt includes at most a hundred others.
    """
    shelf = Shelf("x")

    with pytest.raises(IncludeRefused) as caught:
        compile_prompt("main", _chat("".join(f"{{{{> p{number}}}}}" for number in range(1_000))), shelf.find)

    assert "more than 100 other prompts" in caught.value.message
    assert 101 == len(shelf.asked)

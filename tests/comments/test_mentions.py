"""Whom a text asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.comments.mentions import find_mentions, mention_of, without_mention

PEOPLE = {"ana": "act_1", "Ana Lima": "act_2", "bo.b": "act_3", "eve@example.com": "act_4", "j.r.": "act_5"}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("@ana look", ["ana"]),
        ("look, @ana.", ["ana"]),
        ("(@ANA)", ["ana"]),
        ('@"Ana Lima" and @bo.b, please', ["Ana Lima", "bo.b"]),
        ("@eve@example.com.", ["eve@example.com"]),
        ("ask @j.r. too", ["j.r."]),
        ("@ana@", ["ana"]),
        ("@ana's prompt", ["ana"]),
    ],
)
def test_somebody_is_asked_for(text: str, known: list[str]) -> None:
    """
    Capitals make no difference, and what ends a sentence is no part of a name unless somebody is called so.
    """
    assert known == list(find_mentions(text, PEOPLE).known)
    assert [] == find_mentions(text, PEOPLE).unknown


@pytest.mark.parametrize(
    "text",
    [
        "write to me@ana",
        "https://example.com/@ana",
        "`@ana` is a decorator",
        "``a ` @ana``",
        "```\n@ana\n```",
        "~~~\n@ana",
        r"\@ana",
        "@",
        "@@ana",
    ],
)
def test_an_at_that_asks_for_nobody(text: str) -> None:
    """
    Addresses, paths, code and what is escaped are no mentions.
    """
    assert ({}, []) == find_mentions(text, PEOPLE)


def test_nobody_of_that_name() -> None:
    """
    Names that nobody has are said, each once, in the order of the text.
    """
    found = find_mentions('@zoe @ana @"Not Here" @zoe!', PEOPLE)

    assert ["zoe", "Not Here"] == found.unknown
    assert {"ana": "act_1"} == found.known


def test_a_name_is_taken_out() -> None:
    """
    Only what asks for that person goes; code and others stay.
    """
    text = '@ana, @bo.b: see `@ana` and @"ana"; me@ana'

    assert "@erased, @bo.b: see `@ana` and @erased; me@ana" == without_mention(text, "ana")


@given(
    st.text(max_size=80).filter(
        lambda name: '"' not in name and name.strip() and "\n" not in name and name.isprintable()
    )
)
def test_whoever_can_be_written_is_found(name: str) -> None:
    """
    What is offered as somebody's mention asks for exactly them.
    """
    assert {name: "act"} == find_mentions(f"see {mention_of(name)} there", {name: "act"}).known


@given(st.text(alphabet='@ab "`.\n~', max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    """
    Taking a name out leaves nothing that asks for it.
    """
    assert {} == find_mentions(without_mention(text, "ab"), {"ab": "act"}).known

"""Search by words: found as soon as stored, indexed behind, paged without repeats; what words are."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tests.traces.home import Home
from tests.traces.test_traces import new_span, record
from treadle.traces import outcomes, search, words
from treadle.traces.types import TraceFilter


def follow(home: Home) -> None:
    """Index what waits, as the follower does."""
    while asyncio.run(home.ctx.db.write(lambda db: search.follow(db, home.ctx.project_id))):
        pass


def found(home: Home, text: str, **more: Any) -> list[str]:
    """Return the questions of the traces that a search finds."""
    return [trace.input_text for trace in home.client.traces.list_(TraceFilter(text=text, **more)).items]


def asked(text: str, number: int = 0, **more: Any) -> Any:
    """Return a span of a question."""
    return new_span(number, variables=Raw(msgspec.json.encode({"input": text})), **more)


LOOKED_FOR = [
    ("lost CARD", ["I lost my card."]),
    ("card", ["Card numbers: 12_34", "I lost my card."]),
    ("car", []),
    ("12_34", ["Card numbers: 12_34"]),
    ("my lost.", ["I lost my card."]),
    ("失卡", ["我遗失卡了"]),
    ("卡失", []),
    ("straße", ["STRASSE oder Straße"]),
    ("a0", ["STRASSE oder Straße", "我遗失卡了", "Card numbers: 12_34", "I lost my card."]),
    ("?!", []),
]


@pytest.mark.parametrize("is_indexed", [False, True])
def test_words(home: Home, is_indexed: bool) -> None:
    """
    A search finds traces with all its words, whole ones, in any order and case, indexed or not yet.
    """
    texts = ["I lost my card.", "Card numbers: 12_34", "我遗失卡了", "STRASSE oder Straße"]
    for text in texts:
        record(home, [asked(text)])
    if is_indexed:
        follow(home)

    results = [found(home, text) for text, _ in LOOKED_FOR]

    assert [expected for _, expected in LOOKED_FOR] == results


def test_parts_of_a_trace(home: Home) -> None:
    """
    A trace is found by what any of its spans retrieved or went wrong with, once, and the filter's rest holds.
    """
    root = asked("Which bank?", endpoint="support")
    part = new_span(
        1, trace_id=root.trace_id, parent_span_id=root.span_id, kind="retrieval", error_message="the bank is closed",
        documents=Raw(b'[{"content": "Opening hours of the bank"}]'), output_messages=None, variables=None,
    )  # fmt: skip
    record(home, [root, part])
    follow(home)

    texts = ("opening hours", "closed", "bank")

    assert [["Which bank?"]] * 3 == [found(home, text) for text in texts]
    assert [[]] * 3 == [found(home, text, endpoint="other") for text in texts]


def test_pages_of_a_search(home: Home) -> None:
    """
    Pages go from the newest stored to the oldest and neither skip nor repeat, across indexed and waiting blocks.
    """
    for begin in range(0, 300, 50):
        record(home, [asked(f"card {number}", number) for number in range(begin, begin + 50)])
        if begin == 150:
            follow(home)

    pages, cursor = list[list[str]](), None
    while not pages or cursor:
        page = home.client.traces.list_(TraceFilter(text="card"), limit=70, cursor=cursor)
        pages.append([trace.input_text for trace in page.items])
        cursor = page.next_cursor

    assert [f"card {number}" for number in range(299, -1, -1)] == [text for page in pages for text in page]


def test_words_apart(home: Home) -> None:
    """
    Words that are never together in one span are not found, however often each is there.
    """
    record(home, [asked("alpha" if number % 2 else "beta", number) for number in range(200)])
    follow(home)

    assert [] == found(home, "alpha beta")


def test_lag(home: Home) -> None:
    """
    The server follows what is stored by itself, and says how far it is behind.
    """
    record(home, [asked(f"card {number}", number) for number in range(10)])

    deadline = time.monotonic() + 60
    while (lag := asyncio.run(outcomes.get_lag(home.ctx))).search_blocks + lag.signals_blocks:
        assert time.monotonic() < deadline, lag
        time.sleep(0.05)

    assert (0.0, 0.0) == (lag.search_seconds, lag.signals_seconds)
    assert 10 == len(found(home, "card"))


def test_long_texts_are_cut() -> None:
    """
    Of one span, 100,000 characters are searched.
    """
    data = msgspec.json.encode({"input_text": "a" * 99_990 + " first second third"})

    text = words.text_of(data)

    assert words.matches(words.wanted_of("first"), text)
    assert not words.matches(words.wanted_of("third"), text)

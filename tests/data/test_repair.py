"""Broken Unicode is mended, writing that is right is left alone, and mending twice is mending once."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.repair import repair


@pytest.mark.parametrize(
    ("broken", "mended", "faults"),
    [
        ("itâ€™s urgentâ€¦", "it's urgent…", ("mojibake", "quotes")),
        ("cafÃ© ZoÃ«", "café Zoë", ("mojibake",)),
        ("Siobha\u0301n", "Siobhán", ("form",)),
        ("re\u200bfund\ufeff now\u202e", "refund now", ("invisible",)),
        ("soft\u00adware", "software", ("invisible",)),
        ("can\u200dcel", "cancel", ("invisible",)),
        ("hi\u00a0 there \t you", "hi there you", ("spaces",)),
        ("one\r\ntwo\n\n\n\nthree ", "one\ntwo\n\nthree", ("spaces",)),
        ("salt &amp; pepper", "salt & pepper", ("html",)),
        ("“yes” – it’s ok", '"yes" – it\'s ok', ("quotes",)),
        ("bell\x07", "bell", ("invisible",)),
        ("\u200b \n", "", ("invisible", "spaces")),
    ],
)
def test_what_was_broken_is_mended_and_named(broken: str, mended: str, faults: tuple[str, ...]) -> None:
    """
    Each kind of damage is undone and told apart.
    """
    assert (mended, faults) == repair(broken)


@pytest.mark.parametrize(
    "text",
    [
        "plain ASCII, 100 %",
        "Zürich – Gdańsk, £4.50 … naïve",
        "family 👨\u200d👩\u200d👧 and flag 🇮🇪",
        "می\u200cخواهم",
        "क्\u200dष",
        "日本語のテキスト。",
        "two\n\nparagraphs",
        "C:\\new\\table & R&D",
        "",
    ],
)
def test_writing_that_is_right_is_left_alone(text: str) -> None:
    """
    Joiners that a script or an emoji needs, dashes, symbols and paragraphs stay.
    """
    assert (text, ()) == repair(text)


PIECES = st.sampled_from(
    ["â€™", "Ã©", "é", "e\u0301", "\u200b", "\u200d", "👩", "&amp;", "&amp;lt;", "&", "’", " ", "\u00a0", "\n", "\r", "\t", "a", "Z", "\ufeff", "ﬁ", "Ａ", "\u202e", "\x1b[1m", "Â£", "ا", "\u200c"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=10).map("".join), st.text(max_size=40)))
def test_repair_is_idempotent(text: str) -> None:
    """
    A mended text has no faults, is in NFC and has no white space at its ends.
    """
    mended = repair(text).text

    assert (mended, ()) == repair(mended)
    assert unicodedata.is_normalized("NFC", mended)
    assert mended.strip() == mended

"""Our own count of tokens."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from treadle.gateway.counting import estimate_tokens, most_tokens


def test_a_short_text() -> None:
    """
    Words count one token for each six letters begun, signs and letters of scripts without spaces one each.
    """
    assert 2 + 1 + 1 + 3 == estimate_tokens("reserved, you\u5b57\u5b57\u5b57")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("\u5b57" * 300_000, 300_000),
        ("word " * 60_000, 60_000),
        ("word " * 40_000 + "\u5b57" * 200_000, 240_000),
        ("\u5b57" * 200_000 + "word " * 40_000, 240_000),
    ],
)
def test_a_very_long_text(text: str, tokens: int) -> None:
    """
    A text that is too long to count is sampled all through, so that what it is written in counts, and where.
    """
    assert tokens == pytest.approx(estimate_tokens(text), rel=0.05)


@given(st.text(max_size=400))
@example("a b c d_e__f\n\n1234567 reserved,,you")
def test_a_cheap_bound(text: str) -> None:
    """
    The bound that spares most requests a count is never below the count.
    """
    assert most_tokens(text) >= estimate_tokens(text)

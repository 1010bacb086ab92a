"""Where windows begin and end, and how amounts are counted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.gateway.limits.windows import MONTH_SECONDS, SECONDS, find_window, shown, whole, window_at, window_name


def epoch(*parts: int) -> int:
    """Return a moment of UTC in seconds since the epoch."""
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("window", "starts", "ends"),
    [
        ("minute", (2026, 2, 28, 23, 59), (2026, 3, 1)),
        ("hour", (2026, 2, 28, 23), (2026, 3, 1)),
        ("day", (2026, 2, 28), (2026, 3, 1)),
        ("month", (2026, 2, 1), (2026, 3, 1)),
    ],
)
def test_the_last_second_of_february(window: str, starts: tuple[int, ...], ends: tuple[int, ...]) -> None:
    """
    Windows are cut at round times of UTC.
    """
    found = window_at(epoch(2026, 2, 28, 23, 59, 59) + 0.9, SECONDS[window])  # type: ignore[index]

    assert (epoch(*starts), epoch(*ends)) == found


def test_december() -> None:
    """
    The month after December is January of the next year.
    """
    assert (epoch(2027, 12, 1), epoch(2028, 1, 1)) == window_at(epoch(2027, 12, 31, 12), MONTH_SECONDS)


@given(st.floats(0, 4e9), st.sampled_from(sorted(SECONDS.values())))
def test_windows_do_not_overlap(at: float, seconds: int) -> None:
    """
    A moment lies in its window, and the window's end begins the next one.
    """
    bounds = window_at(at, seconds)

    assert bounds.starts <= at < bounds.ends
    assert bounds.ends == window_at(bounds.ends, seconds).starts


def test_names() -> None:
    """
    A window of a known length has a name; any other is told in seconds.
    """
    assert ["minute", "30 s", None] == [window_name(60), window_name(30), find_window(0)]


@given(st.decimals(min_value=0, max_value=10_000, places=9))
def test_dollars_are_counted_exactly(amount: Decimal) -> None:
    """
    Dollars are counted in billionths, without rounding.
    """
    assert amount == Decimal(whole("usd", amount)) / 1_000_000_000
    assert float(amount) == pytest.approx(shown("usd", whole("usd", amount)))

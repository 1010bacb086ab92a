"""Windows of time and units of limits: where a window begins and ends, and what an amount is as a whole number.

Windows are cut at round times of UTC: a minute, an hour, a day from the epoch on, and calendar months. Amounts are
counted in whole numbers so that sums over workers are exact: dollars in billionths, everything else one by one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from treadle.gateway.limits.types import Unit, Window

MONTH_SECONDS = 2_678_400
"""31 days stand for the calendar month, however long that is."""
SECONDS: dict[Window, int] = {"minute": 60, "hour": 3600, "day": 86_400, "month": MONTH_SECONDS}
UNITS: tuple[Unit, ...] = ("requests", "tokens", "usd", "concurrency")
REQUESTS, TOKENS, USD, CONCURRENCY = range(4)

NANO = 1_000_000_000
"""Parts of a dollar that are counted."""
FOREVER = 1 << 62


class Bounds(NamedTuple):
    """A window, in seconds since the epoch."""

    starts: int
    ends: int
    """The first second after it."""


def window_at(epoch: float, window_seconds: int) -> Bounds:
    """Return the window that a moment lies in; 0 seconds mean no window at all (concurrency)."""
    if window_seconds == 0:
        return Bounds(0, FOREVER)
    if window_seconds == MONTH_SECONDS:
        at = datetime.fromtimestamp(epoch, UTC)
        first = datetime(at.year, at.month, 1, tzinfo=UTC)
        following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
        return Bounds(int(first.timestamp()), int(following.timestamp()))
    starts = int(epoch // window_seconds) * window_seconds
    return Bounds(starts, starts + window_seconds)


def find_window(window_seconds: int) -> Window | None:
    """Return the name of the window of this length; None where it has none (concurrency)."""
    return next((name for name, seconds in SECONDS.items() if seconds == window_seconds), None)


def window_name(window_seconds: int) -> str:
    """Return what people call a window of this length, such as 'minute' or '30 s'."""
    return find_window(window_seconds) or f"{window_seconds} s"


def whole(unit: Unit, amount: float | Decimal) -> int:
    """Return an amount as it is counted."""
    return round(amount * NANO) if unit == "usd" else int(amount)


def shown(unit: Unit, number: int) -> float:
    """Return a counted number as an amount again."""
    return number / NANO if unit == "usd" else float(number)

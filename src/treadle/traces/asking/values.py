"""What values of a filter come to: durations, ages, amounts of money, numbers and ranges of them, moments. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from treadle.traces.asking.fields import UNITS_MS, Sort

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_LONGEST_MS = Decimal(36_500 * 86_400_000)


def number_of(value: str, sort: Sort) -> Decimal:
    """Return a value as milliseconds, tokens, USD or a plain number. Raises ValueError with what would be right."""
    if sort in ("duration", "age"):
        found = _DURATION.fullmatch(value)
        if found is None:
            raise ValueError("a duration such as 300ms, 2s, 5m, 24h or 7d is expected")
        if sort == "age" and found[2] is None:
            raise ValueError("an age has a unit, without a space before it: 300ms, 2s, 5m, 24h or 7d")
        told_ms = Decimal(found[1]) * Decimal(str(UNITS_MS[found[2] or "ms"]))
        if told_ms > _LONGEST_MS:
            raise ValueError("durations go up to 100 years, 36500d")
        return told_ms
    told = value.removeprefix("$") if sort == "money" else value
    try:
        if not _NUMBER.fullmatch(told):
            raise InvalidOperation
        return Decimal(told)
    except InvalidOperation:
        raise ValueError("a number such as 0.5 is expected") from None


def range_of(value: str, sort: Sort) -> tuple[Decimal, Decimal]:
    """Return the smallest and the largest of `1..2`, both meant; of a single number, that twice. Raises as `number_of`."""
    low, dots, high = value.partition("..")
    return number_of(low, sort), number_of(high if dots else low, sort)


def time_of(value: str) -> datetime:
    """Return a moment, UTC unless it says otherwise. Raises ValueError with what would be right."""
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("a time such as 2026-11-21 or 2026-11-21T14:30:00 is expected") from None

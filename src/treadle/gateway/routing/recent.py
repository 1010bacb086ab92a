"""Counts of the recent past in two numbers that roll over: what the breaker and the retry budget judge by.

Two buckets of `seconds` each, so a reading covers between one and two times `seconds`. O(1), no allocation.
"""

from __future__ import annotations


class Recent:
    """How many there were lately, and how many of those were of the kind that is watched."""

    __slots__ = ("_all", "_all_before", "_ends", "_marked", "_marked_before", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = 0.0
        """When the newer bucket is full, by the clock that `now` is of, which never goes back."""
        self._all = self._all_before = 0
        self._marked = self._marked_before = 0

    def count(self, now: float, all_: int = 1, marked: int = 0) -> None:
        """Add to both counts."""
        if now >= self._ends:
            self._roll(now)
        self._all += all_
        self._marked += marked

    def read(self, now: float) -> tuple[int, int]:
        """Return (all, marked) of the recent past."""
        if now >= self._ends:
            self._roll(now)
        return self._all + self._all_before, self._marked + self._marked_before

    def clear(self) -> None:
        """Forget everything."""
        self._all = self._all_before = self._marked = self._marked_before = 0

    def _roll(self, now: float) -> None:
        follows = now - self._ends < self._seconds
        self._all_before, self._marked_before = (self._all, self._marked) if follows else (0, 0)
        self._all = self._marked = 0
        self._ends = (self._ends if follows else now) + self._seconds

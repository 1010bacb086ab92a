"""The steps of time that a chart of traces is drawn in, and which days' partitions they need."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from treadle.traces.asking.types import Counted, TraceBar, TraceChart
from treadle.traces.schema import OTHER_DAY

EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""What says that it is from before is drawn as of then."""
USUAL = timedelta(days=1)
"""The time of a chart whose filter names none: up to the newest trace."""
ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)
"""A Monday: all steps are counted from it."""
P95 = 0.95
"""What share of latencies does not exceed the one that is drawn."""
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 10_080)
_MONTH = timedelta(days=30)

IN_DAYS = "(s.day between %s and %s or s.day = '" + OTHER_DAY + "')"
"""Rows `s` of some days, or of odd ones: no other partition is opened."""
NEAR = f""" and (x.day between (s.started_at at time zone 'UTC')::date - 1 and
    ((s.started_at + greatest(least(s.latency_ms, 1e10), 0) * interval '1 millisecond') at time zone 'UTC')::date + 1
    or x.day = '{OTHER_DAY}')"""
"""Spans `x` of the trace that `s` stands for: from the day before it began to the day after it ended, so that of months of partitions
three are opened."""


class Axis(NamedTuple):
    """The bars of a chart."""

    since: datetime
    until: datetime
    width: timedelta

    @property
    def begins(self) -> datetime:
        """Where the first bar begins."""
        return self.begin_of(self.since)

    @property
    def ends(self) -> datetime:
        """Where the last bar ends."""
        return self.begin_of(self.until - timedelta(microseconds=1)) + self.width

    @property
    def days(self) -> tuple[date, date]:
        """First and last day of the time; for IN_DAYS."""
        return self.since.date(), self.until.date()

    def drawn(self, bars: Iterable[TraceBar], counted: Counted, looked_count: int) -> TraceChart:
        """Return these bars as the chart, without empty ones."""
        return TraceChart(
            since=self.begins,
            until=self.ends,
            step_seconds=int(self.width.total_seconds()),
            bars=[bar for bar in bars if bar.count],
            counted=counted,
            looked_count=looked_count,
        )

    def begin_of(self, at: datetime) -> datetime:
        """Return where the bar begins that a moment is in."""
        at = max(at, EARLIEST)
        return at - (at - ORIGIN) % self.width


def axis_of(since: datetime, until: datetime, bars: int) -> Axis:
    """Return the narrowest bars, of a usual width, that are no more than so many."""
    until = max(until, EARLIEST + USUAL)
    since = min(max(since, EARLIEST), until)
    least = (until - since) / bars
    width = next((timedelta(minutes=minutes) for minutes in _MINUTES if timedelta(minutes=minutes) >= least), None)
    return Axis(since, until, width or _MONTH * math.ceil(least / _MONTH))

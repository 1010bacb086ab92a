"""What is known of a target's speed: a peak-sensitive moving average, and a histogram that tells a quantile.

Like is compared with like: `Speed` is kept apart for streams, of which the time to first content counts, and for whole
answers, whose time is told as if each were of one length, so that who writes more does not look slower.

The average is Finagle's peak EWMA: it jumps up to a slow answer at once and comes down over `DECAY_SECONDS`, also while
nothing is observed, so that a target which was left alone is tried again. The histogram has log-spaced buckets:
any quantile it tells is within 5 % of a true one between 1 ms and 1,000 s, in 1.2 kB. Old observations count half
each time 2,000 are reached, so it follows a target that changes.
"""

from __future__ import annotations

from math import exp, log

DECAY_SECONDS = 30.0

TYPICAL_TOKENS = 200
"""The length of answer that times of whole answers are told for."""
OVERHEAD_TOKENS = 50
"""How many tokens could be written in the time before the first one: 0.5 s at 100 tokens a second, as public measurements
of hosted models have it. Where it is r times as many, estimates of answers of two lengths differ by a factor of r at most."""
SLOW_SHARE = 0.95
"""What is slower than this share of a target's answers is slow for it."""

_LOWEST_SECONDS = 0.001
_RATIO = 1.1
_PER_LOG = 1.0 / log(_RATIO)
_BUCKETS = 146  # 1.1 ** 145 is just over a million: from 1 ms to 1,000 s
_MOST_OBSERVATIONS = 2_000
_FRESH_OBSERVATIONS = 32


class PeakAverage:
    """A moving average in seconds that believes bad news at once."""

    __slots__ = ("observed_at", "value")

    def __init__(self) -> None:
        self.value = 0.0
        """As of the last observation, in seconds."""
        self.observed_at: float | None = None
        """None when nothing was observed yet."""

    def observe(self, seconds: float, now: float) -> None:
        """Take in one measurement."""
        at = self.observed_at
        if at is None or seconds >= self.value:
            self.value = seconds
        else:
            self.value = seconds + (self.value - seconds) * exp((at - now) / DECAY_SECONDS)
        self.observed_at = now

    def raise_to(self, seconds: float, now: float) -> None:
        """Take in that something took at least so long; news only where less is believed by now."""
        if seconds > self.at(now):
            self.value, self.observed_at = seconds, now

    def at(self, now: float) -> float:
        """Return the average as of now: it falls towards 0 while nothing is observed."""
        at = self.observed_at
        return 0.0 if at is None else self.value * exp(-max(now - at, 0.0) / DECAY_SECONDS)


class Quantiles:
    """A histogram of seconds, log-spaced."""

    __slots__ = ("_counts", "_fresh", "_known", "count")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        """Observations that it holds, older ones in part."""
        self._known: dict[float, float] = {}
        self._fresh = 0

    def observe(self, seconds: float) -> None:
        """Take in one measurement. O(1), and O(buckets) once in a thousand times."""
        if seconds <= _LOWEST_SECONDS:
            index = 0
        else:
            index = min(int(log(seconds / _LOWEST_SECONDS) * _PER_LOG) + 1, _BUCKETS - 1)
        self._counts[index] += 1
        self.count += 1
        self._fresh += 1
        if self.count >= _MOST_OBSERVATIONS:
            self._counts = [number // 2 for number in self._counts]
            self.count = sum(self._counts)

    def quantile(self, share: float) -> float | None:
        """Return the value that this share of the observations does not exceed; None when there are none.

        Worked out anew after 32 further observations, remembered in between.
        """
        if self._fresh >= _FRESH_OBSERVATIONS or share not in self._known:
            if self.count == 0:
                return None
            if self._fresh >= _FRESH_OBSERVATIONS:
                self._known.clear()
                self._fresh = 0
            self._known[share] = self._find(share)
        return self._known[share]

    def _find(self, share: float) -> float:
        rank, seen = share * self.count, 0
        index = next((place for place, number in enumerate(self._counts) if (seen := seen + number) >= rank), 0)
        # The geometric middle of the bucket: at most a factor of sqrt(1.1) from anything in it.
        return float(_LOWEST_SECONDS * _RATIO ** (index - 0.5)) if index else _LOWEST_SECONDS


class Speed:
    """How fast a target answers requests of one kind."""

    __slots__ = ("average", "in_flight", "times")

    def __init__(self) -> None:
        self.average = PeakAverage()
        """What targets are compared by."""
        self.times = Quantiles()
        """How long was really waited."""
        self.in_flight = 0

    def observe(self, seconds: float, now: float, tokens: int = 0) -> None:
        """Take in how long an answer took: a stream until its first content, a whole one of so many tokens to its end."""
        self.average.observe(as_typical(seconds, tokens), now)
        self.times.observe(seconds)

    def waited(self, seconds: float, now: float, tokens: int = 0) -> None:
        """Take in that an answer, of as many tokens as another one to the same request, takes longer than this."""
        self.average.raise_to(as_typical(seconds, tokens), now)
        slow = self.times.quantile(SLOW_SHARE)
        if slow is not None and seconds > slow:  # else it may still be one of the many
            self.times.observe(seconds)


def as_typical(seconds: float, tokens: int) -> float:
    """Return how long a whole answer would have taken had it been of the typical length; as it is where it has none (0)."""
    return seconds * (OVERHEAD_TOKENS + TYPICAL_TOKENS) / (OVERHEAD_TOKENS + tokens) if tokens else seconds

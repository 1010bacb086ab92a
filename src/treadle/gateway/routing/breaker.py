"""A circuit breaker for one target: closed, open, half-open.

It opens after several failures in a row, when too large a share of recent attempts failed, or for as long as the target
asks to be left alone (Retry-After). When that time is over exactly one attempt, the probe, is let through; its verdict
closes the breaker or opens it again for twice as long. What others report meanwhile changes nothing.
"""

from __future__ import annotations

from msgspec import Struct

from treadle.gateway.routing.recent import Recent
from treadle.gateway.routing.words import FailureKind, State


class BreakerRules(Struct, frozen=True, kw_only=True):
    """When a breaker opens, and for how long."""

    failures_in_a_row: int = 5
    failed_share: float = 0.5
    """Of recent attempts, from `least_attempts` on."""
    least_attempts: int = 20
    recent_seconds: float = 15.0
    open_seconds: float = 1.0
    """The first time; doubles with each probe that fails."""
    most_open_seconds: float = 30.0
    most_asked_seconds: float = 900.0
    """A target that asks for longer than this is probed all the same."""
    lost_probe_seconds: float = 900.0
    """A probe without a verdict after this time was lost by whoever made it."""


class Breaker:
    """The state of one target's circuit. Times are monotonic seconds."""

    __slots__ = (
        "_failures",
        "_open_until",
        "_openings",
        "_probe",
        "_probe_at",
        "_recent",
        "_rules",
        "is_closed",
        "why",
    )

    def __init__(self, rules: BreakerRules) -> None:
        self.is_closed = True
        """Whether every attempt is let through."""
        self.why: FailureKind | None = None
        """What opened it; None while it is closed."""
        self._rules = rules
        self._recent = Recent(rules.recent_seconds)
        self._failures = 0
        self._open_until = 0.0
        self._openings = 0
        self._probe = 0
        self._probe_at: float | None = None

    def admits(self, now: float) -> bool:
        """Tell whether an attempt may be made now: it is closed, or waits for its probe."""
        return self.is_closed or (now >= self._open_until and self._probe_is_free(now))

    def opens_in(self, now: float) -> float:
        """Return the seconds until an attempt may be made; 0 where it may be made now."""
        if self.admits(now):
            return 0.0
        # While a probe is under way its verdict may come at any moment.
        return max(self._open_until - now, 0.1)

    def state(self, now: float) -> State:
        """Return it in one word: every attempt is let through, none is, or one as a probe."""
        if self.is_closed:
            return "closed"
        return "open" if now < self._open_until else "probing"

    def reset(self) -> None:
        """Close it because a person says so: the next attempts show whether that was right."""
        if not self.is_closed:
            self._close()

    def enter(self, now: float) -> int:
        """Note that an attempt begins; return its number as a probe, 0 where it is none. Only where it `admits`."""
        if self.is_closed:
            return 0
        self._probe += 1
        self._probe_at = now
        return self._probe

    def succeed(self, probe: int, now: float) -> None:
        """Note that an attempt went well."""
        if self.is_closed:
            self._failures = 0
            self._recent.count(now)
        elif self._is_current(probe):
            self._close()

    def answered(self, probe: int) -> None:
        """Note that the target said no, but is alive: a verdict for a probe, none for others."""
        if not self.is_closed and self._is_current(probe):
            self._close()

    def fail(self, probe: int, kind: FailureKind, now: float, retry_after: float | None = None) -> None:
        """Note that an attempt failed. retry_after: seconds for which the target asks to be left alone."""
        if self.is_closed:
            self._failures += 1
            self._recent.count(now, 1, 1)
            if retry_after or self._failures >= self._rules.failures_in_a_row or self._too_many(now):
                self._open(kind, now, retry_after)
        elif self._is_current(probe):
            self._open(kind, now, retry_after)
        elif retry_after:
            self._open_until = max(self._open_until, now + min(retry_after, self._rules.most_asked_seconds))

    def abandon(self, probe: int) -> None:
        """Note that an attempt ended without a verdict; the next one may be the probe."""
        if self._is_current(probe):
            self._probe_at = None

    def _is_current(self, probe: int) -> bool:
        return probe != 0 and probe == self._probe and self._probe_at is not None

    def _probe_is_free(self, now: float) -> bool:
        return self._probe_at is None or now - self._probe_at > self._rules.lost_probe_seconds

    def _too_many(self, now: float) -> bool:
        attempts, failed = self._recent.read(now)
        return attempts >= self._rules.least_attempts and failed >= self._rules.failed_share * attempts

    def _open(self, kind: FailureKind, now: float, retry_after: float | None) -> None:
        rules = self._rules
        seconds = min(rules.open_seconds * 2.0 ** min(self._openings, 16), rules.most_open_seconds)
        if retry_after:
            seconds = min(retry_after, rules.most_asked_seconds)
        else:
            self._openings += 1
        self.is_closed = False
        self.why = kind
        self._open_until = now + seconds
        self._probe_at = None

    def _close(self) -> None:
        self.is_closed = True
        self.why = None
        self._failures = self._openings = 0
        self._recent.clear()
        self._probe_at = None

"""How many repetitions and hedges an endpoint may afford: a share of its recent requests, plus a few.

Without it, three attempts per request make an outage three times as heavy for whoever is trying to recover.
"""

from __future__ import annotations

from treadle.gateway.routing.recent import Recent

RECENT_SECONDS = 10.0
A_FEW = 3
"""Allowed whatever the traffic, so that a quiet endpoint can repeat at all."""


class Budget:
    """The repetitions and hedges of one endpoint."""

    __slots__ = ("_hedges", "_retries", "used_at")

    def __init__(self) -> None:
        self._retries = Recent(RECENT_SECONDS)
        """Requests of callers, and what was tried again."""
        self._hedges = Recent(RECENT_SECONDS)
        """What was sent a second time beside a slow one."""
        self.used_at = 0.0
        """When a request was last counted."""

    def asked(self, now: float) -> None:
        """Count a request of a caller. Call it once for each."""
        self.used_at = now
        self._retries.count(now)

    def may_retry(self, share: float, now: float) -> bool:
        """Tell whether one more repetition is within the share."""
        return self._fits(self._retries, share, now)

    def take_retry(self, share: float, now: float) -> bool:
        """Take one repetition, where the share allows it."""
        return self._take(self._retries, share, now)

    def take_hedge(self, share: float, now: float) -> bool:
        """Take one hedge, where the share allows it."""
        return self._take(self._hedges, share, now)

    def _fits(self, recent: Recent, share: float, now: float) -> bool:
        requests, _ = self._retries.read(now)
        _, taken = recent.read(now)
        return share > 0.0 and taken + 1 <= A_FEW + share * requests

    def _take(self, recent: Recent, share: float, now: float) -> bool:
        fits = self._fits(recent, share, now)
        if fits:
            recent.count(now, 0, 1)
        return fits

"""What changed within the last half minute, so that a reader who begins to follow after reading a page misses nothing between.

In memory of one process, which hears of every change; at most so many. Pure: the present is handed in.
"""

from __future__ import annotations

import math
from collections import deque

from treadle.live.inbox import Event

RECENT_SECONDS = 30.0
MAX_RECENT = 2000
"""Changes of all projects together."""


class Recent:
    """The last changes, in their order."""

    def __init__(self) -> None:
        self._heard: deque[tuple[float, str, Event]] = deque()
        self._whole_since = float("inf")
        """From when on nothing is missing; infinite while nobody has begun to listen."""

    def begin(self, now: float) -> None:
        """Note that changes are heard of from now on, and that some may have been missed before."""
        self._heard.clear()
        self._whole_since = now

    def put(self, now: float, project_id: str, event: Event) -> None:
        """Remember a change."""
        self._heard.append((now, project_id, event))
        while len(self._heard) > MAX_RECENT or self._heard[0][0] < now - RECENT_SECONDS:
            forgotten_at = self._heard.popleft()[0]
            self._whole_since = max(self._whole_since, math.nextafter(forgotten_at, math.inf))

    def since(self, moment: float, project_id: str) -> list[Event] | None:
        """Return what changed in a project since a moment; None where some of it may have been missed or forgotten."""
        if moment < self._whole_since:
            return None
        return [event for at, of, event in self._heard if of == project_id and at >= moment]

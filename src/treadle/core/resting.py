"""Work of a project that fails again and again: tried ever less often, and told when that changes. Pure but for its clock.

A project of which something cannot be done (a row that breaks a rule, a table that somebody changed) must neither take the
time of the others nor fill the log: its first failure is news, and so are another kind of failure and its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0


class Work(NamedTuple):
    """What is done, of which project."""

    project_id: str
    name: str


class Outcome(NamedTuple):
    """How one try went."""

    work: Work
    fault: str | None = None
    """What kind of error it was, such as 'CheckViolation'; None when it went well."""
    story: str = ""
    """The error with its traceback; empty when it went well."""


@dataclass
class _Failing:
    fault: str
    pause_seconds: float
    until: float


class Resting:
    """Which work fails, and when it is tried again."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, longest_seconds: float = LONGEST_PAUSE_SECONDS
    ) -> None:
        self._monotonic = monotonic
        self._longest_seconds = longest_seconds
        self._failing: dict[Work, _Failing] = {}

    def is_due(self, work: Work) -> bool:
        """Tell whether to try it now."""
        failing = self._failing.get(work)
        return failing is None or self._monotonic() >= failing.until

    def note(self, outcome: Outcome) -> bool:
        """Take down how a try went, and return whether that is news."""
        before = self._failing.pop(outcome.work, None)
        if outcome.fault is None:
            return before is not None
        pause = FIRST_PAUSE_SECONDS if before is None else min(before.pause_seconds * 2, self._longest_seconds)
        self._failing[outcome.work] = _Failing(outcome.fault, pause, self._monotonic() + pause)
        return before is None or before.fault != outcome.fault

"""What a worker holds of a limit: a slice that it may spend without asking anyone. Whole numbers, no I/O.

Of a window's amount, the database hands slices to workers. A slice is `left` until a request reserves some of it; when
the request ends, what it used is `spent` and the rest is left again. At any moment
what was handed to this worker = left + reserved + all that was spent.
For concurrency nothing is ever spent: what a request reserved is left again when it ends.
"""

from __future__ import annotations

from asyncio import Future

from treadle.gateway.limits.windows import CONCURRENCY, UNITS, Bounds, whole, window_at
from treadle.gateway.types import Limit

Place = tuple[str, str, str]
"""Project, limit and subject: whose use is counted together."""


class Lease:
    """A worker's part of one limit, for one subject, in one window."""

    __slots__ = (
        "account",
        "asked_at",
        "borrowed",
        "ends",
        "has_borrowed",
        "is_refused",
        "is_watched",
        "left",
        "remaining",
        "reserved",
        "spent",
        "starts",
        "unpriced",
        "used_at",
    )

    def __init__(self, account: Account, bounds: Bounds) -> None:
        self.account = account
        self.starts, self.ends = bounds
        self.left = 0
        """Free for the next request; negative when requests used more than they had reserved."""
        self.reserved = 0
        """Held by requests under way."""
        self.spent = 0
        """Used by requests that ended and not yet told to the database."""
        self.unpriced = 0
        """Requests that ended without a known price and were not yet told to the database."""
        self.remaining = 0
        """What nobody held when the database was asked last."""
        self.asked_at: float | None = None
        """When that was (monotonic); None before."""
        self.is_refused = False
        """Whether the database then said that it cannot keep what this is counted by."""
        self.borrowed = 0
        """Part of `left` that this worker granted itself while the database was away."""
        self.has_borrowed = False
        """Whether it did so in this window: once is the most."""
        self.used_at = 0.0
        """When a request last reserved something (monotonic)."""
        self.is_watched = False
        """Whether it is among those that are looked through for something to tell or to give back."""

    @property
    def is_scarce(self) -> bool:
        """Whether other workers may be short of what is left idle here."""
        share = 2 if self.account.unit == CONCURRENCY else 16
        return self.remaining * share < self.account.amount

    @property
    def free_share(self) -> float:
        """What part of the amount is free, as far as this worker knows."""
        return (self.left + self.remaining) / (self.account.amount or 1)

    def borrow(self, workers: int) -> None:
        """Grant this worker its share of what was free, once, because the database cannot be asked."""
        if not self.has_borrowed:
            self.has_borrowed = True
            free = self.account.amount if self.asked_at is None else max(self.remaining, 0)
            self.borrowed = -(-free // max(workers, 1))
            self.left += self.borrowed

    def give_back_borrowed(self) -> int:
        """Let go of what was borrowed and is still left; return how much was used of it."""
        back = min(max(self.left, 0), self.borrowed)
        used, self.borrowed = self.borrowed - back, 0
        self.left -= back
        return used


class Account:
    """One limit for one subject, as this worker knows it."""

    __slots__ = ("amount", "amount_told", "lease", "limit", "place", "subject", "unit", "waiters", "window_seconds")

    def __init__(self, limit: Limit, subject: str) -> None:
        self.subject = subject
        self.place: Place = (limit.project_id, limit.limit_id, subject)
        self.unit = UNITS.index(limit.unit)
        self.lease = Lease(self, Bounds(0, 0))
        """The part of the present window; one that is over before the first request."""
        self.waiters: list[tuple[int, Future[None]]] = []
        """Requests that wait for a slice, each with what it needs."""
        self.take_over(limit)

    def take_over(self, limit: Limit) -> None:
        """Go by a limit as it is configured now."""
        self.limit = limit
        self.window_seconds = 0 if limit.unit == "concurrency" else limit.window_seconds
        self.amount = whole(limit.unit, limit.amount)
        self.amount_told = b"%d" % self.amount
        """As a header says it."""
        self.lease.asked_at = None

    def at(self, epoch: float) -> Lease:
        """Return the lease of the present window, a new one where the last is over or the clock was set back."""
        lease = self.lease
        if not lease.starts <= epoch < lease.ends:
            lease = self.lease = Lease(self, window_at(epoch, self.window_seconds))
        return lease

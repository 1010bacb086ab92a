"""A worker's traffic with the ledger: takes slices for requests that wait, tells what was used, gives back what is idle.

Two tasks: one takes, on behalf of everyone who waits at the moment, so that a burst costs one transaction; one tells,
once a second. A request waits only for the first, and never long: a database that does not answer is noted, and from
then on `is_cut_off` is true until it does again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from treadle.gateway.limits.lease import Account, Lease, Place
from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.slices import Ask, Given, Report
from treadle.gateway.limits.telling import Debt, add_debt, slots_of, waited_for
from treadle.gateway.limits.windows import CONCURRENCY

log = logging.getLogger("treadle.gateway.limits")

LONG_AGO = float("-inf")
GIVE_BACK_SECONDS = 0.02
"""Slots that others may be short of go back this long after they became free."""


class Pace(Struct, frozen=True, kw_only=True):
    """How often a worker and the ledger speak."""

    take_seconds: float = 1.0
    """A request waits no longer than this for a slice; then the database counts as away."""
    tell_seconds: float = 1.0
    """How often use is told."""
    beat_seconds: float = 10.0
    """How often a worker says that it lives, and learns the time and how many others do."""
    idle_seconds: float = 5.0
    """A slice that nobody used for so long goes back; sooner where others may be short of it."""


class Teller:
    """Owns both tasks, and the leases that they look through."""

    def __init__(self, ledger: Ledger, pace: Pace, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        """wall: seconds since the epoch; asked only until the database told its own time."""
        self.is_cut_off = False
        """Whether the database did not answer when it was asked last."""
        self.offset = wall() - monotonic()
        """The database's time (seconds since the epoch) less our monotonic one."""
        self.workers = 1
        """How many workers live, as far as is known."""
        self._ledger = ledger
        self._monotonic = monotonic
        self._pace = pace
        self._beat_seconds = min(pace.beat_seconds, ledger.slot_seconds / 3)
        self._beat_at = self._told_at = -1e9
        self._waiting: dict[Account, None] = {}
        self._watched: list[Lease] = []
        self._slots: dict[Lease, None] = {}
        self._slots_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._giving_back: asyncio.TimerHandle | None = None
        self._taker: asyncio.Task[None] | None = None
        self._tender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learn the database's time and begin to tell it what is used; call it inside the running loop."""
        await self._tend_once()
        self._tender = asyncio.get_running_loop().create_task(self._tend(), name="gateway limits")

    async def close(self) -> None:
        """Tell what was used and give everything back."""
        for task in (self._tender, self._taker):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._tender = self._taker = None
        if self._giving_back is not None:
            self._giving_back.cancel()
        try:
            await self._tell(gives_all_back=True)
            await self._ledger.leave()
        except Exception as error:
            log.warning("what was left of the limits' slices could not be given back: %s", error)

    def epoch(self, now: float) -> float:
        """Return the database's time, in seconds since the epoch, at a monotonic time."""
        return now + self.offset

    def watch(self, lease: Lease) -> None:
        """Look through a lease, at the next telling, for something to tell or to give back."""
        if not lease.is_watched:
            lease.is_watched = True
            self._watched.append(lease)

    def slot_is_free(self, lease: Lease) -> None:
        """Give a slot back soon where others may be short of it, else when it lies idle."""
        self.watch(lease)
        if lease.is_scarce and self._giving_back is None:
            loop = asyncio.get_running_loop()
            self._giving_back = loop.call_later(GIVE_BACK_SECONDS, self._wake.set)

    async def ask(self, account: Account, need: int) -> None:
        """Wait until the database was asked for more; at most for a second."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        account.waiters.append((need, answered))
        self._waiting[account] = None
        if self._taker is None or self._taker.done():
            self._taker = loop.create_task(self._take_all(), name="gateway limits: taking slices")
        try:
            async with asyncio.timeout(self._pace.take_seconds):
                await answered
        except TimeoutError:
            self._cut_off(f"no answer within {self._pace.take_seconds:g} s")

    async def _take_all(self) -> None:
        """Ask for everyone who waits, until nobody does."""
        while self._waiting:
            batch: dict[Place, Account] = {}
            for account in list(self._waiting):
                if account.place not in batch:
                    del self._waiting[account]
                    batch[account.place] = account
            answered: list[asyncio.Future[None]] = []
            try:
                await self._take([account for account in batch.values() if account.unit != CONCURRENCY], answered)
                await self._take_slots([account for account in batch.values() if account.unit == CONCURRENCY], answered)
            except Exception as error:
                # The border of a task: whatever the database's fault is, requests go on as they do without it.
                self._cut_off(str(error))
            finally:
                for waiter in answered:
                    if not waiter.done():
                        waiter.set_result(None)

    async def _take(self, accounts: list[Account], answered: list[asyncio.Future[None]]) -> None:
        asks, leases = [], []
        for account in accounts:
            lease = account.at(self._monotonic() + self.offset)
            needed, wanted = waited_for(account, lease, answered)
            if wanted:
                most = self._most(account)
                asks.append(Ask(*account.place, lease.starts, lease.ends, account.amount, needed, wanted, most))
                leases.append(lease)
        if asks:
            self._credit(leases, await self._ledger.take(asks))

    async def _take_slots(self, accounts: list[Account], answered: list[asyncio.Future[None]]) -> None:
        if not accounts:
            return
        async with self._slots_lock:
            asks, leases = [], []
            for account in accounts:
                lease = account.at(self._monotonic() + self.offset)
                needed, wanted = waited_for(account, lease, answered)
                if wanted:
                    asks.append(slots_of(lease, needed, wanted, self._most(account)))
                    leases.append(lease)
            if asks:
                self._slots.update(dict.fromkeys(leases))
                self._credit(leases, await self._ledger.exchange_slots(asks))

    def _most(self, account: Account) -> int:
        """Return how large a slice may be beyond what waits: with few workers a hundredth, with many less."""
        return account.amount // max(100, 25 * self.workers)

    def _credit(self, leases: list[Lease], given: list[Given]) -> None:
        now = self._monotonic()
        for lease, (number, remaining, is_refused) in zip(leases, given, strict=True):
            lease.left += number
            lease.remaining = remaining
            lease.is_refused = is_refused
            lease.asked_at = now
            self.watch(lease)
        self.is_cut_off = False

    async def _tend(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.tell_seconds):
                    await self._wake.wait()
            self._wake.clear()
            self._giving_back = None
            await self._tend_once()

    async def _tend_once(self) -> None:
        try:
            now = self._monotonic()
            if self.is_cut_off or now - self._beat_at >= self._beat_seconds:
                await self._beat()
            await self._tell()
        except Exception as error:
            # The border of a task, as above.
            self._cut_off(str(error))

    async def _beat(self) -> None:
        beat = await self._ledger.beat()
        now = self._monotonic()
        self.offset = beat.epoch - now
        self.workers = beat.workers
        for lease in self._slots:
            self.watch(lease)
        if self.is_cut_off:
            log.info("the database answers again; limits are counted together with the other workers")
        self._beat_at, self.is_cut_off = now, False

    async def _tell(self, *, gives_all_back: bool = False) -> None:
        """Tell what was used, and give back what lies idle. Windows are told once a second, slots whenever woken."""
        now = self._monotonic()
        tells_windows = gives_all_back or now - self._told_at >= self._pace.tell_seconds * 0.9
        watched, self._watched = self._watched, []
        reports: dict[tuple[Place, int], Report] = {}
        debts: list[tuple[Lease, Debt]] = []
        slots: dict[Lease, None] = {}
        for lease in watched:
            lease.is_watched = False
            if lease.account.unit == CONCURRENCY:
                slots[lease] = None
            elif tells_windows:
                debt = self._settle_up(lease, now, gives_all_back)
                if any(debt):
                    debts.append((lease, debt))
                    add_debt(reports, lease, debt)
            else:
                self.watch(lease)
        if reports:
            try:
                await self._ledger.report(list(reports.values()))
            except BaseException:
                for lease, debt in debts:
                    # What was given back may or may not have arrived: it stays given. What was used is told again.
                    lease.spent += debt.used
                    lease.unpriced += debt.unpriced
                    lease.left -= max(debt.granted, 0)
                    self.watch(lease)
                raise
        if tells_windows:
            self._told_at = now
        if slots:
            await self._tell_slots(slots, now, gives_all_back)

    def _settle_up(self, lease: Lease, now: float, gives_all_back: bool) -> Debt:
        """Return what to add to a window, and take it off the lease."""
        granted = lease.give_back_borrowed() if lease.borrowed and not self.is_cut_off else 0
        used, lease.spent = lease.spent, 0
        unpriced, lease.unpriced = lease.unpriced, 0
        is_over = lease is not lease.account.lease or now + self.offset >= lease.ends
        idle_seconds = now - lease.used_at
        is_idle = idle_seconds >= (self._pace.tell_seconds if lease.is_scarce else self._pace.idle_seconds)
        if lease.left < 0 or is_over or is_idle or gives_all_back:
            granted -= lease.left
            lease.left = 0
        if lease.left or lease.reserved:
            self.watch(lease)
        return Debt(granted, used, unpriced)

    async def _tell_slots(self, leases: dict[Lease, None], now: float, gives_all_back: bool) -> None:
        async with self._slots_lock:
            asks, told = [], []
            for lease in leases:
                if lease.borrowed and not self.is_cut_off:
                    lease.give_back_borrowed()
                is_idle = lease.is_scarce or now - lease.used_at >= self._pace.tell_seconds
                if lease.left > 0 and (is_idle or gives_all_back):
                    lease.left = 0
                    lease.asked_at = LONG_AGO  # what remains is more from here on; whoever comes now asks
                if lease.left + lease.reserved == 0:
                    self._slots.pop(lease, None)
                asks.append(slots_of(lease, 0, 0, 0))
                told.append(lease)
            try:
                given = await self._ledger.exchange_slots(asks)
            except BaseException:
                for lease in told:
                    self.watch(lease)
                raise
            for lease, told_of in zip(told, given, strict=True):
                lease.remaining = told_of.remaining
                if lease.left > 0:
                    self.watch(lease)

    def _cut_off(self, why: str) -> None:
        if not self.is_cut_off:
            log.warning(
                "limits cannot be counted together with other workers now (%s); each goes on with what was leased, and "
                "then with this worker's share or not at all, as it was set",
                why,
            )
        self.is_cut_off = True

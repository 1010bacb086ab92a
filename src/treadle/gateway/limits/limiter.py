"""Holds every limit of a request before it is sent, and settles when its real use is known.

A worker spends slices that the database handed to it (`lease.py`): while they last, a reservation is some subtractions
and waits for nothing. When one is used up, a single task asks for more on behalf of everyone who waits. A slice is at
most about a hundredth of the window, and shrinks with what is left down to exactly what waits, so that the sum over
workers never exceeds an amount and little of it lies idle. A slice that lies idle goes back after some seconds, at once
where it is short; a worker that is killed takes at most its slices with it, until the window ends. Slots of concurrency
lapse instead, 30 s after the worker was last heard of.

How far an amount can be exceeded: by what requests use beyond what they reserved, and not otherwise. A request whose
price is not known costs no limit anything; a limit in USD counts how many there were, or refuses them.

While the database does not answer, a limit goes on with what was leased. When that is used up its `outage` says: 'share'
goes on, once per window, with this worker's share (one part of as many as there are workers) of what was free; 'refuse',
which USD has unless somebody said otherwise, refuses until it can be counted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import sha256

from msgspec import Struct

from treadle.gateway.limits import refusing
from treadle.gateway.limits.lease import Account, Lease, Place
from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.reservation import NOTHING, Needs, Reservation
from treadle.gateway.limits.teller import Pace, Teller
from treadle.gateway.limits.windows import CONCURRENCY, NANO, TOKENS, USD
from treadle.gateway.types import Limit

ASK_AGAIN_SECONDS = 0.5
"""When a window was used up, the database is not asked again sooner than this; other workers may have given back."""
SLOTS_AGAIN_SECONDS = 0.05
_MOST_PLANS = 10_000
_MOST_USER_CHARACTERS = 120
_PRUNE_SECONDS = 30.0

Who = tuple[str, str | None, str, str | None]
"""Project, key, endpoint and user. A copy has no key; then only limits on the project and the endpoint apply. No user is one
user like any other."""


class Plan(Struct, frozen=True):
    """The limits that apply to one who asks."""

    accounts: tuple[Account, ...]
    is_metered: bool
    """Whether any of them counts tokens or USD."""
    needs_price: bool
    """Whether any of them refuses what has no known price."""


_NO_LIMITS = Plan((), False, False)


class Limiter:
    """The limits of one worker; belongs to one event loop."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        pace: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """wall: seconds since the epoch; asked only until the database told its own time."""
        self._teller = Teller(ledger, pace or Pace(), monotonic, wall)
        self._monotonic = monotonic
        self._pruned_at = monotonic()
        self._limits: Mapping[str, tuple[Limit, ...]] = {}
        self._accounts: dict[Place, Account] = {}
        self._plans: dict[Who, Plan] = {}

    @property
    def is_cut_off(self) -> bool:
        """Whether the database did not answer when it was asked last."""
        return self._teller.is_cut_off

    async def start(self) -> None:
        """Learn the database's time and begin to tell it what is used; call it inside the running loop."""
        await self._teller.start()

    async def close(self) -> None:
        """Tell what was used and give everything back."""
        await self._teller.close()

    def configure(self, limits: Mapping[str, tuple[Limit, ...]]) -> None:
        """Go by these limits, by project, from the next request on. Cheap when they are the ones already gone by."""
        if limits is self._limits:
            return
        self._limits = limits
        self._plans.clear()
        by_id = {limit.limit_id: limit for group in limits.values() for limit in group}
        for account in self._accounts.values():
            limit = by_id.get(account.limit.limit_id)
            if limit is not None and limit != account.limit:
                account.take_over(limit)

    def is_metered(self, who: Who) -> bool:
        """Say whether a limit on tokens or USD applies: then what a request may use must be known before it is sent."""
        return (self._plans.get(who) or self._plan(who)).is_metered

    def reserve_now(
        self, who: Who, tokens: int, usd: Decimal | float | None, now: float, *, is_priced: bool = True
    ) -> Reservation | None:
        """Hold what a request may use, if this worker's slices suffice; None says: `await reserve(...)`.

        tokens: what the request may use at most, prompt and answer. usd: what that may cost; None when no price is known.
        is_priced: whether the price is known whoever answers. now: monotonic seconds.
        """
        plan = self._plans.get(who) or self._plan(who)
        if not plan.accounts:
            return NOTHING
        if plan.needs_price and (usd is None or not is_priced):
            return None
        needs = _needs(tokens, usd)
        epoch = now + self._teller.offset
        leases: list[Lease] = []
        for account in plan.accounts:
            lease = account.lease
            number = needs[account.unit]
            if lease.left < number or epoch >= lease.ends:
                Reservation(self._teller, leases, needs).release()
                return None
            lease.left -= number
            lease.reserved += number
            lease.used_at = now
            leases.append(lease)
        return Reservation(self._teller, leases, needs)

    async def reserve(
        self, who: Who, tokens: int, usd: Decimal | float | None, now: float, *, is_priced: bool = True
    ) -> Reservation:
        """Hold what a request may use, asking the database where it must. Raises LimitRefusal (429, 503).

        As `reserve_now`, which it tries first: then it returns without giving way to other tasks.
        """
        reservation = self.reserve_now(who, tokens, usd, now, is_priced=is_priced)
        if reservation is not None:
            return reservation
        accounts = self._plan(who).accounts
        if usd is None or not is_priced:
            for account in accounts:
                if account.limit.unpriced == "refuse":
                    raise refusing.unpriced(account)
        needs = _needs(tokens, usd)
        leases: list[Lease] = []
        try:
            for account in accounts:
                leases.append(await self._hold(account, needs[account.unit]))
        except BaseException:
            Reservation(self._teller, leases, needs).release()
            raise
        return Reservation(self._teller, leases, needs)

    def _plan(self, who: Who) -> Plan:
        project_id, key_id, endpoint, user = who
        if project_id not in self._limits:
            return _NO_LIMITS
        if user is not None and (len(user) > _MOST_USER_CHARACTERS or not user.isprintable()):
            # Also what no database keeps, such as NUL: a caller's word neither is kept nor reaches the ledger as it came.
            user = sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
            who = (project_id, key_id, endpoint, user)
        plan = self._plans.get(who)
        if plan is None:
            subjects = {"project": project_id, "endpoint": endpoint}
            if key_id is not None:
                subjects |= {"key": key_id, "user": user or ""}
            accounts = tuple(
                self._account(limit, subjects[limit.scope])
                for limit in self._limits.get(project_id, ())
                if limit.scope in subjects and limit.subject in (None, subjects[limit.scope])
            )
            plan = Plan(
                accounts,
                any(account.unit in (TOKENS, USD) for account in accounts),
                any(account.limit.unpriced == "refuse" for account in accounts),
            )
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            self._plans[who] = plan
        return plan

    def _account(self, limit: Limit, subject: str) -> Account:
        place = (limit.project_id, limit.limit_id, subject)
        account = self._accounts.get(place)
        if account is None:
            now = self._monotonic()
            if now - self._pruned_at >= _PRUNE_SECONDS:
                self._prune(now)
            account = self._accounts[place] = Account(limit, subject)
        return account

    async def _hold(self, account: Account, need: int) -> Lease:
        """Reserve from one limit. Raises LimitRefusal."""
        teller = self._teller
        again = SLOTS_AGAIN_SECONDS if account.unit == CONCURRENCY else ASK_AGAIN_SECONDS
        while True:
            account = self._accounts.setdefault(account.place, account)  # it may have been forgotten meanwhile
            now = self._monotonic()
            epoch = now + teller.offset
            lease = account.at(epoch)
            if lease.left >= need:
                lease.left -= need
                lease.reserved += need
                lease.used_at = now
                teller.watch(lease)
                return lease
            if need > account.amount:
                raise refusing.never_fits(lease, need)
            if lease.is_refused:
                raise refusing.uncountable(lease)
            if teller.is_cut_off:
                if account.limit.outage == "refuse" or lease.has_borrowed:
                    raise refusing.unchecked(lease)
                lease.borrow(teller.workers)
                teller.watch(lease)
                continue
            is_fresh = lease.asked_at is not None and now - lease.asked_at < again
            if is_fresh and need > lease.left + lease.remaining:
                raise refusing.used_up(lease, need, epoch)
            await teller.ask(account, need)

    def _prune(self, now: float) -> None:
        """Forget subjects that nobody asks for any more; a gateway sees many users."""
        self._pruned_at = now
        epoch = now + self._teller.offset
        gone = [
            place
            for place, account in self._accounts.items()
            if not (account.waiters or account.lease.is_watched or account.lease.reserved)
            and (epoch >= account.lease.ends or now - account.lease.used_at >= _PRUNE_SECONDS)
        ]
        for place in gone:
            del self._accounts[place]
        if gone:
            self._plans.clear()


def _needs(tokens: int, usd: Decimal | float | None) -> Needs:
    """Return what a request needs of each unit."""
    return (1, tokens if tokens > 0 else 0, 0 if usd is None else max(round(usd * NANO), 0), 1)

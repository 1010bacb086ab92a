"""What a worker says to the ledger, put together from its leases. Pure."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from treadle.gateway.limits.lease import Account, Lease, Place
from treadle.gateway.limits.slices import Report, SlotAsk


class Debt(NamedTuple):
    """What a worker owes a window: to be added to what it says."""

    granted: int
    used: int
    unpriced: int


def waited_for(account: Account, lease: Lease, answered: list[asyncio.Future[None]]) -> tuple[int, int]:
    """Return the least that helps someone who waits and what all of them need, beyond what is left; (0, 0) when nobody
    does. Who is answered by it is added to `answered`."""
    needs = [need for need, waiter in account.waiters if not waiter.done()]
    answered += [waiter for _, waiter in account.waiters]
    account.waiters = []
    if not needs:
        return 0, 0
    return max(min(needs) - lease.left, 1), max(sum(needs) - lease.left, 1)


def slots_of(lease: Lease, needed: int, wanted: int, most: int) -> SlotAsk:
    """Return what a worker tells of the slots that it holds, and what more it wants."""
    account = lease.account
    return SlotAsk(
        *account.place, account.amount, max(lease.left, 0) + lease.reserved, lease.reserved, needed, wanted, most
    )


def add_debt(reports: dict[tuple[Place, int], Report], lease: Lease, debt: Debt) -> None:
    """Put what is owed to a window among the reports, where it adds to what is there already."""
    account = lease.account
    place = (account.place, lease.starts)
    known = reports.get(place)
    if known is not None:
        debt = Debt(known.granted + debt.granted, known.used + debt.used, known.unpriced + debt.unpriced)
    reports[place] = Report(*account.place, lease.starts, lease.ends, account.amount, *debt)

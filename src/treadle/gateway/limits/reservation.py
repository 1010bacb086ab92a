"""What one request holds of its limits, until it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from treadle.gateway.limits.lease import Lease
from treadle.gateway.limits.refusing import Headers, limit_headers
from treadle.gateway.limits.windows import CONCURRENCY, NANO, USD
from treadle.gateway.types import ProtocolName

Needs = tuple[int, int, int, int]
"""What a request needs of each unit: requests, tokens, billionths of a dollar, slots."""


class Holder(Protocol):
    """Who hands out reservations."""

    def watch(self, lease: Lease) -> None:
        """Look through a lease, at the next telling, for something to tell."""
        ...

    def slot_is_free(self, lease: Lease) -> None:
        """Hear that a slot of concurrency is free again."""
        ...

    def epoch(self, now: float) -> float:
        """Return the database's time at a monotonic time."""
        ...


class Reservation(Struct):
    """Parts of some leases, held for one request. Exactly one of `settle` and `release` counts, the first.

    A reservation that is never ended holds its parts until the window ends, a slot until the worker ends.
    """

    holder: Holder | None
    """Who handed it out; None where nothing limits."""
    leases: Sequence[Lease]
    needs: Needs
    is_open: bool = True
    """Whether it was not ended yet."""

    def settle(self, tokens: int | None, usd: Decimal | float | None) -> None:
        """Tell what the request used; the rest is free again. What it used beyond its reservation is counted too.

        None: not known, and then what was reserved counts as used; an unknown price is counted as such.
        """
        _, most_tokens, most_usd, _ = self.needs
        used = (1, most_tokens if tokens is None else tokens, most_usd if usd is None else round(usd * NANO), 0)
        self._end(used, is_unpriced=usd is None)

    def release(self) -> None:
        """Give everything back: the request was never sent anywhere."""
        self._end((0, 0, 0, 0))

    def headers(self, protocol: ProtocolName, now: float) -> Headers:
        """Return headers that tell the caller what is left of its requests and tokens. now: monotonic seconds."""
        return [] if self.holder is None else limit_headers(self.leases, protocol, self.holder.epoch(now))

    def _end(self, used: Needs, *, is_unpriced: bool = False) -> None:
        holder, needs = self.holder, self.needs
        if holder is None or not self.is_open:
            return
        self.is_open = False
        for lease in self.leases:
            unit = lease.account.unit
            held, number = needs[unit], used[unit]
            lease.reserved -= held
            lease.left += held - number
            lease.spent += number
            if unit == CONCURRENCY:
                holder.slot_is_free(lease)
                continue
            if is_unpriced and unit == USD:
                lease.unpriced += 1
            if not lease.is_watched:  # nothing was left of it or held, so nobody looked through it any more
                holder.watch(lease)


NOTHING = Reservation(None, (), (0, 0, 0, 0))
"""What a request without limits holds."""

"""A hard budget: calls and USD are set aside before a request and settled after it. Pure.

Calls are never exceeded. A request's price is not known before its answer, so each one sets aside what the dearest one to the
same endpoint has cost so far, and until the first is settled only one may be under way: USD can be passed by what one round of
requests costs more than the dearest before it, and by no more. With a limit in USD an answer without a price closes the
budget, for what it cost could not be counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


class Spent(Exception):
    """There is nothing left for another request; the words say of what."""


@dataclass
class Budget:
    """What may still be asked."""

    max_calls: int
    max_usd: Decimal | None = None
    calls: int = 0
    """Requests begun, without those that got no answer."""
    usd: Decimal = field(default_factory=Decimal)
    """What settled requests cost."""
    reserved_calls: int = 0
    """Kept for the comparison at the end."""
    _dearest: dict[str, Decimal] = field(default_factory=dict)
    _under_way: dict[str, int] = field(default_factory=dict)
    _is_closed: bool = False

    def must_wait(self, endpoint: str) -> bool:
        """Say whether the first price of an endpoint has to be known before another request to it may begin."""
        is_unknown = endpoint not in self._dearest and not self._is_closed
        return self.max_usd is not None and is_unknown and self._under_way.get(endpoint, 0) > 0

    def take(self, endpoint: str, kept_for: str) -> None:
        """Set aside one request. kept_for: whom the comparison at the end asks. Raises Spent."""
        if self.calls + self.reserved_calls >= self.max_calls:
            raise Spent(
                f"{self.calls} of {self.max_calls} calls are made, and {self.reserved_calls} are kept for the comparison"
            )
        if self._is_closed:
            raise Spent("an answer came without a price, so what is spent is not known any more")
        if self.max_usd is not None:
            wanted = {**self._under_way, endpoint: self._under_way.get(endpoint, 0) + 1}
            wanted[kept_for] = wanted.get(kept_for, 0) + self.reserved_calls
            aside = sum((count * self._dearest.get(name, Decimal(0)) for name, count in wanted.items()), Decimal(0))
            if self.usd + aside > self.max_usd:
                raise Spent(f"{self.usd:.6f} of {self.max_usd} USD are spent, and the rest is kept for the comparison")
        self.calls += 1
        self._under_way[endpoint] = self._under_way.get(endpoint, 0) + 1

    def settle(self, endpoint: str, cost_usd: Decimal | None) -> None:
        """Count what a request cost."""
        self._under_way[endpoint] -= 1
        if cost_usd is None:
            self._is_closed = self._is_closed or self.max_usd is not None
            return
        self.usd += cost_usd
        self._dearest[endpoint] = max(cost_usd, self._dearest.get(endpoint, cost_usd))

    def give_back(self, endpoint: str, cost_usd: Decimal | None) -> None:
        """Take back a request that got no answer; what it cost all the same is counted where that is known."""
        self._under_way[endpoint] -= 1
        self.calls -= 1
        self.usd += cost_usd or 0

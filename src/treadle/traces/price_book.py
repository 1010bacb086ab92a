"""Listed prices, found once and kept for a day: for spans of others, which state tokens and rarely what they cost.

A look-up takes up to a millisecond, so answers are kept, also that nobody lists a model; a request may cause only so many new
ones, or a sender that makes up names would hold up the others: what is beyond them has no cost, as an unknown model has none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from treadle.core.clock import Clock
from treadle.traces.pricing import Price, find_price

MAX_KEPT = 5_000
NEW_PER_REQUEST = 50
_LONGEST = 120
"""Characters of a name that is looked up."""

FindPrice = Callable[[str, str | None], Price | None]


class PriceBook:
    """Knows today's prices. Used by one thread at a time; has an owner, the door for traces."""

    def __init__(self, clock: Clock, find: FindPrice = find_price) -> None:
        self._clock = clock
        self._find = find
        self._day: date | None = None
        self._known: dict[tuple[str, str | None], Price | None] = {}
        self._left = 0

    def begin(self) -> None:
        """Begin a request: new look-ups are counted from here; what was found yesterday is looked up again."""
        self._left = NEW_PER_REQUEST
        today = self._clock.now().date()
        if today != self._day or len(self._known) >= MAX_KEPT:
            self._day = today
            self._known.clear()

    def price(self, model: str, provider: str | None) -> Price | None:
        """Return the price of a model; without a provider that of whoever makes it. None where nobody lists it."""
        key = (model, provider)
        try:
            return self._known[key]
        except KeyError:
            pass
        if self._left <= 0 or len(model) > _LONGEST or len(provider or "") > _LONGEST:
            return None
        self._left -= 1
        found = self._known[key] = self._find(model, provider)
        return found

"""What spans used together: tokens, and cost as far as it is known. Unknown is not 0, and a sum that lacks some says so. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple


class Used(NamedTuple):
    """What one span used; None is unknown."""

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None

    @property
    def is_unpriced(self) -> bool:
        """Tell whether it must have cost something that nobody knows."""
        return self.cost_usd is None and bool(self.input_tokens or self.output_tokens)


def used_by(spans: Iterable[Used]) -> dict[str, Any]:
    """Return the sums of what is known, None where nothing is, and how many spans have an unknown price."""
    found: dict[str, Any] = {"input_tokens": None, "output_tokens": None, "cost_usd": None, "unpriced_count": 0}
    for span in spans:
        for name in ("input_tokens", "output_tokens", "cost_usd"):
            value = getattr(span, name)
            if value is not None:
                found[name] = value if found[name] is None else found[name] + value
        found["unpriced_count"] += span.is_unpriced
    return found


def known_cost(known: Decimal, unpriced_count: int) -> Decimal | None:
    """Return a sum of costs; None where none of what was used has a known price."""
    return None if unpriced_count and not known else known

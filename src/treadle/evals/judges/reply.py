"""What came of asking a judge once. Plain values: whoever lists judges needs no gateway."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Token(NamedTuple):
    """One token of a reply with what could have stood in its place."""

    text: str
    others: dict[str, float]
    """Log-probability of each likely token, itself included."""


class Reply(NamedTuple):
    """What came of asking a judge once."""

    text: str = ""
    """What it said; empty when it refused this one request."""
    problem: str | None = None
    """Why it cannot be reached; None when it can."""
    refusal: str | None = None
    """Why this one request got no answer; None when it got one."""
    tokens: tuple[Token, ...] = ()
    """Its tokens, where the backend gives log-probabilities."""
    cost_usd: Decimal | None = None
    """What it cost; None where the price is not known."""
    trace_id: str | None = None
    """Its trace; None where the gateway took no request."""
    release_id: str | None = None
    """What answered."""
    refusal_code: str | None = None
    """The gateway's word for why, such as 'guard_blocked'; None where there is an answer."""
    limit: str | None = None
    """What a limit says, of the gateway or of the provider; None where none stopped the request."""
    may_pass: bool = True
    """Whether a problem may be over soon: a limit, an upstream that is away."""
    pause_seconds: float | None = None
    """How long it asks to wait; None where it does not say."""

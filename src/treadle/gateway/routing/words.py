"""The words for what can go wrong with an attempt and for how a breaker stands. Needs nothing: the SDK reads them as well."""

from __future__ import annotations

from typing import Literal

FailureKind = Literal[
    "refused",
    "connect_timeout",
    "first_token_timeout",
    "between_timeout",
    "total_timeout",
    "broken",
    "bad_answer",
    "too_large",
    "rate_limited",
    "overloaded",
    "server_error",
    "busy",
    "unauthorized",
    "forbidden",
    "rejected",
]
State = Literal["closed", "open", "probing"]
"""Of a breaker; 'probing': the time is over, and one attempt decides."""

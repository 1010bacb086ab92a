"""What can go wrong with an attempt, and what follows: one table that retries, the breaker and averages read.

Whoever makes an attempt says one of these words. After the first content nothing is repeated, whatever the table says;
that is the caller's part.
"""

from __future__ import annotations

from typing import NamedTuple

from treadle.gateway.routing.words import FailureKind
from treadle.gateway.types import Retries

MOST_BACKOFF_SECONDS = 5.0


class Rule(NamedTuple):
    """What follows from one kind of failure."""

    repeats: bool
    """Whether another attempt may succeed."""
    counts: bool
    """Whether it speaks against the target's health. Where it does not, the target answered and is alive."""
    elsewhere_only: bool = False
    """Whether only another target can help; then nobody waits."""


RULES: dict[FailureKind, Rule] = {
    "refused": Rule(True, True),  # nobody listens, or no engine is ready
    "connect_timeout": Rule(True, True),
    "first_token_timeout": Rule(True, True),
    "between_timeout": Rule(True, True),
    "total_timeout": Rule(False, True),  # no time is left
    "broken": Rule(True, True),  # the connection broke, or what came is not HTTP
    "bad_answer": Rule(True, True),  # a 200 that is no answer: HTML, an error, nothing
    "too_large": Rule(False, False),
    "rate_limited": Rule(True, True),
    "overloaded": Rule(True, True),
    "server_error": Rule(True, True),
    "busy": Rule(True, False),  # 408, 409, 425: vendors' own clients repeat these
    "unauthorized": Rule(True, True, elsewhere_only=True),  # our key for it is wrong, or its account is empty
    "forbidden": Rule(True, False, elsewhere_only=True),  # may depend on what was asked, so it is no verdict
    "rejected": Rule(False, False),  # the request itself is at fault
}

_BY_STATUS: dict[int, FailureKind] = {
    401: "unauthorized",
    402: "unauthorized",
    403: "forbidden",
    408: "busy",
    409: "busy",
    425: "busy",
    429: "rate_limited",
    501: "rejected",
    503: "overloaded",
    529: "overloaded",
}


def kind_of_status(status: int) -> FailureKind:
    """Return the kind of failure that an HTTP status (other than 2xx) means."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= 500:
        return "server_error"
    return "rejected" if status >= 400 else "bad_answer"  # we follow no redirects


def should_retry(kind: FailureKind, attempts: int, retries: Retries) -> bool:
    """Tell whether a request that failed in this way after so many attempts may be tried again at all."""
    return attempts < retries.attempts and RULES[kind].repeats


def backoff_seconds(repetition: int, retries: Retries, random: float) -> float:
    """Return how long to wait before repeating on a target for the n-th time (from 1): full jitter.

    random x min(5 s, base x 2^(n-1)); random is uniform in [0, 1). Source: Brooker, "Exponential backoff and jitter".
    """
    most = retries.base_seconds * 2.0 ** min(repetition - 1, 16)
    return random * min(MOST_BACKOFF_SECONDS, most)

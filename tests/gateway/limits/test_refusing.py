"""What a caller is told about limits."""

from __future__ import annotations

from treadle.gateway.limits.lease import Account, Lease
from treadle.gateway.limits.refusing import limit_headers, never_fits, unchecked, used_up
from treadle.gateway.limits.windows import Bounds
from treadle.gateway.types import Limit

NOON = 1_796_040_000
"""2026-11-30 12:00 UTC."""


def lease(unit: str, amount: float, *, left: int = 0, remaining: int = 0, **fields: object) -> Lease:
    """Return a lease of the minute that begins at noon, of a limit on each key."""
    made = {"limit_id": "lim_1", "project_id": "p", "scope": "key", "window_seconds": 60} | fields
    found = Lease(Account(Limit(unit=unit, amount=amount, **made), "key_1"), Bounds(NOON, NOON + 60))  # type: ignore[arg-type]
    found.left, found.remaining = left, remaining
    return found


def test_a_window_is_used_up() -> None:
    """
    The refusal says which limit, what is left, when it resets and who may raise it; callers have no commands of ours.
    """
    refusal = used_up(lease("tokens", 10_000, remaining=120), 800, NOON + 12.4)

    assert (429, "rate_limit_exceeded", 48) == (refusal.status, refusal.code, refusal.retry_after_seconds)
    assert (
        "limit 'lim_1' allows 10,000 tokens per minute for key 'key_1': 120 tokens left, this request needs up to 800 "
        "tokens; try again after 2026-11-30T12:01:00Z (in 48 s), or ask whoever runs this gateway for more"
    ) == refusal.message
    assert [
        (b"x-treadle-limit-source", b"gateway; limit=lim_1; scope=key; unit=tokens; window=minute")
    ] == refusal.headers


def test_a_window_that_ends_late() -> None:
    """
    Where the reset is far away, clients that would repeat by themselves are told not to.
    """
    refusal = used_up(lease("usd", 5.0, window_seconds=86_400), 10_000_000, NOON - 7200.0)

    assert ("budget_exceeded", 7260) == (refusal.code, refusal.retry_after_seconds)
    assert "0.00 USD left, this request needs up to 0.0100 USD" in refusal.message
    assert (b"x-should-retry", b"false") in refusal.headers


def test_too_many_at_once() -> None:
    """
    A slot may be free at any moment, so a second's wait is advised.
    """
    refusal = used_up(lease("concurrency", 8, scope="endpoint", subject="support"), 1, NOON)

    assert ("concurrency_limit_exceeded", 1) == (refusal.code, refusal.retry_after_seconds)
    assert "8 requests at once" in refusal.message
    assert refusal.message.endswith("one of them ends, or ask whoever runs this gateway for more")


def test_a_request_larger_than_the_window() -> None:
    """
    What can never succeed is told so, with the way out.
    """
    refusal = never_fits(lease("tokens", 100), 5000)

    assert ("request_over_limit", None) == (refusal.code, refusal.retry_after_seconds)
    assert "max_tokens" in refusal.message


def test_money_that_nobody_counts() -> None:
    """
    A budget that cannot be checked is a fault of ours, not of the caller.
    """
    refusal = unchecked(lease("usd", 5.0))

    assert (503, "budget_unchecked", "server_error") == (refusal.status, refusal.code, refusal.kind)


def test_headers_as_openai_writes_them() -> None:
    """
    Of several limits on one unit the tightest is told; the reset is a duration.
    """
    leases = [
        lease("requests", 100, left=5, remaining=85),
        lease("requests", 1000, left=5, remaining=45),
        lease("tokens", 5000, left=-20, remaining=0),
        lease("usd", 5.0),
    ]

    headers = limit_headers(leases, "chat", NOON - 300.0)

    assert {
        b"x-ratelimit-limit-requests": b"1000",
        b"x-ratelimit-remaining-requests": b"50",
        b"x-ratelimit-reset-requests": b"6m0s",
        b"x-ratelimit-limit-tokens": b"5000",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": b"6m0s",
    } == dict(headers)


def test_headers_as_anthropic_writes_them() -> None:
    """
    The same numbers under Anthropic's names; the reset is a moment.
    """
    headers = limit_headers([lease("requests", 100, left=10)], "messages", NOON)

    assert {
        b"anthropic-ratelimit-requests-limit": b"100",
        b"anthropic-ratelimit-requests-remaining": b"10",
        b"anthropic-ratelimit-requests-reset": b"2026-11-30T12:01:00Z",
    } == dict(headers)


def test_no_limits_no_headers() -> None:
    """
    Where nothing is limited nothing is told.
    """
    assert [] == limit_headers([], "chat", NOON)

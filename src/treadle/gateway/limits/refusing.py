"""How a limit says no, and how it tells callers what is left: words, codes and the vendors' own headers.

A caller can tell our limits from its provider's by `x-treadle-limit-source`: ours name the gateway and the limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from treadle.gateway.limits.lease import Account, Lease
from treadle.gateway.limits.windows import REQUESTS, TOKENS, shown, window_name
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import Limit, ProtocolName

Headers = list[tuple[bytes, bytes]]

SOURCE = b"x-treadle-limit-source"
_MOST_RETRIED_SECONDS = 60
"""Vendors' clients repeat by themselves up to here; beyond it they are told not to."""
_CODES = {
    "requests": "rate_limit_exceeded",
    "tokens": "rate_limit_exceeded",
    "usd": "budget_exceeded",
    "concurrency": "concurrency_limit_exceeded",
}
_MARKS = "+00:00", "Z"
_OPENAI, _ANTHROPIC = "x-ratelimit-{part}-{noun}", "anthropic-ratelimit-{noun}-{part}"
_OPENAI_NAMES, _ANTHROPIC_NAMES = (
    [
        (unit, [name.format(noun=noun, part=part).encode() for part in ("limit", "remaining", "reset")])
        for unit, noun in ((REQUESTS, "requests"), (TOKENS, "tokens"))
    ]
    for name in (_OPENAI, _ANTHROPIC)
)
"""The vendors' names for an amount, what is left of it, and when it is whole again."""


class LimitRefusal(Refusal):
    """A request that one of our limits stops."""

    def __init__(
        self, limit: Limit, subject: str, status: int, code: str, message: str, *, retry_after_seconds: int | None
    ) -> None:
        kind = {400: "invalid_request_error", 403: "permission_error", 429: "rate_limit_error"}.get(
            status, "server_error"
        )
        super().__init__(status, code, message, kind=kind, retry_after_seconds=retry_after_seconds)
        self.limit = limit
        """The limit that stopped it."""
        self.subject = subject
        """Whose use is counted: a key id, an endpoint, a user, a project."""
        self.headers = [(SOURCE, source_of(limit))]
        if status == 429 and (retry_after_seconds is None or retry_after_seconds > _MOST_RETRIED_SECONDS):
            self.headers.append((b"x-should-retry", b"false"))


def source_of(limit: Limit) -> bytes:
    """Return which limit spoke, such as 'gateway; limit=lim_1; scope=key; unit=requests; window=minute'."""
    window = "" if limit.unit == "concurrency" else f"; window={window_name(limit.window_seconds)}"
    return f"gateway; limit={limit.limit_id}; scope={limit.scope}; unit={limit.unit}{window}".encode()


def used_up(lease: Lease, need: int, epoch: float) -> LimitRefusal:
    """Nothing is left in this window."""
    account = lease.account
    limit = account.limit
    if limit.unit == "concurrency":
        seconds, when = 1, "one of them ends"
        told = "all of them are being answered"
    else:
        seconds = max(1, -int(-(lease.ends - epoch) // 1))
        when = f"{_clock(lease.ends)} (in {seconds} s)"
        free = shown(limit.unit, max(lease.left + lease.remaining, 0))
        told = f"{_amount(limit, free)} left, this request needs up to {_amount(limit, shown(limit.unit, need))}"
    message = (
        f"limit '{limit.limit_id}' allows {_allowed(limit)} for {_whose(limit, account.subject)}: {told}; "
        f"try again after {when}, or ask whoever runs this gateway for more"
    )
    return LimitRefusal(limit, account.subject, 429, _CODES[limit.unit], message, retry_after_seconds=seconds)


def never_fits(lease: Lease, need: int) -> LimitRefusal:
    """The request alone is larger than what the whole window allows; where that is nothing, the caller is blocked."""
    account = lease.account
    limit = account.limit
    if limit.amount == 0:
        message = (
            f"{_whose(limit, account.subject)} is blocked: limit '{limit.limit_id}' allows {_allowed(limit)}; whoever runs this "
            f"gateway sees why with: treadle abuse list, and lifts it there or with: treadle limit remove {limit.limit_id}"
        )
        return LimitRefusal(limit, account.subject, 403, "caller_blocked", message, retry_after_seconds=None)
    message = (
        f"this request needs up to {_amount(limit, shown(limit.unit, need))}, more than limit '{limit.limit_id}' ever "
        f"allows ({_allowed(limit)} for {_whose(limit, account.subject)}); ask for a shorter answer with max_tokens, "
        f"or ask whoever runs this gateway for more"
    )
    return LimitRefusal(limit, account.subject, 429, "request_over_limit", message, retry_after_seconds=None)


def unchecked(lease: Lease) -> LimitRefusal:
    """The database does not answer, and this worker holds nothing more that it may give."""
    account = lease.account
    limit = account.limit
    why = "its share of what was left is used up" if lease.has_borrowed else "this limit is set to refuse until it does"
    message = (
        f"limit '{limit.limit_id}' ({_allowed(limit)} for {_whose(limit, account.subject)}) cannot be checked: this "
        f"gateway's database does not answer, and {why}; try again in 5 s"
    )
    code = "budget_unchecked" if limit.unit == "usd" else "limit_unchecked"
    return LimitRefusal(limit, account.subject, 503, code, message, retry_after_seconds=5)


def uncountable(lease: Lease) -> LimitRefusal:
    """The database answers, and cannot keep what this request would be counted by."""
    limit = lease.account.limit
    message = (
        f"limit '{limit.limit_id}' ({_allowed(limit)}) cannot count this request: the name of its {limit.scope} is nothing that "
        f"a database can keep; send another one, of printable characters"
    )
    return LimitRefusal(limit, lease.account.subject, 400, "limit_uncountable", message, retry_after_seconds=None)


def unpriced(account: Account) -> LimitRefusal:
    """A budget that wants to know what is spent."""
    limit = account.limit
    message = (
        f"limit '{limit.limit_id}' ({_allowed(limit)} for {_whose(limit, account.subject)}) takes no request whose price is not "
        f"known, and nobody stated one for a model behind this endpoint; call another model, or ask whoever runs this gateway "
        f"to state its price"
    )
    return LimitRefusal(limit, account.subject, 429, "price_unknown", message, retry_after_seconds=None)


def limit_headers(leases: Iterable[Lease], protocol: ProtocolName, epoch: float) -> Headers:
    """Return what is left, in the caller's dialect: of several limits on one unit the one that is tightest now.

    Between workers' exchanges with the database the numbers are those of the last one.
    """
    is_anthropic = protocol == "messages"
    tightest: list[Lease | None] = [None, None, None, None]
    for lease in leases:
        unit = lease.account.unit
        other = tightest[unit]
        if other is None or lease.free_share < other.free_share:
            tightest[unit] = lease
    headers: Headers = []
    for unit, (limit, remaining, reset) in _ANTHROPIC_NAMES if is_anthropic else _OPENAI_NAMES:
        if (told := tightest[unit]) is not None:
            left = told.left + told.remaining
            headers += (
                (limit, told.account.amount_told),
                (remaining, b"%d" % left if left > 0 else b"0"),
                (reset, _clock(told.ends).encode() if is_anthropic else _duration(told.ends - epoch)),
            )
    return headers


def _duration(seconds: float) -> bytes:
    """Return seconds as OpenAI writes them: '350ms', '12s', '6m0s', '23h59m59s'."""
    return _whole_seconds(int(seconds)) if seconds >= 1.0 else b"%dms" % (max(seconds, 0.0) * 1000)


@lru_cache(maxsize=64)  # all requests of a second are told the same
def _whole_seconds(seconds: int) -> bytes:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    told = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"
    return told.encode()


def _clock(epoch: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=epoch)).isoformat().replace(*_MARKS)


def _amount(limit: Limit, amount: float) -> str:
    if limit.unit == "usd":
        return f"{amount:.4f} USD" if 0 < amount < 0.1 else f"{amount:.2f} USD"
    return f"{amount:,.0f} {limit.unit if limit.unit != 'concurrency' else 'requests at once'}"


def _allowed(limit: Limit) -> str:
    window = "" if limit.unit == "concurrency" else f" per {window_name(limit.window_seconds)}"
    return _amount(limit, limit.amount) + window


def _whose(limit: Limit, subject: str) -> str:
    if limit.scope == "project":
        return "this project"
    return f"{limit.scope} '{subject}'" if subject else f"requests that name no {limit.scope}"

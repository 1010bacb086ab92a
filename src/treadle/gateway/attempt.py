"""One attempt: ask one target once, and say what it means when that brings no answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from time import time

from treadle.gateway import outages
from treadle.gateway.answers import Faulty, Live, Whole, whole_of
from treadle.gateway.compose import Composed
from treadle.gateway.protocols.base import Asked, SpokenProtocol
from treadle.gateway.providers.kinds import BUILT_IN
from treadle.gateway.ready import Path, Ready, Route
from treadle.gateway.refusals import Refusal
from treadle.gateway.routing.failures import kind_of_status
from treadle.gateway.routing.words import FailureKind
from treadle.gateway.types import Arm, Clocks, Dialect, Target
from treadle.gateway.upstream import NotRunning, Reply, TimedOut, TooLarge, UpstreamError

SendTo = Callable[[Arm, Route, Dialect, bytes, Clocks, bool, Mapping[str, str]], Awaitable[Reply]]
"""Sends a body to a target and waits for the head of the reply; raises UpstreamError. The bool says whether it streams."""

NO_HEADERS: Mapping[str, str] = {}

_TIMEOUTS: Mapping[str, FailureKind] = {
    "connect": "connect_timeout",
    "first_token": "first_token_timeout",
    "between": "between_timeout",
    "total": "total_timeout",
}


class AttemptFailed(Exception):
    """One attempt brought no content."""

    def __init__(self, refusal: Refusal, kind: FailureKind, retry_after: float | None = None) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        """What the caller gets when nothing mends it."""
        self.kind = kind
        self.retry_after = retry_after
        """Seconds that the upstream asks to wait."""


async def ask(
    send: SendTo,
    ready: Ready,
    route: Route,
    clocks: Clocks,
    protocol: SpokenProtocol,
    asked: Asked,
    composed: Composed,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Whole | Live:
    """Ask one target once; return its answer in the caller's protocol, whole or begun. Raises AttemptFailed.

    headers: of the caller; they go to a target that speaks its protocol only.
    """
    path = route.path(asked.protocol, composed.protocol)
    if path is None:
        raise AttemptFailed(outages.not_spoken(asked.protocol, route.target.provider), "forbidden")
    body = composed.body_for(route.model, route.limit_field)
    if path.asking is not None:
        try:
            body = path.asking.request(body)
        except Refusal as refusal:
            raise AttemptFailed(refusal, "forbidden") from None  # another target may speak what this one cannot
    try:
        given = headers if path.translation is None else NO_HEADERS
        reply = await send(ready.arm, route, path.dialect, body, clocks, asked.stream, given)
    except UpstreamError as error:
        raise failure_of(error, route.target) from error
    live: Live | None = None
    try:
        if reply.status != 200:
            raise await _refused(reply, route, path)
        if not asked.stream:
            return whole_of(await reply.read(), protocol, path.translation)
        if not reply.content_type.endswith("stream"):
            raise Faulty(f"it answered a stream request with '{reply.content_type}'")
        begun = Live(reply, route.kind.framer(reply.content_type), protocol, path.translation, asked.model)
        await begun.begin()
        live = begun
        return live
    except UpstreamError as error:
        raise failure_of(error, route.target) from error
    except Faulty as error:
        raise AttemptFailed(outages.upstream_failed(str(error)), "bad_answer") from error
    finally:
        if live is None:
            reply.close()


async def _refused(reply: Reply, route: Route, path: Path) -> AttemptFailed:
    """Return the failure that an error answer means."""
    data, status = await reply.read(), reply.status
    said = route.kind.error_message(data)
    retry_after = retry_after_of(reply.headers, time())
    provider, kind = route.target.provider, kind_of_status(status)
    if kind == "rate_limited":
        refusal = outages.upstream_rate_limited(provider, said, retry_after)
    elif kind in ("unauthorized", "forbidden"):
        refusal = outages.upstream_denied_us(provider, status)
    elif kind == "overloaded":
        refusal = _away(route.target) or outages.upstream_overloaded(provider, said, retry_after)
    elif status == 501:  # llama.cpp's, for embeddings of a model that makes none: its words are about its own options
        refusal = outages.not_spoken(path.dialect, provider)
    elif kind not in ("rejected", "busy") or said is None:
        refusal = outages.upstream_failed(f"it answered with status {status}")
    else:
        refusal = outages.upstream_refused(status, said)
        if path.translation is None:
            refusal.original = data
    return AttemptFailed(refusal, kind, retry_after)


def failure_of(error: UpstreamError, target: Target) -> AttemptFailed:
    """Return what a broken upstream means to a request that has heard nothing yet."""
    if isinstance(error, TimedOut):
        return AttemptFailed(outages.upstream_timeout(error.clock, error.seconds), _TIMEOUTS[error.clock])
    if isinstance(error, NotRunning):
        return AttemptFailed(_away(target) or outages.provider_unreachable(target.provider), "refused")
    if isinstance(error, TooLarge):
        return AttemptFailed(outages.upstream_failed("its answer was too large"), "too_large")
    reason = "it closed the connection before its answer was complete"
    return AttemptFailed(outages.upstream_failed(reason), "broken")


def _away(target: Target) -> Refusal | None:
    """Return what it means that a local engine does not answer; None for a target of a provider."""
    return outages.engine_not_running(target.model) if target.provider in BUILT_IN else None


def retry_after_of(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long an upstream asks to wait, in seconds; None when it does not say so in a way that makes sense.

    In `retry-after-ms`, as OpenAI says it too, else in `retry-after`, in seconds or as a date (RFC 9110, 10.2.3). A date is
    by the clock of whoever wrote it, so it is compared with the answer's own `date`. now: seconds since the epoch, for an
    answer without one.
    """
    said = headers.get("retry-after", "")
    try:
        if milliseconds := headers.get("retry-after-ms"):
            seconds = float(milliseconds) / 1000
        elif said[-3:] == "GMT":
            date = headers.get("date")
            seconds = max(0.0, _epoch(said) - (now if date is None else _epoch(date)))
        else:
            seconds = float(said)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None


def _epoch(date: str) -> float:
    """Return the seconds since the epoch of an HTTP date; raises ValueError."""
    return parsedate_to_datetime(date).timestamp()

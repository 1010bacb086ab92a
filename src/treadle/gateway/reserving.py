"""What a request may use at most: reckoned from what would be sent, held before it is sent.

Where a limit counts tokens or USD, an answer has an end: the smallest that the caller or the release states, else
`DEFAULT_ANSWER_TOKENS`, and that one is sent, under the name that the target knows and under no other. A provider that
does not keep to it, and what our count of a prompt misses, is counted when the answer is there, beyond what was reserved.
Without such a limit nothing is reckoned and nothing is changed in a request.
"""

from __future__ import annotations

from decimal import Decimal

import anyio.to_thread
from msgspec import Struct

from treadle.gateway import refusals
from treadle.gateway.compose import Composed
from treadle.gateway.counting import estimate_tokens, most_tokens, request_tokens
from treadle.gateway.limits.limiter import Limiter, Who
from treadle.gateway.limits.reservation import NOTHING, Reservation
from treadle.gateway.protocols.base import Asked
from treadle.gateway.ready import Ready
from treadle.gateway.referring import referred

DEFAULT_ANSWER_TOKENS = 4096
"""Most tokens of an answer, thinking included, where a limit counts them and nobody said how many: long enough for nearly
every answer. A release or a request that wants more states max_tokens."""

_LONG_BYTES = 100_000
"""A request beyond this is reckoned beside the event loop."""


class Reserved(Struct):
    """What a request holds of its limits, and what was reckoned for it."""

    reservation: Reservation
    asked: Asked
    """The request that was reckoned with."""
    composed: Composed | None = None
    """What would be sent of it; None when nothing had to be reckoned."""
    bound: int | None = None
    """The most tokens of an answer that are sent along; None changes nothing."""
    is_stated: bool = False
    """Whether the caller or the release stated an end of the answer."""
    tokens: int = 0
    """The most that is read and written."""
    usd: Decimal | None = None
    """What that costs at most; None when no price is known."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the caller is told: at how many tokens its answer ends, where it did not say so itself."""
        return () if self.bound is None or self.is_stated else ((b"x-treadle-max-tokens", b"%d" % self.bound),)

    async def composed_for(self, ready: Ready, asked: Asked) -> Composed:
        """Return what is sent, with its answer bounded. Raises Refusal (400) when the prompt cannot be filled in."""
        composed = self.composed_now(ready, asked)
        if composed is None:
            composed = await ready.compose(asked)
            composed.bound = self.bound
        return composed

    def composed_now(self, ready: Ready, asked: Asked) -> Composed | None:
        """As `composed_for`, where that takes no waiting; else None."""
        # A guard may have masked something meanwhile; then what was reckoned with must not be sent.
        composed = self.composed if asked is self.asked else None
        if composed is None:
            composed = ready.compose_now(asked)
        if composed is not None:
            composed.bound = self.bound
        return composed


def reserve_now(limiter: Limiter, ready: Ready, asked: Asked, who: Who, now: float) -> Reserved | None:
    """As `reserve`, where that takes no waiting; else None."""
    for stated in (asked.token_limit, ready.composer.token_limit):
        if stated is not None and stated < 0:
            raise refusals.invalid_field("max_tokens", f"it is {stated}, and an answer has no fewer than 0 tokens")
    if not limiter.is_metered(who):
        held = Reserved(NOTHING, asked)
    elif len(asked.body) > _LONG_BYTES or (composed := ready.compose_now(asked)) is None:
        return None
    else:
        held = _held(ready, asked, composed, _reckon(asked, composed))
    reservation = limiter.reserve_now(who, held.tokens, held.usd, now, is_priced=ready.is_priced)
    if reservation is None:
        return None
    held.reservation = reservation
    return held


async def reserve(limiter: Limiter, ready: Ready, asked: Asked, who: Who, now: float) -> Reserved:
    """Hold what a request may use of its limits. Raises Refusal (400, 429, 503). now: monotonic seconds."""
    held = reserve_now(limiter, ready, asked, who, now)
    if held is not None:
        return held
    held = Reserved(NOTHING, asked)
    if limiter.is_metered(who):
        composed = await ready.compose(asked)
        is_long = len(asked.body) > _LONG_BYTES
        read = await anyio.to_thread.run_sync(_reckon, asked, composed) if is_long else _reckon(asked, composed)
        held = _held(ready, asked, composed, read)
    held.reservation = await limiter.reserve(who, held.tokens, held.usd, now, is_priced=ready.is_priced)
    return held


def _held(ready: Ready, asked: Asked, composed: Composed, read: int) -> Reserved:
    """Return what a request may use. read: tokens of it."""
    bound, is_stated, written = None, False, 0
    if asked.protocol != "embeddings":
        bound = composed.token_limit
        is_stated = bound is not None
        bound = DEFAULT_ANSWER_TOKENS if bound is None else bound
        # Not every server takes 0 for none at all, so that is sent but not relied on.
        written = (bound or DEFAULT_ANSWER_TOKENS) * ready.composer.answers(asked)
    if ready.refiner is not None and ready.refiner.asks_again:
        read, written = 2 * read + written, 2 * written  # the second question repeats the first and its answer
    if ready.hedges:
        read, written = 2 * read, 2 * written
    return Reserved(NOTHING, asked, composed, bound, is_stated, read + written, ready.cost_at_most(read, written))


def _reckon(asked: Asked, composed: Composed) -> int:
    """Return how many tokens to hold for what is read. Raises Refusal (400) where nobody here can reckon it."""
    tokens, inline_bytes, kept = referred(asked.body)
    if kept is not None:
        raise refusals.invalid_field(
            kept,
            "a limit on tokens or USD applies, and how much a conversation that the provider keeps has by now is not known "
            "here; send the whole conversation in the request",
        )
    most = request_tokens(max(composed.size_bytes, len(asked.body)) - inline_bytes)
    # Figures, marks and scripts without spaces have fewer bytes for each token, and so have tokens in the place of text.
    text = asked.texts[0] if len(asked.texts) == 1 else "\n".join(asked.texts)
    if most_tokens(text) > most:
        most = max(most, estimate_tokens(text))
    if asked.tokens_in is not None:
        most = max(most, asked.body.count(b",") + 1)
    return most + tokens

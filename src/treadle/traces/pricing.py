"""What an answer cost: rates are looked up when configuration loads, per request it is a few multiplications.

Listed prices are from `genai-prices`, whose own calculation takes some 400 microseconds per call, so its rates are taken
out once. Tokens come in disjoint buckets, each has its rate, and all rates of a request follow from how much it reads
where a model has tiers. A model that nobody lists has no price, and then the cost is None and not 0.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Protocol, overload

import msgspec
from msgspec import Struct

_MILLION = Decimal(1_000_000)
_THOUSAND = Decimal(1_000)
_LISTED_AS = {"gemini": "google", "bedrock": "aws", "xai": "x-ai"}
"""What `genai-prices` calls some of our kinds and presets."""
_RATES = {
    "input_mtok": "input_usd_per_token",
    "output_mtok": "output_usd_per_token",
    "cache_read_mtok": "cache_read_usd_per_token",
    "cache_write_mtok": "cache_write_usd_per_token",
    "cache_write_1h_mtok": "cache_write_1h_usd_per_token",
    "input_audio_mtok": "input_audio_usd_per_token",
    "input_image_mtok": "input_image_usd_per_token",
    "output_reasoning_mtok": "reasoning_usd_per_token",
    "output_audio_mtok": "output_audio_usd_per_token",
}

BUCKET_ATTRIBUTES = {
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "cache_write_1h_tokens": "treadle.usage.cache_creation_1h.input_tokens",
    "input_audio_tokens": "gen_ai.usage.audio.input_tokens",
    "input_image_tokens": "gen_ai.usage.image.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "output_audio_tokens": "gen_ai.usage.audio.output_tokens",
}
"""Under which names a span keeps the buckets besides plain input and output."""


COMPUTED, PRICE_VERSION = "treadle.cost.computed", "treadle.price.version"
"""Attributes of a span: whether its cost is by our price and not its emitter's word, and which price that is."""


class Buckets(Protocol):
    """Tokens of one answer, no token in two buckets (the gateway's `Usage`)."""

    input_tokens: int | None
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    input_audio_tokens: int
    input_image_tokens: int
    output_tokens: int | None
    reasoning_tokens: int
    output_audio_tokens: int


class Rates(Struct, frozen=True, kw_only=True):
    """US dollars for one token of each bucket."""

    input_usd_per_token: Decimal
    """Text that the model reads afresh."""
    output_usd_per_token: Decimal
    """Text that the model writes."""
    cache_read_usd_per_token: Decimal | None = None
    """None: as input."""
    cache_write_usd_per_token: Decimal | None = None
    """None: as input."""
    cache_write_1h_usd_per_token: Decimal | None = None
    """None: as other writes to a cache."""
    input_audio_usd_per_token: Decimal | None = None
    """None: as input."""
    input_image_usd_per_token: Decimal | None = None
    """None: as input."""
    reasoning_usd_per_token: Decimal | None = None
    """None: as output."""
    output_audio_usd_per_token: Decimal | None = None
    """None: as output."""


class Tier(Rates, frozen=True, kw_only=True):
    """Rates of all of a request's tokens when it reads more than a number of them."""

    above_input_tokens: int
    """Caches and other media included."""


class Price(Rates, frozen=True, kw_only=True):
    """What one model's tokens cost."""

    source: str
    """Where the price is from, with its version, such as 'genai-prices 0.2.3' or 'configured'."""
    version: str = ""
    """Digest of the rates, to tell two prices apart; empty in documents from before there were versions."""
    usd_per_request: Decimal = Decimal(0)
    """Besides the tokens."""
    tiers: tuple[Tier, ...] = ()
    """By rising threshold; the last one that is passed counts."""


def find_price(model: str, provider: str | None = None, *, api_url: str | None = None) -> Price | None:
    """Return today's listed price of a provider's model, or None when nobody lists it. Costs about a millisecond.

    provider: a kind or preset of ours, or a name of `genai-prices`. api_url: the provider's base URL, where it is known
    by that. Without either, any provider's price of a model of this name is taken.
    """
    from genai_prices import Usage, calc_price  # heavy: half a second at first import

    listed = None if provider is None else _LISTED_AS.get(provider, provider)
    try:
        # The call finds the model and the price that holds today; the usage does not matter.
        found = calc_price(Usage(input_tokens=1), model, provider_id=listed, provider_api_url=api_url)
    except (LookupError, ValueError):
        return None
    stated: dict[str, Any] = {key: value for key, value in vars(found.model_price).items() if value is not None}
    if "input_mtok" not in stated:
        return None  # charged by the hour, the page or the character
    starts = sorted({tier.start for value in stated.values() for tier in getattr(value, "tiers", ())})
    tiers = tuple(Tier(above_input_tokens=start, **_rates_at(stated, start + 1)) for start in starts)
    return versioned(
        Price(
            source=f"genai-prices {version('genai-prices')}",
            usd_per_request=_rate(stated.get("requests_kcount", Decimal(0)), 0) / _THOUSAND,
            tiers=tiers,
            **_rates_at(stated, 0),
        )
    )


def find_context_length(model: str, provider: str | None = None, *, api_url: str | None = None) -> int | None:
    """Return how many tokens a listed model takes in all, as the price book says; None when it does not.

    The arguments are those of `find_price`.
    """
    from genai_prices import Usage, calc_price  # heavy: half a second at first import

    listed = None if provider is None else _LISTED_AS.get(provider, provider)
    try:
        found = calc_price(Usage(input_tokens=1), model, provider_id=listed, provider_api_url=api_url)
    except (LookupError, ValueError):
        return None
    length = found.model.context_window
    return length if isinstance(length, int) else None


def stated_price(
    input_usd_per_million: Decimal,
    output_usd_per_million: Decimal,
    *,
    cache_read_usd_per_million: Decimal | None = None,
    cache_write_usd_per_million: Decimal | None = None,
) -> Price:
    """Return a price that somebody states for a target, instead of a listed one."""
    return versioned(
        Price(
            input_usd_per_token=input_usd_per_million / _MILLION,
            output_usd_per_token=output_usd_per_million / _MILLION,
            cache_read_usd_per_token=_per_token(cache_read_usd_per_million),
            cache_write_usd_per_token=_per_token(cache_write_usd_per_million),
            source="configured",
        )
    )


def versioned(price: Price) -> Price:
    """Return a price with its version: the digest of everything else in it."""
    bare = msgspec.structs.replace(price, version="")
    return msgspec.structs.replace(price, version=hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:12])


@overload
def cost_usd(price: Price | None, usage: Buckets, /) -> Decimal | None: ...


@overload
def cost_usd(price: Price | None, input_tokens: int | None, output_tokens: int | None, /) -> Decimal | None: ...


def cost_usd(price: Price | None, usage: Buckets | int | None, output_tokens: int | None = None, /) -> Decimal | None:
    """Return the cost of one answer: Σ tokens · rate; None when the price or the text that was read is unknown.

    usage: the buckets of an answer, or the plain counts of what was read and written. What was written may be unknown
    only where writing is free, as it is for embeddings.
    """
    if price is None or usage is None:
        return None
    if isinstance(usage, int):
        return None if output_tokens is None else _plain_cost(price, usage, output_tokens)
    if usage.input_tokens is None or (usage.output_tokens is None and price.output_usd_per_token):
        return None
    read, written = usage.input_tokens, usage.output_tokens or 0
    others = (
        usage.cache_read_tokens + usage.cache_write_tokens + usage.cache_write_1h_tokens
        + usage.input_audio_tokens + usage.input_image_tokens
    )  # fmt: skip
    rates = rates_for(price, read + others)
    total = price.usd_per_request + rates.input_usd_per_token * read + rates.output_usd_per_token * written
    if others:
        total += _others_cost(rates, usage)
    if usage.reasoning_tokens:
        total += _or(rates.reasoning_usd_per_token, rates.output_usd_per_token) * usage.reasoning_tokens
    if usage.output_audio_tokens:
        total += _or(rates.output_audio_usd_per_token, rates.output_usd_per_token) * usage.output_audio_tokens
    return total


def rates_for(price: Price, input_tokens: int) -> Rates:
    """Return the rates that hold for a request that reads so much in all."""
    for tier in reversed(price.tiers):
        if input_tokens > tier.above_input_tokens:
            return tier
    return price


def _plain_cost(price: Price, input_tokens: int, output_tokens: int) -> Decimal:
    rates = rates_for(price, input_tokens)
    tokens = rates.input_usd_per_token * input_tokens + rates.output_usd_per_token * output_tokens
    return price.usd_per_request + tokens


def _others_cost(rates: Rates, usage: Buckets) -> Decimal:
    reading = rates.input_usd_per_token
    writing = _or(rates.cache_write_usd_per_token, reading)
    return (
        _or(rates.cache_read_usd_per_token, reading) * usage.cache_read_tokens
        + writing * usage.cache_write_tokens
        + _or(rates.cache_write_1h_usd_per_token, writing) * usage.cache_write_1h_tokens
        + _or(rates.input_audio_usd_per_token, reading) * usage.input_audio_tokens
        + _or(rates.input_image_usd_per_token, reading) * usage.input_image_tokens
    )


def _rates_at(stated: dict[str, Any], input_tokens: int) -> dict[str, Any]:
    """Return the listed rates, each for one token, of a request that reads so much."""
    rates = {ours: _rate(stated[key], input_tokens) / _MILLION for key, ours in _RATES.items() if key in stated}
    rates.setdefault("output_usd_per_token", Decimal(0))  # embeddings write nothing
    return rates


def _rate(value: Any, input_tokens: int) -> Decimal:
    for tier in reversed(getattr(value, "tiers", ())):
        if input_tokens > tier.start:
            return Decimal(tier.price)
    return Decimal(getattr(value, "base", value))


def _or(rate: Decimal | None, other: Decimal) -> Decimal:
    return other if rate is None else rate


def _per_token(usd_per_million: Decimal | None) -> Decimal | None:
    return None if usd_per_million is None else usd_per_million / _MILLION

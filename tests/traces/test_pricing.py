"""Prices of answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from treadle.gateway.protocols.base import Usage
from treadle.traces.pricing import Price, cost_usd, find_price, stated_price


def test_a_listed_model() -> None:
    """
    Cost is exact decimal arithmetic: 1,000 tokens in at 0.15 and 500 out at 0.60 USD per million are 0.00045 USD.
    """
    price = find_price("gpt-4o-mini", "openai")

    assert price is not None
    assert price.source.startswith("genai-prices ")
    assert Decimal("0.00045") == cost_usd(price, 1_000, 500)


def test_a_model_that_nobody_lists() -> None:
    """
    An unknown price gives an unknown cost, not 0.
    """
    price = find_price("support-tiny-2m")

    assert price is None
    assert cost_usd(price, 10, 10) is None


def test_a_provider_that_counts_no_tokens() -> None:
    """
    Without token counts the cost is unknown even where the price is known.
    """
    price = Price(input_usd_per_token=Decimal("0.1"), output_usd_per_token=Decimal("0.1"), source="configured")

    assert cost_usd(price, None, 3) is None
    assert Decimal("0.4") == cost_usd(price, 1, 3)


def _usage(**more: Any) -> Usage:
    return Usage(**{"input_tokens": 0, "output_tokens": 0, **more})


PRICE = Price(
    input_usd_per_token=Decimal(1),
    output_usd_per_token=Decimal(10),
    cache_read_usd_per_token=Decimal("0.1"),
    cache_write_usd_per_token=Decimal("1.25"),
    source="configured",
)


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        ("input_tokens", "4"),
        ("output_tokens", "40"),
        ("cache_read_tokens", "0.4"),
        ("cache_write_tokens", "5"),
        ("cache_write_1h_tokens", "5"),
        ("input_audio_tokens", "4"),
        ("input_image_tokens", "4"),
        ("reasoning_tokens", "40"),
        ("output_audio_tokens", "40"),
    ],
)
def test_each_bucket_has_its_rate(bucket: str, expected: str) -> None:
    """
    A bucket without a rate of its own takes that of the one it is part of.
    """
    assert Decimal(expected) == cost_usd(PRICE, _usage(**{bucket: 4}))


def test_an_answer_with_a_cache() -> None:
    """
    Claude Sonnet 4.5: 1,000 read at 3, 9,000 from a cache at 0.30, 2,000 written to it at 3.75, 500 answered at 15 USD
    per million: 0.003 + 0.0027 + 0.0075 + 0.0075.
    """
    price = find_price("claude-sonnet-4-5", "anthropic")
    usage = _usage(input_tokens=1_000, cache_read_tokens=9_000, cache_write_tokens=2_000, output_tokens=500)

    assert Decimal("0.0207") == cost_usd(price, usage)


@pytest.mark.parametrize(("cached", "expected"), [(0, "0.25"), (1, "0.50000025")])
def test_a_long_context(cached: int, expected: str) -> None:
    """
    Gemini 2.5 Pro: up to 200,000 tokens 1.25 USD per million, above that 2.50 for all of them; cached ones count too.
    """
    price = find_price("gemini-2.5-pro", "gemini")

    assert Decimal(expected) == cost_usd(price, _usage(input_tokens=200_000, cache_read_tokens=cached))


def test_embeddings() -> None:
    """
    A model that writes nothing has a cost without a count of what was written; others have not.
    """
    usage = Usage(input_tokens=1_000_000)

    assert Decimal("0.02") == cost_usd(find_price("text-embedding-3-small", "openai"), usage)
    assert cost_usd(PRICE, usage) is None


def test_a_stated_price() -> None:
    """
    A stated price is per million, names its source, and has another version than a different one.
    """
    price = stated_price(Decimal(2), Decimal(8), cache_read_usd_per_million=Decimal("0.5"))

    assert Decimal("0.0000105") == cost_usd(price, _usage(input_tokens=1, output_tokens=1, cache_read_tokens=1))
    assert "configured" == price.source
    assert price.version
    assert price.version != stated_price(Decimal(2), Decimal(9)).version
    assert price.version == stated_price(Decimal(2), Decimal(8), cache_read_usd_per_million=Decimal("0.5")).version


def test_prices_by_address() -> None:
    """
    A provider is known by its base URL, and by what we call it.
    """
    listed = find_price("grok-3", "x-ai")

    assert listed is not None
    assert listed == find_price("grok-3", "xai")
    assert listed == find_price("grok-3", api_url="https://api.x.ai/v1")
    assert find_price("grok-3", api_url="http://127.0.0.1:8000/v1") is None


def test_a_document_from_before() -> None:
    """
    Prices that were stored before there were buckets still read.
    """
    old = b'{"input_usd_per_token":"0.5","output_usd_per_token":"1","source":"configured"}'

    price = msgspec.json.decode(old, type=Price)

    assert Decimal("2") == cost_usd(price, _usage(input_tokens=1, cache_read_tokens=1, output_tokens=1))

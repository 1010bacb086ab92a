"""Spans of others that state tokens and no cost are priced when they come, by the listed price of the model, and marked so."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from tests.traces.home import Home
from treadle.core.clock import SettableClock
from treadle.traces.dialects.registry import canonical
from treadle.traces.dialects.repeats import without_repeats
from treadle.traces.otlp.raw import RawSpan
from treadle.traces.price_book import NEW_PER_REQUEST, PriceBook
from treadle.traces.pricing import Price, find_price

USAGE = {"gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 100}
MINI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
}


def raw(given: dict[str, Any], number: int = 1, parent: int | None = None) -> RawSpan:
    """Return a span with these attributes."""
    now = time.time_ns()
    return RawSpan(
        trace_id=f"{1:032x}", span_id=f"{number:016x}", parent_span_id=None if parent is None else f"{parent:016x}", name="chat",
        start_ns=now, end_ns=now + 1, attributes=given,
    )  # fmt: skip


def book() -> PriceBook:
    """Return a book of listed prices, ready for a request."""
    made = PriceBook(SettableClock(datetime.now(UTC)))
    made.begin()
    return made


def test_tokens_without_a_cost(home: Home) -> None:
    """
    What came over HTTP is priced: 1,000 tokens at 0.15 and 100 at 0.60 dollars a million; its price's version is kept.
    """
    span = {
        "traceId": f"{1:032x}", "spanId": f"{1:016x}", "name": "chat", "startTimeUnixNano": str(time.time_ns()),
        "endTimeUnixNano": str(time.time_ns()), "attributes": [
            *({"key": name, "value": {"stringValue": value}} for name, value in MINI.items()),
            *({"key": name, "value": {"intValue": value}} for name, value in USAGE.items()),
        ],
    }  # fmt: skip
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    deadline = time.monotonic() + 60
    while httpx2.post(f"{home.client.url}/v1/traces", json=body, headers={"x-api-key": home.key}).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    (trace,) = home.client.traces.list_().items
    (root,) = home.client.traces.get(trace.trace_id).roots

    listed = find_price("gpt-4o-mini", "openai")
    assert listed is not None
    assert Decimal("0.00021") == root.span.cost_usd
    assert (True, listed.version) == tuple(
        root.span.attributes[name] for name in ("treadle.cost.computed", "treadle.price.version")
    )


@pytest.mark.parametrize("stated", [{"gen_ai.usage.cost": 0.5}, {"gen_ai.usage.cost": 0}])
def test_a_stated_cost(stated: dict[str, Any]) -> None:
    """
    What a span says of its cost is believed, also that it was nothing.
    """
    span = canonical(raw({**MINI, **USAGE, **stated}), "prj", book().price)

    assert Decimal(str(next(iter(stated.values())))) == span.cost_usd
    assert "treadle.cost.computed" not in span.attributes


@pytest.mark.parametrize(
    "given",
    [
        {**MINI, **USAGE, "gen_ai.response.model": "our-own-7b"},
        {**MINI, **USAGE, "gen_ai.provider.name": "ollama", "gen_ai.response.model": "llama3"},
        {**MINI, "gen_ai.usage.input_tokens": 10},
        MINI,
        {**MINI, **USAGE, "gen_ai.operation.name": "invoke_agent"},
    ],
)
def test_an_unknown_cost(given: dict[str, Any]) -> None:
    """
    A model that nobody lists, half a count, none at all, and what is no call of a model have no cost, and not 0.
    """
    span = canonical(raw(given), "prj", book().price)

    assert span.cost_usd is None


def test_buckets_and_names() -> None:
    """
    Cached tokens have their own rate, whichever dialect told of them; without an answer's model the asked one counts.
    """
    found = find_price("gpt-4o-mini", "openai")
    assert found is not None
    inference = {
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "llm.provider": "openai",
        "llm.token_count.prompt": 1_000, "llm.token_count.completion": 100, "llm.token_count.prompt_details.cache_read": 400,
    }  # fmt: skip
    asked = {**MINI, **USAGE, "gen_ai.response.model": "deployment-7", "gen_ai.request.model": "gpt-4o-mini"}

    cached, by_request = (canonical(raw(given), "prj", book().price) for given in (inference, asked))

    assert found.cache_read_usd_per_token is not None
    expected = 600 * found.input_usd_per_token + 400 * found.cache_read_usd_per_token + 100 * found.output_usd_per_token
    assert expected == cached.cost_usd
    assert Decimal("0.00021") == by_request.cost_usd


def test_a_call_told_twice() -> None:
    """
    A call that two spans tell of costs once.
    """
    both = [
        canonical(raw({**MINI, **USAGE}, 2, 1), "prj", book().price),
        canonical(raw({**MINI, **USAGE}), "prj", book().price),
    ]

    inner, outer = without_repeats(both)

    assert (None, Decimal("0.00021")) == (inner.cost_usd, outer.cost_usd)
    assert "treadle.cost.computed" not in inner.attributes


def test_how_often_prices_are_looked_up() -> None:
    """
    Once a day for each model, those that nobody lists included; for made-up names a bounded number of times per request.
    """
    asked = list[str]()

    def find(model: str, provider: str | None) -> Price | None:
        asked.append(model)
        return None

    clock = SettableClock(datetime(2026, 9, 1, tzinfo=UTC))
    prices = PriceBook(clock, find)
    for _ in range(3):
        prices.begin()
        prices.price("m", None)
    again = list(asked)
    for number in range(1_000):
        prices.price(f"made-up-{number}", None)
    flooded = len(asked)
    clock.advance(timedelta(days=1))
    prices.begin()
    prices.price("m", None)

    assert ["m"] == again
    assert flooded <= 1 + NEW_PER_REQUEST
    assert ["m"] == asked[flooded:]


def test_nothing_else_changes() -> None:
    """
    A span without usage is the same with prices and without.
    """
    span = raw(dict(MINI))

    assert canonical(span, "prj") == canonical(span, "prj", book().price)

"""Limits as applications meet them: through the official client."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import openai
import pytest

from tests.gateway.harness import Plane, endpoint, scripted, wait_for
from tests.gateway.limits.conftest import SetIt, database_down
from tests.gateway.upstreams import served_limits
from treadle.gateway.limits import service
from treadle.gateway.limits.types import Outage, SetLimit, Unit
from treadle.gateway.types import Rule
from treadle.traces.pricing import Price

PRICE = Price(input_usd_per_token=Decimal("1e-6"), output_usd_per_token=Decimal("1e-6"), source="test")


def ask(client: openai.OpenAI, **more: Any) -> Any:
    """Send one chat request."""
    return client.chat.completions.create(model="support", messages=[{"role": "user", "content": "Hello"}], **more)


def test_the_third_of_two(plane: Plane, key: str, set_limit: SetIt) -> None:
    """
    Beyond the limit the client raises RateLimitError, which names the limit, and the headers say it is ours.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="yes"))))
    made = set_limit(2, "requests", "month")
    client = plane.openai(key)
    first = client.chat.completions.with_raw_response.create(
        model="support", messages=[{"role": "user", "content": "Hello"}]
    )
    ask(client)

    with pytest.raises(openai.RateLimitError) as caught:
        ask(client)
    headers = caught.value.response.headers

    assert ("2", "1") == (
        first.headers["x-ratelimit-limit-requests"], first.headers["x-ratelimit-remaining-requests"],
    )  # fmt: skip
    assert "rate_limit_exceeded" == caught.value.code
    assert made.limit_id in caught.value.message
    assert f"limit={made.limit_id}" in headers["x-treadle-limit-source"]
    assert 0 < int(headers["retry-after"]) <= 31 * 86_400
    assert "false" == headers["x-should-retry"]


def test_users_have_their_own(plane: Plane, key: str, set_limit: SetIt) -> None:
    """
    A limit on each user goes by the request's `user`.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="yes"))))
    set_limit(1, "requests", "month", scope="user")
    client = plane.openai(key)

    ask(client, user="ann")
    ask(client, user="bob")

    with pytest.raises(openai.RateLimitError, match="user 'ann'"):
        ask(client, user="ann")


def test_a_user_with_nul_is_one_of_many(plane: Plane, key: str, set_limit: SetIt) -> None:
    """
    A `user` that no database keeps has its own count, and takes budgets from nobody else.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="yes"))))
    set_limit(1, "requests", "month", scope="user")
    set_limit(5, "usd", "month", scope="project")
    client = plane.openai(key)

    ask(client, user="a\x00b")
    with pytest.raises(openai.RateLimitError, match="allows 1 requests"):
        ask(client, user="a\x00b")

    assert ask(client, user="carol")


def test_a_token_limit_needs_no_max_tokens(plane: Plane, key: str, set_limit: SetIt) -> None:
    """
    Without max_tokens a default is reserved, and what the answer did not use is free for the next one.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="yes"))))
    set_limit(6000, "tokens", "month")
    client = plane.openai(key)

    for _ in range(5):
        ask(client)

    with pytest.raises(openai.RateLimitError, match="more than limit"):
        ask(client, max_tokens=100_000)


async def test_two_hundred_parallel_requests(own_plane: Plane) -> None:
    """
    Of 200 parallel requests exactly as many are answered as the limit allows, also when it is changed.
    """

    def prepare() -> str:
        own_plane.publish(endpoint(own_plane, scripted(Rule(reply="yes", delay_ms=20))))
        asyncio.run(
            service.set_limit(own_plane.ctx, SetLimit(scope="project", unit="requests", amount=50, window="month"))
        )
        table = own_plane.data_plane.live
        wait_for(lambda: table.table is not None and table.table.snapshot.limits)
        return own_plane.create_key().key

    key = await asyncio.to_thread(prepare)
    client = openai.AsyncOpenAI(base_url=f"{own_plane.url}/v1", api_key=key, max_retries=0, timeout=60)

    async def once() -> bool:
        try:
            await client.chat.completions.create(model="support", messages=[{"role": "user", "content": "Hello"}])
        except openai.RateLimitError:
            return False
        return True

    answered = sum(await asyncio.gather(*(once() for _ in range(200))))
    await client.close()

    assert 50 == answered


@pytest.mark.parametrize(("unit", "amount", "usual"), [("usd", 0.05, "refuse"), ("requests", 10, "share")])
def test_without_the_database(own_plane: Plane, database_url: str, unit: Unit, amount: float, usual: Outage) -> None:
    """
    While the database is away a limit goes on with what is free of it, or refuses and says which it is: each as it was set.
    """
    own_plane.publish(endpoint(own_plane, scripted(Rule(reply="yes"), price=PRICE)))
    ways: dict[str, Outage | None] = {"share": "share", "refuse": "refuse", "nothing said": None}
    clients = {way: own_plane.openai(own_plane.create_key(way).key) for way in ways}
    made = {
        way: asyncio.run(
            service.set_limit(
                own_plane.ctx,
                SetLimit(scope="key", subject=way, unit=unit, amount=amount, window="month", outage=outage),
            )
        )
        for way, outage in ways.items()
    }
    wait_for(lambda: len(served_limits(own_plane)) == 3)
    for client in clients.values():
        ask(client)

    with database_down(database_url):
        for way in ("share", *(["nothing said"] if usual == "share" else [])):
            for _ in range(3):
                ask(clients[way])
        for way in ("refuse", *(["nothing said"] if usual == "refuse" else [])):
            with pytest.raises(openai.InternalServerError) as caught:
                ask(clients[way])
            assert (503, "5") == (caught.value.status_code, caught.value.response.headers["retry-after"])
            assert ("budget_unchecked" if unit == "usd" else "limit_unchecked") == caught.value.code
            assert made[way].limit_id in caught.value.message
            assert "database does not answer" in caught.value.message
            assert f"limit={made[way].limit_id}" in caught.value.response.headers["x-treadle-limit-source"]

    assert ["share", "refuse", usual] == [each.outage for each in made.values()]


def test_a_caller_that_hangs_up(plane: Plane, key: str, set_limit: SetIt) -> None:
    """
    A stream that its caller leaves gives its slot back.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="a " * 60, chunk_delay_ms=1_000))))
    set_limit(1, "concurrency")
    client = plane.openai(key)
    stream = ask(client, stream=True)
    next(iter(stream))
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client)

    stream.close()

    def passes() -> bool:
        try:
            next(iter(again := ask(client, stream=True)))
        except openai.RateLimitError:
            return False
        again.close()
        return True

    assert "concurrency_limit_exceeded" == caught.value.code
    assert wait_for(passes) < 40.0  # of a minute

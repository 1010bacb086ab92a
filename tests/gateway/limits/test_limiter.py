"""One worker: what a reservation holds, when a window ends, and what happens while the database is away."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable

import pytest

from tests.gateway.limits.conftest import WINDOW_SECONDS, MakeLimiter, database_down, limit, until
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.limits.refusing import LimitRefusal
from treadle.gateway.limits.reservation import Reservation
from treadle.gateway.limits.teller import GIVE_BACK_SECONDS


async def ask(limiter: Limiter, *, user: str | None = None, tokens: int = 0, usd: float | None = 0.0) -> Reservation:
    """Reserve for one request."""
    return await limiter.reserve(("p", "k", "e", user), tokens, usd, time.monotonic())


async def passing(limiter: Limiter, most: int = 1000, *, usd: float = 0.0) -> int:
    """Return how many requests pass one after the other."""
    passed = 0
    try:
        for _ in range(most):
            (await ask(limiter, usd=usd)).settle(0, usd)
            passed += 1
    except LimitRefusal:
        pass
    return passed


def now_of(limiter: Limiter, *, tokens: int = 0) -> Reservation | None:
    """Reserve without waiting."""
    return limiter.reserve_now(("p", "k", "e", None), tokens, 0.0, time.monotonic())


async def test_a_project_without_limits(make_limiter: MakeLimiter) -> None:
    """
    Where no limit applies nothing is held and nothing is waited for.
    """
    limiter, _ = await make_limiter(limit("requests", 1, subject="another key"))

    held = [now_of(limiter) for _ in range(10)]

    assert all(held)
    assert [] == held[0].headers("chat", time.monotonic())  # type: ignore[union-attr]


async def test_users_of_a_megabyte(make_limiter: MakeLimiter) -> None:
    """
    What callers call their users is not kept as it came, however long it is: not where limits apply, nor where none do.
    """
    limiter, _ = await make_limiter(limit("requests", 1_000, scope="user"))
    users = [f"{number}" + "u" * 1_000_000 for number in range(20)]
    await ask(limiter, user=users[0])

    tracemalloc.start()
    for project in ("p", "another project"):
        for user in users:
            (await limiter.reserve((project, "k", "e", user + "!"), 0, 0.0, time.monotonic())).release()
    del user
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 1_000_000


async def test_a_slice_is_at_hand(make_limiter: MakeLimiter) -> None:
    """
    Only the first request asks the database; the slice that it brings serves the next ones at once.
    """
    limiter, _ = await make_limiter(limit("requests", 10_000), limit("tokens", 1_000_000))
    first = now_of(limiter, tokens=10)
    await ask(limiter, tokens=10)

    following = [now_of(limiter, tokens=10) for _ in range(99)]

    assert first is None
    assert all(following)


async def test_all_limits_must_hold(make_limiter: MakeLimiter) -> None:
    """
    A request that one limit stops takes nothing from the others.
    """
    limiter, _ = await make_limiter(limit("requests", 2), limit("tokens", 100))
    await ask(limiter, tokens=60)

    with pytest.raises(LimitRefusal) as caught:
        await ask(limiter, tokens=60)
    again = await ask(limiter, tokens=40)

    assert "tokens" == caught.value.limit.unit
    assert again is not None


async def test_what_was_not_used_is_free_again(make_limiter: MakeLimiter) -> None:
    """
    Settling gives back what a request had reserved and did not use.
    """
    limiter, _ = await make_limiter(limit("tokens", 100))
    held = await ask(limiter, tokens=100)

    held.settle(30, None)
    held.settle(100, None)
    held.release()
    second = await ask(limiter, tokens=70)

    with pytest.raises(LimitRefusal):
        await ask(limiter, tokens=1)
    second.release()
    assert await ask(limiter, tokens=70)


async def test_more_was_used_than_reserved(make_limiter: MakeLimiter, number_of: Callable[[str], int]) -> None:
    """
    What a request used beyond its reservation is missing for the next ones, in every worker.
    """
    (limiter, _), (other, _) = [await make_limiter(limit("tokens", 100), tell_seconds=0.05) for _ in range(2)]
    (await ask(limiter, tokens=40)).settle(90, None)
    await until(lambda: number_of("select used from gateway_limit_windows") == 90)
    await until(lambda: number_of("select granted from gateway_limit_windows") == 90)

    with pytest.raises(LimitRefusal):
        await ask(other, tokens=11)
    held = await ask(other, tokens=10)

    assert held
    assert 100 == number_of("select granted from gateway_limit_windows")
    assert 90 == number_of("select used from gateway_limit_windows")


async def test_users_are_counted_apart(make_limiter: MakeLimiter) -> None:
    """
    A limit on each user counts each by itself, and those who name no user as one.
    """
    limiter, _ = await make_limiter(limit("requests", 1, scope="user"))

    for user in ("ann", "bob", None):
        await ask(limiter, user=user)

    for user in ("ann", "bob", None):
        with pytest.raises(LimitRefusal):
            await ask(limiter, user=user)


async def test_a_value_that_no_database_keeps(make_limiter: MakeLimiter) -> None:
    """
    A caller's `user` with NUL is counted like any other, and a value that the database refuses stops only whoever sent it.
    """
    users, keys = limit("requests", 2, scope="user"), limit("requests", 1000, limit_id="lim_keys")
    limiter, _ = await make_limiter(users, keys)
    for _ in range(2):
        await ask(limiter, user="a\x00b")

    with pytest.raises(LimitRefusal) as caught:
        await ask(limiter, user="a\x00b")
    told = await asyncio.gather(
        *(limiter.reserve(("p", key, "e", f"of {key}"), 0, 0.0, time.monotonic()) for key in ("one", "bad\x00", "two")),
        return_exceptions=True,
    )

    assert "rate_limit_exceeded" == caught.value.code
    assert [True, False, True] == [isinstance(one, Reservation) for one in told]
    assert isinstance(told[1], LimitRefusal)
    assert (400, "limit_uncountable") == (told[1].status, told[1].code)
    assert not limiter.is_cut_off


async def test_a_request_that_never_fits(make_limiter: MakeLimiter) -> None:
    """
    Who asks for more than the whole window is told so, and not to try again.
    """
    limiter, _ = await make_limiter(limit("tokens", 100))

    with pytest.raises(LimitRefusal) as caught:
        await ask(limiter, tokens=101)

    assert ("request_over_limit", None) == (caught.value.code, caught.value.retry_after_seconds)
    assert (b"x-should-retry", b"false") in caught.value.headers


async def test_price_is_not_known(make_limiter: MakeLimiter) -> None:
    """
    A budget does not see what nobody can price.
    """
    limiter, _ = await make_limiter(limit("usd", 1.0))
    (await ask(limiter, usd=1.0)).settle(0, 1.0)

    held = await ask(limiter, usd=None)

    assert held
    with pytest.raises(LimitRefusal):
        await ask(limiter, usd=0.000001)


async def test_requests_without_a_price_are_told_of(make_limiter: MakeLimiter, number_of: Callable[[str], int]) -> None:
    """
    A budget says how many requests had no known price, however long after one another they end.
    """
    limiter, _ = await make_limiter(limit("usd", 1.0), tell_seconds=0.05)

    for number in range(3):
        (await ask(limiter, usd=None)).settle(0, None)
        await until(lambda seen=number + 1: number_of("select sum(unpriced) from gateway_limit_windows") == seen)  # type: ignore[misc]


async def test_window_ends(make_limiter: MakeLimiter) -> None:
    """
    At the end of a window the whole amount is there again, also for a request that ends in the next one.
    """
    limiter, ledger = await make_limiter(limit("requests", 3), beat_seconds=0.05, tell_seconds=0.05)
    late = await ask(limiter)
    first = 1 + await passing(limiter)
    await ledger.shift(WINDOW_SECONDS)

    late.settle(0, 0.0)
    second = await passing(limiter)

    assert (3, 3) == (first, second)


async def test_clock_is_set_back(make_limiter: MakeLimiter) -> None:
    """
    A clock that goes back finds what was used then: nothing is allowed twice.
    """
    limiter, ledger = await make_limiter(limit("requests", 5), tell_seconds=0.05, beat_seconds=0.05)

    async def at(window: int) -> int:
        await ledger.shift(window * WINDOW_SECONDS)
        return await passing(limiter)

    passed = [await at(window) for window in (1, 2, 1, 2, 3)]

    assert [5, 5, 0, 0, 5] == passed


async def test_this_machines_clock_is_wrong(make_limiter: MakeLimiter) -> None:
    """
    Windows go by the database's clock, whatever this machine's says.
    """
    wrong, _ = await make_limiter(limit("requests", 5), wall=lambda: 0.0)
    right, _ = await make_limiter(limit("requests", 5))

    passed = await passing(wrong)

    assert (5, 0) == (passed, await passing(right))


async def test_a_limit_is_raised(make_limiter: MakeLimiter) -> None:
    """
    A new amount counts from the next request on, with what was used already.
    """
    limiter, _ = await make_limiter(limit("requests", 5))
    before = await passing(limiter)

    limiter.configure({"p": (limit("requests", 8),)})
    raised = await passing(limiter)
    limiter.configure({})

    assert (5, 3) == (before, raised)
    assert now_of(limiter)


async def test_database_goes_away(
    make_limiter: MakeLimiter, database_url: str, number_of: Callable[[str], int]
) -> None:
    """
    A limit that shares goes on with this worker's share of what was free, once; one that refuses with what was leased.
    """
    counted, money = limit("requests", 1000), limit("usd", 10.0, scope="endpoint", outage="refuse")
    await make_limiter(counted, money)
    limiter, _ = await make_limiter(counted, money, take_seconds=2.0, tell_seconds=0.1, beat_seconds=0.1)
    before = await passing(limiter, 20, usd=0.001)

    with database_down(database_url):
        with pytest.raises(LimitRefusal) as caught:
            await ask(limiter, usd=5.0)
        during = await passing(limiter)
    told = "select used from gateway_limit_windows where limit_id = 'lim_requests'"
    await until(lambda: number_of(told) == before + during)
    after = await passing(limiter)

    assert 20 == before
    assert (503, "budget_unchecked") == (caught.value.status, caught.value.code)
    assert 480 <= during <= 500
    assert 1000 == before + during + after


@pytest.mark.parametrize(("unit", "code"), [("usd", "budget_unchecked"), ("requests", "limit_unchecked")])
async def test_what_an_outage_does_is_set(make_limiter: MakeLimiter, database_url: str, unit: str, code: str) -> None:
    """
    Of any unit a limit refuses without the database, or serves this worker's share; beyond either the answer says which and why.
    """
    shares, refuses = limit(unit, 1000, limit_id="lim_shares"), limit(unit, 1000, outage="refuse", subject="key_2")
    await make_limiter(shares, refuses)
    limiter, _ = await make_limiter(shares, refuses, take_seconds=2.0)

    with database_down(database_url):
        with pytest.raises(LimitRefusal) as refused:
            await limiter.reserve(("p", "key_2", "support", None), 100, 1.0, time.monotonic())
        passed = await passing(limiter, usd=1.0)
        with pytest.raises(LimitRefusal) as beyond:
            await ask(limiter, usd=1.0)

    assert 500 == passed
    assert [(503, code, 5)] * 2 == [
        (each.value.status, each.value.code, each.value.retry_after_seconds) for each in (refused, beyond)
    ]
    assert f"limit 'lim_{unit}'" in refused.value.message
    assert "set to refuse" in refused.value.message
    assert "limit 'lim_shares'" in beyond.value.message
    assert "its share of what was left is used up" in beyond.value.message


async def test_database_is_away_from_the_start(make_limiter: MakeLimiter, database_url: str) -> None:
    """
    A worker that never reached the database serves its share.
    """
    with database_down(database_url):
        limiter, _ = await make_limiter(limit("requests", 10), take_seconds=0.1)

        passed = await passing(limiter)

    assert 10 == passed


async def test_end_of_a_worker(make_limiter: MakeLimiter, number_of: Callable[[str], int]) -> None:
    """
    A worker that closes gives back all that it holds and tells all that it used.
    """
    limiter, _ = await make_limiter(limit("requests", 10_000), limit("concurrency", 500))
    held = [await ask(limiter) for _ in range(7)]
    for reservation in held:
        reservation.settle(0, 0.0)

    await limiter.close()

    assert (7, 7) == (
        number_of("select granted from gateway_limit_windows"), number_of("select used from gateway_limit_windows"),
    )  # fmt: skip
    assert 0 == number_of("select count(*) from gateway_limit_slots")
    assert 0 == number_of("select count(*) from gateway_limit_workers")


async def test_a_slot_on_its_way_back(make_limiter: MakeLimiter) -> None:
    """
    A worker's only slot is had again at any moment after it was free, also while the worker gives it back.
    """
    limiter, _ = await make_limiter(limit("concurrency", 1))

    for number in range(60):
        held = await ask(limiter)
        held.settle(0, 0.0)
        await asyncio.sleep(GIVE_BACK_SECONDS + number / 10_000)

    (await ask(limiter)).release()

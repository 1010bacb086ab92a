"""Several workers, one amount: what they use together."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.gateway.limits.conftest import MakeLimiter, limit, until
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.limits.refusing import LimitRefusal
from treadle.gateway.limits.reservation import Reservation
from treadle.gateway.types import Limit

HOLDER = """
import asyncio, sys, time
from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.limits.teller import Pace
from treadle.gateway.types import Limit
from treadle.storage.database import Database

async def main(url, unit, amount, take):
    database = Database(url)
    database.open()
    limiter = Limiter(Ledger(database, "holder", slot_seconds=5.0), pace=Pace(take_seconds=60.0))
    window = 0 if unit == "concurrency" else 1_000_000_000
    made = Limit(limit_id="lim_" + unit, project_id="p", scope="key", unit=unit, amount=amount, window_seconds=window)
    limiter.configure({"p": (made,)})
    await limiter.start()
    for _ in range(take):
        held = await limiter.reserve(("p", "k", "e", None), 1, 0.0, time.monotonic())
        if unit != "concurrency":
            held.settle(1, 0.0)
    print("holding", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
"""


async def ask(limiter: Limiter, *, key: str = "k", tokens: int = 0, usd: float = 0.0) -> Reservation | None:
    """Reserve, or return None when a limit says no."""
    try:
        return await limiter.reserve(("p", key, "e", None), tokens, usd, time.monotonic())
    except LimitRefusal:
        return None


@pytest.mark.parametrize(
    ("made", "tokens", "usd", "most"),
    [
        (limit("requests", 100), 0, 0.0, 100),
        (limit("tokens", 100_000), 1_000, 0.0, 100),
        (limit("usd", 1.0), 0, 0.01, 100),
        (limit("concurrency", 100), 0, 0.0, 100),
        (limit("requests", 7), 0, 0.0, 7),
    ],
)
async def test_two_hundred_at_once(make_limiter: MakeLimiter, made: Limit, tokens: int, usd: float, most: int) -> None:
    """
    Of 200 parallel requests over four workers exactly as many pass as the amount allows.
    """
    workers = [(await make_limiter(made))[0] for _ in range(4)]

    held = await asyncio.gather(
        *(ask(workers[number % 4], tokens=tokens, usd=usd) for number in range(200))
    )  # fmt: skip

    assert most == sum(one is not None for one in held)


@pytest.mark.parametrize("amount", [20_000, 1_000_000])
async def test_most_of_an_amount_is_used(
    make_limiter: MakeLimiter, amount: int, number_of: Callable[[str], int]
) -> None:
    """
    Requests of all sizes that reserve more than they use never exceed the amount, and use 95 % of it.
    """
    dice, used, unit = random.Random(3), 0, amount // 2000
    workers = [(await make_limiter(limit("tokens", amount)))[0] for _ in range(4)]

    async def caller(worker: Limiter) -> None:
        nonlocal used
        refused = 0
        while refused < 3:
            size = dice.randint(1, unit)
            held = await ask(worker, tokens=size)
            if held is None:
                refused += 1
                await asyncio.sleep(0)
                continue
            await asyncio.sleep(0)
            actual = dice.randint(size // 2, size)
            used += actual
            held.settle(actual, None)

    await asyncio.gather(*(caller(workers[number % 4]) for number in range(40)))

    assert 0.95 * amount <= used <= amount
    for worker in workers:
        await worker.close()
    assert used == number_of("select sum(used) from gateway_limit_windows")
    assert used == number_of("select sum(granted) from gateway_limit_windows")


async def test_slots_under_load(make_limiter: MakeLimiter) -> None:
    """
    Over four workers no more run at once than slots allow, and they are kept in use.
    """
    workers = [(await make_limiter(limit("concurrency", 8)))[0] for _ in range(4)]
    running = most = done = 0
    ends = time.monotonic() + 60.0

    async def caller(worker: Limiter) -> None:
        nonlocal running, most, done
        while done < 400 and time.monotonic() < ends:
            held = await ask(worker)
            if held is None:
                await asyncio.sleep(0.01)
                continue
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            done += 1
            held.settle(0, 0.0)

    await asyncio.gather(*(caller(workers[number % 4]) for number in range(32)))

    assert 8 == most
    assert done >= 400


async def asked_until_free(limiter: Limiter) -> Reservation:
    """Ask again and again until there is a slot."""
    deadline = time.monotonic() + 60
    while (held := await ask(limiter)) is None:
        assert time.monotonic() < deadline, "no slot came free within 60 s"
        await asyncio.sleep(0.02)
    return held


async def test_slots_move_between_workers(make_limiter: MakeLimiter) -> None:
    """
    Slots that one worker has no use for are soon free for another.
    """
    (one, _), (other, _) = [await make_limiter(limit("concurrency", 10)) for _ in range(2)]
    held = [await ask(one) for _ in range(10)]
    before = await ask(other)

    for reservation in held:
        assert reservation is not None
        reservation.settle(0, 0.0)
    after = [await asked_until_free(other) for _ in range(10)]

    assert before is None
    assert all(reservation is not None for reservation in after)


async def test_idle_slices_go_back(make_limiter: MakeLimiter, number_of: Callable[[str], int]) -> None:
    """
    What a worker does not use goes back while the window lasts.
    """
    limiter, _ = await make_limiter(limit("requests", 10_000), tell_seconds=0.05, idle_seconds=0.1)
    held = await ask(limiter)
    assert held is not None
    handed_out = number_of("select granted from gateway_limit_windows")
    held.settle(0, 0.0)

    await until(lambda: number_of("select granted from gateway_limit_windows") < 100)

    assert 100 == handed_out
    assert (1, 1) == (
        number_of("select granted from gateway_limit_windows"), number_of("select used from gateway_limit_windows"),
    )  # fmt: skip


def hold(database_url: str, unit: str, amount: int, take: int) -> subprocess.Popen[str]:
    """Start a process that uses or holds some of a limit and then sleeps."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database_url, unit, str(amount), str(take)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "holding\n" == process.stdout.readline()
    return process


async def test_a_killed_worker_holds_no_slots(make_limiter: MakeLimiter, database_url: str) -> None:
    """
    Slots of a worker that was killed lapse; until then they are held.
    """
    limiter, _ = await make_limiter(limit("concurrency", 5), slot_seconds=5.0)
    process = await asyncio.to_thread(hold, database_url, "concurrency", 5, 5)

    before = await ask(limiter)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = await asked_until_free(limiter)
    after = [first, *await asyncio.gather(*(ask(limiter) for _ in range(5)))]
    if process.stdout is not None:
        process.stdout.close()

    assert before is None
    assert 5 == sum(reservation is not None for reservation in after)


async def test_a_killed_worker_takes_a_slice_at_most(make_limiter: MakeLimiter, database_url: str) -> None:
    """
    What a killed worker used stays used, and no more than its slice is lost with it.
    """
    limiter, _ = await make_limiter(limit("requests", 1000))
    process = await asyncio.to_thread(hold, database_url, "requests", 1000, 15)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()

    passed = 0
    while await ask(limiter):
        passed += 1

    assert 1000 - 20 <= passed <= 1000 - 15


async def test_a_caller_that_leaves_while_it_waits(make_limiter: MakeLimiter) -> None:
    """
    Whoever is cancelled while a slice is fetched holds nothing.
    """
    limiter, _ = await make_limiter(limit("requests", 1), limit("tokens", 10))
    waiting = asyncio.create_task(ask(limiter, tokens=10))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await ask(limiter, tokens=10) is not None

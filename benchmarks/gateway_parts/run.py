"""What two parts of the request path cost by themselves: picking a target, and holding and settling limits.

    python benchmarks/gateway_parts/run.py

Exits with 1 when a bar is missed. One process, one thread, medians of seven rounds of 20,000; a real PostgreSQL behind the limits. Bars: pick 5 us,
reserve and settle 10 us with four limits while the worker's slices last. The last line tells what it costs when they
do not: a limit so small that every request asks the database.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.limits.store import MIGRATIONS
from treadle.gateway.limits.types import Scope, Unit
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.types import Limit, Routing, Strategy, Target
from treadle.storage.database import Database
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.migrations import migrate

ROUNDS, TIMES = 7, 20_000
PICK_BAR_US, LIMITS_BAR_US = 5.0, 10.0


def measure(once: Callable[[], object], times: int = TIMES) -> float:
    """Return what one call costs in microseconds of CPU: the median of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            once()
        rounds.append((time.process_time() - began) / times * 1e6)
    return statistics.median(rounds)


def picking() -> bool:
    """Print what a pick and its verdict cost, by strategy and number of targets; return whether all meet the bar."""
    meets = True
    ways: tuple[tuple[Strategy, bool], ...] = (
        ("weighted", False), ("latency", False), ("least_busy", False), ("cheapest", False), ("weighted", True),
    )  # fmt: skip
    for strategy, is_sticky in ways:
        for number in (1, 2, 5):
            fleet = Fleet(random.Random(1).random)
            targets = tuple(Target(provider=f"p{place}", model="m") for place in range(number))
            routing = Routing(strategy=strategy, sticky=is_sticky)

            def once(fleet: Fleet = fleet, targets: tuple[Target, ...] = targets, routing: Routing = routing) -> None:
                pick = fleet.pick(targets, routing, scope="prj", session="session-1", now=1.0)
                assert pick is not None
                pick.first_token(1.1)
                pick.succeeded(1.2)

            name = "sticky" if is_sticky else strategy
            cost = measure(once)
            meets = meets and cost <= PICK_BAR_US
            print(f"pick + verdict   {name:<11} {number} targets  {cost:6.2f} us   bar {PICK_BAR_US:g}")
    return meets


async def limiting(database: Database) -> bool:
    """Print what a reservation and its settlement cost with four limits, and what asking the database costs; return
    whether the first meets its bar."""

    def limit(unit: Unit, amount: float, scope: Scope = "key") -> Limit:
        return Limit(
            limit_id=f"lim_{unit}", project_id="p", scope=scope, unit=unit, amount=amount, window_seconds=86_400
        )

    limiter = Limiter(Ledger(database, "wrk_bench"))
    ample = (
        limit("requests", 1e9), limit("tokens", 1e9, scope="project"), limit("usd", 1e6, scope="endpoint"),
        limit("concurrency", 10_000),
    )  # fmt: skip
    limiter.configure({"p": ample})
    await limiter.start()
    (await limiter.reserve("p", "k", "e", "u", 0, 0.0, time.monotonic())).release()
    now = time.monotonic()

    def once() -> None:
        held = limiter.reserve_now("p", "k", "e", "u", 100, 0.001, now)
        assert held is not None
        held.settle(0, 0.0)

    for account in limiter._accounts.values():
        account.lease.left += 10**15  # a slice that lasts: what is measured is the arithmetic
    cost = measure(once)
    print(f"reserve + settle 4 limits, slices at hand   {cost:6.2f} us   bar {LIMITS_BAR_US:g}")
    held = limiter.reserve_now("p", "k", "e", "u", 100, 0.001, now)
    assert held is not None
    print(f"rate-limit headers                          {measure(lambda: held.headers('chat', now)):6.2f} us")
    held.release()
    for account in limiter._accounts.values():
        account.lease.left -= 10**15

    tight = Limit(limit_id="lim_tight", project_id="p", scope="key", unit="requests", amount=99, window_seconds=86_400)
    limiter.configure({"p": (tight,)})
    began, wall = time.process_time(), time.perf_counter()
    for _ in range(90):
        (await limiter.reserve("p", "k", "e", "u", 1, 0.0, time.monotonic())).settle(1, 0.0)
    cpu, wall = (time.process_time() - began) / 90 * 1e6, (time.perf_counter() - wall) / 90 * 1e6
    print(f"reserve + settle 1 small limit, asked each  {cpu:6.0f} us CPU, {wall:.0f} us waited")
    await limiter.close()
    return cost <= LIMITS_BAR_US


def main() -> None:
    """Measure both."""
    meets = picking()
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "pg", log_file=Path(folder) / "postgres.log")
        server.start()
        try:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute("create database bench")
            migrate(server.url("bench"), {"limits": MIGRATIONS})
            database = Database(server.url("bench"))
            database.open()
            meets = asyncio.run(limiting(database)) and meets
            database.close()
        finally:
            server.stop()
    sys.exit(0 if meets else 1)


if __name__ == "__main__":
    main()

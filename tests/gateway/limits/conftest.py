"""Several workers' limiters over one real PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
import pytest
import pytest_asyncio

from tests.gateway.harness import PATIENT, Plane, wait_for
from treadle.core.ids import new_id
from treadle.gateway.limits import service
from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.limits.slices import Beat
from treadle.gateway.limits.types import Limit as ShownLimit
from treadle.gateway.limits.types import SetLimit
from treadle.gateway.types import Limit
from treadle.storage.database import Database

SetIt = Callable[..., ShownLimit]
MakeLimiter = Callable[..., Awaitable[tuple[Limiter, "ToldLedger"]]]


WINDOW_SECONDS = 1_000_000_000
"""A window that began in 2001 and ends in 2033: no test runs into its end."""


class ToldLedger(Ledger):
    """A ledger that counts how often its worker was told the time."""

    num_beats = 0

    async def beat(self) -> Beat:
        """As the ledger, and count it."""
        told = await super().beat()
        self.num_beats += 1
        return told

    async def shift(self, seconds: float) -> None:
        """Have the database's time be so much later, and wait until the worker knows."""
        self.shift_seconds = seconds
        # One may be under way; the next is of the new time from its beginning.
        known = self.num_beats + 2
        await until(lambda: self.num_beats >= known)


def limit(unit: str, amount: float, window_seconds: int = WINDOW_SECONDS, **fields: Any) -> Limit:
    """Return a limit of project 'p', on each key unless said otherwise."""
    if unit == "concurrency":
        window_seconds = 0
    made = {"limit_id": f"lim_{unit}", "project_id": "p", "scope": "key", "outage": "share"} | fields
    return Limit(unit=unit, amount=amount, window_seconds=window_seconds, **made)  # type: ignore[arg-type]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """
    A pool on a database of the test's own.
    """
    made = Database(database_url)
    made.open()
    yield made
    made.close()


@pytest_asyncio.fixture
async def make_limiter(database: Database) -> AsyncIterator[MakeLimiter]:
    """
    Start one worker's limiter after the other; all are closed at the end.
    """
    made: list[Limiter] = []

    async def make(
        *limits: Limit, slot_seconds: float = 30.0, wall: Callable[[], float] = time.time, **pace: float
    ) -> tuple[Limiter, ToldLedger]:
        ledger = ToldLedger(database, new_id("wrk"), slot_seconds=slot_seconds)
        limiter = Limiter(ledger, pace=msgspec.structs.replace(PATIENT, **pace), wall=wall)
        limiter.configure({"p": limits})
        await limiter.start()
        made.append(limiter)
        return limiter, ledger

    yield make
    for limiter in made:
        await limiter.close()


@contextmanager
def database_down(url: str) -> Iterator[None]:
    """Let nobody connect to a database, and end all connections."""
    facts = psycopg.conninfo.conninfo_to_dict(url)
    name = facts.pop("dbname")
    with psycopg.connect(**{**facts, "dbname": "postgres"}, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute(f"alter database {name} with allow_connections false".encode())
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            yield
        finally:
            connection.execute(f"alter database {name} with allow_connections true".encode())


async def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        await asyncio.sleep(0.02)


@pytest.fixture
def number_of(database_url: str) -> Callable[[str], int]:
    """
    Return one number that the database knows.
    """

    def ask(query: str) -> int:
        with psycopg.connect(database_url) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0] or 0)

    return ask


@pytest.fixture
def set_limit(plane: Plane) -> SetIt:
    """
    Set a limit on the test's project and wait until the gateway goes by it.
    """

    def set_(amount: float, unit: str, window: str | None = None, **more: Any) -> ShownLimit:
        new = SetLimit(amount=amount, unit=unit, window=window, **{"scope": "key"} | more)
        made = asyncio.run(service.set_limit(plane.ctx, new))

        def goes_by_it() -> bool:
            table = plane.data_plane.live.table
            served = () if table is None else table.snapshot.limits.get(plane.ctx.project_id, ())
            return any((limit.limit_id, limit.amount) == (made.limit_id, made.amount) for limit in served)

        wait_for(goes_by_it)
        return made

    return set_

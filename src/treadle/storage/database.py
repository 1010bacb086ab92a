"""The database as slices see it: plain functions of a connection, run in a transaction, in a thread.

A project's transactions run as the role `treadle_app`, which owns nothing and sees only rows of its project (row-level
security, forced). The few things that look across projects (finding a key's project, loading the gateway's
configuration) run as `treadle_system`. Hours and days are UTC's, whatever time a server keeps for others. These settings are
transaction-local, so a pooler between us and the server does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

import anyio.to_thread
import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from treadle.storage.errors import DatabaseUnavailable, in_words

T = TypeVar("T")
Connection: TypeAlias = psycopg.Connection[DictRow]

APP_ROLE = "treadle_app"
SYSTEM_ROLE = "treadle_system"
POOL_SIZE = 10
IDLE_SECONDS = 30
POOL_TIMEOUT_SECONDS = 5
RECONNECT_SECONDS = 1.0


class Migration(NamedTuple):
    """One named step of a slice's schema; applied once, in order, never edited."""

    name: str
    sql: str


CHANGES = "treadle_changes"
"""Channel on which each change of a watched table is told (`treadle_watch` in a migration watches one)."""


def find_version(db: Connection) -> str:
    """Return what differs after each committed change of any watched table. One small look; system role only."""
    # Numbers are taken before they are committed, so the highest alone would miss the one that commits late.
    row = db.execute("select count(*) as count, coalesce(sum(change_id), 0) as total from treadle_changes").fetchone()
    assert row is not None
    return f"{row['count']}.{row['total']}"


class Database:
    """A pool of connections to one PostgreSQL database. Built at the roof, closed there."""

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE) -> None:
        self.url = url
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            max_idle=IDLE_SECONDS,
            timeout=POOL_TIMEOUT_SECONDS,
            reconnect_timeout=30,
            kwargs={"row_factory": dict_row, "connect_timeout": 5, "application_name": "treadle"},
            check=ConnectionPool.check_connection,
            open=False,
        )

    def open(self) -> None:
        """Connect; raises DatabaseUnavailable when nobody answers."""
        self._pool.open()
        try:
            self._pool.wait(timeout=POOL_TIMEOUT_SECONDS * 2)
        except PoolTimeout as error:
            self._pool.close()
            raise DatabaseUnavailable(
                f"no PostgreSQL answers at {self._place()}; start it or correct the URL "
                f"(--database or TREADLE_DATABASE_URL), then start again"
            ) from error

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def for_project(self, project_id: str) -> ProjectDatabase:
        """Return the database as one project sees it."""
        return ProjectDatabase(self, project_id)

    async def system(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction that sees every project. For authentication and configuration only."""
        return await anyio.to_thread.run_sync(partial(self.transact, work, SYSTEM_ROLE, ""))

    async def system_at_once(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads and sees every project as it was at one moment, however long it takes."""
        return await anyio.to_thread.run_sync(partial(self.transact, work, SYSTEM_ROLE, "", at_once=True))

    def transact(self, work: Callable[[Connection], T], role: str, project_id: str, *, at_once: bool = False) -> T:
        """Run work in one transaction with a role and a project, in this thread. at_once: all it reads is of one moment."""
        try:
            with self._pool.connection() as connection, connection.transaction():
                if at_once:
                    connection.execute("set transaction isolation level repeatable read, read only")
                connection.execute(
                    "select set_config('role', %s, true), set_config('treadle.project', %s, true), set_config('timezone', 'UTC', true)",
                    [role, project_id],
                )
                return work(connection)
        except PoolTimeout as error:
            raise DatabaseUnavailable(
                f"the database at {self._place()} gave no connection within {POOL_TIMEOUT_SECONDS} s, so nothing of this "
                f"request was kept; it is tried again by itself; if it lasts, look with: treadle doctor"
            ) from error
        except (psycopg.Error, UnicodeEncodeError) as error:
            told = in_words(error)
            if told is None:
                raise
            raise told from error

    async def listen(self, *channels: str) -> AsyncIterator[str | None]:
        """Yield the payload of each notification, and None after each (re)connection, when some may have been missed."""
        while True:
            try:
                async with await self._connect_to_listen() as connection:
                    for channel in channels:
                        await connection.execute(f'listen "{channel}"')
                    yield None
                    async for note in connection.notifies():
                        yield note.payload
            except psycopg.OperationalError:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _connect_to_listen(self) -> psycopg.AsyncConnection:
        connecting = asyncio.ensure_future(
            # A connection that only listens would not notice for hours that nobody is there any more.
            psycopg.AsyncConnection.connect(
                self.url,
                autocommit=True,
                connect_timeout=5,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
            )
        )
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # A connection dropped half-way holds up the server until its authentication times out, so it is finished first.
            with contextlib.suppress(psycopg.Error):
                await (await connecting).close()
            raise

    def _place(self) -> str:
        facts: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(self.url)
        return f"'{facts.get('host', 'localhost')}:{facts.get('port', 5432)}/{facts.get('dbname', '')}'"


class ProjectDatabase:
    """The database as one project sees it; other projects' rows do not exist here."""

    def __init__(self, database: Database, project_id: str) -> None:
        self._database = database
        self.project_id = project_id

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads, in one transaction."""
        return await anyio.to_thread.run_sync(partial(self._database.transact, work, APP_ROLE, self.project_id))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction: all of it is kept, or nothing."""
        return await anyio.to_thread.run_sync(partial(self._database.transact, work, APP_ROLE, self.project_id))

"""Who does the work of a database: one process at a time, by a session-level advisory lock on a connection of its own.

Serving requests needs no role, so any number of processes may look; taking up runs and moving rollouts does. PostgreSQL drops the lock
with the connection: at once when the holder's process ends, after some 25 s when its whole machine is gone. The holder's name
is the connection's application name. A pooler between us and the server must give this connection a session (no transaction pooling).
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from typing import NamedTuple

import psycopg
from psycopg.rows import dict_row

from treadle.storage.database import Connection

LOCK = 730_255_891  # any constant of ours; fits 32 bits, so pg_locks shows it as objid with classid 0
KEEPALIVE = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
TRY_SECONDS = 0.1


class Holder(NamedTuple):
    """The process that does the work."""

    process: str
    """'<process id>@<host>'."""
    token: str
    """Tells two holders in one process apart, and our own lost connection from somebody else's."""


class WorkerRole:
    """This process's claim to the role. Plain functions: call them from a thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._me = Holder(this_process(), secrets.token_hex(3))
        self._connection: Connection | None = None
        self._has_lock = False
        self.is_ours = False
        """Whether the work was ours when the database was asked last."""
        self.other: Holder | None = None
        """Who had it instead then; None when it is ours, or when the database did not answer."""

    def take(self, *, patience_seconds: float = 0.0) -> bool:
        """Take the role or keep it, and return whether it is ours. While the database is away, what was ours stays ours."""
        deadline = time.monotonic() + patience_seconds
        while not self._ask() and time.monotonic() < deadline:
            time.sleep(TRY_SECONDS)
        return self.is_ours

    def give_back(self) -> None:
        """Let another process have the role. Safe to repeat."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._has_lock, self.is_ours = None, False, False

    def _ask(self) -> bool:
        try:
            try:
                holder = self._find_holder()
            except psycopg.OperationalError:
                holder = self._find_holder()  # the connection was lost; is the database, too?
        except psycopg.OperationalError:
            return self.is_ours
        # After an outage the server may hold on to our old session for a moment.
        self.is_ours = holder == self._me
        self.other = None if self.is_ours else holder
        return self.is_ours

    def _find_holder(self) -> Holder | None:
        """Return who holds the role: we ourselves where it was free."""
        if self._connection is None or self._connection.closed:
            self._connection, self._has_lock = self._connect(), False
        if self._has_lock:
            self._connection.execute("select 1")
        else:
            row = self._connection.execute("select pg_try_advisory_lock(%s) as got", [LOCK]).fetchone()
            self._has_lock = bool(row and row["got"])
        return self._me if self._has_lock else holder_of(self._connection)

    def _connect(self) -> Connection:
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=5,
            row_factory=dict_row,
            application_name=f"treadle worker {self._me.process} {self._me.token}",
        )
        for name, value in KEEPALIVE.items():
            connection.execute(f"set {name} = {value}")
        return connection


def holder_of(db: Connection) -> Holder | None:
    """Return who holds the role, or None when nobody does."""
    row = db.execute(
        """select application_name from pg_locks join pg_stat_activity using (pid)
        where locktype = 'advisory' and granted and classid = 0 and objid = %s and objsubid = 1
        and pg_locks.database = (select oid from pg_database where datname = current_database())""",
        [LOCK],
    ).fetchone()
    process, _, token = row["application_name"].removeprefix("treadle worker ").rpartition(" ") if row else ("", "", "")
    return Holder(process, token) if row else None


def this_process() -> str:
    """Return '<process id>@<host>', cut to what fits an application name of 63 bytes."""
    return f"{os.getpid()}@{socket.gethostname()[:30]}"

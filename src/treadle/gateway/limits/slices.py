"""What of each window is handed out to workers, and who holds slots of concurrency: the shared side of the leases.

The statements that hand something out are atomic: two workers never get the same part of an amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from treadle.storage.database import Connection

KEPT = "least(interval '2 days', (ends_at - starts_at) * 5)"
"""How long a window is remembered after its end: a clock that is set back finds what was used."""


class Ask(NamedTuple):
    """A slice that a worker wants of a window."""

    project_id: str
    limit_id: str
    subject: str
    starts: int
    """Seconds since the epoch."""
    ends: int
    amount: int
    """What the window allows in all."""
    needed: int
    """Less than this is of no use."""
    wanted: int
    """What waits for it now, `needed` included."""
    most: int
    """Not more than this beyond what is wanted."""


class Given(NamedTuple):
    """What a worker gets."""

    number: int
    """0 where too little is free."""
    remaining: int
    """What is free now."""
    is_refused: bool = False
    """Whether the database cannot keep what the ask is counted by."""


class Report(NamedTuple):
    """What a worker tells about a window."""

    project_id: str
    limit_id: str
    subject: str
    starts: int
    ends: int
    amount: int
    granted: int
    """To be added to what was handed out: negative for what is given back, positive for what was overdrawn."""
    used: int
    """To be added to what was used."""
    unpriced: int
    """To be added to how many requests ended whose price is not known."""


class SlotAsk(NamedTuple):
    """Slots of concurrency: what a worker holds, and what more it wants."""

    project_id: str
    limit_id: str
    subject: str
    amount: int
    held: int
    """All that it holds, in use or not."""
    busy: int
    """Those in use."""
    needed: int
    wanted: int
    """0 only tells what it holds."""
    most: int


class Beat(NamedTuple):
    """What a worker learns when it says that it lives."""

    epoch: float
    """The database's time, in seconds since the epoch."""
    workers: int
    """How many live, this one included."""


def take(db: Connection, asks: Sequence[Ask]) -> list[Given]:
    """Hand out slices, each whole or not at all; in the order of the asks. One atomic statement for all of them.

    Rows are locked in one order, so that two workers never wait for each other. No two asks for the same window.
    """
    rows = db.execute(
        """
        insert into gateway_limit_windows as w (project_id, limit_id, subject, starts_at, ends_at, amount, needed, wanted,
            most, granted, given)
        select a.project_id, a.limit_id, a.subject, to_timestamp(a.starts), to_timestamp(a.ends), a.amount, a.needed,
            a.wanted, a.most, fresh.given, fresh.given
        from unnest(%s::text[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::bigint[], %s::bigint[], %s::bigint[],
                %s::bigint[]) as a (project_id, limit_id, subject, starts, ends, amount, needed, wanted, most)
            cross join lateral gateway_limit_slice(a.amount, 0, a.needed, a.wanted, a.most) as fresh (given)
        order by 1, 2, 3, 4
        on conflict (project_id, limit_id, subject, starts_at) do update set
            amount = excluded.amount, needed = excluded.needed, wanted = excluded.wanted, most = excluded.most,
            given = gateway_limit_slice(excluded.amount, w.granted, excluded.needed, excluded.wanted, excluded.most),
            granted = w.granted
                + gateway_limit_slice(excluded.amount, w.granted, excluded.needed, excluded.wanted, excluded.most)
        returning project_id, limit_id, subject, given, amount - granted as remaining
        """,
        _columns(asks),
    )
    given = {
        (row["project_id"], row["limit_id"], row["subject"]): Given(row["given"], row["remaining"]) for row in rows
    }
    return [given[ask.project_id, ask.limit_id, ask.subject] for ask in asks]


def report(db: Connection, reports: Sequence[Report]) -> None:
    """Take in what workers used, gave back and overdrew. No two reports on the same window."""
    db.execute("set local synchronous_commit = off")
    db.execute(
        """
        insert into gateway_limit_windows as w (project_id, limit_id, subject, starts_at, ends_at, amount, granted, used,
            unpriced)
        select a.project_id, a.limit_id, a.subject, to_timestamp(a.starts), to_timestamp(a.ends), a.amount,
            a.granted, a.used, a.unpriced
        from unnest(%s::text[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::bigint[], %s::bigint[],
                %s::bigint[], %s::bigint[])
            as a (project_id, limit_id, subject, starts, ends, amount, granted, used, unpriced)
        order by 1, 2, 3, 4
        on conflict (project_id, limit_id, subject, starts_at) do update set granted = w.granted + excluded.granted,
            used = w.used + excluded.used, unpriced = w.unpriced + excluded.unpriced
        """,
        _columns(reports),
    )


def exchange_slots(
    db: Connection, worker_id: str, lock_keys: Sequence[int], asks: Sequence[SlotAsk], seconds: float
) -> list[Given]:
    """Take in what a worker holds and hand out further slots; they lapse after so many seconds without a word.

    lock_keys: one number per ask, sorted: those who hand out slots of one limit wait for each other.
    """
    db.execute("set local synchronous_commit = off")
    db.execute("select pg_advisory_xact_lock(key) from unnest(%s::bigint[]) as k (key)", [list(lock_keys)])
    rows = db.execute(
        """
        with asked as materialized (
            select a.*, others.taken,
                gateway_limit_slice(a.amount, others.taken + a.held, a.needed, a.wanted, a.most) as given
            from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                    %s::bigint[], %s::bigint[])
                as a (project_id, limit_id, subject, amount, held, busy, needed, wanted, most)
                cross join lateral (
                    select coalesce(sum(o.slots), 0)::bigint as taken from gateway_limit_slots o
                    where o.project_id = a.project_id and o.limit_id = a.limit_id and o.subject = a.subject
                        and o.worker_id <> %s and o.expires_at > clock_timestamp()
                ) as others
        ), written as (
            insert into gateway_limit_slots (project_id, limit_id, subject, worker_id, slots, busy, expires_at)
            select project_id, limit_id, subject, %s, held + given, busy, clock_timestamp() + %s * interval '1 second'
            from asked
            on conflict (project_id, limit_id, subject, worker_id) do update
                set slots = excluded.slots, busy = excluded.busy, expires_at = excluded.expires_at
        )
        select project_id, limit_id, subject, given, amount - taken - held - given as remaining from asked
        """,
        [*_columns(asks), worker_id, worker_id, seconds],
    )
    given = {
        (row["project_id"], row["limit_id"], row["subject"]): Given(row["given"], row["remaining"]) for row in rows
    }
    return [given[ask.project_id, ask.limit_id, ask.subject] for ask in asks]


def beat(db: Connection, worker_id: str, seconds: float) -> Beat:
    """Say that a worker lives, for so many seconds; tidy up what is long over."""
    db.execute("set local synchronous_commit = off")
    db.execute(
        """insert into gateway_limit_workers (worker_id, expires_at)
        values (%s, clock_timestamp() + %s * interval '1 second')
        on conflict (project_id, worker_id) do update set expires_at = excluded.expires_at""",
        [worker_id, seconds],
    )
    db.execute(
        f"delete from gateway_limit_windows where ends_at < now() - interval '5 minutes' and ends_at < now() - {KEPT}"
    )
    db.execute("delete from gateway_limit_slots where expires_at < now() - interval '1 hour'")
    db.execute("delete from gateway_limit_workers where expires_at < now() - interval '1 hour'")
    row = db.execute(
        """select extract(epoch from clock_timestamp())::float8 as epoch, count(*) as workers
        from gateway_limit_workers where expires_at > clock_timestamp()"""
    ).fetchone()
    assert row is not None
    return Beat(row["epoch"], row["workers"])


def leave(db: Connection, worker_id: str) -> None:
    """Say that a worker is no more: its slots are free at once."""
    db.execute("delete from gateway_limit_slots where worker_id = %s", [worker_id])
    db.execute("delete from gateway_limit_workers where worker_id = %s", [worker_id])


def _columns(rows: Sequence[tuple[object, ...]]) -> list[object]:
    return [list(column) for column in zip(*rows, strict=True)]

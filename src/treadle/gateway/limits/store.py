"""Limits in PostgreSQL: what is configured, and what is used of it. `slices.py` hands out."""

from __future__ import annotations

from typing import NamedTuple

from psycopg.rows import DictRow

from treadle.gateway.limits.windows import NANO
from treadle.gateway.types import Limit
from treadle.storage.database import Connection, Migration


class Use(NamedTuple):
    """What was used of a limit by one subject."""

    subject: str
    starts: int
    ends: int
    granted: int
    used: int
    unpriced: int


def put_limit(db: Connection, limit: Limit) -> None:
    """Keep a limit, replacing the one with its id; every gateway is told when this commits."""
    db.execute(
        """insert into gateway_limits (limit_id, scope, subject, unit, amount, window_seconds, unpriced, outage)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (project_id, limit_id) do update
            set amount = excluded.amount, unpriced = excluded.unpriced, outage = excluded.outage, changed_at = now()""",
        [
            limit.limit_id,
            limit.scope,
            limit.subject,
            limit.unit,
            limit.amount,
            limit.window_seconds,
            limit.unpriced,
            limit.outage,
        ],
    )


def delete_limit(db: Connection, limit_id: str) -> None:
    """Forget a limit. What was used in its windows stays until they end."""
    db.execute("delete from gateway_limits where limit_id = %s", [limit_id])


def find_limit(db: Connection, limit_id: str) -> Limit | None:
    """Return a limit, or None."""
    row = db.execute("select * from gateway_limits where limit_id = %s", [limit_id]).fetchone()
    return _limit(row) if row else None


def list_limits(db: Connection, after: str | None, number: int) -> list[Limit]:
    """Return the project's limits by id."""
    rows = db.execute(
        "select * from gateway_limits where (%s::text is null or limit_id > %s) order by limit_id limit %s",
        [after, after, number],
    )
    return [_limit(row) for row in rows]


def list_all_limits(db: Connection) -> list[Limit]:
    """Return the limits of every project, in a fixed order. System role only."""
    return [_limit(row) for row in db.execute("select * from gateway_limits order by project_id, limit_id")]


def list_uses(db: Connection, limit_id: str, after: str | None, number: int) -> list[Use]:
    """Return what was used in the present window, by subject."""
    rows = db.execute(
        """select subject, extract(epoch from starts_at)::bigint as starts, extract(epoch from ends_at)::bigint as ends,
            granted, used, unpriced
        from gateway_limit_windows
        where limit_id = %s and starts_at <= now() and ends_at > now() and (%s::text is null or subject > %s)
        order by subject limit %s""",
        [limit_id, after, after, number],
    )
    return [Use(**row) for row in rows]


def list_slots(db: Connection, limit_id: str, after: str | None, number: int) -> list[Use]:
    """Return how many slots of concurrency are held and in use now, by subject."""
    rows = db.execute(
        """select subject, 0 as starts, 0 as ends, sum(slots)::bigint as granted, sum(busy)::bigint as used,
            0 as unpriced
        from gateway_limit_slots
        where limit_id = %s and expires_at > now() and slots > 0 and (%s::text is null or subject > %s)
        group by subject order by subject limit %s""",
        [limit_id, after, after, number],
    )
    return [Use(**row) for row in rows]


def list_standings(
    db: Connection, least_share: float | None, after: tuple[str, str] | None, number: int
) -> list[tuple[Limit, Use | None]]:
    """Return limits with their use in the present window, by limit and subject; one that nobody used has no use.

    least_share: only what is used up to this share, 0-1, or more.
    """
    limit_id, subject = after or (None, None)
    rows = db.execute(
        """with uses as (
            select limit_id, subject, extract(epoch from starts_at)::bigint as starts,
                extract(epoch from ends_at)::bigint as ends, granted, used, unpriced as unpriced_count
            from gateway_limit_windows where starts_at <= now() and ends_at > now()
            union all
            select limit_id, subject, 0, 0, sum(slots)::bigint, sum(busy)::bigint, 0
            from gateway_limit_slots where expires_at > now() and slots > 0 group by limit_id, subject
        )
        select l.*, u.subject as by, u.starts, u.ends, u.granted, u.used, u.unpriced_count
        from gateway_limits l left join uses u using (limit_id)
        where (%(after)s::text is null or (limit_id, coalesce(u.subject, '')) > (%(after)s, %(subject)s))
            and (%(least)s::float8 is null
                or coalesce(u.used, 0) >= %(least)s * nullif(l.amount, 0) * case l.unit when 'usd' then %(nano)s else 1 end)
        order by limit_id, coalesce(u.subject, '') limit %(number)s""",
        {"after": limit_id, "subject": subject, "least": least_share, "nano": NANO, "number": number},
    )
    return [
        (
            _limit(row),
            None
            if row["by"] is None
            else Use(row["by"], row["starts"], row["ends"], row["granted"], row["used"], row["unpriced_count"]),
        )
        for row in rows
    ]


def _limit(row: DictRow) -> Limit:
    return Limit(
        limit_id=row["limit_id"],
        project_id=row["project_id"],
        scope=row["scope"],
        subject=row["subject"],
        unit=row["unit"],
        amount=row["amount"],
        window_seconds=row["window_seconds"],
        unpriced=row["unpriced"],
        outage=row["outage"],
    )


MIGRATIONS = (
    Migration(
        "limits",
        """
        create table gateway_limits (
            project_id text not null default current_setting('treadle.project'),
            limit_id text not null,
            scope text not null,
            subject text,
            unit text not null,
            amount float8 not null,
            window_seconds int not null,
            changed_at timestamptz not null default now(),
            primary key (project_id, limit_id)
        );
        create table gateway_limit_windows (
            project_id text not null default current_setting('treadle.project'),
            limit_id text not null,
            subject text not null,
            starts_at timestamptz not null,
            ends_at timestamptz not null,
            amount bigint not null,
            granted bigint not null default 0,
            used bigint not null default 0,
            needed bigint not null default 0,
            wanted bigint not null default 0,
            most bigint not null default 0,
            given bigint not null default 0,
            primary key (project_id, limit_id, subject, starts_at)
        ) with (fillfactor = 70);
        create index gateway_limit_windows_over on gateway_limit_windows (ends_at);
        create table gateway_limit_slots (
            project_id text not null default current_setting('treadle.project'),
            limit_id text not null,
            subject text not null,
            worker_id text not null,
            slots bigint not null,
            busy bigint not null,
            expires_at timestamptz not null,
            primary key (project_id, limit_id, subject, worker_id)
        ) with (fillfactor = 70);
        create table gateway_limit_workers (
            project_id text not null default '',
            worker_id text not null,
            expires_at timestamptz not null,
            primary key (project_id, worker_id)
        );
        create function gateway_limit_slice(amount bigint, granted bigint, needed bigint, wanted bigint, most bigint)
        returns bigint language sql immutable return
            case when wanted <= 0 or amount - granted < needed then 0
                else least(amount - granted, greatest(wanted, least(most, (amount - granted) / 16))) end;
        select treadle_isolate('gateway_limits'), treadle_isolate('gateway_limit_windows'),
            treadle_isolate('gateway_limit_slots'), treadle_isolate('gateway_limit_workers');
        """,
    ),
    Migration("watched", "select treadle_watch('gateway_limits');"),
    Migration(
        "unpriced",
        """
        alter table gateway_limits add column unpriced text not null default 'allow';
        alter table gateway_limit_windows add column unpriced bigint not null default 0;
        """,
    ),
    Migration(
        "outage",
        """
        alter table gateway_limits add column outage text not null default 'share';
        update gateway_limits set outage = 'refuse' where unit = 'usd';
        """,
    ),
)

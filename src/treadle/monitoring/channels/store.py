"""Channels and deliveries in PostgreSQL. A delivery is claimed by moving its next attempt out of the way, so no two
processes send it at once; one that dies while sending leaves it to the next, under the same id."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from treadle.core.types import JsonObject
from treadle.monitoring.channels.types import Channel, Delivery
from treadle.storage.database import Connection, Migration

_DELIVERY = ", ".join(Delivery.model_fields)
_CHANNEL = """name, kind, place, private, created_at, coalesce(changed_at, created_at) as changed_at, old_secret_until,
    (select count(*) from deliveries d where d.channel = c.name and d.status = 'waiting') as waiting"""


class Kept(NamedTuple):
    """A channel as it is kept: its settings without secrets."""

    channel: Channel
    settings: JsonObject


class Due(NamedTuple):
    """A delivery that was claimed."""

    delivery: Delivery
    data: JsonObject


def insert_channel(db: Connection, channel: Channel, settings: JsonObject) -> bool:
    """Keep a channel; returns False when its name is taken."""
    return (
        db.execute(
            "insert into channels (name, kind, place, private, settings, created_at) values (%s, %s, %s, %s, %s, %s)"
            " on conflict do nothing",
            [channel.name, channel.kind, channel.place, channel.private, json.dumps(settings), channel.created_at],
        ).rowcount
        > 0
    )


def find_channel(db: Connection, name: str, *, lock: bool = False) -> Kept | None:
    """Return a channel; `lock` keeps others from changing it until this transaction ends."""
    row = db.execute(
        f"select {_CHANNEL}, settings from channels c where name = %s{' for update' if lock else ''}", [name]
    ).fetchone()
    return None if row is None else Kept(settings=row.pop("settings"), channel=Channel(**row))


def list_channels(db: Connection, after: str | None, limit: int, *, text: str | None = None) -> list[Channel]:
    """Return channels by name; text: in the name."""
    rows = db.execute(
        f"""select {_CHANNEL} from channels c where (%(after)s::text is null or name > %(after)s)
        and (%(text)s::text is null or position(lower(%(text)s) in lower(name)) > 0) order by name limit %(limit)s""",
        {"after": after, "text": text, "limit": limit},
    )
    return [Channel(**row) for row in rows]


def save_channel(db: Connection, name: str, kept: Kept) -> bool:
    """Keep what a channel has become, with its waiting messages; returns False when its new name is taken."""
    channel = kept.channel
    if channel.name != name and find_channel(db, channel.name) is not None:
        return False
    db.execute(
        """update channels set name = %s, place = %s, private = %s, settings = %s, old_secret_until = %s, changed_at = %s
        where name = %s""",
        [
            channel.name, channel.place, channel.private, json.dumps(kept.settings), channel.old_secret_until,
            channel.changed_at, name,
        ],
    )  # fmt: skip
    if channel.name != name:
        db.execute("update deliveries set channel = %s where channel = %s", [channel.name, name])
    return True


def delete_channel(db: Connection, name: str) -> int:
    """Forget a channel; what still waits for it is given up. Returns how many that were."""
    given_up = db.execute(
        "update deliveries set status = 'given up', next_try_at = null, error = 'the channel was removed'"
        " where channel = %s and status = 'waiting'",
        [name],
    ).rowcount
    db.execute("delete from channels where name = %s", [name])
    return given_up


def insert_delivery(db: Connection, delivery: Delivery, data: JsonObject) -> None:
    """Keep a message to send. Safe to repeat."""
    values = [getattr(delivery, name) for name in Delivery.model_fields]
    db.execute(
        f"insert into deliveries ({_DELIVERY}, data) values ({', '.join(['%s'] * len(values))}, %s) on conflict do nothing",
        [*values, json.dumps(data, default=str)],
    )


def claim_due(db: Connection, now: datetime, *, lease: timedelta, limit: int) -> list[Due]:
    """Take messages whose time has come; until the lease is over nobody else takes them. Counts the attempt."""
    rows = db.execute(
        f"""update deliveries set attempts = attempts + 1, next_try_at = %s where delivery_id in (
            select delivery_id from deliveries where status = 'waiting' and next_try_at <= %s
            order by next_try_at limit %s for update skip locked
        ) returning {_DELIVERY}, data""",
        [now + lease, now, limit],
    )
    return [Due(data=row.pop("data"), delivery=Delivery(**row)) for row in rows]


def end_delivery(
    db: Connection, delivery_id: str, status: str, *, error: str | None, next_try_at: datetime | None, now: datetime
) -> None:
    """Write down what an attempt came to; what was given up meanwhile stays so, unless it arrived."""
    db.execute(
        """update deliveries set status = %s, error = %s, next_try_at = %s,
            delivered_at = case when %s = 'delivered' then %s::timestamptz end
            where delivery_id = %s and (status = 'waiting' or %s = 'delivered')""",
        [status, error, next_try_at, status, now, delivery_id, status],
    )


def find_delivery(db: Connection, delivery_id: str) -> Delivery | None:
    """Return a message."""
    row = db.execute(f"select {_DELIVERY} from deliveries where delivery_id = %s", [delivery_id]).fetchone()
    return None if row is None else Delivery(**row)


def list_deliveries(
    db: Connection, *, channel: str | None, alert_id: str | None, before: tuple[str, str] | None, limit: int
) -> list[Delivery]:
    """Return messages, newest first."""
    at, delivery_id = before or (None, None)
    rows = db.execute(
        f"""select {_DELIVERY} from deliveries where (%s::text is null or channel = %s)
            and (%s::text is null or alert_id = %s)
            and (%s::timestamptz is null or (created_at, delivery_id) < (%s::timestamptz, %s))
            order by created_at desc, delivery_id desc limit %s""",
        [channel, channel, alert_id, alert_id, at, at, delivery_id, limit],
    )
    return [Delivery(**row) for row in rows]


MIGRATIONS = (
    Migration(
        "channels",
        """
        create table channels (
            project_id text not null default current_setting('treadle.project'),
            name text not null,
            kind text not null,
            place text not null,
            private boolean not null,
            settings jsonb not null,
            created_at timestamptz not null,
            primary key (project_id, name)
        );
        select treadle_isolate('channels');
        create table deliveries (
            project_id text not null default current_setting('treadle.project'),
            delivery_id text not null,
            alert_id text,
            channel text not null,
            event text not null,
            status text not null,
            attempts integer not null,
            next_try_at timestamptz,
            error text,
            created_at timestamptz not null,
            delivered_at timestamptz,
            data jsonb not null,
            primary key (project_id, delivery_id)
        );
        create index deliveries_due on deliveries (project_id, next_try_at) where status = 'waiting';
        create index deliveries_newest on deliveries (project_id, created_at, delivery_id);
        create index deliveries_by_alert on deliveries (project_id, alert_id) where alert_id is not null;
        select treadle_isolate('deliveries');
        """,
    ),
    Migration("channels_changed", "alter table channels add column old_secret_until timestamptz;"),
    Migration("channels_changed_when", "alter table channels add column changed_at timestamptz;"),
)

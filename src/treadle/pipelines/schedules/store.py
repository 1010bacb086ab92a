"""Schedules in PostgreSQL, and each time that they went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from treadle.http.actor import Actor
from treadle.pipelines.schedules.types import Firing, NewSchedule
from treadle.storage.database import Connection, Migration


class Kept(NamedTuple):
    """A schedule as it is kept."""

    schedule_id: str
    new: NewSchedule
    maker: Actor
    """Whose rights its turns have."""
    seen_seq: int
    """Place of the last correction that set it off, in the order of outcomes."""
    alerts_since: datetime
    """Alerts opened until then have been seen."""
    last_fired_at: datetime | None
    last_run_id: str | None
    created_at: datetime


def put_schedule(
    db: Connection, schedule_id: str, new: NewSchedule, maker: Actor, seen_seq: int, now: datetime
) -> None:
    """Make a schedule that counts from here on, or change the one of this name, which goes on counting."""
    db.execute(
        """insert into schedules (schedule_id, name, settings, maker, seen_seq, alerts_since, created_at)
        values (%s, %s, %s, %s, %s, %s, %s) on conflict (project_id, name) do update
        set settings = excluded.settings, maker = excluded.maker""",
        [
            schedule_id, new.name, Jsonb(new.model_dump(mode="json")), Jsonb(maker.model_dump(mode="json")), seen_seq,
            now, now,
        ],
    )  # fmt: skip


def find_schedule(db: Connection, name: str, *, hold: bool = False) -> Kept | None:
    """Return a schedule, or None; hold: nobody else changes it or lets it go until this transaction ends."""
    found = _kept(db, f"where name = %s {'for update' if hold else ''}", [name])
    return found[0] if found else None


def list_schedules(db: Connection, after: str | None, limit: int) -> list[Kept]:
    """Return schedules by name."""
    return _kept(db, "where %s::text is null or name > %s order by name limit %s", [after, after, limit])


def delete_schedule(db: Connection, schedule_id: str) -> None:
    """Forget a schedule; its turns stay."""
    for table in ("schedule_firings", "schedules"):
        db.execute(f"delete from {table} where schedule_id = %s", [schedule_id])


def put_firing(db: Connection, schedule_id: str, firing: Firing, *, seen_seq: int, alerts_since: datetime) -> None:
    """Keep that a schedule went, and what it has seen by that."""
    db.execute(
        """insert into schedule_firings (schedule_id, number, trigger, words, num_corrected, alert_id, run_id, fired_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            schedule_id, firing.number, firing.trigger, firing.words, firing.num_corrected, firing.alert_id,
            firing.run_id, firing.fired_at,
        ],
    )  # fmt: skip
    db.execute(
        "update schedules set seen_seq = %s, alerts_since = %s, last_fired_at = %s, last_run_id = %s where schedule_id = %s",
        [seen_seq, alerts_since, firing.fired_at, firing.run_id, schedule_id],
    )


def list_firings(db: Connection, schedule_id: str, before: int | None, limit: int) -> list[Firing]:
    """Return the times that a schedule went, newest first."""
    rows = db.execute(
        """select number, trigger, words, num_corrected, alert_id, run_id, fired_at from schedule_firings
        where schedule_id = %s and (%s::int is null or number < %s) order by number desc limit %s""",
        [schedule_id, before, before, limit],
    )
    return [Firing(**row) for row in rows]


def _kept(db: Connection, rest: str, values: Sequence[Any]) -> list[Kept]:
    rows = db.execute(
        f"""select schedule_id, settings, maker, seen_seq, alerts_since, last_fired_at, last_run_id, created_at
        from schedules {rest}""",
        values,
    )
    return [
        Kept(
            new=NewSchedule.model_validate(row.pop("settings")),
            maker=Actor.model_validate(row.pop("maker")),
            **row,
        )
        for row in rows
    ]


MIGRATIONS = (
    Migration(
        "schedules",
        """
        create table schedules (
            project_id text not null default current_setting('treadle.project'),
            schedule_id text not null, name text not null, settings jsonb not null, maker jsonb not null,
            seen_seq bigint not null, alerts_since timestamptz not null, last_fired_at timestamptz, last_run_id text,
            created_at timestamptz not null,
            primary key (project_id, schedule_id), unique (project_id, name)
        );
        create table schedule_firings (
            project_id text not null default current_setting('treadle.project'),
            schedule_id text not null, number int not null, trigger text not null, words text not null,
            num_corrected int not null, alert_id text, run_id text not null, fired_at timestamptz not null,
            primary key (project_id, schedule_id, number)
        );
        select treadle_isolate('schedules'), treadle_isolate('schedule_firings');
        """,
    ),
)

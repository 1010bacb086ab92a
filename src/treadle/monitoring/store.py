"""Monitors, the windows they have seen and the alerts they raised, in PostgreSQL.

A window belongs to a monitor once: who evaluates it holds the monitor's row and finds `evaluated_until` at its start.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from treadle.core.types import Record
from treadle.monitoring.types import Alert, AlertFilter, Condition, NewMonitor, WindowSeen
from treadle.monitoring.verdicts import Evidence, Position
from treadle.storage.database import Connection, Migration
from treadle.storage.notes import tell_change


class Kept(NamedTuple):
    """A monitor as it is kept: what it should be, and where it stands."""

    monitor_id: str
    wanted: NewMonitor
    position: Position
    condition_since: datetime
    evidence: Evidence
    tracks: dict[str, Any]
    """For drift: what each channel's windows have shown."""
    value: float | None
    words: str
    evaluated_until: datetime
    silenced_until: datetime | None
    alert_id: str | None
    created_at: datetime


_KEPT = (
    "monitor_id, wanted, condition, bad, well, unknown, condition_since, evidence, tracks, value, words,"
    " evaluated_until, silenced_until, alert_id, created_at"
)
_WINDOW = ", ".join(WindowSeen.model_fields)
_ALERT = ", ".join(Alert.model_fields)


def insert_monitor(db: Connection, kept: Kept) -> bool:
    """Keep a monitor; returns False when its name is taken."""
    return (
        db.execute(
            """insert into monitors (monitor_id, name, is_on, wanted, condition, condition_since, words, evaluated_until,
                created_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [
                kept.monitor_id, kept.wanted.name, kept.wanted.is_on, Jsonb(kept.wanted.model_dump(mode="json")),
                kept.position.condition, kept.condition_since, kept.words, kept.evaluated_until, kept.created_at,
            ],
        ).rowcount
        > 0
    )  # fmt: skip


def save_monitor(db: Connection, kept: Kept) -> None:
    """Keep what a monitor should be and where it stands."""
    db.execute(
        "update monitors set is_on = %s, wanted = %s where monitor_id = %s",
        [kept.wanted.is_on, Jsonb(kept.wanted.model_dump(mode="json")), kept.monitor_id],
    )
    save_position(db, kept)


def save_position(db: Connection, kept: Kept) -> None:
    """Keep where a monitor stands."""
    db.execute(
        """update monitors set condition = %s, bad = %s, well = %s, unknown = %s, condition_since = %s, evidence = %s,
            tracks = %s, value = %s, words = %s, evaluated_until = %s, alert_id = %s where monitor_id = %s""",
        [
            *kept.position, kept.condition_since, Jsonb(kept.evidence._asdict()), Jsonb(kept.tracks), kept.value,
            kept.words, kept.evaluated_until, kept.alert_id, kept.monitor_id,
        ],
    )  # fmt: skip
    tell_change(db, "monitor", kept.monitor_id)


def set_silence(db: Connection, monitor_id: str, until: datetime) -> None:
    """Tell nobody of a monitor's alerts until then."""
    db.execute("update monitors set silenced_until = %s where monitor_id = %s", [until, monitor_id])


def end_silence(db: Connection, monitor_id: str) -> None:
    """Forget a silence that is over."""
    db.execute("update monitors set silenced_until = null where monitor_id = %s", [monitor_id])


def is_silenced(db: Connection, monitor_id: str, now: datetime) -> bool:
    """Tell whether nobody is to be told now."""
    found = db.execute(
        "select 1 from monitors where monitor_id = %s and silenced_until > %s", [monitor_id, now]
    ).fetchone()
    return found is not None


def find_monitor(db: Connection, name: str, *, lock: bool = False) -> Kept | None:
    """Return a monitor by name or id; `lock` keeps others from changing it until this transaction ends."""
    row = db.execute(
        f"select {_KEPT} from monitors where name = %s or monitor_id = %s{' for update' if lock else ''}", [name, name]
    ).fetchone()
    return None if row is None else _kept(row)


def list_monitors(
    db: Connection,
    after: str | None,
    limit: int,
    *,
    text: str | None = None,
    condition: Condition | None = None,
    rule: str | None = None,
) -> list[Kept]:
    """Return monitors by name; text: in the name; rule: its kind."""
    rows = db.execute(
        f"""select {_KEPT} from monitors where (%(after)s::text is null or name > %(after)s)
        and (%(text)s::text is null or position(lower(%(text)s) in lower(name)) > 0)
        and (%(condition)s::text is null or condition = %(condition)s)
        and (%(rule)s::text is null or wanted->'rule'->>'kind' = %(rule)s)
        order by name limit %(limit)s""",
        {"text": text, "condition": condition, "rule": rule, "after": after, "limit": limit},
    )
    return [_kept(row) for row in rows]


def list_due(db: Connection, now: datetime) -> list[Kept]:
    """Return monitors with a window that is over."""
    rows = db.execute(
        f"""select {_KEPT} from monitors where is_on
            and evaluated_until + make_interval(mins => (wanted->>'window_minutes')::int) <= %s
            order by evaluated_until limit 200""",
        [now],
    )
    return [_kept(row) for row in rows]


def delete_monitor(db: Connection, monitor_id: str) -> None:
    """Forget a monitor and its windows; its alerts stay."""
    db.execute("delete from monitor_windows where monitor_id = %s", [monitor_id])
    db.execute("delete from monitors where monitor_id = %s", [monitor_id])


def list_telling(db: Connection, channel: str) -> list[str]:
    """Return the names of monitors that tell a channel."""
    rows = db.execute("select name from monitors where wanted->'channels' ? %s order by name", [channel])
    return [row["name"] for row in rows]


def rename_channel(db: Connection, channel: str, renamed: str | None) -> list[str]:
    """Let the monitors that tell a channel tell it by another name, and return their ids; None tells it no longer."""
    rows = db.execute(
        """update monitors set wanted = jsonb_set(wanted, '{channels}', (select coalesce(jsonb_agg(
            case when each = %s then %s else each end) filter (where each <> %s or %s::text is not null), '[]')
            from jsonb_array_elements_text(wanted->'channels') each)) where wanted->'channels' ? %s returning monitor_id""",
        [channel, renamed, channel, renamed, channel],
    )
    return [row["monitor_id"] for row in rows]


def insert_window(db: Connection, monitor_id: str, seen: WindowSeen) -> bool:
    """Keep a window's verdict; returns False when it was there."""
    names = list(WindowSeen.model_fields)
    values = [_value(getattr(seen, name)) for name in names]
    return (
        db.execute(
            f"insert into monitor_windows (monitor_id, {_WINDOW}) values (%s, {', '.join(['%s'] * len(names))})"
            " on conflict do nothing",
            [monitor_id, *values],
        ).rowcount
        > 0
    )


def has_window(db: Connection, monitor_id: str, starts_at: datetime) -> bool:
    """Tell whether a window has its verdict."""
    found = db.execute(
        "select 1 from monitor_windows where monitor_id = %s and starts_at = %s", [monitor_id, starts_at]
    ).fetchone()
    return found is not None


def list_windows(
    db: Connection,
    monitor_id: str,
    before: str | None,
    limit: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[WindowSeen]:
    """Return windows, newest first; those that began since then and before then, where a time is named."""
    rows = db.execute(
        f"""select {_WINDOW} from monitor_windows where monitor_id = %s
            and (%s::timestamptz is null or starts_at < %s::timestamptz) and starts_at >= coalesce(%s, '-infinity'::timestamptz)
            and starts_at < coalesce(%s, 'infinity'::timestamptz) order by starts_at desc limit %s""",
        [monitor_id, before, before, since, until, limit],
    )
    return [WindowSeen(**row) for row in rows]


def delete_windows(db: Connection, before: datetime) -> None:
    """Forget windows that ended before then."""
    db.execute("delete from monitor_windows where ends_at < %s", [before])


def put_alert(db: Connection, alert: Alert) -> None:
    """Keep an alert, or what has become of it."""
    names = list(Alert.model_fields)
    values = [_value(getattr(alert, name)) for name in names]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in ("alert_id", "monitor_id"))
    db.execute(
        f"insert into alerts ({_ALERT}) values ({', '.join(['%s'] * len(names))})"
        f" on conflict (project_id, alert_id) do update set {changed}",
        values,
    )
    tell_change(db, "alert", alert.alert_id)


def find_alert(db: Connection, alert_id: str) -> Alert | None:
    """Return an alert."""
    row = db.execute(f"select {_ALERT} from alerts where alert_id = %s", [alert_id]).fetchone()
    return None if row is None else Alert(**row)


def list_alerts(db: Connection, wanted: AlertFilter, before: tuple[str, str] | None, limit: int) -> list[Alert]:
    """Return alerts, newest first."""
    at, alert_id = before or (None, None)
    rows = db.execute(
        f"""select {_ALERT} from alerts where (%s::text is null or monitor = %s) and (%s::text is null or status = %s)
            and (%s::timestamptz is null or (opened_at, alert_id) < (%s::timestamptz, %s))
            order by opened_at desc, alert_id desc limit %s""",
        [wanted.monitor, wanted.monitor, wanted.status, wanted.status, at, at, alert_id, limit],
    )
    return [Alert(**row) for row in rows]


def list_silence_over(db: Connection, now: datetime) -> list[Kept]:
    """Return monitors with an alert whose silence has ended, and hold them."""
    rows = db.execute(
        f"""select {_KEPT} from monitors where alert_id is not null and silenced_until is not null
            and silenced_until <= %s for update skip locked""",
        [now],
    )
    return [_kept(row) for row in rows]


def _kept(row: dict[str, Any]) -> Kept:
    condition: Condition = row["condition"]
    return Kept(
        monitor_id=row["monitor_id"],
        wanted=NewMonitor.model_validate(row["wanted"]),
        position=Position(condition, row["bad"], row["well"], row["unknown"]),
        condition_since=row["condition_since"],
        evidence=Evidence(**row["evidence"]),
        tracks=row["tracks"],
        value=row["value"],
        words=row["words"],
        evaluated_until=row["evaluated_until"],
        silenced_until=row["silenced_until"],
        alert_id=row["alert_id"],
        created_at=row["created_at"],
    )


def _value(value: Any) -> Any:
    if isinstance(value, Record):
        return Jsonb(value.model_dump(mode="json"))
    if isinstance(value, list):
        return Jsonb([each.model_dump(mode="json") for each in value])
    return Jsonb(value) if isinstance(value, dict) else value


MIGRATIONS = (
    Migration(
        "monitors",
        """
        create table monitors (
            project_id text not null default current_setting('treadle.project'),
            monitor_id text not null,
            name text not null,
            is_on boolean not null,
            wanted jsonb not null,
            condition text not null,
            bad integer not null default 0,
            well integer not null default 0,
            unknown integer not null default 0,
            condition_since timestamptz not null,
            evidence jsonb not null default '{}',
            tracks jsonb not null default '{}',
            value double precision,
            words text not null,
            evaluated_until timestamptz not null,
            silenced_until timestamptz,
            alert_id text,
            created_at timestamptz not null,
            primary key (project_id, monitor_id),
            unique (project_id, name)
        );
        select treadle_isolate('monitors');
        create table monitor_windows (
            project_id text not null default current_setting('treadle.project'),
            monitor_id text not null,
            starts_at timestamptz not null,
            ends_at timestamptz not null,
            value double precision,
            spans bigint not null,
            verdict text not null,
            condition text not null,
            expected_low double precision,
            expected_high double precision,
            words text not null,
            detail jsonb not null,
            primary key (project_id, monitor_id, starts_at)
        );
        create index monitor_windows_old on monitor_windows (project_id, ends_at);
        select treadle_isolate('monitor_windows');
        create table alerts (
            project_id text not null default current_setting('treadle.project'),
            alert_id text not null,
            monitor_id text not null,
            monitor text not null,
            status text not null,
            summary text not null,
            value double precision,
            opened_at timestamptz not null,
            resolved_at timestamptz,
            spans jsonb not null,
            release_id text,
            changes jsonb not null,
            is_told boolean not null,
            primary key (project_id, alert_id)
        );
        create index alerts_newest on alerts (project_id, opened_at, alert_id);
        select treadle_isolate('alerts');
        """,
    ),
    Migration(
        "alerts_with_units",
        "alter table alerts add column unit text, add column release text;",
    ),
)

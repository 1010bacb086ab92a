"""How long a project keeps its spans, and forgetting what is older.

A day that nobody keeps is dropped as a whole: three tables, no rows touched. A day that only some projects keep loses
the others' rows. Days of a project that archives go to the object store first (`archive.moving`). What is in the catch-all of odd days is kept by when it came. Rollups by the minute go with the spans,
those by the hour stay: they hold counts and no content. Scores stay, too: they belong to feedback.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import NamedTuple

from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonValue
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.storage.blobs import Blobs
from treadle.storage.database import SYSTEM_ROLE, Connection, Database
from treadle.traces import heads
from treadle.traces.archive import moving
from treadle.traces.schema import OTHER_DAY
from treadle.traces.types import KeptRetention, Retention

log = logging.getLogger("treadle.traces.retention")


class Forgotten(NamedTuple):
    """What one round came to."""

    days: list[date]
    """Dropped as a whole."""
    spans: int
    """Deleted from days that other projects keep."""
    archived: int = 0
    """Written to the object store before they were deleted."""


async def get_retention(ctx: Context) -> KeptRetention:
    """Return how long the project keeps its spans."""
    ctx.require("traces.read")
    return await ctx.db.read(_find)


async def set_retention(ctx: Context, new: Retention, *, when: When = ALWAYS) -> KeptRetention:
    """Keep spans so long from now on; what is older is forgotten within the hour. Safe to repeat.

    Raises Outdated (see `editing.check`).
    """
    ctx.require("traces.govern")

    def write(db: Connection) -> KeptRetention:
        called = "how long traces are kept"
        editing.hold(db, called)
        editing.check(
            db, ctx, when, called, _find(db), lambda _: Audited("traces.retention", ctx.project_id, "traces.read")
        )
        if new.days is None:
            db.execute("delete from trace_retention")
        else:
            db.execute(
                """insert into trace_retention (days, archive, archive_days) values (%s, %s, %s)
                on conflict (project_id) do update set days = excluded.days, archive = excluded.archive,
                archive_days = excluded.archive_days""",
                [new.days, new.archive, new.archive_days],
            )
        detail: dict[str, JsonValue] = {"days": new.days, "archive": new.archive, "archive_days": new.archive_days}
        audit.record(db, ctx, action="traces.retention", object_id=ctx.project_id, detail=detail)
        return KeptRetention(**dict(new))

    return await ctx.db.write(write)


def archives_any(database: Database) -> bool:
    """Tell whether a project archives, so that forgetting is work for a process of its own."""
    kept = database.transact(_list_retention, SYSTEM_ROLE, "")
    return any(one.archive for one in kept.values())


def forget(database: Database, today: date, blobs: Blobs | None = None) -> Forgotten:
    """Forget what no project keeps, a day at a time. Safe to repeat and to kill.

    blobs: where archives go; without it the days of projects that archive are left for whoever has it.
    """
    kept = database.transact(_list_retention, SYSTEM_ROLE, "")
    archived = _archive(database, blobs, kept, today) if blobs is not None else 0
    kept_days = {project: one.days for project, one in kept.items() if one.days is not None}
    plain = {project: days for project, days in kept_days.items() if not kept[project].archive}
    dropped, spans = [], 0
    for day in database.transact(_list_days, SYSTEM_ROLE, "") if kept_days else ():
        expired = [project for project, days in plain.items() if day < today - timedelta(days=days)]
        is_over = any(day < today - timedelta(days=days) for days in kept_days.values())
        if day == date.fromisoformat(OTHER_DAY):
            for project, days in plain.items():
                before = today - timedelta(days=days)
                spans += database.transact(lambda db, p=project, b=before: _forget_odd(db, p, b), SYSTEM_ROLE, "")  # type: ignore[misc]
        elif is_over:
            if database.transact(lambda db, d=day, e=expired: _drop(db, d, e), SYSTEM_ROLE, ""):  # type: ignore[misc]
                dropped.append(day)
            elif expired:
                spans += database.transact(lambda db, d=day, e=expired: _delete(db, d, e), SYSTEM_ROLE, "")  # type: ignore[misc]
    for project, days in kept_days.items():
        before = today - timedelta(days=days)
        database.transact(lambda db, p=project, b=before: _forget_minutes(db, p, b), SYSTEM_ROLE, "")  # type: ignore[misc]
    database.transact(heads.forget_watched, SYSTEM_ROLE, "")
    if dropped or spans or archived:
        log.info(
            "forgot %d days of spans as a whole and %d spans of others; archived %d", len(dropped), spans, archived
        )
    return Forgotten(dropped, spans, archived)


def _archive(database: Database, blobs: Blobs, kept: dict[str, Retention], today: date) -> int:
    if not any(one.archive for one in kept.values()):
        return 0
    with moving.alone(database) as is_alone:
        if not is_alone:
            return 0
        days, moved = database.transact(_list_days, SYSTEM_ROLE, ""), 0
        for project_id, one in kept.items():
            if one.archive and one.days is not None:
                moved += moving.archive(
                    database, blobs, project_id, days, keep_days=one.days, archive_days=one.archive_days, today=today
                )
        return moved


def _find(db: Connection) -> KeptRetention:
    row = db.execute("select days, archive, archive_days from trace_retention").fetchone()
    return KeptRetention(**row) if row else KeptRetention()


def _list_retention(db: Connection) -> dict[str, Retention]:
    rows = db.execute("select project_id, days, archive, archive_days from trace_retention")
    return {row.pop("project_id"): Retention(**row) for row in rows}


def _list_days(db: Connection) -> list[date]:
    rows = db.execute(
        "select to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') as day from pg_inherits"
        " where inhparent = 'span_blocks'::regclass order by 1"
    )
    return [row["day"] for row in rows]


def _drop(db: Connection, day: date, expired: list[str]) -> bool:
    row = db.execute("select treadle_forget_span_day(%s, %s) as dropped", [day, expired]).fetchone()
    return bool(row and row["dropped"])


def _delete(db: Connection, day: date, expired: list[str]) -> int:
    for table in ("span_words", "span_blocks_waiting", "span_blocks"):
        db.execute(f"delete from {table} where day = %s and project_id = any(%s)", [day, expired])
    return db.execute("delete from spans where day = %s and project_id = any(%s)", [day, expired]).rowcount


def _forget_odd(db: Connection, project_id: str, before: date) -> int:
    blocks = [
        row["block_id"]
        for row in db.execute(
            "delete from span_blocks where day = %s and project_id = %s and created_at < %s returning block_id",
            [OTHER_DAY, project_id, before],
        )
    ]
    for table in ("span_words", "span_blocks_waiting"):
        db.execute(
            f"delete from {table} where day = %s and project_id = %s and block_id = any(%s)",
            [OTHER_DAY, project_id, blocks],
        )
    return db.execute(
        "delete from spans where day = %s and project_id = %s and seq >> 12 = any(%s)", [OTHER_DAY, project_id, blocks]
    ).rowcount


def _forget_minutes(db: Connection, project_id: str, before: date) -> None:
    db.execute("delete from span_rollups where project_id = %s and step = 'minute' and at < %s", [project_id, before])
    db.execute("delete from trace_parties where project_id = %s and last_at < %s", [project_id, before])

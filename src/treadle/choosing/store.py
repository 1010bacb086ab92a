"""Choices and stated catalogue entries in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from treadle.choosing.types import ChoiceOutcome, ChoicePlan, NewChoice, NewEntry
from treadle.storage.database import Connection, Migration


def list_entries(db: Connection) -> dict[str, NewEntry]:
    """Return what the project states, by name."""
    rows = db.execute("select name, entry from catalogue_entries order by name")
    return {row["name"]: NewEntry.model_validate(row["entry"]) for row in rows}


def put_entry(db: Connection, name: str, entry: NewEntry, actor_id: str, now: datetime) -> None:
    """Keep an entry in the place of an older one."""
    db.execute(
        """insert into catalogue_entries (name, entry, changed_by, changed_at) values (%s, %s, %s, %s)
        on conflict (project_id, name) do update set
            entry = excluded.entry, changed_by = excluded.changed_by, changed_at = excluded.changed_at""",
        [name, Jsonb(entry.model_dump(mode="json")), actor_id, now],
    )


def delete_entry(db: Connection, name: str) -> bool:
    """Forget an entry; says whether there was one."""
    return db.execute("delete from catalogue_entries where name = %s", [name]).rowcount > 0


def insert_choice(
    db: Connection, choice_id: str, run_id: str, request: NewChoice, plan: ChoicePlan, actor_id: str, now: datetime
) -> None:
    """Keep a new choice."""
    db.execute(
        """insert into choices (choice_id, run_id, request, plan, created_by, created_at) values (%s, %s, %s, %s, %s, %s)""",
        [choice_id, run_id, Jsonb(request.model_dump(mode="json")), Jsonb(plan.model_dump(mode="json")), actor_id, now],
    )


def find_choice(db: Connection, choice_id: str) -> dict[str, Any] | None:
    """Return the row of a choice, or None."""
    row = db.execute("select * from choices where choice_id = %s", [choice_id]).fetchone()
    return dict(row) if row else None


def list_choices(db: Connection, before: tuple[str, str] | None, limit: int) -> list[dict[str, Any]]:
    """Return rows of choices, newest first."""
    at, choice_id = before or (None, None)
    rows = db.execute(
        """select * from choices where %s::timestamptz is null or (created_at, choice_id) < (%s::timestamptz, %s)
        order by created_at desc, choice_id desc limit %s""",
        [at, at, choice_id, limit],
    )
    return [dict(row) for row in rows]


def finish_choice(db: Connection, choice_id: str, outcome: ChoiceOutcome) -> None:
    """Keep what came of a choice."""
    db.execute(
        "update choices set outcome = %s where choice_id = %s", [Jsonb(outcome.model_dump(mode="json")), choice_id]
    )


MIGRATIONS = (
    Migration(
        "choices",
        """
        create table catalogue_entries (
            project_id text not null default current_setting('treadle.project'),
            name text not null, entry jsonb not null, changed_by text not null, changed_at timestamptz not null,
            primary key (project_id, name)
        );
        create table choices (
            project_id text not null default current_setting('treadle.project'),
            choice_id text not null, run_id text not null, request jsonb not null, plan jsonb not null, outcome jsonb,
            created_by text not null, created_at timestamptz not null,
            primary key (project_id, choice_id)
        );
        create index on choices (project_id, created_at desc);
        select treadle_isolate('catalogue_entries'), treadle_isolate('choices');
        """,
    ),
)

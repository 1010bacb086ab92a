"""Optimisations in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from treadle.core.types import JsonObject
from treadle.optimize.types import Candidate, HeldOut, NewOptimization
from treadle.storage.database import Connection, Migration


def insert(
    db: Connection, optimization_id: str, run_id: str, request: NewOptimization, base_version_id: str, now: datetime
) -> None:
    """Keep a new optimisation."""
    db.execute(
        """insert into optimizations (optimization_id, run_id, request, base_version_id, created_at)
        values (%s, %s, %s, %s, %s)""",
        [optimization_id, run_id, Jsonb(request.model_dump(mode="json")), base_version_id, now],
    )


def find(db: Connection, optimization_id: str) -> dict[str, Any] | None:
    """Return the row of an optimisation, or None."""
    row = db.execute("select * from optimizations where optimization_id = %s", [optimization_id]).fetchone()
    return dict(row) if row else None


def list_(db: Connection, before: tuple[str, str] | None, limit: int) -> list[dict[str, Any]]:
    """Return rows of optimisations, newest first."""
    at, optimization_id = before or (None, None)
    rows = db.execute(
        """select * from optimizations
        where %s::timestamptz is null or (created_at, optimization_id) < (%s::timestamptz, %s)
        order by created_at desc, optimization_id desc limit %s""",
        [at, at, optimization_id, limit],
    )
    return [dict(row) for row in rows]


def save_spent(db: Connection, optimization_id: str, calls: int, spent_usd: Decimal) -> None:
    """Keep how much of the budget is used."""
    db.execute(
        "update optimizations set calls = %s, spent_usd = %s where optimization_id = %s",
        [calls, spent_usd, optimization_id],
    )


def save_candidates(db: Connection, optimization_id: str, candidates: Sequence[Candidate]) -> None:
    """Keep candidates in the place of those that an earlier attempt kept."""
    db.execute("delete from optimization_candidates where optimization_id = %s", [optimization_id])
    for candidate in candidates:
        db.execute(
            "insert into optimization_candidates (optimization_id, number, candidate) values (%s, %s, %s)",
            [optimization_id, candidate.number, Jsonb(candidate.model_dump(mode="json"))],
        )


def list_candidates(db: Connection, optimization_id: str, after: int, limit: int) -> list[Candidate]:
    """Return candidates by number."""
    rows = db.execute(
        """select candidate from optimization_candidates where optimization_id = %s and number > %s
        order by number limit %s""",
        [optimization_id, after, limit],
    )
    return [Candidate.model_validate(row["candidate"]) for row in rows]


def finish(
    db: Connection, optimization_id: str, best: int, best_version_id: str | None, held_out: HeldOut | None, words: str
) -> None:
    """Keep what came of it."""
    db.execute(
        """update optimizations set best = %s, best_version_id = %s, held_out = %s, words = %s
        where optimization_id = %s""",
        [best, best_version_id, Jsonb(held_out.model_dump(mode="json")) if held_out else None, words, optimization_id],
    )


def find_answer(db: Connection, optimization_id: str, key: str) -> JsonObject | None:
    """Return what was answered to a request of an optimisation, or None."""
    row = db.execute(
        "select answer from optimization_answers where optimization_id = %s and key = %s", [optimization_id, key]
    ).fetchone()
    return None if row is None else row["answer"]


def keep_answer(
    db: Connection, optimization_id: str, key: str, answer: JsonObject, calls: int, spent_usd: Decimal
) -> None:
    """Keep an answer, and with it what all of them have cost, so that neither is there without the other."""
    db.execute(
        """insert into optimization_answers (optimization_id, key, answer) values (%s, %s, %s) on conflict do nothing""",
        [optimization_id, key, Jsonb(answer)],
    )
    save_spent(db, optimization_id, calls, spent_usd)


def forget_answers(db: Connection, optimization_id: str) -> None:
    """Drop the answers of an optimisation that is over."""
    db.execute("delete from optimization_answers where optimization_id = %s", [optimization_id])


MIGRATIONS = (
    Migration(
        "optimizations",
        """
        create table optimizations (
            project_id text not null default current_setting('treadle.project'),
            optimization_id text not null, run_id text not null, request jsonb not null, base_version_id text not null,
            calls int not null default 0, spent_usd numeric not null default 0, best int, best_version_id text, held_out jsonb,
            words text, created_at timestamptz not null,
            primary key (project_id, optimization_id)
        );
        create index on optimizations (project_id, created_at desc);
        create table optimization_candidates (
            project_id text not null default current_setting('treadle.project'),
            optimization_id text not null, number int not null, candidate jsonb not null,
            primary key (project_id, optimization_id, number)
        );
        select treadle_isolate('optimizations'), treadle_isolate('optimization_candidates');
        """,
    ),
    Migration(
        "answers of an optimisation that is under way",
        """
        create table optimization_answers (
            project_id text not null default current_setting('treadle.project'),
            optimization_id text not null, key text not null, answer jsonb not null,
            primary key (project_id, optimization_id, key)
        );
        select treadle_isolate('optimization_answers');
        """,
    ),
)

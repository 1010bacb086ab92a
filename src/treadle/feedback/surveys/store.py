"""Surveys in PostgreSQL, and one answer of each session."""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Jsonb

from treadle.feedback.surveys.types import NewSurvey, Survey, SurveyAnswer
from treadle.storage.database import Connection, Migration
from treadle.storage.notes import tell_change

_SURVEY = """select s.survey_id, s.name, s.endpoint, s.title, s.fields, s.share, s.is_open, s.created_at,
    (select count(*) from survey_answers a where a.survey_id = s.survey_id) as num_answers from surveys s"""


def put_survey(db: Connection, survey_id: str, new: NewSurvey, now: datetime) -> None:
    """Make a survey, or change the one of this name."""
    fields = Jsonb([field.model_dump(mode="json") for field in new.fields])
    db.execute(
        """insert into surveys (survey_id, name, endpoint, title, fields, share, is_open, created_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (project_id, name) do update set endpoint = excluded.endpoint,
        title = excluded.title, fields = excluded.fields, share = excluded.share, is_open = excluded.is_open""",
        [survey_id, new.name, new.endpoint, new.title, fields, new.share, new.is_open, now],
    )


def find_survey(db: Connection, name: str) -> Survey | None:
    """Return a survey by name, or None."""
    row = db.execute(f"{_SURVEY} where s.name = %s", [name]).fetchone()
    return Survey.model_validate(row) if row else None


def list_surveys(db: Connection, after: str | None, limit: int) -> list[Survey]:
    """Return surveys by name."""
    rows = db.execute(
        f"{_SURVEY} where %s::text is null or s.name > %s order by s.name limit %s", [after, after, limit]
    )
    return [Survey.model_validate(row) for row in rows]


def put_answer(db: Connection, survey_id: str, answer: SurveyAnswer, actor_id: str) -> None:
    """Keep what a session answered, replacing what it answered before."""
    db.execute(
        """insert into survey_answers (survey_id, session_id, answers, user_id, release_id, actor_id, created_at)
        values (%s, %s, %s, %s, %s, %s, %s) on conflict (project_id, survey_id, session_id) do update
        set answers = excluded.answers, user_id = excluded.user_id, release_id = excluded.release_id,
        actor_id = excluded.actor_id, created_at = excluded.created_at""",
        [
            survey_id, answer.session_id, Jsonb(answer.answers), answer.user_id, answer.release_id, actor_id,
            answer.created_at,
        ],
    )  # fmt: skip
    tell_change(db, "survey", survey_id)


def has_answered(db: Connection, survey_id: str, session_id: str) -> bool:
    """Say whether a session has answered."""
    row = db.execute(
        "select from survey_answers where survey_id = %s and session_id = %s", [survey_id, session_id]
    ).fetchone()
    return row is not None


def count_since(db: Connection, actor_id: str, since: datetime) -> int:
    """Count what a key sent since then."""
    row = db.execute(
        "select count(*) as sent from survey_answers where actor_id = %s and created_at > %s", [actor_id, since]
    ).fetchone()
    assert row is not None
    return int(row["sent"])


def list_answers(
    db: Connection, survey_id: str, limit: int | None, before: tuple[datetime, str] | None
) -> list[SurveyAnswer]:
    """Return answers, newest first."""
    at, session_id = before or (None, None)
    rows = db.execute(
        """select session_id, answers, user_id, release_id, created_at from survey_answers where survey_id = %s
        and (%s::timestamptz is null or (created_at, session_id) < (%s, %s))
        order by created_at desc, session_id desc limit %s""",
        [survey_id, at, at, session_id, limit],
    )
    return [SurveyAnswer.model_validate(row) for row in rows]


MIGRATIONS = (
    Migration(
        "surveys",
        """
        create table surveys (
            project_id text not null default current_setting('treadle.project'),
            survey_id text not null, name text not null, endpoint text not null, title text not null, fields jsonb not null,
            share double precision not null, is_open boolean not null, created_at timestamptz not null,
            primary key (project_id, survey_id), unique (project_id, name)
        );
        create table survey_answers (
            project_id text not null default current_setting('treadle.project'),
            survey_id text not null, session_id text not null, answers jsonb not null, user_id text, release_id text,
            actor_id text not null, created_at timestamptz not null,
            primary key (project_id, survey_id, session_id)
        );
        create index survey_answers_by_actor on survey_answers (project_id, actor_id, created_at);
        select treadle_isolate('surveys'), treadle_isolate('survey_answers');
        """,
    ),
    Migration("surveys of all sessions", "alter table surveys alter column endpoint drop not null"),
)

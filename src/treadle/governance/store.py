"""Governance in PostgreSQL: projects, actors, keys, sessions, audit; the tables of secrets, too (`kept_secrets`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from psycopg.types.json import Jsonb

from treadle.core.types import JsonObject
from treadle.governance.types import ApiKey, AuditEntry, Identity, NewApiKey, Project
from treadle.storage.database import APP_ROLE, Connection, Migration

KEY_COLUMNS = (
    "key_id, kind, name, actor_id, scopes, endpoints, origins, per_minute, created_at, expires_at, revoked_at, made_by"
)
ACTOR_COLUMNS = "actor_id, name, kind, role, created_at, owner_id"


class KeyRow(NamedTuple):
    """A key with what recognition needs."""

    project_id: str
    secret_hmac: bytes
    key: ApiKey
    actor: Identity


class Deed(NamedTuple):
    """An entry of the audit log without who and when: what changed."""

    sequence: int
    action: str
    object_id: str


def put_project(db: Connection, project: Project) -> None:
    """Make a project; safe to repeat. System role only. Raises psycopg's UniqueViolation when another has the name."""
    db.execute(
        "insert into projects (project_id, name, created_at) values (%s, %s, %s) on conflict (project_id) do nothing",
        [project.project_id, project.name, project.created_at],
    )


def find_project(db: Connection, name_or_id: str) -> Project | None:
    """Return a project by name or id, or None: its own to the application's role, any to the system role."""
    row = db.execute(
        "select project_id, name, created_at from projects where project_id = %s or name = %s", [name_or_id, name_or_id]
    ).fetchone()
    return Project(**row) if row else None


def list_projects(db: Connection, after: str | None, limit: int) -> list[Project]:
    """Return projects by name: its own to the application's role, all to the system role."""
    rows = db.execute(
        "select project_id, name, created_at from projects where %s::text is null or name > %s order by name limit %s",
        [after, after, limit],
    )
    return [Project(**row) for row in rows]


def enter_project(db: Connection, project_id: str) -> None:
    """Go on in this transaction as one project: row-level security holds from here on."""
    db.execute("select set_config('role', %s, true), set_config('treadle.project', %s, true)", [APP_ROLE, project_id])


def list_project_ids(db: Connection) -> list[str]:
    """Return every project's id, oldest first. System role only."""
    return [row["project_id"] for row in db.execute("select project_id from projects order by created_at, project_id")]


def put_actor(db: Connection, project_id: str, actor: Identity) -> None:
    """Make an actor; safe to repeat."""
    db.execute(
        f"insert into actors (project_id, {ACTOR_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        [project_id, actor.actor_id, actor.name, actor.kind, actor.role, actor.created_at, actor.owner_id],
    )


def list_actors(db: Connection) -> list[Identity]:
    """Return who may act, oldest first."""
    rows = db.execute(f"select {ACTOR_COLUMNS} from actors order by created_at, actor_id")
    return [Identity(**row) for row in rows]


def get_actor(db: Connection, actor_id: str) -> Identity | None:
    """Return an actor, or None."""
    row = db.execute(f"select {ACTOR_COLUMNS} from actors where actor_id = %s", [actor_id]).fetchone()
    return Identity(**row) if row else None


def find_actor(db: Connection, name: str) -> Identity | None:
    """Return the actor with this name, or None."""
    row = db.execute(f"select {ACTOR_COLUMNS} from actors where name = %s", [name]).fetchone()
    return Identity(**row) if row else None


def insert_key(
    db: Connection,
    project_id: str,
    key_id: str,
    secret_hmac: bytes,
    actor_id: str,
    new: NewApiKey,
    now: datetime,
    expires: datetime,
    made_by: str,
) -> ApiKey:
    """Keep a key. Raises psycopg's UniqueViolation when a living key has the name."""
    row = db.execute(
        f"""insert into api_keys (project_id, key_id, kind, secret_hmac, actor_id, name, scopes, endpoints, origins,
            per_minute, created_at, expires_at, made_by)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning {KEY_COLUMNS}""",
        [
            project_id, key_id, new.kind, secret_hmac, actor_id, new.name, new.scopes, new.endpoints, new.origins,
            new.per_minute, now, expires, made_by,
        ],
    ).fetchone()  # fmt: skip
    assert row is not None
    return ApiKey(**row)


def list_keys(db: Connection) -> list[ApiKey]:
    """Return every key, newest first."""
    return [ApiKey(**row) for row in db.execute(f"select {KEY_COLUMNS} from api_keys order by created_at desc, key_id")]


def names_of_keys(db: Connection, key_ids: list[str]) -> dict[str, str]:
    """Return the names of keys by their ids; ids that no key has are left out."""
    rows = db.execute("select key_id, name from api_keys where key_id = any(%s)", [key_ids])
    return {str(row["key_id"]): str(row["name"]) for row in rows}


def find_living_key(db: Connection, name: str) -> ApiKey | None:
    """Return the key with this name that has not been revoked, or None."""
    row = db.execute(f"select {KEY_COLUMNS} from api_keys where name = %s and revoked_at is null", [name]).fetchone()
    return ApiKey(**row) if row else None


def revoke_key(db: Connection, key_id: str, now: datetime) -> ApiKey | None:
    """Refuse a key from now on; returns None when there is none. Safe to repeat."""
    row = db.execute(
        f"update api_keys set revoked_at = coalesce(revoked_at, %s) where key_id = %s returning {KEY_COLUMNS}",
        [now, key_id],
    ).fetchone()
    return ApiKey(**row) if row else None


def find_key_rows(db: Connection, key_id: str | None = None) -> list[KeyRow]:
    """Return keys across projects with their actors: one, or all that are good. System role only."""
    rows = db.execute(
        f"""select k.project_id, k.secret_hmac, {", ".join(f"k.{name}" for name in KEY_COLUMNS.split(", "))},
            a.name as actor_name, a.kind as actor_kind, a.role, a.created_at as actor_created_at, a.owner_id
        from api_keys k join actors a on a.project_id = k.project_id and a.actor_id = k.actor_id
        where (%s::text is null and k.revoked_at is null) or k.key_id = %s""",
        [key_id, key_id],
    )
    return [
        KeyRow(
            project_id=row["project_id"],
            secret_hmac=bytes(row["secret_hmac"]),
            key=ApiKey(**{name: row[name] for name in KEY_COLUMNS.split(", ")}),
            actor=Identity(
                actor_id=row["actor_id"],
                name=row["actor_name"],
                kind=row["actor_kind"],
                role=row["role"],
                created_at=row["actor_created_at"],
                owner_id=row["owner_id"],
            ),
        )
        for row in rows
    ]


def insert_session(
    db: Connection, project_id: str, token_hmac: bytes, kind: str, actor_id: str, key_id: str | None, expires: datetime
) -> None:
    """Keep a session or a one-time link, by the hash of its token."""
    db.execute(
        "insert into sessions (project_id, token_hmac, kind, actor_id, key_id, expires_at) values (%s, %s, %s, %s, %s, %s)",
        [project_id, token_hmac, kind, actor_id, key_id, expires],
    )


def find_session(db: Connection, token_hmac: bytes, kind: str, now: datetime) -> tuple[str, str, str | None] | None:
    """Return (project, actor, key) of a living session across projects, or None. System role only.

    The key is the one that it goes back to; without one (a link that the server itself printed), the actor's newest.
    """
    row = db.execute(
        """select s.project_id, s.actor_id, coalesce(s.key_id, (
            select k.key_id from api_keys k where k.project_id = s.project_id and k.actor_id = s.actor_id
            order by k.created_at desc limit 1
        )) as key_id from sessions s where token_hmac = %s and kind = %s and expires_at > %s""",
        [token_hmac, kind, now],
    ).fetchone()
    return (row["project_id"], row["actor_id"], row["key_id"]) if row else None


def delete_session(db: Connection, token_hmac: bytes, now: datetime) -> bool:
    """Forget a session or use up a link; returns whether there was one. Also forgets those that have expired."""
    db.execute("delete from sessions where expires_at < %s", [now])
    return db.execute("delete from sessions where token_hmac = %s", [token_hmac]).rowcount > 0


def end_sessions(db: Connection, actor_id: str, key_id: str) -> None:
    """Forget every session and link that goes back to a key: its own, and those of the actor that was made for it."""
    db.execute(
        """delete from sessions where key_id = %s
        or (actor_id = %s and not exists (select from api_keys k where k.actor_id = %s and k.revoked_at is null))""",
        [key_id, actor_id, actor_id],
    )


def lock_audit_head(db: Connection) -> AuditEntry | None:
    """Return the newest entry, holding the log for this transaction."""
    db.execute("select pg_advisory_xact_lock(hashtextextended('audit|' || current_setting('treadle.project'), 0))")
    found = list(iter_audit_entries(db, newest_first=True, limit=1))
    return found[0][0] if found else None


def insert_audit_entry(db: Connection, entry: AuditEntry, written_at: str) -> None:
    """Append one entry."""
    db.execute(
        """insert into audit_entries (sequence, at, written_at, actor_id, action, object_id, detail, previous_hash, hash)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            entry.sequence, entry.at, written_at, entry.actor_id, entry.action, entry.object_id,
            Jsonb(entry.detail), entry.previous_hash, entry.hash,
        ],
    )  # fmt: skip


def iter_audit_entries(
    db: Connection,
    *,
    newest_first: bool = False,
    before: int | None = None,
    limit: int | None = None,
    actor_id: str | None = None,
    action: str | None = None,
    object_id: str | None = None,
) -> Iterator[tuple[AuditEntry, str]]:
    """Yield entries with their time as written. `action`: one of them, or what stands before its dot."""
    order = "desc" if newest_first else "asc"
    rows = db.execute(
        f"""select sequence, at, written_at, actor_id, action, object_id, detail, previous_hash, hash from audit_entries
        where (%s::bigint is null or sequence < %s) and (%s::text is null or actor_id = %s)
        and (%s::text is null or action = %s or split_part(action, '.', 1) = %s) and (%s::text is null or object_id = %s)
        order by sequence {order} limit %s""",
        [*(before, before, actor_id, actor_id), *(action, action, action), *(object_id, object_id), limit],
    )
    for row in rows:
        written_at = row.pop("written_at")
        yield AuditEntry(**row), written_at


def find_audit_head(db: Connection) -> int:
    """Return the place of the newest entry; 0 when there is none."""
    row = db.execute("select coalesce(max(sequence), 0) as head from audit_entries").fetchone()
    assert row is not None
    return int(row["head"])


class LastEdit(NamedTuple):
    """Who edited something last, and when."""

    actor_id: str
    name: str
    at: datetime


def find_last_edit(db: Connection, actions: list[str], object_id: str, part: JsonObject) -> LastEdit | None:
    """Return the newest of such deeds on an object, None where none of the newest 10,000 entries is one. part: of its detail."""
    row = db.execute(
        """select e.actor_id, coalesce(a.name, e.actor_id) as name, e.at from
            (select actor_id, action, object_id, at, detail, sequence from audit_entries order by sequence desc limit 10000) e
            left join actors a on a.actor_id = e.actor_id
        where e.action = any(%s) and e.object_id = %s and e.detail @> %s order by e.sequence desc limit 1""",
        [actions, object_id, Jsonb(part)],
    ).fetchone()
    return None if row is None else LastEdit(**row)


def list_deeds(db: Connection, after: int) -> list[Deed]:
    """Return what was done after a place in the log, oldest first."""
    rows = db.execute(
        "select sequence, action, object_id from audit_entries where sequence > %s order by sequence", [after]
    )
    return [Deed(**row) for row in rows]


MIGRATIONS = (
    Migration(
        "access",
        """
        create table projects (
            project_id text primary key, name text not null, created_at timestamptz not null
        );
        create table actors (
            project_id text not null default current_setting('treadle.project'),
            actor_id text not null, name text not null, kind text not null, role text not null, created_at timestamptz not null,
            primary key (project_id, actor_id), unique (project_id, name)
        );
        create table api_keys (
            project_id text not null default current_setting('treadle.project'),
            key_id text not null unique, secret_hmac bytea not null, actor_id text not null, name text not null,
            scopes text[], endpoints text[], created_at timestamptz not null, expires_at timestamptz not null, revoked_at timestamptz,
            primary key (project_id, key_id)
        );
        create unique index api_keys_living on api_keys (project_id, name) where revoked_at is null;
        create table sessions (
            project_id text not null default current_setting('treadle.project'),
            token_hmac bytea not null, kind text not null, actor_id text not null, key_id text, expires_at timestamptz not null,
            primary key (project_id, token_hmac)
        );
        create table secrets (
            project_id text not null default current_setting('treadle.project'),
            name text not null, envelope text not null, master_key_id text not null, updated_at timestamptz not null,
            primary key (project_id, name)
        );
        select treadle_isolate('projects'), treadle_isolate('actors'), treadle_isolate('api_keys'), treadle_isolate('sessions'),
            treadle_isolate('secrets');
        """,
    ),
    Migration(
        "audit",
        """
        create table audit_entries (
            project_id text not null default current_setting('treadle.project'),
            sequence bigint not null, at timestamptz not null, written_at text not null, actor_id text not null,
            action text not null, object_id text not null, detail jsonb not null, previous_hash text not null, hash text not null,
            primary key (project_id, sequence)
        );
        select treadle_isolate('audit_entries', append_only => true);
        """,
    ),
    Migration("project_names", "create unique index projects_name on projects (name);"),
    Migration("watched", "select treadle_watch('api_keys'), treadle_watch('actors'), treadle_watch('secrets');"),
    Migration("owners", "alter table actors add column owner_id text;"),
    Migration("makers", "alter table api_keys add column made_by text;"),
    Migration(
        "publishable_keys",
        """
        alter table api_keys add column kind text not null default 'secret', add column origins text[],
            add column per_minute int;
        """,
    ),
)

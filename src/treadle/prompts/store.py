"""Prompts in PostgreSQL."""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Json, Jsonb

from treadle.prompts.types import Label, LabelPolicy, Prompt, Safety, Version
from treadle.storage.database import Connection, Migration

PROMPT_SQL = """
    select p.prompt_id, p.name, p.created_at,
        coalesce((select max(version) from prompt_versions v where v.prompt_id = p.prompt_id), 0) as latest_version,
        coalesce((select jsonb_object_agg(l.name, l.version) from prompt_labels l where l.prompt_id = p.prompt_id), '{}') as labels
    from prompts p
"""
VERSION_SQL = """
    select v.prompt_version_id, p.name as prompt_name, v.version, v.messages, v.variables, v.message, v.digest, v.created_at,
        v.detail
    from prompt_versions v join prompts p on p.project_id = v.project_id and p.prompt_id = v.prompt_id
"""
_DETAIL = {"kind", "engine", "source", "includes", "input_schema", "output_schema", "examples", "config", "parents"}
"""What a version may say beyond its messages; kept as one document, without what says nothing. `json` and not `jsonb`: a model answers
in the order of its schema's fields, and a file that is pulled should say what was pushed."""

_POLICY = "label, roles, needs_safety, safety_packs, safety_least_held, safety_endpoints, changed_by, changed_at"


def ensure_prompt(db: Connection, prompt_id: str, name: str, now: datetime) -> str:
    """Make a prompt unless the name exists; return its id, holding it for this transaction."""
    db.execute(
        "insert into prompts (prompt_id, name, created_at) values (%s, %s, %s) on conflict do nothing",
        [prompt_id, name, now],
    )
    row = db.execute("select prompt_id from prompts where name = %s for update", [name]).fetchone()
    assert row is not None
    return str(row["prompt_id"])


def find_prompt(db: Connection, name: str) -> Prompt | None:
    """Return a prompt by name, or None."""
    row = db.execute(PROMPT_SQL + " where p.name = %s", [name]).fetchone()
    return Prompt(**row) if row else None


def list_prompts(db: Connection, text: str | None, label: str | None, after: str | None, limit: int) -> list[Prompt]:
    """Return prompts by name; text: in the name; label: on a version of it."""
    rows = db.execute(
        PROMPT_SQL
        + """ where (%(after)s::text is null or p.name > %(after)s)
        and (%(text)s::text is null or position(lower(%(text)s) in lower(p.name)) > 0)
        and (%(label)s::text is null or exists (select from prompt_labels o where o.prompt_id = p.prompt_id and o.name = %(label)s))
        order by p.name limit %(limit)s""",
        {"text": text, "label": label, "after": after, "limit": limit},
    )
    return [Prompt(**row) for row in rows]


def insert_version(db: Connection, prompt_id: str, version: Version) -> None:
    """Keep a version."""
    db.execute(
        """insert into prompt_versions
            (prompt_version_id, prompt_id, version, messages, variables, message, digest, created_at, detail)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            version.prompt_version_id, prompt_id, version.version, Jsonb([part.model_dump() for part in version.messages]),
            version.variables, version.message, version.digest, version.created_at,
            Json(version.model_dump(mode="json", include=_DETAIL, exclude_defaults=True)),
        ],
    )  # fmt: skip


def find_version_by_digest(db: Connection, prompt_id: str, digest: str) -> Version | None:
    """Return the version of a prompt with this content, or None."""
    row = db.execute(VERSION_SQL + " where v.prompt_id = %s and v.digest = %s", [prompt_id, digest]).fetchone()
    return _version(row) if row else None


def find_version(db: Connection, name: str, version: int) -> Version | None:
    """Return a version by number, or None."""
    row = db.execute(VERSION_SQL + " where p.name = %s and v.version = %s", [name, version]).fetchone()
    return _version(row) if row else None


def find_version_by_id(db: Connection, prompt_version_id: str) -> Version | None:
    """Return a version by id, or None."""
    row = db.execute(VERSION_SQL + " where v.prompt_version_id = %s", [prompt_version_id]).fetchone()
    return _version(row) if row else None


def list_versions(db: Connection, name: str) -> list[Version]:
    """Return the versions of a prompt, newest first."""
    return [_version(row) for row in db.execute(VERSION_SQL + " where p.name = %s order by v.version desc", [name])]


def find_label(db: Connection, prompt_id: str, name: str) -> Label | None:
    """Return where a label points, or None."""
    row = db.execute(
        "select name, version, moved_at from prompt_labels where prompt_id = %s and name = %s", [prompt_id, name]
    ).fetchone()
    return Label(**row) if row else None


def move_label(db: Connection, prompt_id: str, label: Label) -> None:
    """Point a label at a version."""
    db.execute(
        """insert into prompt_labels (prompt_id, name, version, moved_at) values (%s, %s, %s, %s)
        on conflict (project_id, prompt_id, name) do update set version = excluded.version, moved_at = excluded.moved_at""",
        [prompt_id, label.name, label.version, label.moved_at],
    )


def find_label_policy(db: Connection, label: str) -> LabelPolicy | None:
    """Return what it takes to carry a label, or None where nobody has said."""
    row = db.execute(f"select {_POLICY} from prompt_label_policies where label = %s", [label]).fetchone()
    return LabelPolicy(**row) if row else None


def list_label_policies(db: Connection) -> list[LabelPolicy]:
    """Return the labels that something was said about, by name."""
    rows = db.execute(f"select {_POLICY} from prompt_label_policies order by label")
    return [LabelPolicy(**row) for row in rows]


def put_label_policy(db: Connection, policy: LabelPolicy) -> None:
    """Say what it takes to carry a label."""
    db.execute(
        f"""insert into prompt_label_policies ({_POLICY})
        values (%(label)s, %(roles)s, %(needs_safety)s, %(safety_packs)s, %(safety_least_held)s, %(safety_endpoints)s,
            %(changed_by)s, %(changed_at)s)
        on conflict (project_id, label) do update set roles = excluded.roles, needs_safety = excluded.needs_safety,
            safety_packs = excluded.safety_packs, safety_least_held = excluded.safety_least_held,
            safety_endpoints = excluded.safety_endpoints, changed_by = excluded.changed_by, changed_at = excluded.changed_at""",
        policy.model_dump(),
    )


def put_safety(db: Connection, safety: Safety) -> None:
    """Keep a safety evaluation. Safe to repeat."""
    db.execute(
        """insert into prompt_safety (safety_id, prompt_version_id, passed, ran_at, report) values (%s, %s, %s, %s, %s)
        on conflict do nothing""",
        [
            safety.safety_id,
            safety.prompt_version_id,
            safety.passed,
            safety.ran_at,
            Jsonb(safety.model_dump(mode="json")),
        ],
    )


def list_safety(db: Connection, prompt_version_id: str) -> list[Safety]:
    """Return the safety evaluations of a version, newest first; at most 20."""
    rows = db.execute(
        "select report from prompt_safety where prompt_version_id = %s order by ran_at desc, safety_id limit 20",
        [prompt_version_id],
    )
    return [Safety.model_validate(row["report"]) for row in rows]


def _version(row: dict[str, object]) -> Version:
    detail = row.pop("detail")
    return Version.model_validate({**row, **detail})  # type: ignore[dict-item]


MIGRATIONS = (
    Migration(
        "prompts",
        """
        create table prompts (
            project_id text not null default current_setting('treadle.project'),
            prompt_id text not null, name text not null, created_at timestamptz not null,
            primary key (project_id, prompt_id), unique (project_id, name)
        );
        create table prompt_versions (
            project_id text not null default current_setting('treadle.project'),
            prompt_version_id text not null, prompt_id text not null, version int not null, messages jsonb not null,
            variables text[] not null, message text not null, digest text not null, created_at timestamptz not null,
            primary key (project_id, prompt_version_id), unique (project_id, prompt_id, version), unique (project_id, prompt_id, digest)
        );
        create table prompt_labels (
            project_id text not null default current_setting('treadle.project'),
            prompt_id text not null, name text not null, version int not null, moved_at timestamptz not null,
            primary key (project_id, prompt_id, name)
        );
        select treadle_isolate('prompts'), treadle_isolate('prompt_versions'), treadle_isolate('prompt_labels');
        """,
    ),
    Migration(
        "written prompts",
        """
        alter table prompt_versions add column detail jsonb not null default '{}';
        create table prompt_label_policies (
            project_id text not null default current_setting('treadle.project'),
            label text not null, roles text[], needs_safety boolean not null, changed_by text, changed_at timestamptz,
            primary key (project_id, label)
        );
        create table prompt_safety (
            project_id text not null default current_setting('treadle.project'),
            safety_id text not null, prompt_version_id text not null, passed boolean not null, ran_at timestamptz not null,
            report jsonb not null,
            primary key (project_id, safety_id)
        );
        create index on prompt_safety (project_id, prompt_version_id, ran_at desc);
        select treadle_isolate('prompt_label_policies'), treadle_isolate('prompt_safety');
        """,
    ),
    Migration(
        "schemas keep their order",
        "alter table prompt_versions alter column detail drop default, alter column detail type json using detail::json,"
        " alter column detail set default '{}'",
    ),
    Migration(
        "a label's policy says which evaluation",
        "alter table prompt_label_policies add column safety_packs text[] not null default '{injection,leakage,jailbreak}',"
        " add column safety_least_held double precision not null default 0.9, add column safety_endpoints text[]",
    ),
)

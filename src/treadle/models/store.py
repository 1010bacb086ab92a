"""Models in PostgreSQL."""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Jsonb

from treadle.models.types import Alias, Description, Measurement, Model, Version
from treadle.storage.database import Connection, Migration

MODEL_SQL = """
    select m.model_id, m.name, m.created_at,
        coalesce((select max(version) from model_versions v where v.model_id = m.model_id), 0) as latest_version,
        coalesce((select jsonb_object_agg(a.name, a.version) from model_aliases a where a.model_id = m.model_id), '{}')
            as aliases
    from models m
"""
VERSION_SQL = """
    select v.model_version_id, m.name as model_name, v.version, v.digest, v.description, v.created_at
    from model_versions v join models m on m.project_id = v.project_id and m.model_id = v.model_id
"""


def ensure_model(db: Connection, model_id: str, name: str, now: datetime) -> str:
    """Make a model unless the name exists; return its id, holding it for this transaction."""
    db.execute(
        "insert into models (model_id, name, created_at) values (%s, %s, %s) on conflict do nothing",
        [model_id, name, now],
    )
    row = db.execute("select model_id from models where name = %s for update", [name]).fetchone()
    assert row is not None
    return str(row["model_id"])


def find_model(db: Connection, name: str) -> Model | None:
    """Return a model by name, or None."""
    row = db.execute(MODEL_SQL + " where m.name = %s", [name]).fetchone()
    return Model(**row) if row else None


def list_models(db: Connection, text: str | None, alias: str | None, after: str | None, limit: int) -> list[Model]:
    """Return models by name; text: in the name; alias: on a version of it."""
    rows = db.execute(
        MODEL_SQL
        + """ where (%(after)s::text is null or m.name > %(after)s)
        and (%(text)s::text is null or position(lower(%(text)s) in lower(m.name)) > 0)
        and (%(alias)s::text is null or exists (select from model_aliases o where o.model_id = m.model_id and o.name = %(alias)s))
        order by m.name limit %(limit)s""",
        {"text": text, "alias": alias, "after": after, "limit": limit},
    )
    return [Model(**row) for row in rows]


def insert_version(db: Connection, model_id: str, version: Version) -> None:
    """Keep a version."""
    description = version.model_dump(mode="json", include=set(Description.model_fields))
    db.execute(
        """insert into model_versions (model_version_id, model_id, version, digest, description, run_id, created_at)
        values (%s, %s, %s, %s, %s, %s, %s)""",
        [
            version.model_version_id, model_id, version.version, version.digest, Jsonb(description), version.run_id,
            version.created_at,
        ],
    )  # fmt: skip


def find_version(db: Connection, name: str, version: int) -> Version | None:
    """Return a version by number, or None."""
    return _version(db.execute(VERSION_SQL + " where m.name = %s and v.version = %s", [name, version]).fetchone())


def find_version_by_id(db: Connection, model_version_id: str) -> Version | None:
    """Return a version by id, or None."""
    return _version(db.execute(VERSION_SQL + " where v.model_version_id = %s", [model_version_id]).fetchone())


def list_versions(db: Connection, name: str) -> list[Version]:
    """Return the versions of a model, newest first."""
    rows = db.execute(VERSION_SQL + " where m.name = %s order by v.version desc", [name])
    return [version for row in rows if (version := _version(row)) is not None]


def find_alias(db: Connection, model_id: str, name: str) -> Alias | None:
    """Return where an alias points, or None."""
    row = db.execute(
        "select name, version, moved_at from model_aliases where model_id = %s and name = %s", [model_id, name]
    ).fetchone()
    return Alias(**row) if row else None


def move_alias(db: Connection, model_id: str, alias: Alias) -> None:
    """Point an alias at a version."""
    db.execute(
        """insert into model_aliases (model_id, name, version, moved_at) values (%s, %s, %s, %s)
        on conflict (project_id, model_id, name) do update set version = excluded.version, moved_at = excluded.moved_at""",
        [model_id, alias.name, alias.version, alias.moved_at],
    )


def put_measurement(db: Connection, model_version_id: str, measured: Measurement) -> None:
    """Keep a measurement; the same source measuring the same again replaces its own."""
    db.execute(
        """insert into model_measurements (model_version_id, source_id, name, part, measurement, measured_at)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (project_id, model_version_id, source_id, name, part)
        do update set measurement = excluded.measurement, measured_at = excluded.measured_at""",
        [
            model_version_id, measured.source_id, measured.name, measured.part,
            Jsonb(measured.model_dump(mode="json")), measured.measured_at,
        ],
    )  # fmt: skip


def list_measurements(db: Connection, model_version_id: str) -> list[Measurement]:
    """Return what was measured of a version, newest first."""
    rows = db.execute(
        "select measurement from model_measurements where model_version_id = %s order by measured_at desc, name, part",
        [model_version_id],
    )
    return [Measurement.model_validate(row["measurement"]) for row in rows]


def _version(row: dict[str, object] | None) -> Version | None:
    if row is None:
        return None
    description = row["description"]
    assert isinstance(description, dict)
    return Version.model_validate({**description, **{key: value for key, value in row.items() if key != "description"}})


MIGRATIONS = (
    Migration(
        "models",
        """
        create table models (
            project_id text not null default current_setting('treadle.project'),
            model_id text not null, name text not null, created_at timestamptz not null,
            primary key (project_id, model_id), unique (project_id, name)
        );
        create table model_versions (
            project_id text not null default current_setting('treadle.project'),
            model_version_id text not null, model_id text not null, version int not null, digest text not null,
            description jsonb not null, run_id text, created_at timestamptz not null,
            primary key (project_id, model_version_id), unique (project_id, model_id, version)
        );
        create table model_aliases (
            project_id text not null default current_setting('treadle.project'),
            model_id text not null, name text not null, version int not null, moved_at timestamptz not null,
            primary key (project_id, model_id, name)
        );
        create table model_measurements (
            project_id text not null default current_setting('treadle.project'),
            model_version_id text not null, source_id text not null, name text not null, part text not null,
            measurement jsonb not null, measured_at timestamptz not null,
            primary key (project_id, model_version_id, source_id, name, part)
        );
        select treadle_isolate('models'), treadle_isolate('model_versions'), treadle_isolate('model_aliases'),
            treadle_isolate('model_measurements');
        """,
    ),
)

"""Datasets, their versions and profiles in PostgreSQL; the rows themselves are files."""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Jsonb

from treadle.data.types import Dataset, UploadedFile, Version, VersionFile
from treadle.storage.database import Connection, Migration

DATASET_SQL = """
    select d.dataset_id, d.name, d.description, d.created_at, latest.version as latest_version, latest.num_rows,
        (select count(*) from dataset_versions v where v.dataset_id = d.dataset_id) as num_versions
    from datasets d left join lateral (
        select version, num_rows from dataset_versions v where v.dataset_id = d.dataset_id order by version desc limit 1
    ) latest on true
"""
VERSION_SQL = """
    select v.version_id, d.name as dataset, v.version, v.digest, v.num_rows, v.parts, v.num_labels, v.parents, v.recipe,
        v.recipe->>'licence' as licence, v.run_id, v.created_at, v.files || coalesce(p.files, '[]') || coalesce(m.files, '[]') as files,
        p.version_id is not null as has_profile, m.version_id is not null as has_map
    from dataset_versions v
    join datasets d on d.project_id = v.project_id and d.dataset_id = v.dataset_id
    left join dataset_profiles p on p.project_id = v.project_id and p.version_id = v.version_id
    left join dataset_maps m on m.project_id = v.project_id and m.version_id = v.version_id
"""


def ensure_dataset(db: Connection, dataset_id: str, name: str, description: str, now: datetime) -> str:
    """Make a dataset unless the name exists; return its id, holding it for this transaction."""
    db.execute(
        """insert into datasets (dataset_id, name, description, created_at) values (%s, %s, %s, %s)
        on conflict do nothing""",
        [dataset_id, name, description, now],
    )
    row = db.execute("select dataset_id from datasets where name = %s for update", [name]).fetchone()
    assert row is not None
    return str(row["dataset_id"])


def find_dataset(db: Connection, name: str) -> Dataset | None:
    """Return a dataset by name, or None."""
    row = db.execute(DATASET_SQL + " where d.name = %s", [name]).fetchone()
    return Dataset.model_validate(row) if row else None


def list_datasets(db: Connection, text: str | None, after: str | None, limit: int) -> list[Dataset]:
    """Return datasets by name; text: in the name or in what it is for."""
    rows = db.execute(
        DATASET_SQL
        + """ where (%(after)s::text is null or d.name > %(after)s)
        and (%(text)s::text is null or position(lower(%(text)s) in lower(d.name || ' ' || d.description)) > 0)
        order by d.name limit %(limit)s""",
        {"text": text, "after": after, "limit": limit},
    )
    return [Dataset.model_validate(row) for row in rows]


def next_version(db: Connection, dataset_id: str) -> int:
    """Return the number of the version to come; the dataset must be held (ensure_dataset)."""
    row = db.execute(
        "select coalesce(max(version), 0) + 1 as number from dataset_versions where dataset_id = %s", [dataset_id]
    ).fetchone()
    assert row is not None
    return int(row["number"])


def insert_version(db: Connection, dataset_id: str, version: Version) -> None:
    """Keep a version."""
    db.execute(
        """insert into dataset_versions
            (version_id, dataset_id, version, digest, num_rows, parts, num_labels, parents, recipe, files, run_id, created_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            version.version_id, dataset_id, version.version, version.digest, version.num_rows, Jsonb(version.parts),
            version.num_labels, version.parents, Jsonb(version.recipe),
            Jsonb([file.model_dump() for file in version.files]), version.run_id, version.created_at,
        ],
    )  # fmt: skip


def state_licence(db: Connection, version_id: str, licence: str) -> None:
    """Note under which licence a version's rows may be used."""
    db.execute(
        "update dataset_versions set recipe = recipe || %s where version_id = %s",
        [Jsonb({"licence": licence}), version_id],
    )


def find_version(db: Connection, name: str, version: int) -> Version | None:
    """Return a version by number, or None."""
    row = db.execute(VERSION_SQL + " where d.name = %s and v.version = %s", [name, version]).fetchone()
    return Version.model_validate(row) if row else None


def find_version_by_id(db: Connection, version_id: str) -> Version | None:
    """Return a version by id, or None."""
    row = db.execute(VERSION_SQL + " where v.version_id = %s", [version_id]).fetchone()
    return Version.model_validate(row) if row else None


def find_version_by_run(db: Connection, run_id: str) -> Version | None:
    """Return the version that a run made, or None."""
    row = db.execute(VERSION_SQL + " where v.run_id = %s", [run_id]).fetchone()
    return Version.model_validate(row) if row else None


def list_versions(db: Connection, name: str, before: int | None, limit: int) -> list[Version]:
    """Return versions of a dataset, newest first."""
    sql = VERSION_SQL + " where d.name = %s and (%s::int is null or v.version < %s) order by v.version desc limit %s"
    return [Version.model_validate(row) for row in db.execute(sql, [name, before, before, limit])]


def put_profile(db: Connection, version_id: str, files: list[VersionFile], run_id: str, now: datetime) -> None:
    """Keep the newest profile of a version."""
    db.execute(
        """insert into dataset_profiles (version_id, files, run_id, created_at) values (%s, %s, %s, %s)
        on conflict (project_id, version_id) do update
        set files = excluded.files, run_id = excluded.run_id, created_at = excluded.created_at""",
        [version_id, Jsonb([file.model_dump() for file in files]), run_id, now],
    )


def put_map(db: Connection, version_id: str, file: VersionFile, run_id: str, now: datetime) -> None:
    """Keep the newest map of a version."""
    db.execute(
        """insert into dataset_maps (version_id, files, run_id, created_at) values (%s, %s, %s, %s)
        on conflict (project_id, version_id) do update
        set files = excluded.files, run_id = excluded.run_id, created_at = excluded.created_at""",
        [version_id, Jsonb([file.model_dump()]), run_id, now],
    )


def put_upload(db: Connection, file: UploadedFile, now: datetime) -> None:
    """Keep that the project handed over a file; the newest name counts."""
    db.execute(
        """insert into uploads (digest, file_name, size_bytes, created_at) values (%s, %s, %s, %s)
        on conflict (project_id, digest) do update set file_name = excluded.file_name""",
        [file.digest, file.file_name, file.size_bytes, now],
    )


def find_upload(db: Connection, digest: str) -> UploadedFile | None:
    """Return a file that the project handed over, or None."""
    row = db.execute("select digest, file_name, size_bytes from uploads where digest = %s", [digest]).fetchone()
    return UploadedFile(**row) if row else None


MIGRATIONS = (
    Migration(
        "datasets",
        """
        create table datasets (
            project_id text not null default current_setting('treadle.project'),
            dataset_id text not null, name text not null, description text not null, created_at timestamptz not null,
            primary key (project_id, dataset_id), unique (project_id, name)
        );
        create table dataset_versions (
            project_id text not null default current_setting('treadle.project'),
            version_id text not null, dataset_id text not null, version int not null, digest text not null,
            num_rows bigint not null, parts jsonb not null, num_labels int not null, parents text[] not null,
            recipe jsonb not null, files jsonb not null, run_id text, created_at timestamptz not null,
            primary key (project_id, version_id), unique (project_id, dataset_id, version),
            unique (project_id, dataset_id, digest)
        );
        create table dataset_profiles (
            project_id text not null default current_setting('treadle.project'),
            version_id text not null, files jsonb not null, run_id text not null, created_at timestamptz not null,
            primary key (project_id, version_id)
        );
        select treadle_isolate('datasets'), treadle_isolate('dataset_versions'), treadle_isolate('dataset_profiles');
        """,
    ),
    Migration(
        "uploads",
        """
        create table uploads (
            project_id text not null default current_setting('treadle.project'),
            digest text not null, file_name text not null, size_bytes bigint not null, created_at timestamptz not null,
            primary key (project_id, digest)
        );
        select treadle_isolate('uploads');
        """,
    ),
    Migration(
        "dataset maps",
        """
        create table dataset_maps (
            project_id text not null default current_setting('treadle.project'),
            version_id text not null, files jsonb not null, run_id text not null, created_at timestamptz not null,
            primary key (project_id, version_id)
        );
        select treadle_isolate('dataset_maps');
        """,
    ),
)

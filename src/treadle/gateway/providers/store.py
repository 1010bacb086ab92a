"""Providers in PostgreSQL: one JSON document each. Their keys are among governance's secrets, never here."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from treadle.storage.database import Connection, Migration


class Kept(Struct, frozen=True, kw_only=True):
    """What is kept of a provider."""

    preset: str | None = None
    kind: str
    base_url: str
    headers: dict[str, str] = field(default_factory=dict)
    region: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    private: bool = False
    max_connections: int = 200


class Row(NamedTuple):
    """A provider as it lies in the database."""

    project_id: str
    name: str
    kept: Kept
    updated_at: datetime


def put_provider(db: Connection, name: str, kept: Kept, now: datetime) -> None:
    """Keep a provider, replacing the one before; every gateway is told when this commits."""
    db.execute(
        """insert into gateway_providers (name, document, updated_at) values (%s, %s, %s)
        on conflict (project_id, name) do update set document = excluded.document, updated_at = excluded.updated_at""",
        [name, msgspec.json.encode(kept).decode(), now],
    )


def insert_provider(db: Connection, name: str, kept: Kept, now: datetime) -> None:
    """Keep a new provider. Raises psycopg's UniqueViolation for a name in use."""
    db.execute(
        "insert into gateway_providers (name, document, updated_at) values (%s, %s, %s)",
        [name, msgspec.json.encode(kept).decode(), now],
    )


def delete_provider(db: Connection, name: str) -> None:
    """Forget a provider; safe to repeat."""
    db.execute("delete from gateway_providers where name = %s", [name])


def list_providers(db: Connection) -> list[Row]:
    """Return providers by project and name: the project's, or all of them as the system role."""
    rows = db.execute("select project_id, name, document, updated_at from gateway_providers order by project_id, name")
    return [
        Row(row["project_id"], row["name"], msgspec.json.decode(row["document"], type=Kept), row["updated_at"])
        for row in rows
    ]


def find_provider(db: Connection, name: str, *, lock: bool = False) -> Row | None:
    """Return a provider of the project, or None. lock: hold it until the transaction ends."""
    row = db.execute(
        "select project_id, name, document, updated_at from gateway_providers where name = %s"
        + (" for update" if lock else ""),
        [name],
    ).fetchone()
    if row is None:
        return None
    return Row(row["project_id"], row["name"], msgspec.json.decode(row["document"], type=Kept), row["updated_at"])


MIGRATIONS = (
    Migration(
        "providers",
        """
        create table gateway_providers (
            project_id text not null default current_setting('treadle.project'),
            name text not null,
            document text not null,
            updated_at timestamptz not null,
            primary key (project_id, name)
        );
        select treadle_isolate('gateway_providers');
        """,
    ),
    Migration("watched", "select treadle_watch('gateway_providers');"),
)

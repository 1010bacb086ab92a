"""The gateway's configuration in PostgreSQL: one JSON document per endpoint, whole and ready to serve."""

from __future__ import annotations

import msgspec

from treadle.gateway.types import Endpoint
from treadle.storage.database import Connection, Migration


def put_endpoint(db: Connection, endpoint: Endpoint) -> None:
    """Keep an endpoint's document, replacing the one before; every gateway is told when this commits."""
    db.execute(
        """insert into gateway_endpoints (name, document) values (%s, %s)
        on conflict (project_id, name) do update set document = excluded.document, updated_at = now()""",
        [endpoint.name, msgspec.json.encode(endpoint).decode()],
    )


def delete_endpoint(db: Connection, name: str) -> None:
    """Forget an endpoint; safe to repeat."""
    db.execute("delete from gateway_endpoints where name = %s", [name])


def find_endpoint(db: Connection, name: str) -> Endpoint | None:
    """Return what is served under a name, or None."""
    row = db.execute("select document from gateway_endpoints where name = %s", [name]).fetchone()
    return msgspec.json.decode(row["document"], type=Endpoint) if row else None


def list_endpoints(db: Connection) -> list[Endpoint]:
    """Return endpoints by project and name: the project's, or all of them as the system role."""
    rows = db.execute("select project_id, document from gateway_endpoints order by project_id, name")
    # The row says whose it is, not the document.
    return [
        msgspec.structs.replace(msgspec.json.decode(row["document"], type=Endpoint), project_id=row["project_id"])
        for row in rows
    ]


MIGRATIONS = (
    Migration(
        "endpoints",
        """
        create table gateway_endpoints (
            project_id text not null default current_setting('treadle.project'),
            name text not null,
            document text not null,
            updated_at timestamptz not null default now(),
            primary key (project_id, name)
        );
        select treadle_isolate('gateway_endpoints');
        """,
    ),
    Migration("watched", "select treadle_watch('gateway_endpoints');"),
)

"""Secrets in PostgreSQL: envelopes that are closed, replaced and, when the master key changes, all put into others at once."""

from __future__ import annotations

from datetime import datetime

from treadle.governance.types import Secret
from treadle.storage.database import Connection

ROTATION_LOCK = 5_120_774_380_219_446_021  # any constant of ours; the same for every version


def hold_master_key(db: Connection) -> None:
    """Let no rotation begin before this transaction ends."""
    db.execute("select pg_advisory_xact_lock_shared(%s)", [ROTATION_LOCK])


def hold_rotation(db: Connection) -> None:
    """Wait for every other rotation and for secrets that are being closed; none begins before this transaction ends."""
    db.execute("select pg_advisory_xact_lock(%s)", [ROTATION_LOCK])


def put_secret(db: Connection, name: str, envelope: str, master_key_id: str, now: datetime) -> Secret:
    """Keep a secret's envelope, replacing an older one."""
    row = db.execute(
        """insert into secrets (name, envelope, master_key_id, updated_at) values (%s, %s, %s, %s)
        on conflict (project_id, name) do update set envelope = excluded.envelope, master_key_id = excluded.master_key_id,
        updated_at = excluded.updated_at returning name, master_key_id, updated_at""",
        [name, envelope, master_key_id, now],
    ).fetchone()
    assert row is not None
    return Secret(**row)


def list_secrets(db: Connection) -> list[tuple[Secret, str]]:
    """Return every secret with its envelope."""
    rows = db.execute("select name, master_key_id, updated_at, envelope from secrets order by name")
    return [
        (Secret(name=row["name"], master_key_id=row["master_key_id"], updated_at=row["updated_at"]), row["envelope"])
        for row in rows
    ]


def list_envelopes(db: Connection, prefix: str) -> list[tuple[str, str, str]]:
    """Return (project, name, envelope) of every project's secrets whose names begin so. System role only."""
    rows = db.execute(
        "select project_id, name, envelope from secrets where starts_with(name, %s) order by project_id, name", [prefix]
    )
    return [(row["project_id"], row["name"], row["envelope"]) for row in rows]


def list_all_secrets(db: Connection) -> list[tuple[str, str, str]]:
    """Return (project, name, envelope) of every secret across projects, held for this transaction. System role only."""
    rows = db.execute("select project_id, name, envelope from secrets order by project_id, name for update")
    return [(row["project_id"], row["name"], row["envelope"]) for row in rows]


def set_envelope(db: Connection, project_id: str, name: str, envelope: str, master_key_id: str) -> None:
    """Put the same secret into another envelope. System role only."""
    db.execute(
        "update secrets set envelope = %s, master_key_id = %s where project_id = %s and name = %s",
        [envelope, master_key_id, project_id, name],
    )


def delete_secret(db: Connection, name: str) -> bool:
    """Forget a secret; returns whether there was one."""
    return db.execute("delete from secrets where name = %s", [name]).rowcount > 0

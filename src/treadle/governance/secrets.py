"""Secrets: kept sealed under a name, opened for calls to providers, never shown; and the rotation of what seals them."""

from __future__ import annotations

from contextlib import suppress

from treadle.core.errors import NotFound, Unavailable
from treadle.governance import audit, kept_secrets, store
from treadle.governance.envelope import MasterKeys
from treadle.governance.types import Secret
from treadle.http.context import Context
from treadle.storage.database import Connection, Database


async def set_secret(ctx: Context, name: str, value: str, master_keys: MasterKeys) -> Secret:
    """Keep a secret under a name, replacing an older one. Its value is never shown again."""
    return await ctx.db.write(lambda db: put_secret(db, ctx, name, value, master_keys))


def put_secret(db: Connection, ctx: Context, name: str, value: str, master_keys: MasterKeys) -> Secret:
    """Keep a secret within the transaction of what it belongs to."""
    ctx.require("secrets.write")
    kept_secrets.hold_master_key(db)
    envelope = master_keys.close(value, _place(ctx.project_id, name))
    secret = kept_secrets.put_secret(db, name, envelope, master_keys.active_id, ctx.clock.now())
    audit.record(db, ctx, action="secrets.set", object_id=name, detail={"master_key_id": secret.master_key_id})
    return secret


def drop_secret(db: Connection, ctx: Context, name: str) -> bool:
    """Forget a secret within the transaction of what it belonged to; return whether there was one."""
    ctx.require("secrets.write")
    if not kept_secrets.delete_secret(db, name):
        return False
    audit.record(db, ctx, action="secrets.delete", object_id=name)
    return True


def secret_names(db: Connection) -> set[str]:
    """Return the names of the project's secrets, for whoever says whether something has one."""
    return {secret.name for secret, _ in kept_secrets.list_secrets(db)}


def load_secrets(db: Connection, master_keys: MasterKeys, prefix: str) -> dict[tuple[str, str], str]:
    """Return the opened secrets of every project whose names begin so, by project and name, for the gateway's memory.

    One that does not open is left out. System role only.
    """
    opened: dict[tuple[str, str], str] = {}
    for project_id, name, envelope in kept_secrets.list_envelopes(db, prefix):
        with suppress(Unavailable):
            opened[project_id, name] = master_keys.open(envelope, _place(project_id, name))
    return opened


async def open_secret(ctx: Context, name: str, master_keys: MasterKeys) -> str:
    """Return a secret's value, for a provider call. Never reaches a route. Raises NotFound."""
    for secret, envelope in await ctx.db.read(kept_secrets.list_secrets):
        if secret.name == name:
            return master_keys.open(envelope, _place(ctx.project_id, name))
    raise NotFound(f"no secret is named '{name}'; set it with: treadle secret set {name}", code="secrets.not_found")


async def list_secrets(ctx: Context) -> list[Secret]:
    """Return the names of the project's secrets."""
    ctx.require("secrets.read")
    return [secret for secret, _ in await ctx.db.read(kept_secrets.list_secrets)]


async def delete_secret(ctx: Context, name: str) -> None:
    """Forget a secret. Raises NotFound."""
    ctx.require("secrets.write")
    if not await ctx.db.write(lambda db: drop_secret(db, ctx, name)):
        raise NotFound(f"no secret is named '{name}'; list them with: treadle secret list", code="secrets.not_found")


async def rotate_master_key(ctx: Context, database: Database, master_keys: MasterKeys) -> int:
    """Add a master key and rewrap every secret of every project under it; returns how many.

    One rotation at a time; after a kill in the middle every secret still opens, and another rotation completes it.
    """
    ctx.require("secrets.rotate")

    def write(db: Connection) -> int:
        kept_secrets.hold_rotation(db)
        fresh = master_keys.rotate()
        held = kept_secrets.list_all_secrets(db)
        for project_id, name, envelope in held:
            kept_secrets.set_envelope(
                db, project_id, name, master_keys.rewrap(envelope, _place(project_id, name)), fresh
            )
        store.enter_project(db, ctx.project_id)
        audit.record(db, ctx, action="secrets.rotate", object_id=fresh, detail={"rewrapped": len(held)})
        return len(held)

    return await database.system(write)


def _place(project_id: str, name: str) -> str:
    return f"{project_id}|secrets|{name}"

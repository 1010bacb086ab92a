"""Make and revoke keys, say who may act, read the audit log, and look after the workspace's own owner."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path

import psycopg

from treadle.core.clock import Clock
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.core.ids import new_id
from treadle.core.types import JsonValue, Page
from treadle.governance import access, audit, store
from treadle.governance.envelope import MasterKeys
from treadle.governance.keys import create_key as create_key_text
from treadle.governance.keys import parse_key, secret_hmac
from treadle.governance.types import (
    ApiKey,
    AuditReport,
    CreatedApiKey,
    Identity,
    ListedAuditEntry,
    Me,
    NewApiKey,
    Project,
)
from treadle.http.actor import Actor
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection, Database

PUBLISHED_PER_MINUTE = 60
DEFAULT_PROJECT = "prj_00000000000000000000000000"
LOCAL_ACTOR = "act_00000000000000000000000000"
LOCAL_NAME = "local"
CARETAKER = Actor(
    actor_id="act_treadle0000000000000000000",
    name="treadle",
    kind="service",
    role="owner",
    permissions=access.PERMISSIONS["owner"],
)
"""Who acts when the platform itself moves a rollout by its evidence."""


class UnknownEndpoint(InvalidInput):
    """A publishable key for an endpoint that the project does not have."""

    code = "access.unknown_endpoint"


HasEndpoint = Callable[[Context, str], Awaitable[bool]]


async def ensure_local_owner(database: Database, clock: Clock) -> None:
    """Make the default project and its local owner on a new workspace. Safe to repeat."""
    owner = Identity(actor_id=LOCAL_ACTOR, name=LOCAL_NAME, kind="person", role="owner", created_at=clock.now())

    def write(db: Connection) -> None:
        store.put_project(db, Project(project_id=DEFAULT_PROJECT, name="default", created_at=clock.now()))
        store.put_actor(db, DEFAULT_PROJECT, owner)

    await database.system(write)


async def ensure_local_key(database: Database, clock: Clock, master_keys: MasterKeys, path: Path) -> str:
    """Return the local owner's API key, making it and its file (mode 0600) when either is gone. Safe to repeat."""
    text = path.read_text().strip() if path.exists() else ""
    parsed = parse_key(text)
    if parsed is not None:
        known, expected = parsed.key_id, secret_hmac(master_keys.pepper, parsed.secret)
        rows = await database.system(lambda db: store.find_key_rows(db, known))
        if any(
            row.key.revoked_at is None and row.key.expires_at > clock.now() and row.secret_hmac == expected
            for row in rows
        ):
            return text
    text, fresh = create_key_text()
    now = clock.now()
    new = NewApiKey(name=_local_key_name(path), role="owner", days=3650)

    def write(db: Connection) -> None:
        old = store.find_living_key(db, new.name)
        if old is not None:
            store.revoke_key(db, old.key_id, now)
        stored = secret_hmac(master_keys.pepper, fresh.secret)
        store.insert_key(
            db,
            DEFAULT_PROJECT,
            fresh.key_id,
            stored,
            LOCAL_ACTOR,
            new,
            now,
            now + timedelta(days=new.days),
            LOCAL_ACTOR,
        )

    await database.system(write)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    return text


def _local_key_name(path: Path) -> str:
    """Name the key after the host and the workspace: several may share one database, each with a key of its own."""
    host = socket.gethostname()
    place = hashlib.sha256(f"{host}:{path.resolve()}".encode()).hexdigest()
    return f"local owner ({host[:50]}, {place[:8]})"


async def list_project_ids(database: Database) -> list[str]:
    """Return every project's id. For the platform's own watches."""
    return await database.system(store.list_project_ids)


async def me(ctx: Context) -> Me:
    """Say who the caller is."""

    def read(db: Connection) -> Me:
        actor = store.get_actor(db, ctx.actor.actor_id)
        project = store.find_project(db, ctx.project_id)
        assert actor is not None, "a recognised caller is there"
        assert project is not None, "and so is the project"
        return Me(actor=actor, project=project, permissions=sorted(ctx.actor.permissions))

    return await ctx.db.read(read)


async def create_key(
    ctx: Context, new: NewApiKey, master_keys: MasterKeys, *, has_endpoint: HasEndpoint | None = None
) -> CreatedApiKey:
    """Make a key for a person, or for a program that the maker answers for. It is in the answer and nowhere else.

    Raises Conflict for a name in use and for a person who has another role, Denied for the workspace owner's name,
    UnknownEndpoint for a publishable key of an endpoint that is not there.
    """
    ctx.require("access.write")
    if new.kind == "publishable":
        for name in new.endpoints or []:
            if has_endpoint is not None and not await has_endpoint(ctx, name):
                raise UnknownEndpoint(
                    f"there is no endpoint '{name}' whose answers a page could speak about; see which there are with: "
                    f"treadle endpoint list, or make it with: treadle endpoint create {name}"
                )
        limits = {"scopes": sorted(access.PUBLISH), "per_minute": new.per_minute or PUBLISHED_PER_MINUTE}
        new = new.model_copy(update=limits)
    unknown = sorted(set(new.scopes or []) - access.PERMISSIONS[new.role])
    if unknown:
        raise InvalidInput(
            f"role '{new.role}' has no permission {', '.join(repr(name) for name in unknown)} to scope to; "
            f"see: treadle access role list",
            code="access.unknown_scope",
        )
    beyond = sorted(access.permissions_of(new.role, new.scopes) - ctx.actor.permissions)
    if beyond:
        raise InvalidInput(
            f"a key cannot hold more than its maker: '{ctx.actor.name}' lacks {', '.join(beyond)}",
            code="access.beyond_maker",
        )
    text, parsed = create_key_text(new.kind)
    now = ctx.clock.now()
    wanted = Identity(
        actor_id=new_id("act"),
        name=new.person or f"{new.name} ({parsed.key_id})",
        kind="service" if new.person is None else "person",
        role=new.role,
        created_at=now,
        owner_id=ctx.actor.person_id if new.person is None else None,
    )

    def write(db: Connection) -> ApiKey:
        actor = _ensure_holder(db, ctx, wanted)
        try:
            key = store.insert_key(
                db, ctx.project_id, parsed.key_id, secret_hmac(master_keys.pepper, parsed.secret), actor.actor_id, new, now,
                now + timedelta(days=new.days), ctx.actor.person_id,
            )  # fmt: skip
        except psycopg.errors.UniqueViolation as error:
            raise Conflict(
                f"a key named '{new.name}' exists; choose another name, or revoke it with: treadle access key revoke '{new.name}'",
                code="access.key_name_in_use",
            ) from error
        detail: dict[str, JsonValue] = {"name": new.name, "role": new.role, "person": new.person}
        audit.record(db, ctx, action="access.create_key", object_id=key.key_id, detail=detail)
        return key

    return CreatedApiKey(key=text, api_key=await ctx.db.write(write))


def _ensure_holder(db: Connection, ctx: Context, wanted: Identity) -> Identity:
    """Return the actor that a new key acts as: the person who is there already, or one that is made."""
    store.put_actor(db, ctx.project_id, wanted)
    found = store.find_actor(db, wanted.name)
    assert found is not None, "it was put there"
    if found.actor_id == LOCAL_ACTOR and ctx.actor.actor_id != LOCAL_ACTOR:
        raise Denied(
            f"'{found.name}' is the owner of the workspace, who alone makes keys of theirs; choose another name",
            code="access.owners_name",
        )
    if (found.kind, found.role) != (wanted.kind, wanted.role):
        raise Conflict(
            f"'{found.name}' is there already, a {found.kind} with the role '{found.role}'; a person has one role and "
            f"keys of that role: leave it at '{found.role}' and cut the key down with --scope, or choose another name",
            code="access.other_role",
        )
    return found


def names_of_keys(db: Connection, key_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of the project's keys by their ids, for other slices to show; ids that no key has are left out."""
    return store.names_of_keys(db, sorted(key_ids))


async def list_keys(ctx: Context) -> list[ApiKey]:
    """Return the project's keys, newest first."""
    ctx.require("access.read")
    return await ctx.db.read(store.list_keys)


async def revoke_key(ctx: Context, name_or_id: str) -> ApiKey:
    """Refuse a key from now on, within a second everywhere. Safe to repeat. Raises NotFound."""
    ctx.require("access.write")

    def write(db: Connection) -> ApiKey:
        found = store.find_living_key(db, name_or_id)
        revoked = store.revoke_key(db, found.key_id if found else name_or_id, ctx.clock.now())
        if revoked is None:
            raise NotFound(
                f"no API key is named '{name_or_id}'; list them with: treadle access key list",
                code="access.key_not_found",
            )
        store.end_sessions(db, revoked.actor_id, revoked.key_id)
        audit.record(db, ctx, action="access.revoke_key", object_id=revoked.key_id, detail={"name": revoked.name})
        return revoked

    return await ctx.db.write(write)


def load_keys(db: Connection) -> list[store.KeyRow]:
    """Return every living key across projects, for the gateway's snapshot. System role only."""
    return store.find_key_rows(db)


def names_of(db: Connection) -> dict[str, str]:
    """Return actors' names by id inside the caller's transaction, for whoever says who did something."""
    return {actor.actor_id: actor.name for actor in store.list_actors(db)}


async def list_actors(ctx: Context) -> list[Identity]:
    """Return who may act in the project."""
    ctx.require("access.read")
    return await ctx.db.read(store.list_actors)


async def list_audit(
    ctx: Context,
    *,
    actor_id: str | None = None,
    action: str | None = None,
    object_id: str | None = None,
    limit: int,
    cursor: str | None,
) -> Page[ListedAuditEntry]:
    """Return what was done, newest first, with the names of who did it. `action`: one, or a slice's name for all of its."""
    ctx.require("audit.read")
    after = decode_cursor(cursor, int)
    before = int(after[0]) if after else None

    def read(db: Connection) -> list[ListedAuditEntry]:
        # The owner of the workspace and the platform act in every project without belonging to it.
        names = {LOCAL_ACTOR: LOCAL_NAME, CARETAKER.actor_id: CARETAKER.name}
        names |= {actor.actor_id: actor.name for actor in store.list_actors(db)}
        entries = store.iter_audit_entries(
            db,
            newest_first=True,
            before=before,
            limit=limit + 1,
            actor_id=actor_id,
            action=action,
            object_id=object_id,
        )
        return [
            ListedAuditEntry(**entry.model_dump(), actor_name=names.get(entry.actor_id, entry.actor_id))
            for entry, _ in entries
        ]

    return page_of(await ctx.db.read(read), limit, lambda entry: (entry.sequence,))


def deeds_since(db: Connection, sequence: int | None, most: int) -> tuple[int, list[store.Deed] | None]:
    """Return the newest place in the log, and what was done since an older one; None where that is more, or was never there.

    For other slices, which tell whoever may know.
    """
    head = store.find_audit_head(db)
    if sequence is None or not 0 <= head - sequence <= most:
        return head, None
    return head, store.list_deeds(db, sequence)


async def verify_audit(ctx: Context, *, expected_head: str | None = None) -> AuditReport:
    """Check the whole log of the project. Cost: reads every entry."""
    ctx.require("audit.read")
    return await ctx.db.read(lambda db: audit.verify(store.iter_audit_entries(db), expected_head=expected_head))

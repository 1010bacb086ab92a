"""Configure providers: what gateways may send requests to, and with which keys. They go by a change within a second.

A key is a secret of governance's under `provider:<name>`, closed like any other, and opened in the memory of the
gateway alone. Another destination never gets the key that was given for the one before.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import psycopg

from treadle.core.errors import Conflict, NotFound
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonValue
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.providers import store
from treadle.gateway.providers.checking import check_provider as check_upstream
from treadle.gateway.providers.kinds import BUILT_IN
from treadle.gateway.providers.presets import PRESETS
from treadle.gateway.providers.settings import ProviderInvalid, Resolve, bare, check, check_secret, completed
from treadle.gateway.providers.store import Kept
from treadle.gateway.providers.types import ChangedProvider, NewProvider, Provider, ProviderCheck, ProviderPreset
from treadle.gateway.transport import Transport
from treadle.gateway.types import Provider as ServedProvider
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.governance.envelope import MasterKeys
from treadle.governance.secrets import drop_secret, load_secrets, open_secret, put_secret, secret_names
from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.traces.pricing import Price, find_price

SECRET_PREFIX = "provider:"


class ProviderNotFound(NotFound):
    """No provider has the name."""

    code = "providers.not_found"


class ProviderExists(Conflict):
    """A provider has the name already."""

    code = "providers.exists"


@dataclass(frozen=True)
class Surroundings:
    """What the roof hands in."""

    master_keys: MasterKeys
    """Close and open keys."""
    hosts: PrivateHosts
    """Which private addresses are allowed on this server."""
    resolve: Resolve
    """Returns the addresses of a host name; raises OSError when it has none."""


def list_presets() -> list[ProviderPreset]:
    """Return the providers that are known by name."""
    return list(PRESETS.values())


async def list_providers(ctx: Context) -> list[Provider]:
    """Return the project's providers by name."""
    ctx.require("providers.read")

    def read(db: Connection) -> list[Provider]:
        names = secret_names(db)
        return [_shown(row, SECRET_PREFIX + row.name in names) for row in store.list_providers(db)]

    return await ctx.db.read(read)


async def get_provider(ctx: Context, name: str) -> Provider:
    """Return a provider. Raises ProviderNotFound."""
    ctx.require("providers.read")
    return await ctx.db.read(lambda db: _get(db, name))


async def create_provider(ctx: Context, new: NewProvider, around: Surroundings) -> Provider:
    """Configure a provider, from a preset or from nothing. Raises ProviderInvalid, ProviderExists, Denied."""
    ctx.require("providers.write")
    name, kept = completed(new)
    if name in BUILT_IN:
        raise ProviderInvalid(f"'{name}' is always there and cannot be configured; choose another name")
    await check(ctx, kept, around.hosts, around.resolve)
    check_secret(new.secret)

    def write(db: Connection) -> Provider:
        try:
            store.insert_provider(db, name, kept, ctx.clock.now())
        except psycopg.errors.UniqueViolation as error:
            raise ProviderExists(
                f"a provider named '{name}' exists; change it, choose another name, or remove it with:"
                f" treadle provider remove {name}"
            ) from error
        # A key that an older provider of this name may have left is never handed to the new destination.
        _replace_key(db, ctx, name, new.secret, around.master_keys)
        detail = {"kind": kept.kind, "base_url": kept.base_url, "private": kept.private, "preset": kept.preset}
        audit.record(db, ctx, action="providers.create", object_id=name, detail=detail)
        return _get(db, name)

    return await ctx.db.write(write)


async def change_provider(
    ctx: Context, name: str, changed: ChangedProvider, around: Surroundings, *, when: When = ALWAYS
) -> Provider:
    """Change a provider. Another base URL drops the stored key, unless a new one comes along; the answer says so.

    Raises ProviderNotFound, ProviderInvalid, Denied, Outdated (see `editing.check`).
    """
    ctx.require("providers.write")
    kept = Kept(
        kind=changed.kind,
        base_url=bare(changed.base_url),
        headers=changed.headers,
        region=changed.region,
        options=changed.options,
        private=changed.private,
        max_connections=changed.max_connections,
    )
    await check(ctx, kept, around.hosts, around.resolve)
    check_secret(changed.secret)

    def write(db: Connection) -> Provider:
        before = _require(db, name, lock=True)
        editing.check(
            db,
            ctx,
            when,
            f"provider '{name}'",
            _get(db, name),
            lambda found: Audited("providers.change", found.name, "providers.read", "providers.create"),
        )
        store.put_provider(db, name, msgspec.structs.replace(kept, preset=before.kept.preset), ctx.clock.now())
        notice = None
        if changed.secret is not None:
            put_secret(db, ctx, SECRET_PREFIX + name, changed.secret.strip(), around.master_keys)
        elif kept.base_url != before.kept.base_url and _replace_key(db, ctx, name, None, around.master_keys):
            notice = (
                f"the base URL changed from '{before.kept.base_url}', so the stored key was dropped: a key is never sent"
                f" where it was not given for; set it again with: treadle provider key {name}"
            )
        detail = {
            "kind": kept.kind,
            "base_url": kept.base_url,
            "base_url_before": before.kept.base_url,
            "private": kept.private,
            "dropped_secret": notice is not None,
        }
        audit.record(db, ctx, action="providers.change", object_id=name, detail=detail)
        return _get(db, name).model_copy(update={"notice": notice})

    return await ctx.db.write(write)


async def set_key(ctx: Context, name: str, secret: str, master_keys: MasterKeys) -> Provider:
    """Store a provider's key, replacing an older one. Raises ProviderNotFound, ProviderInvalid."""
    ctx.require("providers.write")
    check_secret(secret)

    def write(db: Connection) -> Provider:
        row = _require(db, name, lock=True)
        store.put_provider(db, name, row.kept, ctx.clock.now())
        _replace_key(db, ctx, name, secret, master_keys)
        return _get(db, name)

    return await ctx.db.write(write)


async def remove_provider(ctx: Context, name: str) -> None:
    """Forget a provider and its key. Targets that name it are passed over from then on. Raises ProviderNotFound."""
    ctx.require("providers.write")

    def write(db: Connection) -> None:
        row = _require(db, name)
        store.delete_provider(db, name)
        _replace_key(db, ctx, name, None, None)
        audit.record(db, ctx, action="providers.remove", object_id=name, detail={"base_url": row.kept.base_url})

    await ctx.db.write(write)


async def check_provider(ctx: Context, name: str, model: str | None, around: Surroundings) -> ProviderCheck:
    """Make one tiny real call and say what is wrong. Raises ProviderNotFound. Costs a few tokens with a model."""
    ctx.require("providers.write")
    row = await ctx.db.read(lambda db: _require(db, name))
    secret = ""
    if SECRET_PREFIX + name in await ctx.db.read(secret_names):
        secret = await open_secret(ctx, SECRET_PREFIX + name, around.master_keys)
    transport = Transport(around.hosts)
    try:
        found = await check_upstream(_served(row, secret), model, transport)
    finally:
        await transport.close()
    detail: dict[str, JsonValue] = {"is_working": found.is_working, "status": found.status, "model": model}
    await ctx.db.write(lambda db: audit.record(db, ctx, action="providers.check", object_id=name, detail=detail))
    return ProviderCheck(
        is_working=found.is_working,
        message=found.message,
        status=found.status,
        latency_ms=round(found.latency_ms, 1),
        models=found.models,
    )


def load_providers(db: Connection, master_keys: MasterKeys | None) -> dict[tuple[str, str], ServedProvider]:
    """Return every project's providers for the gateway's snapshot, their keys opened. System role only.

    master_keys: None opens none. A key that does not open is left out; `check_provider` says why.
    """
    rows = store.list_providers(db)
    secrets = {} if master_keys is None else load_secrets(db, master_keys, SECRET_PREFIX)
    return {
        (row.project_id, row.name): _served(row, secrets.get((row.project_id, SECRET_PREFIX + row.name), ""))
        for row in rows
    }


def find_served(db: Connection, name: str) -> ServedProvider | None:
    """Return a provider of the project without its key, or None: for whoever publishes targets that name it."""
    row = store.find_provider(db, name)
    return None if row is None else _served(row, "")


def find_target_price(provider: ServedProvider | None, model: str) -> Price | None:
    """Return the listed price of a provider's model; None for servers of one's own and for what nobody lists.

    A model of the same name elsewhere is no price: what a server of one's own costs is not what somebody else charges.
    """
    if provider is None or provider.private:
        return None
    if provider.kind != "openai":
        return find_price(model, provider.kind)
    return find_price(model, api_url=provider.base_url)


def _replace_key(db: Connection, ctx: Context, name: str, secret: str | None, master_keys: MasterKeys | None) -> bool:
    """Keep a provider's key, or forget it for None; return whether one was forgotten."""
    if secret is not None and master_keys is not None:
        put_secret(db, ctx, SECRET_PREFIX + name, secret.strip(), master_keys)
        return False
    return drop_secret(db, ctx, SECRET_PREFIX + name)


def _get(db: Connection, name: str) -> Provider:
    return _shown(_require(db, name), SECRET_PREFIX + name in secret_names(db))


def _require(db: Connection, name: str, *, lock: bool = False) -> store.Row:
    row = store.find_provider(db, name, lock=lock)
    if row is None:
        raise ProviderNotFound(f"no provider is named '{name}'; list them with: treadle provider list")
    return row


def _served(row: store.Row, secret: str) -> ServedProvider:
    kept = row.kept
    return ServedProvider(
        project_id=row.project_id,
        name=row.name,
        kind=kept.kind,
        base_url=kept.base_url,
        secret=secret,
        headers=kept.headers,
        region=kept.region,
        options=kept.options,
        private=kept.private,
        max_connections=kept.max_connections,
    )


def _shown(row: store.Row, has_secret: bool) -> Provider:
    kept = row.kept
    return Provider.model_validate(
        {
            "name": row.name,
            "preset": kept.preset,
            "kind": kept.kind,
            "base_url": kept.base_url,
            "has_secret": has_secret,
            "headers": kept.headers,
            "region": kept.region,
            "options": kept.options,
            "private": kept.private,
            "max_connections": kept.max_connections,
            "updated_at": row.updated_at,
        }
    )

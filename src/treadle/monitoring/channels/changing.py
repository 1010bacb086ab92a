"""Change a channel, exchange its secret, remove it. None of them loses a message that is on its way without saying so."""

from __future__ import annotations

from datetime import timedelta

from treadle.core.errors import Conflict
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject
from treadle.gateway.addresses import PrivateHosts
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.governance.envelope import MasterKeys
from treadle.governance.secrets import drop_secret, put_secret
from treadle.http.context import Context
from treadle.monitoring import store as monitors
from treadle.monitoring.channels import checking, store
from treadle.monitoring.channels.checking import ChannelInvalid
from treadle.monitoring.channels.service import (
    OLD,
    SECRET_PREFIX,
    ChannelExists,
    absent,
    find_secret,
    new_signing_secret,
)
from treadle.monitoring.channels.store import Kept
from treadle.monitoring.channels.types import (
    Channel,
    ChannelChange,
    CreatedChannel,
    RemovedChannel,
    SecretRotation,
)
from treadle.storage.database import Connection


class ChannelInUse(Conflict):
    """A channel has messages on their way, or monitors that tell it."""

    code = "channels.in_use"


async def change_channel(
    ctx: Context,
    name: str,
    change: ChannelChange,
    master_keys: MasterKeys,
    hosts: PrivateHosts,
    *,
    when: When = ALWAYS,
) -> Channel:
    """Make a channel different. Monitors and messages that wait follow a new name. A webhook keeps its signing secret.

    Raises ChannelNotFound, ChannelExists, ChannelInvalid, Denied, Outdated (see `editing.check`).
    """
    ctx.require("secrets.write")
    if change.private:
        ctx.require("providers.private")
    before = await _find(ctx, name)
    to, private = change.destination, before.channel.private if change.private is None else change.private
    if to is not None and to.kind != before.channel.kind:
        raise ChannelInvalid(
            f"channel '{name}' is of the kind '{before.channel.kind}' and cannot become one of '{to.kind}'; make another one, and "
            f"remove this with: treadle channel remove {name}",
            channel=name,
        )
    if to is not None:
        await checking.check(to, name=name, private=private, hosts=hosts)
    elif change.private is False and before.channel.private:
        await _check_public(before, hosts)
    if to is not None and private:
        ctx.require("providers.private")
    renamed = change.name if change.name is not None else name
    secrets = {each: await find_secret(ctx, SECRET_PREFIX + name + each, master_keys) for each in ("", OLD)}
    given = None if to is None else checking.secret_of(to)

    def write(db: Connection) -> Channel:
        held = store.find_channel(db, name, lock=True)
        if held is None:
            raise absent(name)
        editing.check(
            db,
            ctx,
            when,
            f"channel '{name}'",
            held.channel,
            lambda found: Audited("channels.change", found.name, "monitors.read", "channels.create"),
        )
        facts: dict[str, object] = {"name": renamed, "private": private, "changed_at": ctx.clock.now()}
        if to is not None:
            facts["place"] = checking.place_of(to)
        after = Kept(held.channel.model_copy(update=facts), held.settings if to is None else checking.settings_of(to))
        if not store.save_channel(db, name, after):
            raise ChannelExists(f"a channel named '{renamed}' exists; choose another name")
        for each, secret in secrets.items():
            kept = given if each == "" and given is not None else secret
            if renamed != name:
                drop_secret(db, ctx, SECRET_PREFIX + name + each)
            if kept is not None and (renamed != name or kept != secret):
                put_secret(db, ctx, SECRET_PREFIX + renamed + each, kept, master_keys)
        if renamed != name:
            _rename_in_monitors(db, ctx, name, renamed)
        detail: JsonObject = {"was": name, "place": after.channel.place, "private": private}
        audit.record(db, ctx, action="channels.change", object_id=renamed, detail=detail)
        return after.channel

    return await ctx.db.write(write)


async def rotate_secret(ctx: Context, name: str, rotation: SecretRotation, master_keys: MasterKeys) -> CreatedChannel:
    """Give a webhook a fresh signing secret, in the answer this once; the old one signs beside it until the overlap ends.

    Raises ChannelNotFound, ChannelInvalid for other kinds.
    """
    ctx.require("secrets.write")
    kept = await _find(ctx, name)
    if kept.channel.kind != "webhook":
        raise ChannelInvalid(
            f"channel '{name}' is of the kind '{kept.channel.kind}', which signs nothing; give it a new address or password"
            f" with: treadle channel change {name}",
            channel=name,
        )
    old, fresh = await find_secret(ctx, SECRET_PREFIX + name, master_keys), new_signing_secret()
    until = ctx.clock.now() + timedelta(hours=rotation.overlap_hours) if rotation.overlap_hours else None

    def write(db: Connection) -> Channel:
        held = store.find_channel(db, name, lock=True)
        if held is None:
            raise absent(name)
        after = held.channel.model_copy(update={"old_secret_until": until})
        store.save_channel(db, name, Kept(after, held.settings))
        if until is not None and old is not None:
            put_secret(db, ctx, SECRET_PREFIX + name + OLD, old, master_keys)
        else:
            drop_secret(db, ctx, SECRET_PREFIX + name + OLD)
        put_secret(db, ctx, SECRET_PREFIX + name, fresh, master_keys)
        audit.record(
            db, ctx, action="channels.rotate", object_id=name, detail={"overlap_hours": rotation.overlap_hours}
        )
        return after

    return CreatedChannel(channel=await ctx.db.write(write), secret=fresh)


async def remove_channel(ctx: Context, name: str, *, give_up: bool) -> RemovedChannel:
    """Forget a channel and its secrets. give_up: also where messages wait for it or monitors tell it; those are lost.

    Raises ChannelNotFound, ChannelInUse.
    """
    ctx.require("secrets.write")

    def write(db: Connection) -> RemovedChannel:
        held = store.find_channel(db, name, lock=True)
        if held is None:
            raise absent(name)
        telling = monitors.list_telling(db, name)
        if not give_up and (held.channel.waiting or telling):
            raise ChannelInUse(_in_use(held.channel, telling), channel=name, waiting=held.channel.waiting)
        given_up = store.delete_channel(db, name)
        _rename_in_monitors(db, ctx, name, None)
        for each in ("", OLD):
            drop_secret(db, ctx, SECRET_PREFIX + name + each)
        detail: JsonObject = {"given_up": given_up, "monitors": list(telling)}
        audit.record(db, ctx, action="channels.remove", object_id=name, detail=detail)
        return RemovedChannel(name=name, given_up=given_up, monitors=telling)

    return await ctx.db.write(write)


def _rename_in_monitors(db: Connection, ctx: Context, name: str, renamed: str | None) -> None:
    """Have monitors follow a channel; each is an edit of the monitor, which whoever saves it next must be able to hear of."""
    for monitor_id in monitors.rename_channel(db, name, renamed):
        detail: JsonObject = {"channel": name, "renamed": renamed}
        audit.record(db, ctx, action="monitors.change", object_id=monitor_id, detail=detail)


async def _find(ctx: Context, name: str) -> Kept:
    kept = await ctx.db.read(lambda db: store.find_channel(db, name))
    if kept is None:
        raise absent(name)
    return kept


async def _check_public(kept: Kept, hosts: PrivateHosts) -> None:
    """Raise ChannelInvalid where a channel would lose the private address that it has."""
    if kept.channel.kind == "slack":
        return  # its address is a secret, and is checked at every connection
    to = checking.destination_of(kept.channel.kind, kept.settings)
    await checking.check_address(to, name=kept.channel.name, private=False, hosts=hosts)


def _in_use(channel: Channel, telling: list[str]) -> str:
    reasons = []
    if channel.waiting:
        reasons.append(
            f"{channel.waiting} {'message waits' if channel.waiting == 1 else 'messages wait'} to be delivered"
        )
    if telling:
        shown = ", ".join(f"'{each}'" for each in telling[:5]) + (" and more" if len(telling) > 5 else "")
        reasons.append(f"it is told by {'monitor' if len(telling) == 1 else 'monitors'} {shown}")
    return (
        f"channel '{channel.name}' is in use: {' and '.join(reasons)}; see them with: treadle channel deliveries --channel"
        f" {channel.name}, or give them up with: treadle channel remove {channel.name} --give-up"
    )

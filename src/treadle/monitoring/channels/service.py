"""Make channels, list and test them (`changing.py` changes and removes), and carry out what waits: each message until it arrives or a day of trying is over.

A message is written in the transaction of the alert that it tells of (`enqueue`), so none is lost and none is sent for
an alert that was not kept. It arrives at least once; the same `webhook-id` marks a second copy.
"""

from __future__ import annotations

import logging
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime, timedelta

from treadle.core.errors import Conflict, NotFound, TreadleError
from treadle.core.ids import derive_id, new_id
from treadle.core.types import JsonObject, Page
from treadle.gateway.addresses import PrivateHosts
from treadle.governance import audit
from treadle.governance.envelope import MasterKeys
from treadle.governance.secrets import open_secret, put_secret, secret_names
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.monitoring.channels import checking, messages, store
from treadle.monitoring.channels.sending import Post
from treadle.monitoring.channels.store import Due
from treadle.monitoring.channels.types import Channel, CreatedChannel, Delivery, Email, NewChannel, Webhook
from treadle.storage.database import Connection

SECRET_PREFIX = "channel:"
OLD = ":old"
"""After a channel's name: the secret before the present one, while receivers change over."""
PAUSES = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800)
"""Seconds before each further attempt: about a day of trying. Standard Webhooks recommends such a schedule."""
LEASE = timedelta(seconds=90)
"""Longer than an attempt can take."""
AT_ONCE = 20
MOST_TOLD = 500
"""Channels that are told where nobody chose some."""

log = logging.getLogger("treadle.monitoring")


class ChannelNotFound(NotFound):
    """No channel has the name."""

    code = "channels.not_found"


class ChannelExists(Conflict):
    """A channel has the name already."""

    code = "channels.exists"


async def create_channel(ctx: Context, new: NewChannel, master_keys: MasterKeys, hosts: PrivateHosts) -> CreatedChannel:
    """Make a channel. A webhook's signing secret is in the answer, this once. Raises ChannelExists, ChannelInvalid, Denied."""
    ctx.require("secrets.write")
    if new.private:
        ctx.require("providers.private")
    to = new.destination
    await checking.check(to, name=new.name, private=new.private, hosts=hosts)
    signing = new_signing_secret() if isinstance(to, Webhook) else None
    secret = signing or checking.secret_of(to)
    now = ctx.clock.now()
    channel = Channel(
        name=new.name, kind=to.kind, place=checking.place_of(to), private=new.private, created_at=now, changed_at=now
    )

    def write(db: Connection) -> None:
        if not store.insert_channel(db, channel, checking.settings_of(to)):
            raise ChannelExists(
                f"a channel named '{new.name}' exists; choose another name, or change it with: treadle channel change {new.name}"
            )
        if secret is not None:
            put_secret(db, ctx, SECRET_PREFIX + new.name, secret, master_keys)
        detail: JsonObject = {"kind": to.kind, "place": channel.place, "private": new.private}
        audit.record(db, ctx, action="channels.create", object_id=new.name, detail=detail)

    await ctx.db.write(write)
    return CreatedChannel(channel=channel, secret=signing)


async def list_channels(ctx: Context, *, text: str | None = None, limit: int, cursor: str | None) -> Page[Channel]:
    """Return the project's channels by name; text: in the name."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str)
    start = str(after[0]) if after else None
    rows = await ctx.db.read(lambda db: store.list_channels(db, start, limit + 1, text=text))
    return page_of(rows, limit, lambda each: (each.name,))


async def test_channel(ctx: Context, name: str, master_keys: MasterKeys, post: Post) -> Delivery:
    """Send a message now and return what came of it; it is not tried again. Raises ChannelNotFound."""
    ctx.require("secrets.write")
    now = ctx.clock.now()
    delivery = _new_delivery(new_id("msg"), None, name, "channel.test", now).model_copy(update={"attempts": 1})
    data: JsonObject = {"summary": f"'{ctx.actor.name}' tested the channel '{name}'; alerts will arrive like this."}

    def write(db: Connection) -> None:
        if store.find_channel(db, name) is None:
            raise absent(name)
        # Nobody else sends it: the attempt is ours.
        store.insert_delivery(db, delivery.model_copy(update={"next_try_at": now + timedelta(days=1)}), data)
        audit.record(db, ctx, action="channels.test", object_id=name)

    await ctx.db.write(write)
    await _attempt(ctx, Due(delivery, data), master_keys, post, tries_again=False)
    found = await ctx.db.read(lambda db: store.find_delivery(db, delivery.delivery_id))
    assert found is not None
    return found


async def list_deliveries(
    ctx: Context, *, channel: str | None = None, alert_id: str | None = None, limit: int, cursor: str | None
) -> Page[Delivery]:
    """Return messages, newest first."""
    ctx.require("monitors.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    rows = await ctx.db.read(
        lambda db: store.list_deliveries(db, channel=channel, alert_id=alert_id, before=before, limit=limit + 1)
    )
    return page_of(rows, limit, lambda each: (each.created_at.isoformat(), each.delivery_id))


def require_channels(db: Connection, names: Sequence[str]) -> None:
    """Raise ChannelNotFound unless every name is a channel's."""
    for name in names:
        if store.find_channel(db, name) is None:
            raise absent(name)


def find_told(db: Connection, wanted: Sequence[str] | None) -> list[str]:
    """Return those of the wanted channels that there are; all of the project where None is wanted, or none of them is left."""
    names = [channel.name for channel in store.list_channels(db, None, MOST_TOLD)]
    if wanted is None:
        return names
    return [name for name in names if name in wanted] or (names if wanted else [])


def enqueue(
    db: Connection,
    ctx: Context,
    *,
    about: str,
    event: str,
    channels: Sequence[str],
    data: JsonObject,
    alert_id: str | None,
) -> None:
    """Write down one message per channel inside the caller's transaction. Safe to repeat for the same event.

    about: what the event is of, such as an alert. alert_id: None for what is no alert. data: the message's facts; a `path`
    in it becomes a link into the server's pages.
    """
    for channel in channels:
        delivery_id = derive_id("msg", ctx.project_id, about, event, channel)
        store.insert_delivery(db, _new_delivery(delivery_id, alert_id, channel, event, ctx.clock.now()), data)


async def deliver_due(ctx: Context, master_keys: MasterKeys, post: Post, *, url: str | None = None) -> int:
    """Try to deliver what is due; return how many were tried. Any number of processes may. url: where people open the server."""
    now = ctx.clock.now()
    due = await ctx.db.write(lambda db: store.claim_due(db, now, lease=LEASE, limit=AT_ONCE))
    for each in due:
        await _attempt(ctx, each._replace(data=_linked(each.data, url)), master_keys, post, tries_again=True)
    return len(due)


def _linked(data: JsonObject, url: str | None) -> JsonObject:
    path = data.get("path")
    return data if url is None or not isinstance(path, str) else {**data, "url": f"{url}{path}"}


async def _attempt(ctx: Context, due: Due, master_keys: MasterKeys, post: Post, *, tries_again: bool) -> None:
    delivery = due.delivery
    failed: str | None = None
    try:
        await _send(ctx, due, master_keys, post)
    except TreadleError as error:
        failed = error.message
    except Exception as error:  # the border to a server of somebody else's: say it and try again
        log.exception("a message to channel '%s' failed unexpectedly", delivery.channel)
        failed = f"it failed unexpectedly ({type(error).__name__})"
    now = ctx.clock.now()
    may_try = tries_again and delivery.attempts <= len(PAUSES)
    status = "delivered" if failed is None else "waiting" if may_try else "given up"
    later = now + timedelta(seconds=PAUSES[delivery.attempts - 1]) if status == "waiting" else None
    if failed is not None:
        log.warning("message %s to channel '%s': %s", delivery.delivery_id, delivery.channel, failed)
    await ctx.db.write(
        lambda db: store.end_delivery(db, delivery.delivery_id, status, error=failed, next_try_at=later, now=now)
    )


async def _send(ctx: Context, due: Due, master_keys: MasterKeys, post: Post) -> None:
    delivery = due.delivery

    kept = await ctx.db.read(lambda db: store.find_channel(db, delivery.channel))
    if kept is None:
        raise absent(delivery.channel)
    secret = await find_secret(ctx, SECRET_PREFIX + delivery.channel, master_keys) or ""
    now, private = ctx.clock.now(), kept.channel.private
    match kept.channel.kind:
        case "webhook":
            body = messages.webhook_body(delivery.event, delivery.created_at, due.data)
            secrets = [secret]
            if kept.channel.old_secret_until is not None and now < kept.channel.old_secret_until:
                old = await find_secret(ctx, SECRET_PREFIX + delivery.channel + OLD, master_keys)
                secrets += [old] if old is not None else []
            headers = messages.signature_headers(secrets, delivery.delivery_id, now, body)
            url = str(kept.settings["url"])
            await post.post_json(url, body, headers, project_id=ctx.project_id, private=private)
        case "slack":
            body = messages.slack_body(delivery.event, due.data)
            await post.post_json(secret, body, {}, project_id=ctx.project_id, private=private)
        case "email":
            to = Email.model_validate(kept.settings)
            mail = messages.email_of(
                delivery.event, due.data, sender=to.sender, recipients=to.recipients, delivery_id=delivery.delivery_id, at=now
            )  # fmt: skip
            await post.send_mail(
                mail, to.recipients, host=to.host, port=to.port, private=private, username=to.username, password=secret
            )


def _new_delivery(delivery_id: str, alert_id: str | None, channel: str, event: str, now: datetime) -> Delivery:
    return Delivery(
        delivery_id=delivery_id,
        alert_id=alert_id,
        channel=channel,
        event=event,
        status="waiting",
        attempts=0,
        next_try_at=now,
        error=None,
        created_at=now,
        delivered_at=None,
    )


async def find_secret(ctx: Context, name: str, master_keys: MasterKeys) -> str | None:
    """Return the secret of this name, None where there is none."""
    names = await ctx.db.read(secret_names)
    return await open_secret(ctx, name, master_keys) if name in names else None


def new_signing_secret() -> str:
    """Return a fresh secret that a webhook's messages are signed with."""
    return messages.new_secret(randomness.token_bytes(messages.SECRET_BYTES))


def absent(name: str) -> ChannelNotFound:
    return ChannelNotFound(f"there is no channel '{name}'; list them with: treadle channel list", channel=name)

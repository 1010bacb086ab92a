"""Make destinations and look after them; what waits for one is sent by `delivering.py`."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import msgspec

from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.core.types import JsonObject, Page
from treadle.gateway.addresses import url_fault
from treadle.gateway.forwarding import sending, store
from treadle.gateway.forwarding.delivering import PROBE, SECRET_PREFIX, Around, ask, headers_of
from treadle.gateway.forwarding.loops import HEADER
from treadle.gateway.forwarding.store import Kept
from treadle.gateway.forwarding.types import Forward, ForwardTest, NewForward
from treadle.gateway.posting import NotReached, host_of, place_fault
from treadle.governance import audit
from treadle.governance.secrets import drop_secret, put_secret
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection
from treadle.traces import followers
from treadle.traces.asking.single import parse_single

MAX_FORWARDS = 20
_OWN = frozenset(
    ("content-type", "content-encoding", "content-length", "transfer-encoding", "host", "connection", HEADER)
)
"""Headers that are ours to set."""

log = logging.getLogger("treadle.gateway.forwarding")


class ForwardNotFound(NotFound):
    """No destination has the name."""

    code = "forwards.not_found"


class ForwardExists(Conflict):
    """A destination has the name already."""

    code = "forwards.exists"


class ForwardInvalid(InvalidInput):
    """A destination cannot be as stated."""

    code = "forwards.invalid"


async def create_forward(ctx: Context, new: NewForward, around: Around) -> Forward:
    """Send on what is stored from now on. Raises ForwardExists, ForwardInvalid, ForwardLoop, Denied."""
    ctx.require("traces.govern")
    if new.private:
        ctx.require("providers.private")
    new = new.model_copy(update={"url": _full(new.url)})
    await _check(new, around)
    try:
        await ask(ctx, new, new.headers, (), around, PROBE)
    except (NotReached, sending.TryLater) as error:
        log.info("destination '%s' is made, and does not take spans yet: %s", new.name, error)
    now = ctx.clock.now()

    def write(db: Connection) -> Forward:
        if store.count_forwards(db) >= MAX_FORWARDS:
            raise ForwardInvalid(f"a project has at most {MAX_FORWARDS} destinations; remove one: treadle forward list")
        if not store.insert_forward(db, new, now):
            raise ForwardExists(
                f"a destination named '{new.name}' exists; choose another name, or remove it: treadle forward remove {new.name}"
            )
        if new.headers:
            value = msgspec.json.encode({name.lower(): text for name, text in new.headers.items()}).decode()
            put_secret(db, ctx, SECRET_PREFIX + new.name, value, around.master_keys)
        followers.start_following(db, SECRET_PREFIX + new.name)
        detail: JsonObject = {"url": new.url, "capture": new.capture, "private": new.private}
        audit.record(db, ctx, action="forwards.create", object_id=new.name, detail=detail)
        return _read(db, new.name)

    return await ctx.db.write(write)


async def list_forwards(ctx: Context, *, limit: int, cursor: str | None) -> Page[Forward]:
    """Return the project's destinations by name."""
    ctx.require("traces.read")
    after = decode_cursor(cursor, str)

    def read(db: Connection) -> list[Forward]:
        waiting = followers.count_waiting(db)
        rows = store.list_forwards(db, str(after[0]) if after else None, limit + 1)
        return [store.told(row, waiting.get(SECRET_PREFIX + row["name"])) for row in rows]

    return page_of(await ctx.db.read(read), limit, lambda each: (each.name,))


async def get_forward(ctx: Context, name: str) -> Forward:
    """Return a destination. Raises ForwardNotFound."""
    ctx.require("traces.read")
    return await ctx.db.read(lambda db: _read(db, name))


async def pause_forward(ctx: Context, name: str, *, is_paused: bool) -> Forward:
    """Send nothing more for now, or go on; what is stored meanwhile waits. Safe to repeat. Raises ForwardNotFound."""
    ctx.require("traces.govern")

    def write(db: Connection) -> Forward:
        _require(db, name)
        store.pause_forward(db, name, is_paused=is_paused, now=ctx.clock.now())
        audit.record(db, ctx, action="forwards.pause" if is_paused else "forwards.resume", object_id=name)
        return _read(db, name)

    return await ctx.db.write(write)


async def remove_forward(ctx: Context, name: str) -> None:
    """Forget a destination, its headers and what waits for it. Raises ForwardNotFound."""
    ctx.require("traces.govern")

    def write(db: Connection) -> None:
        kept = _require(db, name)
        followers.stop_following(db, SECRET_PREFIX + name)
        store.delete_forward(db, name)
        if kept.has_headers:
            drop_secret(db, ctx, SECRET_PREFIX + name)
        audit.record(db, ctx, action="forwards.remove", object_id=name)

    await ctx.db.write(write)


async def test_forward(ctx: Context, name: str, around: Around) -> ForwardTest:
    """Send an export without spans now and say what came of it. Raises ForwardNotFound."""
    ctx.require("traces.govern")
    kept = await ctx.db.read(lambda db: _require(db, name))
    headers = await headers_of(ctx, kept, around)
    try:
        answer = await ask(ctx, kept.new, headers, (), around, PROBE)
    except NotReached as error:
        return ForwardTest(is_working=False, status=None, error=f"nobody took it: {error}")
    except sending.TryLater as error:
        return ForwardTest(is_working=False, status=error.status, error=error.message)
    except sending.ForwardLoop as error:
        return ForwardTest(is_working=False, status=sending.LOOP, error=error.message)
    return ForwardTest(is_working=True, status=answer.status, error=None)


def sum_up(db: Connection) -> tuple[dict[str, int], followers.Waiting]:
    """Return sums over all projects, for the platform's own figures. System role."""
    return store.sum_up(db), followers.sum_up(db)


async def _check(new: NewForward, around: Around) -> None:
    fault = url_fault(new.url)
    if fault is None:
        fault = await place_fault(*host_of(new.url), private=new.private, hosts=around.hosts, what="destination")
    if fault is not None:
        raise ForwardInvalid(f"the address of destination '{new.name}' cannot be used: {fault}", forward=new.name)
    for name in new.headers:
        if name.lower() in _OWN:
            raise ForwardInvalid(f"the header '{name}' is set by us; leave it out")
    if new.q is not None:
        parse_single(new.q)


def _full(url: str) -> str:
    """Return where to post: where only a host is given, OTLP's own path is meant."""
    bare = url.strip().rstrip("/")
    try:
        return bare if urlsplit(bare).path else f"{bare}/v1/traces"
    except ValueError:
        return bare  # the check says what is wrong


def _read(db: Connection, name: str) -> Forward:
    kept = _require(db, name)
    return store.told(kept.row, followers.count_waiting(db).get(SECRET_PREFIX + name))


def _require(db: Connection, name: str) -> Kept:
    kept = store.find_forward(db, name)
    if kept is None:
        raise ForwardNotFound(f"there is no destination '{name}'; list them with: treadle forward list", forward=name)
    return kept

"""Set limits, remove them, and tell what was used. Every gateway goes by a change within a second of the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from treadle.core.errors import NotFound
from treadle.core.ids import derive_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import Page
from treadle.gateway.limits import store
from treadle.gateway.limits.types import Limit, LimitStanding, LimitUsage, SetLimit, usual_outage
from treadle.gateway.limits.windows import SECONDS, find_window, shown, whole, window_at
from treadle.gateway.types import Limit as ServedLimit
from treadle.governance import audit, editing
from treadle.governance import service as governance
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection


class LimitNotFound(NotFound):
    """No limit has the id."""

    code = "limits.not_found"


async def set_limit(ctx: Context, new: SetLimit, *, when: When = ALWAYS) -> Limit:
    """Bound use, or change the amount of the limit that does so already. Safe to repeat.

    The subject of a limit on one key may be the key's name. Raises NotFound where no living key has it, Outdated (see
    `editing.check`).
    """
    ctx.require("limits.write")
    if new.scope == "key" and new.subject is not None:
        new = new.model_copy(update={"subject": await _key_id(ctx, new.subject)})
    limit_id = derive_id("lim", ctx.project_id, new.scope, new.subject or "", new.unit, new.window or "")
    served = ServedLimit(
        limit_id=limit_id,
        project_id=ctx.project_id,
        scope=new.scope,
        subject=new.subject,
        unit=new.unit,
        amount=new.amount,
        window_seconds=0 if new.window is None else SECONDS[new.window],
        unpriced=new.unpriced,
        outage=new.outage or usual_outage(new.unit),
    )

    def write(db: Connection) -> Limit:
        called = _called(served)
        editing.hold(db, called)
        before = store.find_limit(db, limit_id)
        shown = None if before is None else _limits(db, [before])[0]
        editing.check(db, ctx, when, called, shown, lambda found: Audited("limits.set", found.limit_id, "limits.read"))
        store.put_limit(db, served)
        amount_before = None if before is None else before.amount
        detail = new.model_dump() | {"outage": served.outage, "amount_before": amount_before}
        audit.record(db, ctx, action="limits.set", object_id=limit_id, detail=detail)
        return _limits(db, [served])[0]

    return await ctx.db.write(write)


async def remove_limit(ctx: Context, limit_id: str) -> None:
    """Bound this use no longer. Raises LimitNotFound."""
    ctx.require("limits.write")

    def write(db: Connection) -> None:
        editing.hold(db, _called(_require(db, limit_id)))
        removed = _limits(db, [_require(db, limit_id)])[0]
        store.delete_limit(db, limit_id)
        audit.record(db, ctx, action="limits.remove", object_id=limit_id, detail=removed.model_dump())

    await ctx.db.write(write)


async def list_limits(ctx: Context, *, limit: int, cursor: str | None) -> Page[Limit]:
    """Return the project's limits by id."""
    ctx.require("limits.read")
    after = decode_cursor(cursor, str)
    start = str(after[0]) if after else None
    found = await ctx.db.read(lambda db: _limits(db, store.list_limits(db, start, limit + 1)))
    return page_of(found, limit, lambda each: (each.limit_id,))


async def list_usage(ctx: Context, limit_id: str, *, limit: int, cursor: str | None) -> Page[LimitUsage]:
    """Return what was used of a limit in the present window, by subject; those without use are not listed, but for a
    limit on one subject. Raises LimitNotFound."""
    ctx.require("limits.read")
    after = decode_cursor(cursor, str)
    start = str(after[0]) if after else None

    def read(db: Connection) -> list[LimitUsage]:
        served = _require(db, limit_id)
        find = store.list_slots if served.unit == "concurrency" else store.list_uses
        uses = find(db, limit_id, start, limit + 1)
        only = ctx.project_id if served.scope == "project" else served.subject
        if not uses and start is None and only is not None:
            bounds = window_at(ctx.clock.now().timestamp(), served.window_seconds)
            uses = [store.Use(only, bounds.starts, bounds.ends, 0, 0, 0)]
        names = governance.names_of_keys(db, [use.subject for use in uses]) if served.scope == "key" else {}
        return [_usage(served, use, names) for use in uses]

    return page_of(await ctx.db.read(read), limit, lambda each: (each.subject,))


async def list_standings(
    ctx: Context, *, least_share: float | None, limit: int, cursor: str | None
) -> Page[LimitStanding]:
    """Return the limits with what was used of each in its present window, by limit and subject.

    least_share: only what is used up to this share, 0-1, or more; such as 0.8 for what is nearly used up.
    """
    ctx.require("limits.read")
    after = decode_cursor(cursor, str, str)
    start = (str(after[0]), str(after[1])) if after else None

    def read(db: Connection) -> list[LimitStanding]:
        rows = store.list_standings(db, least_share, start, limit + 1)
        shown = _limits(db, [served for served, _ in rows])
        keys = [use.subject for served, use in rows if use is not None and served.scope == "key"]
        names = governance.names_of_keys(db, keys) if keys else {}
        now = ctx.clock.now().timestamp()
        return [_standing(one, served, use, names, now) for one, (served, use) in zip(shown, rows, strict=True)]

    return page_of(await ctx.db.read(read), limit, lambda each: (each.limit_id, each.by or ""))


def load_limits(db: Connection) -> dict[str, tuple[ServedLimit, ...]]:
    """Return every project's limits, by project; for the gateway's snapshot. System role only."""
    found: dict[str, tuple[ServedLimit, ...]] = {}
    for limit in store.list_all_limits(db):
        found[limit.project_id] = (*found.get(limit.project_id, ()), limit)
    return found


async def _key_id(ctx: Context, name_or_id: str) -> str:
    living = [key for key in await governance.list_keys(ctx) if key.revoked_at is None]
    for key in living:
        if name_or_id in (key.key_id, key.name):
            return key.key_id
    raise NotFound(
        f"no API key is named '{name_or_id}', so a limit on it would bound nobody; "
        f"list them with: treadle access key list",
        code="access.key_not_found",
    )


def _called(served: ServedLimit) -> str:
    window = find_window(served.window_seconds)
    of = "" if served.subject is None else f" '{served.subject}'"
    return f"limit on {served.unit}{'' if window is None else f' a {window}'} of {served.scope}{of}"


def _require(db: Connection, limit_id: str) -> ServedLimit:
    served = store.find_limit(db, limit_id)
    if served is None:
        raise LimitNotFound(f"there is no limit '{limit_id}'; list them with: treadle limit list", limit_id=limit_id)
    return served


def _limits(db: Connection, served: Sequence[ServedLimit]) -> list[Limit]:
    keys = [each.subject for each in served if each.scope == "key" and each.subject is not None]
    names = governance.names_of_keys(db, keys) if keys else {}
    return [
        Limit(
            limit_id=each.limit_id,
            scope=each.scope,
            subject=each.subject,
            subject_name=names.get(each.subject or "") if each.scope == "key" else None,
            unit=each.unit,
            amount=each.amount,
            window=find_window(each.window_seconds),
            unpriced=each.unpriced,
            outage=each.outage,
        )
        for each in served
    ]


def _standing(
    shown_limit: Limit, served: ServedLimit, use: store.Use | None, names: Mapping[str, str], now: float
) -> LimitStanding:
    bounds = window_at(now, served.window_seconds)
    told = _usage(served, use or store.Use("", bounds.starts, bounds.ends, 0, 0, 0), names)
    return LimitStanding(
        **shown_limit.model_dump(),
        by=None if use is None else use.subject,
        by_name=None if use is None else told.subject_name,
        used=told.used,
        used_share=told.used / served.amount if served.amount else None,
        reserved=told.reserved,
        remaining=told.remaining,
        unpriced_requests=told.unpriced,
        resets_at=told.resets_at,
    )


def _usage(served: ServedLimit, use: store.Use, names: Mapping[str, str]) -> LimitUsage:
    amount = whole(served.unit, served.amount)
    return LimitUsage(
        subject=use.subject,
        subject_name=names.get(use.subject),
        amount=served.amount,
        used=shown(served.unit, use.used),
        reserved=shown(served.unit, max(use.granted - use.used, 0)),
        remaining=shown(served.unit, max(amount - use.granted, 0)),
        unpriced=use.unpriced,
        resets_at=None if served.unit == "concurrency" else datetime.fromtimestamp(use.ends, UTC),
    )

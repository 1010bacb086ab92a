"""Tell how targets stand, and close a breaker because a person says so."""

from __future__ import annotations

from treadle.core.errors import NotFound
from treadle.core.types import Page
from treadle.gateway import store as endpoints
from treadle.gateway.standing import store
from treadle.gateway.standing.summing import sum_up
from treadle.gateway.standing.types import HealthFilter, TargetHealth
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection


class TargetNotFound(NotFound):
    """No worker knows the target, and no endpoint names it."""

    code = "gateway.target_not_found"


async def list_health(ctx: Context, wanted: HealthFilter, *, limit: int, cursor: str | None) -> Page[TargetHealth]:
    """Return the targets of the project by name. Workers say how they stand within a second or two of a change."""
    ctx.require("providers.read")
    after = decode_cursor(cursor, str)
    found = [
        each
        for each in await ctx.db.read(_all)
        if (wanted.state is None or each.state == wanted.state)
        and (wanted.provider is None or each.provider == wanted.provider)
        and (after is None or each.target > str(after[0]))
    ]
    return page_of(found[: limit + 1], limit, lambda each: (each.target,))


async def reset_breaker(ctx: Context, target: str) -> TargetHealth:
    """Ask every worker to close its breaker for a target, so that the next request is sent there. Safe to repeat.

    They do so within a second or two; requests that fail open it again. Raises TargetNotFound.
    """
    ctx.require("providers.write")

    def write(db: Connection) -> TargetHealth:
        if all(each.target != target for each in _all(db)):
            raise TargetNotFound(
                f"no endpoint sends requests to '{target}'; targets are listed with: treadle gateway health"
            )
        workers = store.ask_reset(db, target)
        audit.record(db, ctx, action="gateway.reset", object_id=target, detail={"workers": workers})
        return next(each for each in _all(db) if each.target == target)

    return await ctx.db.write(write)


def _all(db: Connection) -> list[TargetHealth]:
    return sum_up(store.list_views(db), endpoints.list_endpoints(db))

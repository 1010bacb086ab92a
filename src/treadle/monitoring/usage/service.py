"""Keep what a project's engines take, and list it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from treadle.core.errors import NotFound
from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.models import service as models
from treadle.monitoring.usage import store
from treadle.monitoring.usage.measure import Taken
from treadle.monitoring.usage.types import EngineUsage
from treadle.storage.database import Connection


async def keep_usage(ctx: Context, taken: Mapping[str, Taken]) -> None:
    """Add a look at engines, by model version; those of other projects are left out."""
    ours = {}
    for model_version_id, one in taken.items():
        try:
            await models.get_version_by_id(ctx, model_version_id)
        except NotFound:
            continue
        ours[model_version_id] = one
    minute = ctx.clock.now().replace(second=0, microsecond=0)

    def write(db: Connection) -> None:
        for model_version_id, one in ours.items():
            store.add_usage(db, model_version_id, minute, one)

    if ours:
        await ctx.db.write(write)


async def list_usage(
    ctx: Context, *, model_version_id: str | None, since: datetime, until: datetime, limit: int, cursor: str | None
) -> Page[EngineUsage]:
    """Return what engines took, minute by minute, oldest first; 30 days are kept."""
    ctx.require("monitors.read")
    given = decode_cursor(cursor, str, str)
    after = (str(given[0]), str(given[1])) if given else None
    rows = await ctx.db.read(lambda db: store.list_usage(db, model_version_id, since, until, after, limit + 1))
    return page_of(rows, limit, lambda each: (each.at.isoformat(), each.model_version_id))

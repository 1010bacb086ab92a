"""What traffic came to, for those who decide by it: signals over time, rollouts' outcomes and pairs, callers; and how far behind that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from treadle.core.errors import InvalidInput
from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.traces import rollup_store, rollups, search, store
from treadle.traces.callers import CallerRequest, read_caller_requests
from treadle.traces.outcome_types import RecentOutcome, RolloutOutcome, ShadowPair
from treadle.traces.signals import SignalPage, SignalQuery
from treadle.traces.types import Lag

_MAX_STEPS = 50_000


async def list_rollout_units(
    ctx: Context, rollout_id: str, *, after_seq: int = 0, limit: int = 1_000
) -> list[RolloutOutcome]:
    """Return what a rollout's requests came to, in order of commit.

    Reading on after the last `seq` never skips a row, however late its transaction commits.
    """
    ctx.require("traces.read")
    return await ctx.db.read(lambda db: store.list_rollout_units(db, rollout_id, after_seq=after_seq, limit=limit))


async def list_recent_outcomes(
    ctx: Context, endpoint: str, release_id: str, *, since: datetime, limit: int = 10_000
) -> list[RecentOutcome]:
    """Return what an endpoint's newest requests to a release came to, newest first, with what was said about them."""
    ctx.require("traces.read")
    return await ctx.db.read(lambda db: store.list_recent_outcomes(db, endpoint, release_id, since=since, limit=limit))


async def list_shadow_pairs(
    ctx: Context,
    rollout_id: str,
    *,
    after_seq: int = 0,
    limit: int = 1_000,
    trace_ids: Sequence[str] | None = None,
    with_questions: bool = False,
) -> list[ShadowPair]:
    """Return a shadow stage's pairs of answers, in order; of these traces only where they are given."""
    ctx.require("traces.read")
    return await ctx.db.read(
        lambda db: store.list_shadow_pairs(
            db, rollout_id, after_seq=after_seq, limit=limit, trace_ids=trace_ids, with_questions=with_questions
        )
    )


async def list_signal(ctx: Context, query: SignalQuery) -> SignalPage:
    """Return what traffic came to, by step and group: from rollups, with what they have not counted yet added.

    By user or service, or of one of those, single spans are counted instead: some microseconds for each of the time asked for. Raises
    InvalidInput for more than 50,000 points of time. Cost: some microseconds per rollup row (minute or hour, times groups).
    """
    ctx.require("traces.read")
    since, until = rollups.floor(_utc(query.since), query.step), rollups.ceiling(_utc(query.until), query.step)
    width = rollups.WIDTHS[query.step]
    if (until - since) / width > _MAX_STEPS:
        raise InvalidInput(
            f"{(until - since) / width:,.0f} steps were asked for, at most {_MAX_STEPS:,} are given; ask for a shorter time or "
            f"wider steps than a {query.step}",
            code="traces.too_many_points",
        )

    def read(db: Connection) -> SignalPage:
        if rollup_store.needs_spans(query):
            rows, behind = rollup_store.read_spans(db, query, since, until), None
        else:
            rows, behind = rollup_store.read(db, query, since, until)
        items = rollups.points(rows, query, since)
        return SignalPage(items=items, complete_until=behind or ctx.clock.now())

    return await ctx.db.read(read)


async def get_lag(ctx: Context) -> Lag:
    """Return how far signals and search are behind what is stored."""
    ctx.require("traces.read")
    now = ctx.clock.now()
    waiting = await ctx.db.read(store.list_waiting)
    seconds = {work: max(0.0, (now - since).total_seconds()) for work, _, since in waiting}
    blocks = {work: count for work, count, _ in waiting}
    return Lag(
        signals_seconds=seconds.get(rollup_store.WORK, 0.0),
        signals_blocks=blocks.get(rollup_store.WORK, 0),
        search_seconds=seconds.get(search.WORK, 0.0),
        search_blocks=blocks.get(search.WORK, 0),
    )


async def list_caller_requests(
    ctx: Context, *, since: datetime, until: datetime, limit: int = 20_000
) -> list[CallerRequest]:
    """Return the newest requests of a time with what they tell of their callers, newest first."""
    ctx.require("traces.read")
    return await ctx.db.read(lambda db: read_caller_requests(db, since, until, limit))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

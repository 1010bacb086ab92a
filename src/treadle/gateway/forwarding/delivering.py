"""Send what waits for a destination: one batch at a time, its marks taken away once it was answered for.

At least once: a kill between the answer and the commit sends a batch again, under the same trace and span ids. What the
destination cannot take now waits as marks (`traces.followers`), so neither ingestion nor another destination is held up.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import anyio
import anyio.to_thread
import msgspec

from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.forwarding import choosing, sending, store
from treadle.gateway.forwarding.loops import HEADER, mark_of
from treadle.gateway.forwarding.store import Kept, Outcome
from treadle.gateway.forwarding.types import NewForward
from treadle.gateway.posting import Answer, NotReached, Poster
from treadle.gateway.types import Clocks
from treadle.governance.envelope import MasterKeys
from treadle.governance.secrets import open_secret
from treadle.http.context import Context
from treadle.storage.database import Connection
from treadle.traces import followers
from treadle.traces.followers import Followed, Most
from treadle.traces.otlp.raw import RawSpan

SECRET_PREFIX = "forward:"
"""Also what the followers are called."""
MOST = Most(spans=1_000, blocks=200, packed_bytes=4 * 1024 * 1024)
"""In one batch; receivers take 4 to 20 MiB at once."""
CLOCKS = Clocks(connect_seconds=5, first_token_seconds=30, between_seconds=10, total_seconds=60)
PROBE = Clocks(connect_seconds=3, first_token_seconds=8, between_seconds=3, total_seconds=12)
LONGEST_WAIT_SECONDS, LONGEST_ASKED_SECONDS = 300.0, 3_600.0

log = logging.getLogger("treadle.gateway.forwarding")


@dataclass(frozen=True)
class Around:
    """What the roof hands in."""

    master_keys: MasterKeys
    """Close and open headers."""
    hosts: PrivateHosts
    """Which private addresses are allowed on this server."""
    poster: Poster
    """Carries requests out."""
    writing: anyio.CapacityLimiter
    """Threads that write exports at the same time: one, so that requests keep the interpreter."""


def load_due(db: Connection) -> list[tuple[str, str]]:
    """Return the destinations, with their projects, that have something to be sent now. System role."""
    waiting = followers.list_behind(db)
    return [
        (project_id, name)
        for project_id, name in sorted(store.list_due(db))
        if (project_id, SECRET_PREFIX + name) in waiting
    ]


async def forward_next(ctx: Context, name: str, around: Around) -> bool:
    """Send a destination's next batch; return whether to go on at once. Raises Unavailable when the database does not answer."""
    now = ctx.clock.now()

    def look(db: Connection) -> tuple[Kept, list[Followed], choosing.Chosen] | None:
        kept = store.find_forward(db, name)
        if kept is None or kept.is_paused or kept.next_try_at > now:
            return None
        blocks = followers.read_next(db, SECRET_PREFIX + name, MOST)
        if not blocks:
            return None
        return kept, blocks, choosing.choose(db, kept.new, blocks, now)

    found = await ctx.db.read(look)
    if found is None:
        return False
    kept, blocks, chosen = found
    longest = timedelta(hours=kept.new.keep_hours)
    if blocks[0].created_at < now - longest:
        await ctx.db.write(partial(_give_up, name=name, ctx=ctx, longest=longest))
        return True
    made = await anyio.to_thread.run_sync(choosing.make, kept.new, chosen.packed, limiter=around.writing)
    try:
        outcome = await _deliver(ctx, kept, made.spans, around)
    except (NotReached, sending.TryLater) as error:
        wait = _wait_seconds(kept.failures, getattr(error, "retry_after_seconds", None))
        later, told = ctx.clock.now() + timedelta(seconds=wait), error.message
        log.warning("destination '%s' of project %s: %s; tried again in %.0f s", name, ctx.project_id, told, wait)
        await ctx.db.write(lambda db: store.note_failure(db, name, told, now=ctx.clock.now(), next_try_at=later))
        return False
    except sending.ForwardLoop as error:
        told = error.message
        log.error("destination '%s' of project %s is paused: %s", name, ctx.project_id, told)

        def pause(db: Connection) -> None:
            store.note_failure(db, name, told, now=ctx.clock.now(), next_try_at=now)
            store.pause_forward(db, name, is_paused=True, now=now)

        await ctx.db.write(pause)
        return False
    outcome = outcome._replace(
        left_out=chosen.left_out + len(chosen.packed) - made.unreadable - len(made.spans),
        refused=outcome.refused + made.unreadable,
        given_up=chosen.forgotten,
    )

    def write(db: Connection) -> None:
        followers.done(db, SECRET_PREFIX + name, blocks)
        store.count_batch(db, name, outcome, ctx.clock.now())

    await ctx.db.write(write)
    return True


async def _deliver(ctx: Context, kept: Kept, spans: Sequence[RawSpan], around: Around) -> Outcome:
    if not spans:
        return Outcome()
    headers = await headers_of(ctx, kept, around)

    async def post(part: Sequence[RawSpan]) -> Answer:
        return await _post(ctx, kept.new, headers, part, around, CLOCKS)

    return await sending.deliver(spans, post)


async def ask(
    ctx: Context, new: NewForward, headers: dict[str, str], spans: Sequence[RawSpan], around: Around, clocks: Clocks
) -> Answer:
    answer = await _post(ctx, new, headers, spans, around, clocks)
    sending.check(answer)
    return answer


async def _post(
    ctx: Context, new: NewForward, headers: dict[str, str], spans: Sequence[RawSpan], around: Around, clocks: Clocks
) -> Answer:
    try:
        body, stated = await anyio.to_thread.run_sync(choosing.body_of, new, spans, limiter=around.writing)
    except choosing.FAULTS as error:  # what spans say of themselves must not hold up the others
        raise sending.Unwritable(str(error)) from error
    own = {**stated, HEADER: mark_of(around.master_keys.pepper, ctx.project_id)}
    return await around.poster.post(
        new.url, body, {**{name.lower(): value for name, value in headers.items()}, **own}, project_id=ctx.project_id,
        sender=SECRET_PREFIX + new.name, private=new.private, clocks=clocks, reads=True,
    )  # fmt: skip


async def headers_of(ctx: Context, kept: Kept, around: Around) -> dict[str, str]:
    if not kept.has_headers:
        return {}
    opened = await open_secret(ctx, SECRET_PREFIX + kept.new.name, around.master_keys)
    return msgspec.json.decode(opened, type=dict[str, str])


def _give_up(db: Connection, *, name: str, ctx: Context, longest: timedelta) -> None:
    now = ctx.clock.now()
    given_up = followers.give_up_older(db, SECRET_PREFIX + name, now, longest)
    log.warning(
        "destination '%s' of project %s: %d spans waited too long and are given up", name, ctx.project_id, given_up
    )
    store.add_given_up(db, name, given_up)


def _wait_seconds(failures: int, asked: float | None) -> float:
    """Return how long to wait after one more failure: 1 s, 2 s, 4 s ... 5 minutes, or what was asked for, to an hour."""
    backoff = min(2.0 ** min(failures, 20), LONGEST_WAIT_SECONDS)
    return backoff if asked is None else min(max(asked, 1.0), LONGEST_ASKED_SECONDS)

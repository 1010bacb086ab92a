"""Several server processes on one database see each other's readers; what changes often is told in time and not too often."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import psycopg
import pytest

from tests.conftest import RunningServer
from treadle.core.errors import Unavailable
from treadle.http.context import Context
from treadle.live.hub import Hub
from treadle.live.inbox import Event, Inbox, Waiting
from treadle.live.types import Presence
from treadle.storage.database import APP_ROLE, Connection, Database
from treadle.storage.notes import tell_change

PATIENCE_SECONDS = 60


class Process(NamedTuple):
    """What one server process holds."""

    database: Database
    hub: Hub


@asynccontextmanager
async def process(url: str, *, rest_seconds: float = 0.2, beat_seconds: float = 0.3) -> AsyncIterator[Process]:
    """A hub with connections of its own."""
    database = Database(url, pool_size=2)
    database.open()
    hub = Hub(database, rest_seconds=rest_seconds, beat_seconds=beat_seconds)
    hub.start()
    try:
        yield Process(database, hub)
    finally:
        await hub.close()
        database.close()


async def until_presence(inbox: Inbox, names: list[str]) -> None:
    """Take until these are said to be here."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await inbox.take(0.2)).presence != Presence(page=str(inbox.page), names=names):
            continue


async def until_change(inbox: Inbox) -> Waiting:
    """Take until something changed."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (taken := await inbox.take(0.2)).changes:
            continue
    return taken


async def until_listening(inbox: Inbox) -> None:
    """Take until the connection that listens is there, which is told as changes that may have been missed."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await inbox.take(0.2)).must_resync:
            continue


def as_somebody(ctx: Context, name: str) -> Context:
    """Return the context with somebody else in it."""
    from dataclasses import replace

    return replace(ctx, actor=ctx.actor.model_copy(update={"actor_id": f"act_{name}", "name": name}))


@pytest.fixture
def ctx(server: RunningServer) -> Context:
    """
    A context of the default project.
    """
    return server.platform.local_context()


async def test_two_processes_see_each_other(server: RunningServer, ctx: Context) -> None:
    """
    Who has a page open in one process is told in another, and so is who leaves it, or stops being heard of.
    """
    url = server.platform.database.url
    async with process(url) as here, process(url) as there:
        ana = here.hub.join(as_somebody(ctx, "ana"), "/prompts")
        bo = there.hub.join(as_somebody(ctx, "bo"), "/prompts")

        await until_presence(ana, ["ana", "bo"])
        await until_presence(bo, ["ana", "bo"])
        there.hub.part(bo)
        await until_presence(ana, ["ana"])


async def test_a_process_that_was_killed(server: RunningServer, ctx: Context) -> None:
    """
    Whoever has not been heard of for 45 s is gone, without anybody saying so.
    """
    async with process(server.platform.database.url) as here:
        ana = here.hub.join(as_somebody(ctx, "ana"), "/prompts")
        await until_presence(ana, ["ana"])

        def leave_behind(db: Connection) -> None:
            db.execute(
                """insert into presences (project_id, stream_id, page, actor_name, seen_at)
                values (%s, 'str_ghost', '/prompts', 'ghost', now())""",
                [ctx.project_id],
            )

        def grow_old(db: Connection) -> None:
            db.execute("update presences set seen_at = now() - interval '46 s' where stream_id = 'str_ghost'")

        await here.database.system(leave_behind)
        here.hub._presences.look(None)
        await until_presence(ana, ["ana", "ghost"])
        await here.database.system(grow_old)

        await until_presence(ana, ["ana"])


async def test_a_server_that_stops_takes_its_readers_along(server: RunningServer, ctx: Context) -> None:
    """
    Readers of a process that stops are gone at once, and it takes no more.
    """
    url = server.platform.database.url
    async with process(url, beat_seconds=3600) as here:
        ana = here.hub.join(as_somebody(ctx, "ana"), "/prompts")
        async with process(url, beat_seconds=3600) as there:
            there.hub.join(as_somebody(ctx, "bo"), "/prompts")
            await until_presence(ana, ["ana", "bo"])
            there.hub.leave()
            with pytest.raises(Unavailable):
                there.hub.join(ctx, None)
        await until_presence(ana, ["ana"])


async def test_progress_is_told_in_time(server: RunningServer, ctx: Context) -> None:
    """
    The first report is told at once, those within the next moment as one, and the last always.
    """
    async with process(server.platform.database.url, rest_seconds=0.3) as here:
        inbox = here.hub.join(ctx, None)
        await until_listening(inbox)

        await here.database.for_project(ctx.project_id).write(lambda db: tell_change(db, "run", "run_1"))
        first = await until_change(inbox)
        for _ in range(20):
            await here.database.for_project(ctx.project_id).write(lambda db: tell_change(db, "run", "run_1"))
        last = await until_change(inbox)
        more = 0
        while (await inbox.take(1.0)).changes:
            more += 1

        assert [Event("run", "run_1", "changed", None)] == first.changes == last.changes
        assert more < 19  # fewer than were written, however long the writing took


async def test_what_changed_before_one_joined(server: RunningServer, ctx: Context) -> None:
    """
    Who joins is told of so many seconds before, what the log does not have, too; where not all of it was heard, to ask for everything.
    """
    async with process(server.platform.database.url) as here:
        witness = here.hub.join(ctx, None)
        await until_listening(witness)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(1.0)  # so that what follows lies well within
        await here.database.for_project(ctx.project_id).write(lambda db: tell_change(db, "run", "run_1"))
        await until_change(witness)

        since = asyncio.get_running_loop().time() - began - 0.5
        told = await here.hub.join(ctx, None, since).take(0.2)
        too_long = await here.hub.join(ctx, None, since + 3600).take(0.2)
        nothing = await here.hub.join(ctx, None).take(0.2)

        assert [Event("run", "run_1", "changed", None)] == told.changes
        assert too_long.must_resync
        assert [] == nothing.changes
        assert not nothing.must_resync


async def test_the_listening_connection_breaks(server: RunningServer, ctx: Context) -> None:
    """
    After the connection was lost, readers are told that they may have missed something, and hear again.
    """
    async with process(server.platform.database.url) as here:
        inbox = here.hub.join(ctx, None)
        await until_listening(inbox)

        with psycopg.connect(server.platform.database.url, autocommit=True) as db:
            db.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                where query like 'listen "treadle_notes"' and datname = current_database()"""
            )
        await until_listening(inbox)
        await here.database.for_project(ctx.project_id).write(lambda db: tell_change(db, "run", "run_2"))

        assert ["run_2"] == [event.object_id for event in (await until_change(inbox)).changes]


async def test_nothing_is_told_of_what_was_not_kept(server: RunningServer, ctx: Context) -> None:
    """
    A transaction that fails tells nothing.
    """

    def fail(db: Connection) -> None:
        tell_change(db, "run", "run_never")
        raise LookupError

    async with process(server.platform.database.url) as here:
        inbox = here.hub.join(ctx, None)
        await until_listening(inbox)

        with contextlib.suppress(LookupError):
            here.database.transact(fail, APP_ROLE, ctx.project_id)
        here.database.transact(lambda db: tell_change(db, "run", "run_kept"), APP_ROLE, ctx.project_id)

        assert ["run_kept"] == [event.object_id for event in (await until_change(inbox)).changes]

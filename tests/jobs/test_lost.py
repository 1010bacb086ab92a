"""No run stays unfinished for ever: lost notifications, a journal that gave up or is gone, a database that was away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from tests.jobs.conftest import Start, finished
from treadle.core.types import JsonObject
from treadle.jobs import service
from treadle.jobs.scope import RunScope
from treadle.server.slices import MIGRATIONS
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.migrations import migrate


async def _sleep(scope: RunScope) -> JsonObject:
    scope.log("sleeping")
    await asyncio.sleep(60)
    return {}


async def _answer(scope: RunScope) -> JsonObject:
    return {"attempts": scope.run.attempts}


async def _composite(scope: RunScope) -> JsonObject:
    return await scope.run_step("try.step", {}, step="only", title="Only")


@pytest.mark.parametrize("status", ["ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "SUCCESS"])
async def test_journal_gave_up(start: Start, database_url: str, status: str) -> None:
    """
    A run whose durable record ended without it has failed after the next start, with the record's state and the next step.
    """
    async with start({"try.sleep": _sleep}) as ctx:
        run = await service.start(ctx, kind="try.sleep", title="Sleep", params={})
        while (await service.get_run(ctx, run.run_id)).status != "running":
            await asyncio.sleep(0.02)
    _execute(database_url, "update dbos.workflow_status set status = %s where workflow_uuid = %s", status, run.run_id)

    async with start({"try.sleep": _sleep}) as ctx:
        ended = await finished(ctx, run)

    assert "failed" == ended.status
    assert ended.error is not None
    assert "jobs.lost" == ended.error.code
    assert status in ended.error.message
    assert f"treadle run logs {run.run_id}" in ended.error.message


async def test_journal_gave_up_a_step(start: Start, database_url: str) -> None:
    """
    A composite whose step was begun too often fails as that step did, and both are over.
    """
    handlers = {"try.step": _sleep, "try.composite": _composite}
    async with start(handlers) as ctx:
        run = await service.start(ctx, kind="try.composite", title="Whole", params={})
        while not (steps := (await service.list_runs(ctx, parent_run_id=run.run_id)).items):
            await asyncio.sleep(0.02)
        while (await service.get_run(ctx, steps[0].run_id)).status != "running":
            await asyncio.sleep(0.02)
    _execute(
        database_url,
        "update dbos.workflow_status set status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED' where workflow_uuid = %s",
        steps[0].run_id,
    )

    async with start(handlers) as ctx:
        whole, step = await finished(ctx, run), await finished(ctx, steps[0])

    assert whole.error is not None
    assert step.error is not None
    assert ("jobs.lost", "jobs.lost") == (whole.error.code, step.error.code)
    assert steps[0].run_id in whole.error.message


async def test_journal_is_gone(start: Start, database_url: str) -> None:
    """
    A run that DBOS knows nothing of any more, as after a restored backup, is begun again.
    """
    async with start({"try.sleep": _sleep}) as ctx:
        run = await service.start(ctx, kind="try.sleep", title="Sleep", params={})
        while (await service.get_run(ctx, run.run_id)).status != "running":
            await asyncio.sleep(0.02)
    _execute(database_url, "delete from dbos.workflow_status where workflow_uuid = %s", run.run_id)

    async with start({"try.sleep": _answer}) as ctx:
        ended = await finished(ctx, run)

    assert ("succeeded", {"attempts": 2}) == (ended.status, ended.outputs)


async def test_run_of_an_older_release(start: Start, database_url: str) -> None:
    """
    A run whose starter was written down with what actors no longer have goes on.
    """
    async with start({"try.sleep": _sleep}) as ctx:
        run = await service.start(ctx, kind="try.sleep", title="Sleep", params={})
        while (await service.get_run(ctx, run.run_id)).status != "running":
            await asyncio.sleep(0.02)
    _execute(database_url, """update runs set rights = rights || '{"is_local": true}' where run_id = %s""", run.run_id)

    async with start({"try.sleep": _answer}) as ctx:
        ended = await finished(ctx, run)

    assert ("succeeded", {"attempts": 2}) == (ended.status, ended.outputs)


async def test_step_of_an_ended_parent(start: Start, database_url: str) -> None:
    """
    A step ends with its parent, however that ended.
    """
    handlers = {"try.step": _sleep, "try.composite": _composite}
    async with start(handlers) as ctx:
        run = await service.start(ctx, kind="try.composite", title="Whole", params={})
        while not (steps := (await service.list_runs(ctx, parent_run_id=run.run_id)).items):
            await asyncio.sleep(0.02)
    _execute(database_url, "update runs set status = 'failed', ended_at = now() where run_id = %s", run.run_id)
    _execute(database_url, "delete from dbos.workflow_status where workflow_uuid = %s", steps[0].run_id)

    async with start(handlers) as ctx:
        step = await finished(ctx, steps[0])

    assert "cancelled" == step.status


async def test_cancel_without_a_notification(start: Start, database_url: str) -> None:
    """
    Work whose cancelling was notified while nobody listened is stopped all the same, within seconds.
    """
    stopped = asyncio.Event()

    async def handle(scope: RunScope) -> JsonObject:
        try:
            return await _sleep(scope)
        finally:
            stopped.set()

    async with start({"try.sleep": handle}) as ctx:
        run = await service.start(ctx, kind="try.sleep", title="Sleep", params={})
        while not await service.list_logs(ctx, run.run_id):
            await asyncio.sleep(0.02)

        _execute(database_url, "update runs set status = 'cancelled', ended_at = now() where run_id = %s", run.run_id)

        await asyncio.wait_for(stopped.wait(), timeout=50)
        assert "cancelled" == (await service.get_run(ctx, run.run_id)).status


async def test_notification_of_a_cancelling_that_comes_late(start: Start, database_url: str) -> None:
    """
    A run that was cancelled and has been taken up again is not stopped by what was told of its cancelling.
    """
    may_end, stopped = asyncio.Event(), asyncio.Event()

    async def handle(scope: RunScope) -> JsonObject:
        scope.log("ready")
        try:
            await may_end.wait()
        except asyncio.CancelledError:
            stopped.set()
            raise
        return {"made": 7}

    async with start({"try.wait": handle}) as ctx:
        run, other = [await service.start(ctx, kind="try.wait", title="Wait", params={}) for _ in range(2)]
        for one in (run, other):
            while not await service.list_logs(ctx, one.run_id):
                await asyncio.sleep(0.02)

        _execute(database_url, "select pg_notify('treadle_runs', 'cancel ' || %s)", run.run_id)
        await service.cancel_run(ctx, other.run_id)  # what is told of it is heard later
        await asyncio.wait_for(stopped.wait(), timeout=60)
        may_end.set()
        ended = await finished(ctx, run)

    assert ("succeeded", {"made": 7}) == (ended.status, ended.outputs)


@pytest.mark.slow
async def test_database_away_at_the_end(start: Start, tmp_path: Path) -> None:
    """
    Of runs that met an outage, one that ended in it keeps its outputs, one that asked the database is begun again, and a composite,
    which cannot be, waits for its answer.
    """
    server = EmbeddedPostgres(tmp_path / "pg", log_file=tmp_path / "log")
    server.start()
    migrate(server.url(), MIGRATIONS)
    away = asyncio.Event()

    async def end(scope: RunScope) -> JsonObject:
        scope.log("ready")
        await away.wait()
        return {"made": 7}

    async def ask(scope: RunScope) -> JsonObject:
        scope.log("ready")
        if scope.run.attempts == 1:
            await away.wait()
        return {"rows": await scope.ctx.db.read(lambda db: len(db.execute("select 1").fetchall()))}

    handlers = {"try.end": end, "try.ask": ask, "try.composite": ask}
    async with start(handlers, url=server.url()) as ctx:
        runs = [await service.start(ctx, kind=kind, title="Try", params={}) for kind in handlers]
        for run in runs:
            while not await service.list_logs(ctx, run.run_id):
                await asyncio.sleep(0.02)
        await asyncio.to_thread(server.stop)
        away.set()
        await asyncio.sleep(12)
        await asyncio.to_thread(server.start)

        ended = [await finished(ctx, run) for run in runs]

    await asyncio.to_thread(server.stop)
    assert [("succeeded", {"made": 7}, 1), ("succeeded", {"rows": 1}, 2), ("succeeded", {"rows": 1}, 1)] == [
        (run.status, run.outputs, run.attempts) for run in ended
    ]


def _execute(url: str, statement: str, *values: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode(), values)

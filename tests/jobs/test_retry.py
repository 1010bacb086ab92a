"""Runs that are retried: they go on where they stopped, under their own name; what cannot be retried says why."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from tests.jobs.conftest import Start, finished
from treadle.client.client import Client
from treadle.core.errors import Denied, InvalidInput, NotFound
from treadle.core.types import JsonObject
from treadle.jobs import service
from treadle.jobs.scope import RunScope
from treadle.jobs.service import NotRetried
from treadle.jobs.types import NewRun, Run
from treadle.storage.database import Connection


class Work:
    """Handlers that count what they do; 'second' fails as long as it is told to."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.fails = True
        self.waits = False

    async def compose(self, scope: RunScope) -> JsonObject:
        """Take two steps."""
        first = await scope.run_step("try.first", {}, step="first", title="First")
        second = await scope.run_step("try.second", {}, step="second", title="Second")
        return {"first": first["number"], "second": second["number"]}

    async def first(self, scope: RunScope) -> JsonObject:
        """Do what is never done twice."""
        self.done["first"] += 1
        return {"number": self.done["first"]}

    async def second(self, scope: RunScope) -> JsonObject:
        """Do what may fail, or never end."""
        self.done["second"] += 1
        if self.waits:
            await asyncio.Event().wait()
        if self.fails:
            raise InvalidInput("row 3 is empty; fill it or drop it", code="try.empty_row")
        return {"number": self.done["second"]}

    @property
    def handlers(self) -> dict[str, object]:
        """By kind."""
        return {"try.composite": self.compose, "try.first": self.first, "try.second": self.second}


async def test_a_failed_step(start: Start) -> None:
    """
    A retry does the step that failed again, and none of those that ended well; the run and its steps keep their ids.
    """
    work = Work()

    async with start(work.handlers) as ctx:
        failed = await finished(ctx, await service.start(ctx, kind="try.composite", title="Turn", params={}))
        before = (await service.list_runs(ctx, parent_run_id=failed.run_id)).items
        work.fails = False
        waiting = await service.retry_run(ctx, failed.run_id)
        done = await finished(ctx, failed)
        after = (await service.list_runs(ctx, parent_run_id=failed.run_id)).items
        said = [line.text for line in await service.list_logs(ctx, failed.run_id)]

    assert ("failed", "pending", None) == (failed.status, waiting.status, waiting.error)
    assert ("succeeded", {"first": 1, "second": 2}, 1) == (done.status, done.outputs, done.retries)
    assert {"first": 1, "second": 2} == work.done
    assert [run.run_id for run in before] == [run.run_id for run in after]
    assert [0, 1] == [run.retries for run in after]
    assert f"retried by {ctx.actor.name}" in said


async def test_a_run_that_fails_again(start: Start) -> None:
    """
    A run may be retried as often as it fails.
    """
    work = Work()

    async with start(work.handlers) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.second", title="Second", params={}))
        await service.retry_run(ctx, run.run_id)
        again = await finished(ctx, run)
        work.fails = False
        await service.retry_run(ctx, run.run_id)
        done = await finished(ctx, run)

    assert ("failed", "try.empty_row", 1) == (again.status, again.error.code if again.error else "", again.retries)
    assert ("succeeded", 2, 3) == (done.status, done.retries, done.attempts)


async def test_a_cancelled_run(start: Start) -> None:
    """
    What was cancelled goes on when it is retried, however soon after.
    """
    work = Work()
    work.waits = True

    async with start(work.handlers) as ctx:
        run = await service.start(ctx, kind="try.composite", title="Turn", params={})
        while not work.done["second"]:
            await asyncio.sleep(0.02)
        cancelled = await service.cancel_run(ctx, run.run_id)
        work.waits = work.fails = False
        await service.retry_run(ctx, run.run_id)
        done = await finished(ctx, run)

    assert ("cancelled", "succeeded") == (cancelled.status, done.status)
    assert 1 == work.done["first"]


async def test_a_retry_that_meets_a_restart(start: Start) -> None:
    """
    A retried run that the server left in the middle goes on after the next start, like any other.
    """
    work = Work()

    async with start(work.handlers) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.composite", title="Turn", params={}))
        work.waits = True
        await service.retry_run(ctx, run.run_id)
        while work.done["second"] < 2:
            await asyncio.sleep(0.02)
    work.waits = work.fails = False
    async with start(work.handlers) as ctx:
        done = await finished(ctx, run)

    assert ("succeeded", 1) == (done.status, done.retries)
    assert {"first": 1, "second": 3} == work.done


async def test_what_cannot_be_retried(start: Start) -> None:
    """
    A run that goes on or ended well, a step, and one whose record has ended with it are refused, each with what to do instead.
    """
    work = Work()

    async with start(work.handlers) as ctx:
        good = await finished(ctx, await service.start(ctx, kind="try.first", title="First", params={}))
        turn = await finished(ctx, await service.start(ctx, kind="try.composite", title="Turn", params={}))
        step = (await service.list_runs(ctx, parent_run_id=turn.run_id)).items[-1]

        def enqueue(db: Connection) -> Run:
            new = NewRun(kind="try.second", title="Batch", params={}, once="its batch has ended; start another")
            return service.enqueue(db, ctx, new)

        once = await finished(ctx, await ctx.db.write(enqueue))
        work.waits = True
        busy = await service.start(ctx, kind="try.second", title="Busy", params={})
        refusals = []
        for run in (good, step, once, busy):
            with pytest.raises(NotRetried) as caught:
                await service.retry_run(ctx, run.run_id)
            refusals.append(caught.value.message)
        await service.cancel_run(ctx, busy.run_id)

    assert "succeeded, so there is nothing to retry" in refusals[0]
    assert f"treadle run retry {turn.run_id}" in refusals[1]
    assert "its batch has ended; start another" in refusals[2]
    assert f"treadle run cancel {busy.run_id}" in refusals[3]


async def test_somebody_with_fewer_rights(start: Start) -> None:
    """
    A run works with the rights of who started it, so whoever lacks one of them cannot wake it.
    """
    work = Work()

    async with start(work.handlers) as ctx:
        failed = await finished(ctx, await service.start(ctx, kind="try.second", title="Second", params={}))
        rights = ctx.actor.permissions - {"releases.approve"}
        editor = replace(ctx, actor=ctx.actor.model_copy(update={"permissions": rights}))
        with pytest.raises(Denied) as caught:
            await service.retry_run(editor, failed.run_id)

    assert "you lack releases.approve" in caught.value.message
    assert 1 == work.done["second"]


def test_a_run_that_nobody_knows(client: Client) -> None:
    """
    Retrying what is not there is not found.
    """
    with pytest.raises(NotFound) as caught:
        client.runs.retry("run_00000000000000000000000000")

    assert "jobs.run_not_found" == caught.value.error_code

"""Durable work: what a run reports, how it fails, how it is stopped, and that it goes on after the server ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tests.jobs.conftest import Start, finished
from treadle.client.runs import error_of
from treadle.core.errors import InvalidInput, MissingExtra, TreadleError
from treadle.core.types import JsonObject
from treadle.jobs import service
from treadle.jobs.scope import Handler, RunScope


async def test_child_process_reports(start: Start) -> None:
    """
    What a child says becomes the run's log, curve and outputs, whatever libraries print.
    """

    async def handle(scope: RunScope) -> JsonObject:
        return await scope.child("tests.jobs.workers:double", {"number": 21})

    async with start({"try.double": handle}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.double", title="Double", params={}))

        assert ("succeeded", 42, 1.0) == (run.status, run.outputs["number"], run.progress)
        assert ["doubling"] == [line.text for line in await service.list_logs(ctx, run.run_id)]
        assert [("loss", 1, 0.5)] == [
            (point.name, point.step, point.value) for point in await service.list_metrics(ctx, run.run_id)
        ]


async def test_runs_by_state_and_words(start: Start) -> None:
    """
    Runs can be narrowed to how they stand and to a part of their title, whatever the case, or to an id.
    """

    async def handle(scope: RunScope) -> JsonObject:
        if scope.params["fails"]:
            raise InvalidInput("row 3 is empty", code="try.empty_row")
        return {}

    async with start({"try.it": handle}) as ctx:
        good = await finished(
            ctx, await service.start(ctx, kind="try.it", title="Import desk", params={"fails": False})
        )
        bad = await finished(ctx, await service.start(ctx, kind="try.it", title="Import 100%", params={"fails": True}))

        assert [bad.run_id] == [run.run_id for run in (await service.list_runs(ctx, status="failed")).items]
        assert [good.run_id] == [run.run_id for run in (await service.list_runs(ctx, text="DESK")).items]
        assert [bad.run_id] == [run.run_id for run in (await service.list_runs(ctx, text="%")).items]
        assert [good.run_id] == [run.run_id for run in (await service.list_runs(ctx, text=good.run_id)).items]
        assert [] == (await service.list_runs(ctx, status="failed", text="desk")).items
        assert [] == (await service.list_runs(ctx, is_step=True)).items
        assert 2 == len((await service.list_runs(ctx, is_step=False)).items)


async def test_child_refuses(start: Start) -> None:
    """
    An error raised in a child arrives as it was raised: kind, code and words.
    """
    caught: list[TreadleError] = []

    async def handle(scope: RunScope) -> JsonObject:
        try:
            return await scope.child("tests.jobs.workers:refuse", {})
        except TreadleError as error:
            caught.append(error)
            raise

    async with start({"try.refuse": handle}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.refuse", title="Refuse", params={}))

    assert "failed" == run.status
    assert run.error is not None
    assert ("try.empty_row", "row 3 is empty; fill it or drop it") == (run.error.code, run.error.message)
    assert ("InvalidInput", {"row": 3}) == (type(caught[0]).__name__, caught[0].values)


async def test_child_lacks_an_extra(start: Start) -> None:
    """
    An error with a constructor of its own crosses from a child through a step to its parent and to the run as it was raised.
    """
    caught: list[TreadleError] = []

    async def step(scope: RunScope) -> JsonObject:
        return await scope.child("tests.jobs.workers:lack", {})

    async def composite(scope: RunScope) -> JsonObject:
        try:
            return await scope.run_step("try.step", {}, step="only", title="Only")
        except TreadleError as error:
            caught.append(error)
            raise

    async with start({"try.step": step, "try.composite": composite}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.composite", title="Lack", params={}))

    raised = error_of(run)
    expected = MissingExtra("train", needed_for="fine-tuning")
    for error in (caught[0], raised):
        assert (MissingExtra, expected.message, expected.error_code, expected.values) == (
            type(error), error.message, error.error_code, error.values
        )  # fmt: skip


async def test_child_dies(start: Start) -> None:
    """
    A child that is killed fails its run with the signal and its last words in the log.
    """

    async def handle(scope: RunScope) -> JsonObject:
        return await scope.child("tests.jobs.workers:die", {})

    async with start({"try.die": handle}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.die", title="Die", params={}))

        assert run.error is not None
        assert "jobs.worker_died" == run.error.code
        assert "signal 9" in run.error.message
        assert "last words" in [line.text for line in await service.list_logs(ctx, run.run_id)]


async def test_cancelled_run(start: Start) -> None:
    """
    Cancelling ends the work and its child within seconds, and the run says so.
    """

    async def handle(scope: RunScope) -> JsonObject:
        return await scope.child("tests.jobs.workers:sleep", {})

    async with start({"try.sleep": handle}) as ctx:
        run = await service.start(ctx, kind="try.sleep", title="Sleep", params={})
        while not await service.list_logs(ctx, run.run_id):
            await asyncio.sleep(0.05)

        cancelled = await service.cancel_run(ctx, run.run_id)

        assert "cancelled" == cancelled.status
        assert "cancelled" == (await finished(ctx, run)).status


async def test_cancelled_run_that_has_something_to_undo(start: Start) -> None:
    """
    A run that was cancelled undoes what it did to its end, however often the runner looks around meanwhile.
    """
    undoing, may_end, undone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(scope: RunScope) -> JsonObject:
        try:
            return await scope.child("tests.jobs.workers:sleep", {})
        finally:
            undoing.set()
            await may_end.wait()
            undone.set()

    async def nothing(scope: RunScope) -> JsonObject:
        return {}

    async with start({"try.undo": handle, "try.nothing": nothing}) as ctx:
        run = await service.start(ctx, kind="try.undo", title="Undo", params={})
        while not await service.list_logs(ctx, run.run_id):
            await asyncio.sleep(0.05)
        await service.cancel_run(ctx, run.run_id)
        await asyncio.wait_for(undoing.wait(), timeout=60)

        for _ in range(2):  # each has the runner look around
            await finished(ctx, await service.start(ctx, kind="try.nothing", title="Nothing", params={}))
        may_end.set()

        await asyncio.wait_for(undone.wait(), timeout=60)


async def test_unknown_kind(start: Start) -> None:
    """
    Work that this server does not know fails with what it knows.
    """
    async with start({}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.nothing", title="Nothing", params={}))

    assert run.error is not None
    assert "jobs.unknown_kind" == run.error.code


async def test_goes_on_after_a_restart(start: Start) -> None:
    """
    A composite that was in its second step when the server ended does not take the first again and finishes.
    """
    taken: list[str] = []
    block = asyncio.Event()

    async def step(scope: RunScope) -> JsonObject:
        taken.append(f"{scope.params['name']} attempt {scope.run.attempts}")
        if scope.params["name"] == "second" and scope.run.attempts == 1:
            await block.wait()
        return {"name": scope.params["name"]}

    async def composite(scope: RunScope) -> JsonObject:
        first = await scope.run_step("try.step", {"name": "first"}, step="first", title="First")
        second = await scope.run_step("try.step", {"name": "second"}, step="second", title="Second")
        return {"names": [first["name"], second["name"]]}

    handlers: Mapping[str, Handler] = {"try.step": step, "try.composite": composite}
    async with start(handlers) as ctx:
        run = await service.start(ctx, kind="try.composite", title="Both", params={})
        while len(taken) < 2:
            await asyncio.sleep(0.02)
    async with start(handlers) as ctx:
        ended = await finished(ctx, run)
        steps = await service.list_runs(ctx, parent_run_id=run.run_id)

    assert ["first attempt 1", "second attempt 1", "second attempt 2"] == taken
    assert ["first", "second"] == ended.outputs["names"]
    assert [("first", 1, "succeeded"), ("second", 2, "succeeded")] == [
        (s.step, s.attempts, s.status) for s in steps.items
    ]


async def test_failing_step_fails_the_whole(start: Start) -> None:
    """
    A composite fails with the words of the step that failed.
    """

    async def step(scope: RunScope) -> JsonObject:
        return await scope.child("tests.jobs.workers:refuse", {})

    async def composite(scope: RunScope) -> JsonObject:
        return await scope.run_step("try.step", {}, step="only", title="Only")

    async with start({"try.step": step, "try.composite": composite}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.composite", title="Whole", params={}))

    assert run.error is not None
    assert "try.empty_row" == run.error.code


async def test_odd_characters_in_reports(start: Start) -> None:
    """
    NUL and broken Unicode in what a child says become replacement characters, and what it says later is kept as well.
    """

    async def handle(scope: RunScope) -> JsonObject:
        return await scope.child("tests.jobs.workers:mumble", {})

    async with start({"try.mumble": handle}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.mumble", title="Mumble", params={}))
        lines = [line.text for line in await service.list_logs(ctx, run.run_id)]

    assert "failed" == run.status
    assert run.error is not None
    assert "row \ufffd is odd" == run.error.message
    assert ["a\ufffdb", "c?d", "clear", "failed: row \ufffd is odd"] == lines


async def test_outputs_that_cannot_be_kept(start: Start) -> None:
    """
    A run whose outputs the database refuses has failed and says why.
    """

    async def handle(scope: RunScope) -> JsonObject:
        return {"text": "a\0b"}

    async with start({"try.odd": handle}) as ctx:
        run = await finished(ctx, await service.start(ctx, kind="try.odd", title="Odd", params={}))

    assert "failed" == run.status
    assert run.error is not None
    assert "storage.value_refused" == run.error.code


async def test_few_work_at_once(start: Start) -> None:
    """
    No more runs work at once than there are places; the others are pending, say why, and are begun oldest first.
    """
    begun: list[str] = []
    go_on = asyncio.Event()

    async def handle(scope: RunScope) -> JsonObject:
        begun.append(str(scope.params["name"]))
        await go_on.wait()
        return {}

    async with start({"try.wait": handle}, places=1) as ctx:
        runs = []
        for name in "abcd":
            runs.append(await service.start(ctx, kind="try.wait", title=name, params={"name": name}))
            while "a" not in begun:
                await asyncio.sleep(0.02)
        while not all([(await service.get_run(ctx, run.run_id)).progress_text for run in runs[1:]]):
            await asyncio.sleep(0.02)
        waiting = [await service.get_run(ctx, run.run_id) for run in runs[1:]]
        at_work = list(begun)
        go_on.set()
        ended = [await finished(ctx, run) for run in runs]

    assert ["a"] == at_work
    assert {("pending", "waits for other work to end: 1 at once is the limit (TREADLE_MAX_RUNS)")} == {
        (r.status, r.progress_text) for r in waiting
    }
    assert ["a", "b", "c", "d"] == begun
    assert {("succeeded", 1)} == {(run.status, run.attempts) for run in ended}


async def test_composites_do_not_keep_their_steps_waiting(start: Start) -> None:
    """
    More composites than places end well, since only their steps take places.
    """
    at_once: list[int] = [0, 0]

    async def step(scope: RunScope) -> JsonObject:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(0.05)
        at_once[0] -= 1
        return {}

    async def composite(scope: RunScope) -> JsonObject:
        await scope.run_step("try.step", {}, step="first", title="First")
        return await scope.run_step("try.step", {}, step="second", title="Second")

    async with start({"try.step": step, "try.composite": composite}, places=1) as ctx:
        runs = [await service.start(ctx, kind="try.composite", title="Whole", params={}) for _ in range(4)]
        ended = [await finished(ctx, run) for run in runs]

    assert {"succeeded"} == {run.status for run in ended}
    assert 1 == at_once[1]

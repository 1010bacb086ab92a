"""Does the work that was written down, durably, on DBOS over the same PostgreSQL.

Every run is one DBOS workflow named by the run's id; a retry is another one for the same run. A composite run (a turn) takes steps, each a run and workflow of its own; a
plain run's handler is one DBOS step. After a kill, DBOS begins unfinished workflows again: finished steps return what they
returned, the one that was at work is begun again with the same run id, and since ids of what it makes derive from that, nothing is made
twice. How DBOS is opened, asked and closed is in journal.py.

Only a few plain runs work at once; the others wait, oldest first. Composites hold no place, so they cannot keep their own steps waiting.
What a notification or DBOS lost is found within seconds by a look at every unfinished run (plan.py decides).
"""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio.to_thread
from dbos import DBOS, SetWorkflowID

from treadle.core.clock import Clock
from treadle.core.errors import InvalidInput, TreadleError, Unavailable, describe, rebuild
from treadle.core.ids import derive_id
from treadle.core.settings import DEFAULT_MAX_RUNS
from treadle.core.types import JsonObject
from treadle.http.actor import Actor
from treadle.http.context import Context
from treadle.jobs import store
from treadle.jobs.journal import close_journal, journal_at, workflow_statuses
from treadle.jobs.places import Places
from treadle.jobs.plan import next_move, workflow_of
from treadle.jobs.scope import Handler, RunScope
from treadle.jobs.types import FINAL, NewRun, Run, RunError, RunStatus, Unfinished
from treadle.storage.database import Connection, Database, ProjectDatabase
from treadle.storage.errors import DatabaseUnavailable

T = TypeVar("T")

POLL_SECONDS = 2.0
UNATTENDED_SECONDS = 60.0
PATIENCE_SECONDS = 0.5
STEP_WAIT_SECONDS = 0.1
MAX_ATTEMPTS_IN_OUTAGES = 10
MAX_RECOVERIES = 50
UNDOING_SECONDS = 30.0
"""For work that was told to stop, before it is told again."""

log = logging.getLogger("treadle.jobs")


class Runner:
    """Takes up runs and does them. One per database at a time (storage/role.py); built and stopped by the roof."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        clock: Clock,
        context_for: Callable[[str, Actor], Context],
        runs_folder: Path,
        services: Mapping[str, object],
        composites: frozenset[str] = frozenset(),
        places: int = DEFAULT_MAX_RUNS,
    ) -> None:
        """handlers: by kind. context_for: (project id, who started it) -> the context to work in.

        composites: kinds whose handlers only take steps; what they do besides must be repeatable.
        places: how many plain runs work at once.
        """
        self._database = database
        self._clock = clock
        self._handlers = handlers
        self._context_for = context_for
        self._runs_folder = runs_folder
        self._services = services
        self._composites = composites
        self._places = Places(places)
        self._watchers: list[asyncio.Task[None]] = []
        self._looking = asyncio.Lock()
        self._is_stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._attended: set[str] = set()
        self._unattended: dict[str, float] = {}
        self._cancelled: set[str] = set()
        self._journal: DBOS | None = None
        self._at_work: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = {}
        self._told_at: dict[str, float] = {}
        """Of the work that was told to stop, by `time.monotonic`."""

        # DBOS decorates functions, not methods.
        async def execute(project_id: str, run_id: str) -> JsonObject:
            self._attended.add(run_id)
            try:
                return await self._execute_run(project_id, run_id, str(DBOS.workflow_id))
            finally:
                self._attended.discard(run_id)
                self._cancelled.discard(run_id)

        async def attempt(project_id: str, run: Run) -> JsonObject:
            # Recovered work begins on a loop of DBOS's own; engines and other long-lived parts belong to the server's.
            if asyncio.get_running_loop() is self._loop:
                return await self._attempt_in_turn(project_id, run)
            assert self._loop is not None
            moved = asyncio.run_coroutine_threadsafe(self._attempt_in_turn(project_id, run), self._loop)
            return await asyncio.wrap_future(moved)

        self._execute = cast(Any, DBOS.workflow(name="treadle.run", max_recovery_attempts=MAX_RECOVERIES)(execute))
        self._attempt_step = cast(Any, DBOS.step(name="treadle.attempt")(attempt))

    async def start(self) -> None:
        """Recover what was at work when the last process ended, then take up what waits."""
        self._loop = asyncio.get_running_loop()
        self._journal = journal_at(self._database.url)
        await anyio.to_thread.run_sync(DBOS.launch)
        self._watchers = [asyncio.create_task(self._poll()), asyncio.create_task(self._hear())]

    async def stop(self) -> None:
        """Stop taking up work; what is at work goes on after the next start."""
        self._is_stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        self._places.close()
        for loop, task in list(self._at_work.values()):
            loop.call_soon_threadsafe(task.cancel)
        await close_journal(self._journal)

    async def _poll(self) -> None:
        while True:
            await self._look_around()
            await asyncio.sleep(POLL_SECONDS)

    async def _hear(self) -> None:
        async for note in self._database.listen("treadle_runs"):
            if note and note.startswith("cancel "):
                await self._stop_cancelled([note.removeprefix("cancel ")])
            else:
                await self._look_around()

    async def _look_around(self) -> None:
        """Take up what waits, stop what was cancelled, and end what nobody else would."""
        try:
            async with self._looking:
                await self._stop_cancelled(list(self._at_work))
                unfinished = await self._database.system(store.list_unfinished)
                await self._see_to([run for run in unfinished if run.run_id not in self._attended])
        except Unavailable as error:
            log.warning("cannot look for work: %s", error.message)
        except Exception:  # the border of a job: say it and look again at the next poll
            log.exception("cannot take up work")

    async def _see_to(self, runs: list[Unfinished]) -> None:
        """Do what must be done about unfinished runs that nobody in this process attends to."""
        now = asyncio.get_running_loop().time()
        statuses = await workflow_statuses([workflow_of(run.run_id, run.retries) for run in runs])
        before, self._unattended = self._unattended, {}
        for run in runs:
            workflow = workflow_of(run.run_id, run.retries)
            match next_move(run, statuses.get(workflow)):
                case "begin":
                    with SetWorkflowID(workflow):
                        await DBOS.start_workflow_async(self._execute, run.project_id, run.run_id)
                case "watch":
                    self._unattended[run.run_id] = before.get(run.run_id, now)
                    if now - self._unattended[run.run_id] > UNATTENDED_SECONDS:
                        log.warning("nobody does run %s; it is begun again", run.run_id)
                        await DBOS.resume_workflow_async(workflow)
                case "give up":
                    await self._give_up(run.project_id, run.run_id, run.retries, statuses[workflow])
                case "cancel":
                    cancel = partial(store.cancel_tree, run_id=run.run_id, now=self._clock.now())
                    await self._database.for_project(run.project_id).write(cancel)
                case "leave":
                    pass

    async def _give_up(self, project_id: str, run_id: str, retries: int, status: str) -> Run:
        """End a run whose durable record has ended without it, and return it; one that is over stays as it is."""
        lost = RunError(
            code="jobs.lost",
            message=f"run '{run_id}' was begun and never came to an end (its durable record says {status}); see what it last said with: "
            f"treadle run logs {run_id}; then go on with: treadle run retry {run_id}",
        )

        def write(db: Connection) -> Run:
            store.end_run(db, run_id, "failed", self._clock.now(), {}, lost, retries=retries)
            run = store.find_run(db, run_id)
            assert run is not None
            return run

        run: Run = await self._patiently(lambda: self._database.for_project(project_id).write(write))
        if run.error == lost:
            log.error("%s", lost.message)
        return run

    async def _execute_run(self, project_id: str, run_id: str, workflow: str) -> JsonObject:
        """Do one run and keep how it ended. Never raises: an error is an answer."""
        run = await self._patiently(
            lambda: self._database.for_project(project_id).read(lambda db: store.find_run(db, run_id))
        )
        if run is None:
            return {"error": RunError(code="jobs.run_not_found", message=f"run '{run_id}' is gone").model_dump()}
        if run.status in FINAL:
            return _answer_of(run)
        if workflow != workflow_of(run_id, run.retries):
            return {"error": RunError(code="jobs.retried", message=f"run '{run_id}' was retried").model_dump()}
        if run.kind in self._composites:
            return await self._attempt(project_id, run_id)
        return cast(JsonObject, await self._attempt_step(project_id, run))

    async def _attempt_in_turn(self, project_id: str, run: Run) -> JsonObject:
        """Attempt a plain run as soon as there is a place for it."""
        db = self._database.for_project(project_id)
        words = f"waits for other work to end: {self._places.count} at once is the limit (TREADLE_MAX_RUNS)"

        async def say_so() -> None:
            await self._patiently(
                lambda: db.write(lambda work: store.set_progress(work, run.run_id, run.progress, words))
            )

        async with self._places.take(run.created_at.isoformat(), say_so):
            return await self._attempt(project_id, run.run_id)

    async def _attempt(self, project_id: str, run_id: str) -> JsonObject:
        db = self._database.for_project(project_id)
        while True:
            begun = await self._patiently(
                lambda: db.write(lambda work: store.begin_run(work, run_id, self._clock.now()))
            )
            if begun is None:
                return _answer_of(await self._patiently(lambda: db.read(lambda work: store.find_run(work, run_id))))
            starter = await self._patiently(lambda: db.read(lambda work: store.get_rights(work, run_id)))
            context = self._context_for(project_id, starter)
            if begun.kind in self._composites:
                context = replace(context, db=_PatientDatabase(self._database, project_id, self._patiently))
            folder = self._runs_folder / run_id
            folder.mkdir(parents=True, exist_ok=True)
            scope = RunScope(
                ctx=context, run=begun, folder=folder, services=self._services, take_step=self._taker(context)
            )
            if begun.attempts > 1:
                why = "" if begun.retries else " after the server or its database ended in the middle"
                scope.log(f"begun again (attempt {begun.attempts}){why}")
            outputs, error = await self._do(scope)
            if not self._is_worth_another(begun, error):
                break
        error = await self._end(db, begun, outputs, error)
        if error:
            return {"error": error.model_dump()}
        shutil.rmtree(folder, ignore_errors=True)
        return {"outputs": outputs}

    def _is_worth_another(self, run: Run, error: RunError | None) -> bool:
        """Tell whether a run failed only because the database was away.

        A composite is not begun again within its workflow, since DBOS counts steps from where the workflow began.
        """
        return (
            error is not None
            and error.code == DatabaseUnavailable.code
            and run.kind not in self._composites
            and run.attempts < MAX_ATTEMPTS_IN_OUTAGES
        )

    async def _end(self, db: ProjectDatabase, run: Run, outputs: JsonObject, error: RunError | None) -> RunError | None:
        """Keep how a run ended and return why it failed, if it did; one whose outputs cannot be kept has failed."""

        def write(work: Connection) -> None:
            status: RunStatus = "failed" if error else "succeeded"
            store.end_run(work, run.run_id, status, self._clock.now(), outputs, error, retries=run.retries)

        try:
            await self._patiently(lambda: db.write(write))
        except TreadleError as refused:
            outputs, error = {}, RunError.model_validate(describe(refused))
            await self._patiently(lambda: db.write(write))
        return error

    async def _do(self, scope: RunScope) -> tuple[JsonObject, RunError | None]:
        handler = self._handlers.get(scope.run.kind)
        reports = asyncio.create_task(scope.keep_reports())
        work: asyncio.Task[JsonObject] | None = None
        try:
            if handler is None:
                raise InvalidInput(
                    f"no handler does '{scope.run.kind}'; this server knows {', '.join(sorted(self._handlers))}",
                    code="jobs.unknown_kind",
                )
            work = asyncio.ensure_future(handler(scope))
            self._at_work[scope.run_id] = (asyncio.get_running_loop(), work)
            return await work, None
        except asyncio.CancelledError:
            if scope.run_id not in self._cancelled:
                raise  # the server is stopping: the run goes on after the next start
            return {}, RunError(code="jobs.cancelled", message=f"run '{scope.run_id}' was cancelled")
        except TreadleError as error:
            scope.log(f"failed: {error.message}")
            return {}, RunError.model_validate(describe(error))
        except Exception as error:  # the border of a job: record it on the run, keep serving
            if self._is_stopping:
                raise asyncio.CancelledError from error  # what it needed is gone; it goes on after the next start
            log.exception("run %s (%s) failed unexpectedly", scope.run_id, scope.run.kind)
            scope.log(f"failed unexpectedly: {type(error).__name__}; the server's log has the details")
            return {}, RunError(
                code="internal",
                message=f"'{scope.run.kind}' failed unexpectedly ({type(error).__name__}); the server's log says where: treadle doctor",
            )
        finally:
            self._at_work.pop(scope.run_id, None)
            self._told_at.pop(scope.run_id, None)
            reports.cancel()
            await asyncio.gather(reports, return_exceptions=True)

    def _taker(self, context: Context) -> Any:
        async def take_step(parent: Run, kind: str, title: str, params: JsonObject, step: str) -> JsonObject:
            run_id = derive_id("run", parent.run_id, step)
            new = NewRun(kind=kind, title=title, params=params)

            def write(db: Connection) -> Run:
                return store.insert_run(db, run_id, new, context.actor, context.clock.now(), parent.run_id, step)

            taken = await self._patiently(lambda: context.db.write(write))
            while taken.retries and run_id in self._attended:
                await asyncio.sleep(STEP_WAIT_SECONDS)  # what was cancelled is still ending
            with SetWorkflowID(workflow_of(run_id, taken.retries)):
                handle = await DBOS.start_workflow_async(self._execute, context.project_id, run_id)
            try:
                answer = await handle.get_result(polling_interval_sec=0.1)
            except Exception:  # the border to DBOS: it has given the step up, in words of its own
                if self._is_stopping:
                    raise asyncio.CancelledError from None
                given_up = self._give_up(context.project_id, run_id, taken.retries, "that it was given up")
                answer = _answer_of(await given_up)
            if error := answer.get("error"):
                raise rebuild(**RunError.model_validate(error).model_dump())
            return cast(JsonObject, answer["outputs"])

        return take_step

    async def _stop_cancelled(self, run_ids: list[str]) -> None:
        """Stop those that are cancelled now: what is heard of one late may find it taken up again."""
        try:
            cancelled = await self._database.system(lambda db: store.list_cancelled(db, run_ids))
        except Unavailable as error:
            log.warning("cannot look who was cancelled: %s", error.message)
        except Exception:  # the border of a job: say it and look again at the next poll
            log.exception("cannot look who was cancelled")
        else:
            for run_id in cancelled:
                self._stop_work(run_id)

    def _stop_work(self, run_id: str) -> None:
        """Tell work to stop; not again at each look, for that would cut off what it undoes on its way out."""
        if run_id in self._attended:
            self._cancelled.add(run_id)
        now = time.monotonic()
        if run_id in self._at_work and now - self._told_at.get(run_id, -math.inf) > UNDOING_SECONDS:
            self._told_at[run_id] = now
            loop, task = self._at_work[run_id]
            loop.call_soon_threadsafe(task.cancel)

    async def _patiently(self, attempt: Callable[[], Any]) -> Any:
        """Try again while the database is away, however long: what a run came to must not be lost to an outage."""
        while True:
            try:
                return await attempt()
            except Unavailable:
                if self._is_stopping:
                    raise asyncio.CancelledError from None  # it goes on after the next start
                await asyncio.sleep(PATIENCE_SECONDS)


class _PatientDatabase(ProjectDatabase):
    """The database as a composite sees it, waiting out every outage: it is not begun again within its workflow, as its steps are."""

    def __init__(self, database: Database, project_id: str, patiently: Callable[[Callable[[], Any]], Any]) -> None:
        super().__init__(database, project_id)
        self._patiently = patiently

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads, in one transaction, as soon as the database answers."""
        return cast(T, await self._patiently(lambda: super(_PatientDatabase, self).read(work)))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in one transaction, as soon as the database answers. What a composite writes is safe to repeat."""
        return cast(T, await self._patiently(lambda: super(_PatientDatabase, self).write(work)))


def _answer_of(run: Run) -> JsonObject:
    if run.status == "succeeded":
        return {"outputs": run.outputs}
    error = run.error or RunError(code=f"jobs.{run.status}", message=f"run '{run.run_id}' was {run.status}")
    return {"error": error.model_dump()}

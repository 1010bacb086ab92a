"""Everything that lives as long as the server: built here once, handed down, stopped in the opposite order."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack

import anyio.to_thread

from treadle.core.clock import Clock, SystemClock
from treadle.core.errors import TreadleError, Unavailable
from treadle.core.resting import Outcome, Resting, Work
from treadle.core.settings import Settings
from treadle.engines.directory import Publisher
from treadle.engines.supervisor import Supervisor
from treadle.gateway.addresses import private_hosts
from treadle.gateway.batches.files import sweep_files
from treadle.gateway.forwarding.work import Forwarder
from treadle.gateway.plane import DataPlane
from treadle.governance.envelope import MasterKeys
from treadle.governance.gatekeeper import Gatekeeper
from treadle.governance.service import CARETAKER, ensure_local_key, ensure_local_owner, list_project_ids
from treadle.http.context import Context
from treadle.jobs.runner import Runner
from treadle.live.hub import Hub
from treadle.monitoring.channels.sending import Post
from treadle.monitoring.rules.scoring import LiveScoring
from treadle.monitoring.usage.measure import Meter, Taken
from treadle.monitoring.usage.service import keep_usage
from treadle.monitoring.watch import Watch
from treadle.pipelines.schedules import service as schedules
from treadle.prompts.jinja_rooms import JinjaRooms
from treadle.releases.controller import Controller
from treadle.releases.endpoints.service import has_endpoint
from treadle.releases.rollouts.judging import ask_through
from treadle.server.follower import Follower
from treadle.server.slices import COMPOSITES, HANDLERS, MIGRATIONS
from treadle.storage.blobs import Blobs
from treadle.storage.database import Database
from treadle.storage.errors import WorkedElsewhere
from treadle.storage.migrations import migrate
from treadle.storage.role import WorkerRole
from treadle.storage.workspace import Workspace

WATCH_SECONDS = 0.5
ROLE_SECONDS = 2.0
ROLE_PATIENCE_SECONDS = 3.0
CONTROL_SECONDS = 0.5
SWEEP_SECONDS = 60.0
SCHEDULE_SECONDS = 3.0
MONITOR_SECONDS = 2.0
USAGE_SECONDS = 15.0
WARM_UP_SECONDS = 1.5
IDLE_ENGINE_SECONDS = 60.0
LONGEST_REST_SECONDS = 30.0
"""What fails in a project is looked at again at least so often: rollouts are among it."""

log = logging.getLogger("treadle.server")


class Platform:
    """One opened workspace with its long-lived parts.

    `open` and `close` wait for disks and processes and belong outside the event loop; `start` and `stop` belong to it.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None, url: str | None = None) -> None:
        """url: where the server will listen; None when it is mounted without a socket."""
        self.url = url
        self.settings = settings
        self.clock = clock or SystemClock()
        self.workspace = Workspace(settings)
        self.blobs: Blobs
        self.database: Database
        self.role: WorkerRole
        self.gatekeeper: Gatekeeper
        self.data_plane: DataPlane | None = None
        """What answers under /v1; None where nothing listens."""
        self.hub: Hub | None = None
        """Who follows changes; None where nothing listens."""
        self.jinja = JinjaRooms()
        """Where requests to the platform have Jinja prompts rendered; a gateway has its own."""
        self.local_key = ""
        self.start_fault: TreadleError | None = None
        """Why it could not be brought to life, if it could not."""
        self._running = AsyncExitStack()
        self._work = AsyncExitStack()
        self._works = False

    def open(self) -> None:
        """Take the workspace and the work of its database, start and migrate it. Raises what a person can mend."""
        url = self.workspace.open()
        self.role = WorkerRole(url)
        try:
            self.blobs = self.workspace.blobs()
            # A command that only looks needs no role; should it start work, it is told whose that is.
            self.role.take(patience_seconds=ROLE_PATIENCE_SECONDS if self.url else 0.0)
            if self.url is not None and self.role.other is not None:
                raise WorkedElsewhere(self.role.other.process)
            other = self.role.other
            migrate(url, MIGRATIONS, worked_by=None if other is None else other.process)
            self.database = Database(url)
            self.database.open()
            master_keys = MasterKeys(self.settings.keys_folder / "master.json")
            self.gatekeeper = Gatekeeper(
                self.database,
                self.blobs,
                self.clock,
                master_keys,
                public_url=self.settings.public_url,
                has_endpoint=has_endpoint,
            )
        except BaseException:
            self.role.give_back()
            self.workspace.close()
            raise

    async def start(self) -> None:
        """Bring the long-lived parts to life."""
        self._running.push_async_callback(self.jinja.close)
        await ensure_local_owner(self.database, self.clock)
        self.local_key = await ensure_local_key(
            self.database, self.clock, self.gatekeeper.master_keys, self.settings.keys_folder / "local.key"
        )
        master_keys = self.gatekeeper.master_keys
        engines = Supervisor(logs=self.settings.logs_folder, clock=self.clock, vllm=self.settings.vllm)
        self._running.push_async_callback(engines.stop_all)
        if self.url is not None:
            publisher = Publisher(self.database, engines)
            publisher.start()
            self._running.push_async_callback(publisher.close)
            self.data_plane = DataPlane(
                self.database,
                master_keys=master_keys,
                spool_folder=self.settings.workspace / "spool",
                find_engine=engines.find,
                clock=self.clock,
                hosts=private_hosts(self.settings.host, self.settings.private_hosts),
                max_body_bytes=self.settings.gateway_max_body_mib * 1024 * 1024,
            )
            await self.data_plane.start()
            self._running.push_async_callback(self.data_plane.close)
            self.hub = Hub(self.database)
            self.hub.start()
            self._running.push_async_callback(self.hub.close)
        self._running.push_async_callback(self._end_work)
        if self.role.is_ours:
            await self._begin_work(engines)
        self._keep(self._hold_role(engines))
        self._keep(self._end_idle_engines(engines))
        self._keep(self._watch_postgres())

    async def stop(self) -> None:
        """Stop the long-lived parts; work that was in the middle goes on after the next start."""
        await self._running.aclose()

    def close(self) -> None:
        """Close the database and give the workspace back."""
        self.database.close()
        self.role.give_back()
        self.workspace.close()

    def local_context(self) -> Context:
        """The context of the workspace's own owner."""
        return self.gatekeeper.local_context()

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.callback(task.cancel)

    async def _begin_work(self, engines: Supervisor) -> None:
        """Take up runs and tend rollouts, from here on."""
        try:
            application = None if self.data_plane is None else self.data_plane.application
            controller = Controller(engines, ask_through(application))
            self._work.push_async_callback(controller.close)
            for project_id in await list_project_ids(self.database):
                context = self.gatekeeper.context_for(project_id, CARETAKER)
                await controller.warm_up(context, timeout_seconds=WARM_UP_SECONDS)
            self._look_after("releases", CONTROL_SECONDS, controller.tick)
            self._look_after("schedules", SCHEDULE_SECONDS, schedules.tick)
            self._look_after("expired files", SWEEP_SECONDS, sweep_files)
            hosts = private_hosts(self.settings.host, self.settings.private_hosts)
            public_url = self.settings.public_url or self.url
            scoring = LiveScoring(lambda: application)
            watch = Watch(master_keys=self.gatekeeper.master_keys, post=Post(hosts), url=public_url, scoring=scoring)
            self._work.push_async_callback(watch.close)
            self._work.callback(asyncio.create_task(self._monitor(watch, engines)).cancel)
            follower = Follower(self.database, archive=self.settings)
            self._work.push_async_callback(follower.close)
            follower.start()
            forwarder = Forwarder(
                self.database,
                lambda project_id: self.gatekeeper.context_for(project_id, CARETAKER),
                master_keys=self.gatekeeper.master_keys,
                hosts=hosts,
            )
            self._work.push_async_callback(forwarder.close)
            forwarder.start()
            runner = Runner(
                self.database,
                HANDLERS,
                clock=self.clock,
                composites=COMPOSITES,
                context_for=self.gatekeeper.context_for,
                runs_folder=self.settings.runs_folder,
                places=self.settings.max_runs,
                services={
                    "engines": engines,
                    "master_keys": self.gatekeeper.master_keys,
                    "url": self.url,
                    "public_url": public_url,
                    "data_plane": self.data_plane,
                    "ray": self.settings.ray,
                    "gateway_url": self.settings.gateway_url or self.settings.public_url or self.url,
                },
            )
            self._work.push_async_callback(runner.stop)
            await runner.start()
            self._works = True
        except BaseException:
            await self._end_work()
            raise

    async def _end_work(self) -> None:
        self._works = False
        await self._work.aclose()

    async def _hold_role(self, engines: Supervisor) -> None:
        """Keep the work of this database, through outages; hand it over when another process has it, take it up when it is free."""
        while True:
            await asyncio.sleep(ROLE_SECONDS)
            try:
                is_ours = await anyio.to_thread.run_sync(self.role.take)
                if self._works and not is_ours:
                    log.error("%s has taken over the work; this process goes on serving requests", self.role.other)
                    await self._end_work()
                elif is_ours and not self._works:
                    log.warning("the work of this database is ours now")
                    await self._begin_work(engines)
            except Exception:  # the border of a watch: say it and look again
                log.exception("cannot take up or hand over the work")

    def _look_after(self, what: str, seconds: float, look: Callable[[Context], Awaitable[object]]) -> None:
        """Until the work ends, take a look at something of every project again and again; what fails is said."""

        resting = Resting(longest_seconds=LONGEST_REST_SECONDS)

        async def go_round() -> None:
            while True:
                try:
                    for project_id in await list_project_ids(self.database):
                        await self._look_at(resting, Work(project_id, what), look)
                except Unavailable as error:
                    log.warning("%s wait: %s", what, error.message)
                except Exception:  # the border of a watch: say it and look again
                    log.exception("cannot look after %s", what)
                await asyncio.sleep(seconds)

        self._work.callback(asyncio.create_task(go_round()).cancel)

    async def _look_at(self, resting: Resting, work: Work, look: Callable[[Context], Awaitable[object]]) -> None:
        """Take one look at something of a project, if it is due. A fault there stops no other project, and is said once.

        Raises Unavailable.
        """
        if not resting.is_due(work):
            return
        outcome = Outcome(work)
        try:
            await look(self.gatekeeper.context_for(work.project_id, CARETAKER))
        except Unavailable:
            raise
        except Exception as error:  # the border of a watch: say it and look again
            outcome = Outcome(work, type(error).__name__, traceback.format_exc())
        if not resting.note(outcome):
            return
        if outcome.fault is None:
            log.warning("%s of project %s can be looked after again", work.name, work.project_id)
        else:
            log.error(
                "cannot look after %s of project %s; it is tried again, less and less often, and told here when it works:\n%s",
                work.name,
                work.project_id,
                outcome.story,
            )

    async def _monitor(self, watch: Watch, engines: Supervisor) -> None:
        """Every two seconds: evaluate the windows that are over, and deliver what alerts tell; less often, measure engines."""
        meter, measured_at, resting = Meter(), 0.0, Resting(longest_seconds=LONGEST_REST_SECONDS)
        while True:
            try:
                taken: dict[str, Taken] = {}
                if (now := asyncio.get_running_loop().time()) - measured_at >= USAGE_SECONDS:
                    measured_at = now
                    pids = {
                        one.engine.pid: one.model_version_id for one in engines.list() if one.engine and one.engine.pid
                    }
                    found = await anyio.to_thread.run_sync(meter.measure, list(pids))
                    taken = {pids[pid]: one for pid, one in found.items()}
                for project_id in await list_project_ids(self.database):
                    await self._monitor_project(watch, resting, project_id, taken)
            except Unavailable as error:
                log.warning("monitors wait: %s", error.message)
            except Exception:  # the border of a watch: say it and look again
                log.exception("cannot look after monitors")
            await asyncio.sleep(MONITOR_SECONDS)

    async def _monitor_project(self, watch: Watch, resting: Resting, project_id: str, taken: dict[str, Taken]) -> None:
        async def look(context: Context) -> None:
            await watch.tick(context)
            await keep_usage(context, taken)

        try:
            await self._look_at(resting, Work(project_id, "monitors"), look)
        except Unavailable as error:  # the others' monitors do not wait for this project's
            log.warning("monitors of project %s wait: %s", project_id, error.message)

    async def _end_idle_engines(self, engines: Supervisor) -> None:
        """Give back the memory of engines that an evaluation or a finished rollout has left behind."""
        while True:
            await asyncio.sleep(IDLE_ENGINE_SECONDS / 4)
            await engines.stop_idle(seconds=IDLE_ENGINE_SECONDS)

    async def _watch_postgres(self) -> None:
        """Start the embedded PostgreSQL again when it died; what was asked meanwhile was told to try again."""
        while self.workspace.postgres is not None:
            await asyncio.sleep(WATCH_SECONDS)
            if not self.workspace.postgres.is_running():
                log.warning("the embedded PostgreSQL ended unexpectedly; starting it again")
                try:
                    await anyio.to_thread.run_sync(self.workspace.postgres.start)
                except Exception:  # the border of a watch: say it and try again
                    log.exception("the embedded PostgreSQL does not start")
                    await asyncio.sleep(WATCH_SECONDS * 4)

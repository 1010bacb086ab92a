"""`treadle gateway`: the data plane alone, in several processes that share one port.

The master binds one socket per worker (SO_REUSEPORT, so the kernel spreads connections) and keeps them: a worker that dies leaves its
queue of connections to its successor. It starts workers again with growing pauses, replaces one that has grown too large by starting
the next first, follows an embedded PostgreSQL to another port, and on SIGTERM lets everybody finish. It serves nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from treadle.core.errors import KIND_BY_NAME, NotFound, TreadleError, Unavailable
from treadle.core.settings import Settings
from treadle.server.ports import bind, shown_host
from treadle.storage.embedded import running_url

BACKLOG = 2048
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
HEALTHY_SECONDS = 60.0
READY_SECONDS = 60.0
LOOK_SECONDS = 2.0
AFTER_DRAIN_SECONDS = 15.0
"""How long a worker may take to store its records after it has drained, before it is killed."""

log = logging.getLogger("treadle.gateway.master")


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told when it starts; comes through a pipe, because the database's URL holds a password."""

    index: int
    """Which worker it is, from 0: names its spool folder and its log."""
    database_url: str
    keys_file: str
    """The master keys of the installation."""
    spool_folder: str
    log_file: str
    socket_fd: int
    """The inherited socket, bound and listening."""
    drain_seconds: int
    host: str
    """Where the port is: on loopback every private provider may be reached."""
    private_hosts: tuple[str, ...]
    """Where private providers may be, when it is not."""
    max_body_mib: int
    """The largest request that it takes."""


class Worker:
    """One worker process."""

    def __init__(self, index: int, process: asyncio.subprocess.Process) -> None:
        self.index = index
        self.process = process
        self.started_at = time.monotonic()
        self.outgrown = asyncio.Event()
        """Set when it should be replaced."""

    def ask_to_end(self) -> None:
        """Tell it to finish; safe to repeat."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    @property
    def memory_bytes(self) -> int:
        """Its resident memory; 0 when it is gone."""
        import psutil

        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0


class Gateway:
    """The master: keeps so many workers alive."""

    def __init__(
        self,
        settings: Settings,
        *,
        workers: int,
        max_memory_bytes: int | None = None,
    ) -> None:
        """max_memory_bytes: a worker above it is replaced; None never does."""
        self._settings = settings
        self._count = workers
        self._max_memory_bytes = max_memory_bytes
        self._database_url = ""
        self._sockets: list[socket.socket] = []
        self._workers: dict[int, Worker] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """The workers' process ids, by index."""
        return [worker.process.pid for _, worker in sorted(self._workers.items())]

    async def run(self, *, on_ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT. Raises what a person can mend: no database, no keys, a taken port."""
        settings = self._settings
        self._database_url = find_database(settings)
        if not (settings.keys_folder / "master.json").exists():
            raise NotFound(
                f"there are no master keys in '{settings.keys_folder}', so no API key could be recognised; copy 'keys/master.json' "
                f"from the workspace of the server, readable by you alone (chmod 600)",
                code="server.no_master_keys",
            )
        self._gather_spools()
        self._sockets = listen(settings, self._count)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            await self._serve(stop, on_ready)
        finally:
            for each in self._sockets:
                each.close()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _serve(self, stop: asyncio.Event, on_ready: Callable[[str], None]) -> None:
        try:
            firsts = await asyncio.gather(*(self._start(index) for index in range(self._count)), return_exceptions=True)
            self._workers = {first.index: first for first in firsts if isinstance(first, Worker)}
            for first in firsts:
                if isinstance(first, BaseException):
                    raise first
            keepers = [asyncio.create_task(self._keep(index)) for index in range(self._count)]
            keepers.append(asyncio.create_task(self._look()))
            on_ready(f"http://{shown_host(self._settings.host)}:{self._sockets[0].getsockname()[1]}")
            await stop.wait()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
        finally:
            # Nobody new gets in; what is being answered is finished.
            for each in self._sockets:
                each.close()
            await asyncio.gather(*(self._end(worker) for worker in self._workers.values()), *self._leaving)

    async def _keep(self, index: int) -> None:
        """Have a worker in this place, whatever happens to it."""
        failures = 0
        while True:
            worker = self._workers.get(index)
            if worker is not None:
                ended, outgrown = (
                    asyncio.ensure_future(worker.process.wait()),
                    asyncio.ensure_future(worker.outgrown.wait()),
                )
                await asyncio.wait({ended, outgrown}, return_when=asyncio.FIRST_COMPLETED)
                outgrown.cancel()
                if ended.done():
                    log.warning("worker %d ended with code %s; it is started again", index, ended.result())
                    failures = 1 if time.monotonic() - worker.started_at > HEALTHY_SECONDS else failures + 1
                    self._workers.pop(index, None)
                    await asyncio.sleep(pause_seconds(failures))
                ended.cancel()
                worker.outgrown.clear()
            try:
                successor = await self._start(index)
            except TreadleError as error:
                log.error("worker %d does not start: %s", index, error.message)
                failures += 1
                await asyncio.sleep(pause_seconds(failures))
                if index in self._workers:
                    self._workers[index].outgrown.set()
                continue
            if index in self._workers:
                leaving = asyncio.create_task(self._end(self._workers[index]))
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
            self._workers[index] = successor

    async def _start(self, index: int) -> Worker:
        """Start a worker; returns when it accepts connections. Raises the error that it ended with."""
        settings, listener = self._settings, self._sockets[index]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "treadle.server.gateway_worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[listener.fileno()],
            # Ctrl-C is for the master, which tells its workers in order.
            start_new_session=True,
        )
        worker = Worker(index, process)
        orders = Orders(
            index=index,
            database_url=self._database_url,
            keys_file=str(settings.keys_folder / "master.json"),
            spool_folder=str(self._spool_folder(index)),
            log_file=str(settings.logs_folder / f"gateway-{index}.log"),
            socket_fd=listener.fileno(),
            drain_seconds=settings.drain_seconds,
            host=settings.host,
            private_hosts=settings.private_hosts,
            max_body_mib=settings.gateway_max_body_mib,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        said: dict[str, Any] = {}
        try:
            process.stdin.write(msgspec.json.encode(orders) + b"\n")
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
            with contextlib.suppress(TimeoutError, ValueError):
                said = json.loads(await asyncio.wait_for(process.stdout.readline(), READY_SECONDS) or b"{}")
        finally:
            if not said.get("ready"):
                await self._end(worker, at_once=True)
        if said.get("ready"):
            return worker
        kind = KIND_BY_NAME.get(said.get("kind", ""), Unavailable)
        log_file = settings.logs_folder / f"gateway-{index}.log"
        raise kind(
            said.get("error") or f"a worker of the gateway ended before it was ready; its log is '{log_file}'",
            code=said.get("code", "server.worker_failed"),
        )

    async def _end(self, worker: Worker, *, at_once: bool = False) -> None:
        """Let a worker finish, then insist."""
        if not at_once:
            worker.ask_to_end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.process.wait(), self._settings.drain_seconds + AFTER_DRAIN_SECONDS)
        if worker.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
            await worker.process.wait()

    async def _look(self) -> None:
        """Look at every worker's memory, and at where the database is."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._max_memory_bytes is not None:
                for worker in list(self._workers.values()):
                    if worker.memory_bytes > self._max_memory_bytes:
                        log.warning("worker %d holds %d MB; it is replaced", worker.index, worker.memory_bytes >> 20)
                        worker.outgrown.set()
            with contextlib.suppress(TreadleError):
                url = find_database(self._settings)
                if url != self._database_url:
                    log.warning("the workspace's PostgreSQL listens elsewhere now; the workers are replaced")
                    self._database_url = url
                    for worker in list(self._workers.values()):
                        worker.outgrown.set()

    def _spool_folder(self, index: int) -> Any:
        return self._settings.workspace / "spool" / f"gateway-{index}"

    def _gather_spools(self) -> None:
        """Give what workers of a larger gateway left behind to the first one."""
        own = {self._spool_folder(index) for index in range(self._count)}
        first = self._spool_folder(0)
        first.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in set((self._settings.workspace / "spool").glob("gateway-*")) - own:
            for batch in folder.glob("*.spans"):
                batch.rename(first / batch.name)
            shutil.rmtree(folder, ignore_errors=True) if not any(folder.iterdir()) else None


def find_database(settings: Settings) -> str:
    """Return the URL of the database: the one that was named, or the workspace's, when its server runs."""
    url = settings.database_url or running_url(settings.workspace / "postgres")
    if url is None:
        raise Unavailable(
            f"no server runs in the workspace '{settings.workspace}', so there is no configuration to serve by; start it with: treadle up, "
            f"or name the database with: treadle gateway --database postgresql://...",
            code="server.no_database",
        )
    return url


def listen(settings: Settings, count: int) -> list[socket.socket]:
    """Return so many sockets that listen on one port. Raises Conflict when another program has it, Denied."""
    probe = bind(settings)  # without sharing, so that somebody else's port is noticed
    port = probe.getsockname()[1]
    probe.close()
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    can_share = sys.platform == "linux"  # elsewhere the last one to listen would get every connection
    made: list[socket.socket] = []
    for _ in range(count if can_share else 1):
        each = socket.socket(family, socket.SOCK_STREAM)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if can_share:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.bind((settings.host, port))
        each.listen(BACKLOG)
        each.set_inheritable(True)
        made.append(each)
    return made if can_share else made * count


def pause_seconds(failures: int) -> float:
    """Return the wait before a worker is started again: doubles from 0.2 s, at most 10 s."""
    return float(min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS))

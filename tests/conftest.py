"""What every test builds on: one PostgreSQL from the wheel, a migrated template cloned per test, real HTTP when asked for."""

from __future__ import annotations

import faulthandler
import functools
import gc
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpcore2
import psutil
import psycopg
import pytest
import uvicorn
from httpx2._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import settings as property_settings

from treadle.client.client import Client
from treadle.core.settings import Settings
from treadle.server.local import mounted
from treadle.server.platform import Platform
from treadle.server.serve import serve
from treadle.storage.embedded import EmbeddedPostgres

TEMPLATE = "treadle_template"
PATIENCE_SECONDS = 60.0
LONGEST_EXIT_SECONDS = 240.0
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
"""What is kept for no longer than the tests run need not survive a power cut."""
MEMORY_BYTES = 4 * 1024**3

# A test's own request that says nothing of time would give up after 5 s, which a busy machine may well need to start a server.
for clock in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, clock, PATIENCE_SECONDS)
# A test's own request, plain HTTP as it is, would read the system's certificates first: some thousand times 20 ms of CPU.
httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)
# Nearly all that there is stays: looking through it for what can be freed is a tenth of the CPU time.
gc.set_threshold(10_000, 20, 20)


def pytest_collection_finish() -> None:
    """Let the collector look no more at what the tests and all they import are made of."""
    gc.collect()
    gc.freeze()


# Nor is a property broken because one of its examples took more than 0.2 s.
property_settings.register_profile("any machine", deadline=None)
property_settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files with slow tests first, so that none of them is what everything waits for at the end, and the browser's last.

    Playwright keeps an event loop running in the main thread from its first test on.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: ("browser" in item.path.parts, item.path not in slow))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """
    Say which thread keeps the process from ending, if one does, and end it all the same.

    A worker of pytest-xdist is not watched: it waits for the others, and is ended by who started it.
    """
    if hasattr(session.config, "workerinput"):
        return

    def end() -> None:
        faulthandler.dump_traceback()
        os._exit(int(exitstatus))

    watch = threading.Timer(LONGEST_EXIT_SECONDS, end)
    watch.daemon = True
    watch.start()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """
    One real PostgreSQL for the session, with a database that holds the schema and nothing else.
    """
    folder = tmp_path_factory.mktemp("postgres")
    place = _in_memory() or folder
    server = EmbeddedPostgres(place / "pg", log_file=folder / "postgres.log", extra_settings=FORGETFUL)
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {TEMPLATE}")
    with mounted(Settings(workspace=folder / "template", database_url=server.url(TEMPLATE))):
        pass
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        # Nobody may look into it while it is copied, a server's own workers included.
        connection.execute(f"alter database {TEMPLATE} allow_connections false")
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [TEMPLATE])
    yield server
    server.stop()
    if place != folder:
        shutil.rmtree(place, ignore_errors=True)


def _in_memory() -> Path | None:
    """Make a folder in memory, where copying a database takes a fifth of the CPU time; None where little memory is free."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        return None
    if min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) < MEMORY_BYTES:
        return None
    for left in memory.glob("treadle-tests-*"):
        # Who was killed left its folder, and memory does not come back by itself.
        if not psutil.pid_exists(int(left.name.rpartition("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    place = memory / f"treadle-tests-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o711)
    return place


@contextmanager
def new_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Copy the template for as long as somebody needs it; yields the copy's URL."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        # Small as it is, copying its files is cheaper than writing its pages to the log.
        connection.execute(f"create database {name} template {TEMPLATE} strategy file_copy")
        try:
            yield postgres.url(name)
        finally:
            connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """
    The URL of a fresh database with the schema in it.
    """
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """
    A new workspace on a database of its own.
    """
    return Settings(workspace=tmp_path / "workspace", database_url=database_url, port=0)


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """
    A client of the application in this process, as the workspace's owner.
    """
    with mounted(settings) as connected:
        yield connected


@dataclass
class RunningServer:
    """A real server on loopback."""

    url: str
    platform: Platform
    client: Client

    @property
    def key(self) -> str:
        """The owner's API key."""
        return self.platform.local_key


@pytest.fixture
def server(settings: Settings) -> Iterator[RunningServer]:
    """
    A real HTTP server on loopback over a new workspace, with a client for its owner.
    """
    yield from running(settings)


def running(settings: Settings) -> Iterator[RunningServer]:
    """Serve a workspace in a thread until the caller is done."""
    ready = threading.Event()
    started: list[RunningServer] = []
    handles: list[uvicorn.Server] = []
    failures: list[BaseException] = []

    def on_ready(platform: Platform, url: str) -> None:
        started.append(RunningServer(url, platform, Client(url, api_key=platform.local_key)))
        ready.set()

    def run() -> None:
        try:
            serve(settings, on_ready=on_ready, stop_when=handles.append)
        except BaseException as error:
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="server under test")
    thread.start()
    assert ready.wait(timeout=60), "the server did not start within 60 s"
    if failures:
        raise failures[0]
    try:
        yield started[0]
    finally:
        started[0].client.close()
        handles[0].should_exit = True
        thread.join(timeout=60)
        assert not thread.is_alive(), "the server did not stop within 60 s"

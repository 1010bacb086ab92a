"""A runner over a real database, started and stopped as a server does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from treadle.core.clock import SystemClock
from treadle.governance.envelope import MasterKeys
from treadle.governance.gatekeeper import Gatekeeper
from treadle.governance.service import ensure_local_owner
from treadle.http.context import Context
from treadle.jobs import service
from treadle.jobs.runner import Runner
from treadle.jobs.scope import Handler
from treadle.jobs.types import FINAL, Run
from treadle.storage.blobs import Blobs
from treadle.storage.database import Database

Start = Callable[..., Any]
"""(handlers, *, places=…, url=…) -> an asynchronous context manager that gives the owner's context."""


@pytest.fixture
def start(tmp_path: Path, database_url: str) -> Start:
    """
    Starts a runner with some handlers over the test's database; can be used again, as after a restart.
    """

    @asynccontextmanager
    async def running(
        handlers: Mapping[str, Handler], *, places: int = 2, url: str = database_url
    ) -> AsyncIterator[Context]:
        database = Database(url)
        database.open()
        clock = SystemClock()
        gatekeeper = Gatekeeper(
            database, Blobs(None, folder=tmp_path / "blobs"), clock, MasterKeys(tmp_path / "master.json")
        )
        await ensure_local_owner(database, clock)
        runner = Runner(
            database,
            handlers,
            composites=frozenset({"try.composite"}),
            clock=clock,
            context_for=gatekeeper.context_for,
            runs_folder=tmp_path / "runs",
            services={},
            places=places,
        )
        await runner.start()
        try:
            yield gatekeeper.local_context()
        finally:
            await runner.stop()
            database.close()

    return running


async def finished(ctx: Context, run: Run) -> Run:
    """Wait until a run has ended, and return it."""
    for _ in range(3_600):
        found = await service.get_run(ctx, run.run_id)
        if found.status in FINAL:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"run {run.run_id} did not end within three minutes")

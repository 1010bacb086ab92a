"""What a handler is handed: the run it does, its caller's context, and ways to report, to use a child process and to take steps."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias

from treadle.core.errors import TreadleError, Unavailable, rebuild
from treadle.core.types import JsonObject, JsonValue
from treadle.http.context import Context
from treadle.jobs import store
from treadle.jobs.types import MetricPoint, Run
from treadle.storage.database import Connection
from treadle.storage.notes import tell_change

FLUSH_SECONDS = 0.25
MAX_LINE_BYTES = 64 * 1024 * 1024
CHILD_ENVIRONMENT = {
    # Idle threads of OpenMP sleep rather than spin: twice the speed of torch on a busy machine.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}

log = logging.getLogger("treadle.jobs")


class TakeStep(Protocol):
    """Does a run's step as a run of its own; the runner hands one in."""

    async def __call__(self, parent: Run, kind: str, title: str, params: JsonObject, step: str) -> JsonObject:
        """Return the step's outputs. Raises the error that the step failed with."""
        ...


@dataclass
class RunScope:
    """One attempt at one run."""

    ctx: Context
    """The context of whoever started it."""
    run: Run
    """The run as it was when this attempt began."""
    folder: Path
    """A folder of its own, kept until it ends well: checkpoints and half-made files."""
    services: Mapping[str, object]
    """Long-lived parts that the roof built, by name: 'engines' …"""
    take_step: TakeStep
    """How `run_step` does it."""
    _logs: list[tuple[datetime, str]] = field(default_factory=list)
    _points: list[MetricPoint] = field(default_factory=list)
    _progress: tuple[float, str] | None = None

    @property
    def run_id(self) -> str:
        """The run's id: derive the ids of what you make from it."""
        return self.run.run_id

    @property
    def params(self) -> JsonObject:
        """What the run was asked to do."""
        return self.run.params

    def log(self, text: str) -> None:
        """Say something; kept within a quarter of a second."""
        self._logs.append((self.ctx.clock.now(), text))

    def metric(self, name: str, step: int, value: float) -> None:
        """Add a point to a curve."""
        self._points.append(MetricPoint(name=name, step=step, value=value, at=self.ctx.clock.now()))

    def progress(self, fraction: float, text: str = "") -> None:
        """Say how far the work is, 0-1, and what is being done."""
        self._progress = (min(max(fraction, 0.0), 1.0), text)

    async def run_step(self, kind: str, params: JsonObject, *, step: str, title: str) -> JsonObject:
        """Do a step as a run of its own and return its outputs; one that ended well before a kill is not done again."""
        return await self.take_step(self.run, kind, title, params, step)

    async def child(self, target: str, spec: JsonObject) -> JsonObject:
        """Run `module:function` in a child process: JSON in, JSON out, its reports become this run's.

        Raises the error that the function raised; Unavailable-like TreadleError when the process was killed.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "treadle.jobs.child", target, str(os.getpid()),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=os.environ | CHILD_ENVIRONMENT, limit=MAX_LINE_BYTES,
        )  # fmt: skip
        try:
            return await self._converse(process, target, spec)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _converse(self, process: asyncio.subprocess.Process, target: str, spec: JsonObject) -> JsonObject:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        last_words = asyncio.create_task(read_tail(process.stderr))
        process.stdin.write(json.dumps(spec).encode())
        await process.stdin.drain()
        process.stdin.close()
        answer: JsonObject | None = None
        async for line in process.stdout:
            message = json.loads(line)
            match message["event"]:
                case "log":
                    self.log(message["text"])
                case "metric":
                    self.metric(message["name"], message["step"], message["value"])
                case "progress":
                    self.progress(message["fraction"], message["text"])
                case "error":
                    raise rebuild(**message["error"])
                case "result":
                    answer = message["result"]
        code = await process.wait()
        if answer is not None and code == 0:
            return answer
        told = await last_words
        for text in told:
            self.log(text)
        raise TreadleError(
            f"the worker process for '{target}' ended with {_in_words(code)} and no result; what it last said is in the run's log: "
            f"treadle run logs {self.run_id}",
            code="jobs.worker_died",
        )

    async def keep_reports(self) -> None:
        """Write reports to the database, a quarter of a second apart, until cancelled; then write the rest."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            await asyncio.shield(self.flush())

    async def flush(self) -> None:
        """Write the reports that have gathered."""
        logs, self._logs = self._logs, []
        points, self._points = self._points, []
        progress, self._progress = self._progress, None
        if not (logs or points or progress):
            return

        def write(db: Connection) -> None:
            if logs:
                store.append_logs(db, self.run_id, logs)
            if points:
                store.put_metrics(db, self.run_id, points)
            if progress:
                store.set_progress(db, self.run_id, *progress)
            tell_change(db, "run", self.run_id)

        try:
            await self.ctx.db.write(write)
        except Unavailable:
            # The database is away: keep the reports for the next round, newest progress first.
            self._logs, self._points = logs + self._logs, points + self._points
            self._progress = self._progress or progress
        except TreadleError as error:
            # Never again the same: a report that is refused must not keep back those that follow.
            log.warning("reports of run %s are lost: %s", self.run_id, error.message)


Handler: TypeAlias = Callable[[RunScope], Awaitable[dict[str, JsonValue]]]


async def read_tail(stream: asyncio.StreamReader) -> list[str]:
    """Return the last thirty lines of a stream, at its end."""
    tail: deque[str] = deque(maxlen=30)
    while chunk := await stream.readline():
        tail.append(chunk.decode(errors="replace").rstrip())
    return list(tail)


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"

"""Where Jinja prompts are rendered beside an event loop: one process with limits, started by the first one that needs it.

A render costs a line to the process and back, about a tenth of a millisecond; Mustache prompts never come here. What is not
done after `SECONDS` is refused and the process ended; the next render starts another. Renders wait for each other, for
`WAITING_SECONDS` and no longer once there is a process: slow templates never pile up requests behind them. Nothing of the server's environment but
what Python needs to start is handed on.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from treadle.core.errors import Unavailable
from treadle.core.types import JsonValue
from treadle.prompts.render import RenderRefused, VariableMissing

SECONDS = 1.0
"""For one prompt, all messages together."""
WAITING_SECONDS = 5.0
"""For the others to be done."""
STARTING_SECONDS = 60.0
"""Half a second on a machine that is not busy."""
MEGABYTES = 512
"""Address space of the process; Python with Jinja takes about 60 of it."""
_LINE_BYTES = 64 * 1024 * 1024
_HANDED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "SYSTEMROOT")
"""What of the environment a Python may need to start; it holds no secret."""


class Renders(Protocol):
    """Renders Jinja for whoever fills prompts in."""

    async def render(self, templates: Sequence[str], variables: Mapping[str, JsonValue]) -> list[str]:
        """Return the texts. Raises VariableMissing, RenderRefused, Unavailable."""
        ...


class JinjaRoom:
    """Renders Jinja. Built once by whoever serves or evaluates, closed by its owner; belongs to one event loop."""

    def __init__(
        self, *, seconds: float = SECONDS, waiting_seconds: float = WAITING_SECONDS, megabytes: int = MEGABYTES
    ) -> None:
        self._seconds = seconds
        self._waiting_seconds = waiting_seconds
        self._megabytes = megabytes
        self._process: asyncio.subprocess.Process | None = None
        self._is_closed = False
        self._starting = asyncio.Lock()
        self._turn = asyncio.Lock()

    async def render(self, templates: Sequence[str], variables: Mapping[str, JsonValue]) -> list[str]:
        """Return the texts. Raises VariableMissing, RenderRefused, Unavailable."""
        line = json.dumps({"templates": list(templates), "variables": dict(variables)}).encode() + b"\n"
        await self._started()  # before the turn: a start that takes its time is nobody's loop
        await self._wait_for_turn()
        try:
            told = await self._ask(line)
        finally:
            self._turn.release()
        if not told:
            raise RenderRefused(
                "the Jinja prompt ended the process that renders it; it needs too much memory or says too much, simplify it"
            )
        answer = json.loads(told)
        if "missing" in answer:
            raise VariableMissing(
                f"the prompt needs something that was not given: {answer['missing']}; given were "
                f"{', '.join(repr(name) for name in sorted(variables)) or 'none'}"
            )
        if "fault" in answer:
            raise RenderRefused(f"the Jinja prompt cannot be rendered: {answer['fault']}; correct the template")
        return list(answer["texts"])

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(self._waiting_seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable(
                f"other Jinja prompts have kept the renderer busy for {self._waiting_seconds:g} s; try again, and look for "
                f"prompts that loop too long",
                code="prompts.renderer_away",
            ) from None

    async def _ask(self, line: bytes) -> bytes:
        """Return the process's answer, empty when it ended; a process that does not answer in time is ended."""
        process = await self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        told = b""
        try:
            async with asyncio.timeout(self._seconds):
                process.stdin.write(line)
                await process.stdin.drain()
                line_told = await process.stdout.readline()
                told = line_told if line_told.endswith(b"\n") else b""
        except TimeoutError:
            raise RenderRefused(
                f"the Jinja prompt was not rendered within {self._seconds:g} s; it loops too long or too often, simplify it"
            ) from None
        except (OSError, ValueError):  # it has ended, or says more than a line may hold
            pass
        finally:
            if not told:  # a caller that went away leaves an answer behind, too, that the next one must not read
                await self._end(process)
        return told

    async def close(self) -> None:
        """End the process; renders that are under way are refused."""
        self._is_closed = True
        process = self._process
        if process is not None:
            if process.returncode is None:
                process.kill()
            async with self._turn, self._starting:  # whoever waits for it hears that it ended
                await self._end(process)

    async def _started(self) -> asyncio.subprocess.Process:
        """Return the process, started and ready. Raises Unavailable."""
        async with self._starting:
            if self._is_closed:
                raise Unavailable(
                    "the server ends, and renders no more Jinja prompts; try again", code="prompts.renderer_away"
                )
            if self._process is None or self._process.returncode is not None:
                return await self._start()
            return self._process

    async def _start(self) -> asyncio.subprocess.Process:
        process: asyncio.subprocess.Process | None = None
        ready = b""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "treadle.prompts.jinja_child", str(os.getpid()), str(self._megabytes),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_BYTES,
                env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
            )  # fmt: skip
            self._process = process
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b'{"templates":[],"variables":{}}\n')
            async with asyncio.timeout(STARTING_SECONDS):
                ready = await process.stdout.readline()
        except (OSError, TimeoutError) as error:
            raise Unavailable(
                "the process that renders Jinja prompts does not start; look at the machine's memory and try again",
                code="prompts.renderer_away",
            ) from error
        finally:
            if process is not None and not ready:
                await self._end(process)
        if not ready:
            raise Unavailable(
                "the process that renders Jinja prompts ended at its start; is jinja2 installed? pip install 'treadle[server]'",
                code="prompts.renderer_away",
            )
        return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if self._process is process:
            self._process = None
        if process.returncode is None:
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        await process.stdout.read()
        await process.wait()

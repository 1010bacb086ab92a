"""The llama.cpp child as its supervisor sees it: start `treadle.engines.llamacpp` on a GGUF and read its one line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from treadle.engines.llamacpp import CANNOT_SERVE, READY_TIMEOUT_SECONDS
from treadle.engines.running import EngineFailed, count_in_flight, end_process, environment
from treadle.engines.types import Engine


class LlamaCpp:
    """A child that serves one GGUF."""

    def __init__(self, engine: Engine, process: asyncio.subprocess.Process) -> None:
        self.engine = engine
        self._process = process

    async def wait(self) -> int:
        """Wait until it ends by itself."""
        return await self._process.wait()

    async def in_flight(self) -> int | None:
        """Return how many requests it works on."""
        return await count_in_flight(self.engine.url)

    async def sleep(self, level: int) -> bool:
        """It holds no GPU."""
        return False

    async def wake(self) -> None:
        """It never sleeps."""

    async def stop(self) -> None:
        """End it."""
        await end_process(self._process)

    def last_words(self) -> str | None:
        """Its log is for people who know llama.cpp."""
        return None


async def start_llamacpp(model_version_id: str, gguf: Path, *, logs: Path, max_context: int) -> LlamaCpp:
    """Start a child and wait until it has answered a warm-up request. Raises EngineFailed; `hopeless` when it says so."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{model_version_id}.log"
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command(gguf, model_version_id, max_context=max_context),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment(),
        )
    assert process.stdout is not None
    try:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT_SECONDS + 5)
            said = json.loads(line) if line.strip() else {}
        except (TimeoutError, json.JSONDecodeError):
            said = {"error": "it did not say that it is ready"}
        if "port" not in said:
            await end_process(process)
            reason = said.get("error") or f"it ended with exit code {process.returncode}; its log is '{log}'"
            failed = EngineFailed(model_version_id, str(reason))
            failed.hopeless = process.returncode == CANNOT_SERVE
            raise failed
    except asyncio.CancelledError:
        await end_process(process)
        raise
    engine = Engine(
        model_version_id=model_version_id,
        url=f"http://127.0.0.1:{said['port']}",
        pid=int(said["pid"]),
        context_length=int(said["context_length"]),
    )
    return LlamaCpp(engine, process)


def command(gguf: Path, alias: str, *, max_context: int = 8192) -> list[str]:
    """Return the command line of a llama.cpp child."""
    return [
        sys.executable,
        "-m",
        "treadle.engines.llamacpp",
        *("--model", str(gguf), "--alias", alias, "--max-context", str(max_context), "--parent", str(os.getpid())),
    ]

"""SIGTERM while answers are being written: those that end in time are whole, the others say that they were cut."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import psycopg
import pytest

from tests.children import child
from tests.gateway.harness import arm, scripted
from tests.gateway.upstreams import Heard, ask
from tests.gateway.wall import FOREVER, Fault, Wall
from tests.server.standalone import Installation, clean_environment
from treadle.gateway.types import ProtocolName, Rule, Target

COMMANDS = ["up", "gateway"]
PROTOCOLS: tuple[ProtocolName, ...] = ("chat", "messages", "responses")
WORDS = "word " * 40
CUT = (200, "gateway_stopping", False)
REFUSED = (503, "gateway_stopping", False)
WHOLE = (200, None, True)


class Stopped(NamedTuple):
    """A server that was told to stop in the middle of answers, and what became of them."""

    heard: list[Heard]
    exit_code: int
    took_seconds: float

    @property
    def short(self) -> list[tuple[int, str | None, bool]]:
        """What each caller got."""
        return [each.short for each in self.heard]


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    """
    A database with an endpoint and a key.
    """
    made = Installation(tmp_path / "workspace", database_url)
    yield made
    made.database.close()


@contextmanager
def serving(
    installation: Installation, command: str, drain_seconds: int
) -> Iterator[tuple[subprocess.Popen[Any], str]]:
    """Run `treadle up` or `treadle gateway` until the block ends."""
    settings = installation.settings
    words = [sys.executable, "-m", "treadle.cli.main", command, "--port", "0", "--workspace", str(settings.workspace)]
    words += ["--database", settings.database_url or "", *(["--workers", "1"] if command == "gateway" else [])]
    environment = clean_environment() | {"TREADLE_DRAIN_SECONDS": str(drain_seconds)}
    with child(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " at http" in line, line
        yield process, line.split(" at ")[1].split()[0]


def stop_in_the_middle(
    installation: Installation, command: str, drain_seconds: int, *, asked_for: Wall | None = None
) -> Stopped:
    """
    Ask in each protocol, send SIGTERM once all are being answered, and read every answer to its end.

    asked_for: who is asked for whole answers; None asks for streams.
    """
    stream = asked_for is None

    async def ask_and_stop(process: subprocess.Popen[Any], url: str) -> tuple[list[Heard], float]:
        begun: list[None] = []
        headers = {"authorization": f"Bearer {installation.key}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            asked = [
                asyncio.create_task(ask(client, protocol, "support", stream=stream, on_text=lambda: begun.append(None)))
                for protocol in PROTOCOLS
            ]
            under_way = begun if asked_for is None else asked_for.requests
            while len(under_way) < len(asked) and not any(task.done() for task in asked):
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            told_at = time.monotonic()
            return list(await asyncio.gather(*asked)), told_at

    with serving(installation, command, drain_seconds) as (process, url):
        heard, told_at = asyncio.run(ask_and_stop(process, url))
        exit_code = process.wait(timeout=60)
    return Stopped(heard, exit_code, time.monotonic() - told_at)


@pytest.mark.parametrize("command", COMMANDS)
def test_streams_that_outlast_the_drain(installation: Installation, command: str) -> None:
    """
    A stream that has not ended when the drain has ends with the error event of its protocol and never looks complete.
    """
    installation.publish(scripted(Rule(reply=WORDS, chunk_delay_ms=500)))

    stopped = stop_in_the_middle(installation, command, 1)

    assert [CUT] * 3 == stopped.short
    assert all(each.text.startswith("word") for each in stopped.heard)
    assert (0, True) == (stopped.exit_code, 1.0 < stopped.took_seconds < 20.0)
    assert [("error", "gateway_stopping")] * 3 == recorded(installation)


@pytest.mark.parametrize("command", COMMANDS)
def test_whole_answers_that_outlast_the_drain(installation: Installation, command: str) -> None:
    """
    Who waits for a whole answer is told to ask again, which the vendors' clients do by themselves.
    """
    with Wall() as wall:
        installation.add_provider("wall", f"{wall.url}/v1")
        installation.publish(arm(prompt=(), targets=(Target(provider="wall", model="m"),)))
        wall.behave("*", Fault(before_head=FOREVER))

        stopped = stop_in_the_middle(installation, command, 1, asked_for=wall)

    assert [REFUSED] * 3 == stopped.short
    assert ["1"] * 3 == [each.headers["retry-after"] for each in stopped.heard]
    assert (0, True) == (stopped.exit_code, stopped.took_seconds < 20.0)


@pytest.mark.parametrize("command", COMMANDS)
def test_streams_within_the_drain(installation: Installation, command: str) -> None:
    """
    A stream that ends within the drain is whole, and the server goes as soon as it has ended.
    """
    installation.publish(scripted(Rule(reply=WORDS, chunk_delay_ms=50)))

    stopped = stop_in_the_middle(installation, command, 60)

    assert [WHOLE] * 3 == stopped.short
    assert [WORDS.strip()] * 3 == [each.text.strip() for each in stopped.heard]
    assert (0, True) == (stopped.exit_code, stopped.took_seconds < 30.0)
    assert [("ok", None)] * 3 == recorded(installation)


def recorded(installation: Installation) -> list[tuple[str, str | None]]:
    """
    Return how each request ended, as it is stored.
    """
    with psycopg.connect(installation.settings.database_url or "") as connection:
        found = connection.execute("select status, error_code from spans where parent_span_id is null")
        return [(str(status), code) for status, code in found]

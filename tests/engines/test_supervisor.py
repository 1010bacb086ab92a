"""Engines as processes: started once, found again after a kill, refused in words, ended with their owner."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.models.tiny import write_model_file
from treadle.engines.running import EngineFailed, environment
from treadle.engines.supervisor import Supervisor, pause_seconds


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A tiny random model file.
    """
    return write_model_file(tmp_path_factory.mktemp("engine"))


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    """
    A supervisor that leaves no child behind.
    """
    made = Supervisor(logs=tmp_path / "logs")
    yield made
    await made.stop_all()


def answer(url: str) -> str:
    """
    Ask an engine for a short answer.
    """
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "temperature": 0}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as reply:
        return str(json.load(reply)["choices"][0]["message"]["content"])


async def wait_for_new_pid(supervisor: Supervisor, old: int) -> int:
    """
    Wait until the version is served by another process.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        engine = supervisor.find("mdv_1")
        if engine is not None and engine.pid != old:
            return engine.pid
        await asyncio.sleep(0.05)
    raise AssertionError(f"no new engine within 60 s: {supervisor.list()}")


async def test_asking_twice_starts_one_process(supervisor: Supervisor, gguf: Path) -> None:
    """
    Many who want the same version at once share one engine, which answers.
    """
    engines = await asyncio.gather(*(supervisor.ensure("mdv_1", gguf) for _ in range(5)))

    said = await asyncio.to_thread(answer, engines[0].url)

    assert 1 == len({engine.pid for engine in engines})
    assert isinstance(said, str)
    assert engines[0] == supervisor.find("mdv_1")
    assert 128 == engines[0].context_length


async def test_killed_engine_comes_back(supervisor: Supervisor, gguf: Path) -> None:
    """
    A child that was killed is noticed, and the version answers again by itself.
    """
    engine = await supervisor.ensure("mdv_1", gguf)

    os.kill(engine.pid, signal.SIGKILL)
    await wait_for_new_pid(supervisor, engine.pid)

    found = supervisor.find("mdv_1")
    assert found is not None
    await asyncio.to_thread(answer, found.url)
    assert [("ready", 1)] == [(status.state, status.restarts) for status in supervisor.list()]


async def test_file_that_is_no_model(supervisor: Supervisor, tmp_path: Path) -> None:
    """
    A damaged file is refused in words and not tried again and again.
    """
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model at all")

    with pytest.raises(EngineFailed, match="not GGUF"):
        await supervisor.ensure("mdv_1", broken)

    assert supervisor.find("mdv_1") is None
    assert [("failed", 0)] == [(status.state, status.restarts) for status in supervisor.list()]


async def test_file_without_its_weights(supervisor: Supervisor, gguf: Path, tmp_path: Path) -> None:
    """
    A file that was cut off is refused; mending it and asking again works.
    """
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf.read_bytes()[:-5000])

    with pytest.raises(EngineFailed, match=r"could not serve|ended"):
        await supervisor.ensure("mdv_1", cut)
    cut.write_bytes(gguf.read_bytes())
    engine = await supervisor.ensure("mdv_1", cut)

    assert await asyncio.to_thread(answer, engine.url) is not None


async def test_file_that_is_gone(supervisor: Supervisor, tmp_path: Path) -> None:
    """
    A missing file says so.
    """
    with pytest.raises(EngineFailed, match="cannot be read: No such file"):
        await supervisor.ensure("mdv_1", tmp_path / "gone.gguf")


async def test_stopped_engine_is_gone(supervisor: Supervisor, gguf: Path) -> None:
    """
    Stopping ends the process and forgets the version; stopping again is no error.
    """
    engine = await supervisor.ensure("mdv_1", gguf)

    await supervisor.stop("mdv_1")
    await supervisor.stop("mdv_1")

    assert supervisor.find("mdv_1") is None
    assert [] == supervisor.list()
    with pytest.raises(ProcessLookupError):
        os.kill(engine.pid, 0)


def test_engine_ends_with_its_parent(gguf: Path) -> None:
    """
    When the process that started an engine is killed, the engine ends too.
    """
    script = (
        "import json, subprocess, sys, time\n"
        "from pathlib import Path; from treadle.engines.llamacpp_process import command\n"
        f"child = subprocess.Popen(command(Path({str(gguf)!r}), 'x'), stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode(), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment()) as parent:
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())["pid"]
        parent.kill()

    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}/stat").exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not Path(f"/proc/{pid}/stat").exists()


def test_secrets_stay_out_of_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An engine's environment holds none of Treadle's own settings.
    """
    monkeypatch.setenv("TREADLE_MASTER_KEY", "secret")

    assert "TREADLE_MASTER_KEY" not in environment()


def test_pauses_double_up_to_ten_seconds() -> None:
    """
    The pause before a restart doubles from 0.2 s and is never longer than 10 s.
    """
    assert [0.2, 0.4, 0.8, 1.6] == [pause_seconds(ends) for ends in (1, 2, 3, 4)]
    assert 10.0 == pause_seconds(30)


async def test_idle_engine_is_ended(supervisor: Supervisor, gguf: Path) -> None:
    """
    An engine that nobody asked for in a while gives its memory back; one that is asked for stays.
    """
    await supervisor.ensure("mdv_idle", gguf)
    await supervisor.ensure("mdv_used", gguf)
    await asyncio.sleep(1.2)
    supervisor.find("mdv_used")

    await supervisor.stop_idle(seconds=1.0)

    assert ["mdv_used"] == [status.model_version_id for status in supervisor.list()]

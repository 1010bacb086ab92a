"""Engines swapped blue/green under constant load: real llama.cpp engines, gateway workers in processes of their own, no request fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.harness import arm, wait_for
from tests.models.tiny import write_model_file
from tests.server.standalone import Installation, Running, standalone
from treadle.engines.directory import Directory, Publisher
from treadle.engines.supervisor import Supervisor
from treadle.engines.types import Engine
from treadle.gateway.types import PromptMessage

PROMPT = (PromptMessage(role="user", template="{{input}}"),)
LONG = {"temperature": 0, "max_tokens": 90, "ignore_eos": True}


class Engines:
    """A supervisor and its publisher in a loop of their own, as in a server beside the gateway."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.gguf = write_model_file(folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engines")
        self._thread.start()
        self.supervisor = self.run(self._build(installation, folder)).result(timeout=60)

    async def _build(self, installation: Installation, folder: Path) -> Supervisor:
        made = Supervisor(logs=folder / "logs")
        self.publisher = Publisher(installation.database, made)
        self.publisher.start()
        return made

    def run(self, work: Any) -> Future[Any]:
        """Do something in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def ensure(self, model_version_id: str) -> Engine:
        """Have an engine."""
        made: Engine = self.run(self.supervisor.ensure(model_version_id, self.gguf)).result(timeout=60)
        return made

    def close(self) -> None:
        """End everything."""
        self.run(self.publisher.close()).result(timeout=60)
        self.run(self.supervisor.stop_all()).result(timeout=60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    """
    A database with a key.
    """
    made = Installation(tmp_path / "workspace", database_url)
    yield made
    made.database.close()


@pytest.fixture
def engines(installation: Installation, tmp_path: Path) -> Iterator[Engines]:
    """
    Real engines of a tiny random model.
    """
    made = Engines(installation, tmp_path)
    yield made
    made.close()


class Callers:
    """Two callers that take whole answers and two that stream, one request after the other."""

    def __init__(self, running: Running) -> None:
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._running = running
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[stream]) for stream in (True, False, True, False)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _ask(self, stream: bool) -> None:
        with self._running.client() as client:
            while not self._stop.is_set():
                try:
                    self.answers.append(ask(client, stream))
                except (openai.OpenAIError, AssertionError) as error:
                    self.failures.append(f"{type(error).__name__}: {error}")


def release_of(running: Running) -> str:
    """
    Ask, on a connection of its own, and return which release answered.
    """
    with running.client() as client:
        made = client.chat.completions.with_raw_response.create(
            model="support", messages=[{"role": "user", "content": "my card"}], max_tokens=1
        )
    return made.headers["x-treadle-release-id"]


def ask(client: openai.OpenAI, stream: bool) -> str:
    """
    Ask for an answer of some length; a stream that does not say why it ended is a failure.
    """
    made = client.chat.completions.create(
        model="support", messages=[{"role": "user", "content": "my card"}], stream=stream
    )
    if not isinstance(made, openai.Stream):
        return made.choices[0].message.content or ""
    chunks = [chunk for chunk in made if chunk.choices]
    assert chunks[-1].choices[0].finish_reason is not None
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


@pytest.mark.slow
def test_an_engine_replaced_under_load(installation: Installation, engines: Engines) -> None:
    """
    An engine is replaced twice by a new process while four callers ask and stream without a pause: nobody notices, every
    answer is the same, and the old processes end.
    """
    first = engines.ensure("mdv_a")
    installation.publish(arm(model_version_id="mdv_a", prompt=PROMPT, parameters=LONG))

    with standalone(installation) as running, Callers(running) as callers:
        wait_for(lambda: len(callers.answers) > 5)
        second = engines.run(engines.supervisor.renew("mdv_a")).result(timeout=60)
        time.sleep(2)
        before = len(callers.answers)
        third = engines.run(engines.supervisor.renew("mdv_a")).result(timeout=60)
        wait_for(lambda: len(callers.answers) > before + 10)
        wait_for(lambda: not any(Path(f"/proc/{engine.pid}").exists() for engine in (first, second)))

    assert [] == callers.failures
    assert 1 == len(set(callers.answers))
    assert 3 == len({first.url, second.url, third.url})


def test_a_release_replaced_under_load(installation: Installation, engines: Engines) -> None:
    """
    An endpoint moves to another model version while four callers ask and stream, and the old engine is ended: what it was
    answering is answered whole.
    """
    engines.ensure("mdv_a")
    installation.publish(arm(model_version_id="mdv_a", prompt=PROMPT, parameters=LONG))

    with standalone(installation) as running, Callers(running) as callers:
        wait_for(lambda: len(callers.answers) > 5)
        engines.ensure("mdv_b")
        installation.publish(arm("rel_b", model_version_id="mdv_b", prompt=PROMPT, parameters=LONG))
        wait_for(lambda: {"rel_b"} == {release_of(running) for _ in range(12)})
        engines.run(engines.supervisor.stop("mdv_a")).result(timeout=60)
        before = len(callers.answers)
        wait_for(lambda: len(callers.answers) > before + 10)

    assert [] == callers.failures
    assert ["mdv_b"] == [status.model_version_id for status in engines.supervisor.list()]


def test_an_engine_that_does_not_start(installation: Installation, engines: Engines, tmp_path: Path) -> None:
    """
    When the successor cannot be started the old engine goes on, and callers notice nothing.
    """
    old = engines.ensure("mdv_a")
    installation.publish(arm(model_version_id="mdv_a", prompt=PROMPT, parameters=LONG))
    (tmp_path / "broken.gguf").write_bytes(b"not a model")

    with standalone(installation, workers=1) as running, Callers(running) as callers:
        failure = engines.run(engines.supervisor.renew("mdv_a", tmp_path / "broken.gguf")).exception(timeout=30)
        before = len(callers.answers)
        wait_for(lambda: len(callers.answers) > before + 5)

    assert "not GGUF" in str(failure)
    assert [] == callers.failures
    assert old == engines.supervisor.find("mdv_a")


async def test_what_other_processes_see(installation: Installation, tmp_path: Path) -> None:
    """
    A published engine is found from elsewhere within a second of its start, no longer once it ends, and never from another
    machine when it listens on loopback only.
    """
    supervisor = Supervisor(logs=tmp_path / "logs")
    publisher = Publisher(installation.database, supervisor)
    here, elsewhere = Directory(installation.database), Directory(installation.database, machine="another")
    publisher.start()
    await here.start()
    await elsewhere.start()
    try:
        engine = await supervisor.ensure("mdv_a", await asyncio.to_thread(write_model_file, tmp_path))
        await until(lambda: here.find("mdv_a") == engine)
        unseen = elsewhere.find("mdv_a")
        await supervisor.stop("mdv_a")
        await until(lambda: here.find("mdv_a") is None)

        assert unseen is None
    finally:
        await publisher.close()
        for directory in (here, elsewhere):
            await directory.close()
        await supervisor.stop_all()


async def until(done: Any) -> None:
    """
    Wait until something holds.
    """
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.01)

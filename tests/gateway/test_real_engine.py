"""The gateway over a real llama.cpp child with a tiny random model."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.gateway.harness import Plane, arm, endpoint, wait_for
from tests.models.tiny import write_model_file
from treadle.engines.supervisor import Supervisor
from treadle.gateway.types import PromptMessage


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """
    A supervisor in a loop of its own, with one engine running.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Supervisor(logs=tmp_path / "logs")
    gguf = write_model_file(tmp_path)
    try:
        asyncio.run_coroutine_threadsafe(made.ensure("mdv_a", gguf), loop).result(timeout=60)
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(made.stop_all(), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_model_of_ones_own(plane: Plane, key: str, supervisor: Supervisor) -> None:
    """
    Whole and streamed, greedy answers of a real engine are the same text, counted in its own tokens; killed, it answers
    again once its supervisor has restarted it.
    """
    engine = supervisor.find("mdv_a")
    assert engine is not None
    plane.engines["mdv_a"] = engine.url
    prompt = (PromptMessage(role="user", template="{{input}}"),)
    plane.publish(endpoint(plane, arm(prompt=prompt, parameters={"temperature": 0, "max_tokens": 12})))
    client = plane.openai(key)

    def ask(stream: bool) -> str:
        made = client.chat.completions.create(
            model="support", messages=[{"role": "user", "content": "my card"}], stream=stream
        )
        if isinstance(made, openai.Stream):
            return "".join(chunk.choices[0].delta.content or "" for chunk in made if chunk.choices)
        assert "support" == made.model
        return made.choices[0].message.content or ""

    whole, streamed = ask(stream=False), ask(stream=True)
    spans = [node.span for node in plane.spans(2)]
    kill(engine.pid)
    wait_for(lambda: (found := supervisor.find("mdv_a")) is not None and found.pid != engine.pid)
    restarted = supervisor.find("mdv_a")
    assert restarted is not None
    plane.engines["mdv_a"] = restarted.url

    assert whole == streamed
    assert {"ok"} == {span.status for span in spans}
    assert {(spans[0].input_tokens, spans[0].output_tokens)} == {(s.input_tokens, s.output_tokens) for s in spans}
    assert spans[0].input_tokens is not None
    assert whole == ask(stream=False)


def kill(pid: int) -> None:
    """
    End an engine as the kernel would.
    """
    os.kill(pid, signal.SIGKILL)

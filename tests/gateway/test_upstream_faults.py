"""Engines that are away, break, stall or talk nonsense, and callers that hang up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest

from tests.gateway.harness import Plane, arm, endpoint, scripted, serving, upstream, wait_for
from treadle.gateway.types import Rule

MESSAGES: list[Any] = [{"role": "user", "content": "tell me"}]
LONG = " ".join(["word"] * 200)


def _ask(plane: Plane, key: str, **more: Any) -> Any:
    return plane.openai(key).chat.completions.create(model="support", messages=MESSAGES, **more)


def _raw_stream(plane: Plane, key: str) -> httpx2.Response:
    body = {"model": "support", "messages": MESSAGES, "stream": True}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{plane.url}/v1/chat/completions", json=body, headers=headers, trust_env=False)


@contextmanager
def _engine_process(reply: str, chunk_delay_ms: float) -> Iterator[tuple[str, int]]:
    """Run a scripted engine in a process of its own; yields its URL and process id."""
    program = (
        "import socket, uvicorn\n"
        "from treadle.gateway.providers.scripted import scripted_server\n"
        "from treadle.gateway.types import Rule\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n"
        f"app = scripted_server([Rule(reply={reply!r}, chunk_delay_ms={chunk_delay_ms})])\n"
        "uvicorn.Server(uvicorn.Config(app, log_config=None, interface='asgi3')).run(sockets=[s])\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    url = f"http://127.0.0.1:{child.stdout.readline().strip()}"
    wait_for(lambda: _answers(url))
    try:
        yield url, child.pid
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("stream", [False, True])
def test_no_engine_runs(plane: Plane, key: str, stream: bool) -> None:
    """
    An endpoint whose engine is away answers 503 with Retry-After, and the failure counts against the arm.
    """
    plane.publish(endpoint(plane, arm()))

    with pytest.raises(openai.InternalServerError) as caught:
        _ask(plane, key, stream=stream)

    assert (503, "engine_unavailable", "2") == (
        caught.value.status_code,
        caught.value.code,
        caught.value.response.headers["retry-after"],
    )
    span = plane.spans()[0].span
    assert ("error", "engine_unavailable", "rel_a") == (span.status, span.error_code, span.release_id)


def test_an_engine_that_refuses_connections(plane: Plane, key: str) -> None:
    """
    An engine that has just ended is the same as none.
    """
    with serving(lambda *_: None) as url:
        pass
    plane.engines["mdv_a"] = url
    plane.publish(endpoint(plane, arm()))

    with pytest.raises(openai.InternalServerError) as caught:
        _ask(plane, key)

    assert 503 == caught.value.status_code


def test_an_engine_is_killed_in_the_middle_of_a_stream(plane: Plane, key: str) -> None:
    """
    kill -9 of the engine ends the stream with a typed error that the official client raises; it never looks complete.
    """
    with _engine_process(LONG, 20) as (url, pid):
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))
        stream = _ask(plane, key, stream=True)
        got = [next(stream) for _ in range(4)]

        os.kill(pid, signal.SIGKILL)
        with pytest.raises(openai.APIError) as caught:
            got += list(stream)

    assert "stream_cut" == caught.value.code
    assert len(got) < 200
    assert all(chunk.choices[0].finish_reason is None for chunk in got)
    span = plane.spans()[0].span
    assert ("error", "stream_cut", None) == (span.status, span.error_code, span.finish_reason)
    assert isinstance(span.output_messages, list)
    assert span.output_messages[0]["content"].startswith("word word")


@pytest.mark.parametrize("provider", ["engine", "scripted"])
def test_a_cut_stream_on_the_wire(plane: Plane, key: str, provider: str) -> None:
    """
    On the wire a cut stream ends with an error event, without [DONE] and without a finish reason.
    """
    rule = Rule(reply=LONG, cut_after_chunks=3)
    with upstream([rule]) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm() if provider == "engine" else scripted(rule)))

        text = _raw_stream(plane, key).text

    events = text.strip().split("\n\n")
    assert "stream_cut" == json.loads(events[-1].removeprefix("data: "))["error"]["code"]
    assert "[DONE]" not in text
    assert '"finish_reason":"stop"' not in text


def test_an_answer_that_is_cut(plane: Plane, key: str) -> None:
    """
    An engine that breaks off a plain answer gives 502, not half an answer.
    """
    with upstream([Rule(reply=LONG, cut_after_chunks=0)]) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))

        with pytest.raises(openai.InternalServerError) as caught:
            _ask(plane, key)

    assert (502, "upstream_failed") == (caught.value.status_code, caught.value.code)


@pytest.mark.parametrize(
    ("status", "wanted", "code"),
    [(400, 400, "upstream_400"), (429, 429, "upstream_rate_limited"), (500, 502, "upstream_failed")],
)
def test_an_engine_that_answers_with_an_error(plane: Plane, key: str, status: int, wanted: int, code: str) -> None:
    """
    What the engine refuses is passed on as it said it; its own faults become 502.
    """
    with upstream([Rule(reply="context is too long", status=status)]) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))

        with pytest.raises(openai.APIStatusError) as caught:
            _ask(plane, key, stream=True)

    assert wanted == caught.value.status_code
    assert ("context is too long" in caught.value.message) == (wanted < 500)
    assert code == plane.spans()[0].span.error_code


def test_an_engine_that_cannot_do_it(plane: Plane, key: str) -> None:
    """
    Where the engine says that it cannot do such a thing at all (501), the caller reads so in our words, not the engine's.
    """
    with upstream([Rule(reply="Start it with `--embeddings`", status=501)]) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))

        with pytest.raises(openai.BadRequestError) as caught:
            _ask(plane, key)

    assert "protocol_not_supported" == caught.value.code
    assert "provider 'engine' behind this model cannot answer a request of 'chat'; call a model that can" in str(
        caught.value
    )
    assert "--embeddings" not in str(caught.value)


def test_an_engine_that_talks_nonsense(plane: Plane, key: str) -> None:
    """
    A 200 that is no chat completion is a 502, whatever it is.
    """
    bodies = [b"<html>hello</html>", b'{"error": {"message": "no"}}', b"[]", b""]
    said = b""

    async def nonsense(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said})

    with serving(nonsense) as url:
        for number, body in enumerate(bodies):
            said = body
            # Each from a target of its own, or the breaker would soon keep requests away.
            plane.engines[f"mdv_{number}"] = url
            plane.publish(endpoint(plane, arm(model_version_id=f"mdv_{number}")))

            with pytest.raises(openai.InternalServerError) as caught:
                _ask(plane, key)

            assert (502, "upstream_failed") == (caught.value.status_code, caught.value.code)


def test_a_caller_hangs_up_in_the_middle_of_a_stream(plane: Plane, key: str) -> None:
    """
    The engine's work stops within a second, the slot is free, and the trace says cancelled.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply=LONG, chunk_delay_ms=500)], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))
        stream = _ask(plane, key, stream=True)
        next(stream)

        stream.close()
        took = wait_for(lambda: b"closed" in seen)

    assert took < 50.0  # of 100 s
    wait_for(lambda: plane.data_plane.application.in_flight == 0)
    assert "cancelled" == plane.spans()[0].span.status


def test_a_caller_hangs_up_before_a_plain_answer(plane: Plane, key: str) -> None:
    """
    The same before the first byte, without a stream.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply="late", delay_ms=120_000)], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))

        began = time.monotonic()
        with pytest.raises(openai.APITimeoutError):
            _ask(plane, key, timeout=2)
        wait_for(lambda: b"closed" in seen)

    assert time.monotonic() - began < 60
    assert "cancelled" == plane.spans()[0].span.status

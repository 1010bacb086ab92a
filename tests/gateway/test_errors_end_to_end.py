"""Errors through OpenAI's client, and what passes untouched where both sides speak the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest

from tests.gateway.harness import Plane, serving
from tests.gateway.site import Site, opened
from tests.gateway.upstreams import PATHS, body_of, provide, serve, trace
from tests.gateway.wall import TEXT
from treadle.gateway.types import ProtocolName, Target

ASKED: list[Any] = [{"role": "user", "content": "what does it do"}]
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    A gateway with an endpoint for each kind of provider.
    """
    with opened(module_plane) as made:
        yield made


CLASSES: dict[int, tuple[type[openai.APIStatusError], str]] = {
    400: (openai.BadRequestError, "wall_400"),
    404: (openai.NotFoundError, "wall_404"),
    409: (openai.ConflictError, "wall_409"),
    422: (openai.UnprocessableEntityError, "wall_422"),
    429: (openai.RateLimitError, "upstream_rate_limited"),
    401: (openai.InternalServerError, "upstream_denied"),
    403: (openai.InternalServerError, "upstream_denied"),
    500: (openai.InternalServerError, "upstream_failed"),
    503: (openai.InternalServerError, "upstream_overloaded"),
    529: (openai.InternalServerError, "upstream_overloaded"),
}


@BOTH
@pytest.mark.parametrize("status", CLASSES)
def test_errors_of_a_provider(site: Site, status: int, stream: bool) -> None:
    """
    The client raises its own exceptions with a code and the request's id; a refused key of ours is no caller's fault.
    """
    kind, code = CLASSES[status]
    site.serve(f"error-{status}-{stream}", "open", arm={})
    site.say(status=status, error="no such tool")

    with pytest.raises(kind) as caught:
        site.openai.chat.completions.create(model=f"error-{status}-{stream}", messages=ASKED, stream=stream)

    assert code == caught.value.code
    assert caught.value.request_id == caught.value.response.headers["x-treadle-trace-id"]
    span = trace(site.plane, str(caught.value.request_id)).span
    assert "error" == span.status
    assert (f"upstream_{status}" if code.startswith("wall") else code) == span.error_code


@pytest.mark.parametrize("status", [400, 404, 422])
def test_errors_of_another_dialect(site: Site, status: int) -> None:
    """
    What Anthropic says no to in its own shape is an error of OpenAI's to OpenAI's client, in the same words.
    """
    site.say(status=status, error="no such tool")

    with pytest.raises(CLASSES[status][0], match="no such tool") as caught:
        site.openai.chat.completions.create(model="claude", messages=ASKED)

    assert f"upstream_{status}" == caught.value.code


def test_errors_of_ours(site: Site) -> None:
    """
    A wrong key, an unknown model, a field at fault: class, code and the field's name.
    """
    create = site.openai.chat.completions.create

    with pytest.raises(openai.AuthenticationError) as wrong_key:
        site.openai.with_options(api_key="sk-wrong").chat.completions.create(model="open", messages=ASKED)
    with pytest.raises(openai.NotFoundError) as no_model:
        create(model="gpt-nothing", messages=ASKED)
    numbers: list[Any] = [{"role": "user", "content": 7}]
    with pytest.raises(openai.BadRequestError) as bad_field:
        create(model="open", messages=numbers)

    assert ("invalid_api_key", "model_not_found") == (wrong_key.value.code, no_model.value.code)
    assert ("invalid_request", "messages[0].content") == (bad_field.value.code, bad_field.value.param)


def test_a_stream_that_fails(site: Site) -> None:
    """
    In the middle of a stream the client raises; it never looks complete.
    """
    site.serve("cut", "open", arm={})
    site.say(cut_at=6, gate_at=6)
    words: list[str] = []
    reasons: list[str | None] = []

    def read() -> None:
        for chunk in site.openai.chat.completions.create(model="cut", messages=ASKED, stream=True):
            words.append(chunk.choices[0].delta.content or "")
            reasons.append(chunk.choices[0].finish_reason)
            if "".join(words):
                site.wall.gate.set()

    with pytest.raises(openai.APIError) as caught:
        read()

    assert "stream_cut" == caught.value.code
    assert TEXT.startswith("".join(words))
    assert {None} == set(reasons)


@contextmanager
def _saying(data: bytes, content_type: str) -> Iterator[tuple[str, list[bytes]]]:
    """Serve an upstream that answers everything with these bytes; yields its base URL, and the bodies that it was sent."""
    seen: list[bytes] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        seen.append(body + message["body"])
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    with serving(application) as url:
        yield f"{url}/v1", seen


ODD: dict[ProtocolName, tuple[bytes, bytes]] = {
    "chat": (
        b'{"new": {"a": [1.0, 1e3]}, "model": "m", "id":"x","choices": [{"index":0,"finish_reason":"stop",'
        b'"message":{"role":"assistant","content":"hi","later":"\\u00e9"}}], "usage": null }',
        b': hello\n\ndata: {"model":"m","choices":[{"index":0,"delta":{"content":"hi","later":true}}],"x":1.50}\n\n'
        b'event: odd\nid: 7\ndata: {"kind":"odd"}\n\n'
        b'data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ),
    "responses": (
        b'{"object":"response","status":"completed","model":"m","output":[{"type":"future_item","n":1}],"new":2.50}',
        b'event: response.created\ndata: {"type":"response.created","response":{"object":"response","model":"m"}}\n\n'
        b'event: response.future.delta\ndata: {"type":"response.future.delta","delta":"?","n":1.50}\n\n'
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"hi","new":null}\n\n'
        b'event: response.completed\ndata: {"type":"response.completed","response":'
        b'{"object":"response","status":"completed","model":"m","output":[]}}\n\n',
    ),
    "messages": (
        b'{"type":"message","role":"assistant","model":"m","content":[{"type":"future","n":1.50}],"new":{}}',
        b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","new":1.50}}\n\n'
        b'event: future\ndata: {"type":"future","n":1.50}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"hi"}}\n\n'
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"future_reason"},"usage":{}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ),
}


@BOTH
@pytest.mark.parametrize("protocol", ODD)
def test_bytes_pass(plane: Plane, key: str, protocol: ProtocolName, stream: bool) -> None:
    """
    Where both sides speak the same every byte passes, known or not, but for the model's name, which is the endpoint's.
    """
    said = ODD[protocol][stream]
    kind = "anthropic" if protocol == "messages" else "openai"
    with _saying(said, "text/event-stream" if stream else "application/json") as (url, _):
        provide(plane, url, "odd", kind)
        serve(plane, "support", Target(provider="odd", model="m"))

        got = httpx2.post(
            f"{plane.url}{PATHS[protocol]}",
            json=body_of(protocol, "support", stream=stream),
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
        )

    assert 200 == got.status_code
    for ours, theirs in zip(_payloads(got.content), _payloads(said), strict=True):
        assert _named(theirs) == ours


def test_a_request_passes(plane: Plane, key: str) -> None:
    """
    The caller's fields go as they were written; only the model's name, the usage and what is ours are changed.
    """
    body = (
        b'{"model":"support","messages":[{"role":"user","content":"x","later":1.50}],"new":{"a":[1e3,"\\u00e9"]},'
        b'"stream":true,"stream_options":{"include_usage":false,"include_obfuscation":false},"treadle":{"variables":{}}}'
    )
    with _saying(ODD["chat"][True], "text/event-stream") as (url, seen):
        provide(plane, url, "odd")
        serve(plane, "support", Target(provider="odd", model="m"))

        httpx2.post(
            f"{plane.url}{PATHS['chat']}",
            content=body,
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
            trust_env=False,
        )

    (sent,) = seen
    assert b'"new":{"a":[1e3,"\\u00e9"]}' in sent
    assert b'[{"role":"user","content":"x","later":1.50}]' in sent
    read = json.loads(sent)
    assert ("m", {"include_usage": True, "include_obfuscation": False}) == (read["model"], read["stream_options"])
    assert "treadle" not in read


def _payloads(data: bytes) -> list[bytes]:
    """Cut a stream into its events; a whole answer is one."""
    return data.rstrip(b"\n").split(b"\n\n")


def _named(payload: bytes) -> bytes:
    """Return a payload with the endpoint's name, written as the gateway writes it."""
    return payload.replace(b'"model": "m"', b'"model":"support"').replace(b'"model":"m"', b'"model":"support"')

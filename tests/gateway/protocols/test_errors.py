"""Errors in each protocol's own shape, as its official client raises them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.replay import Replay, Said, replaying
from tests.gateway.translate.exchanges import stream
from treadle.gateway.protocols.registry import PROTOCOLS_BY_NAME
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName

MESSAGES: Any = [{"role": "user", "content": "x"}]


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    """
    One server for all tests of the module.
    """
    with replaying() as served:
        yield served


def refusal(status: int) -> Refusal:
    """Return a refusal of a status."""
    return Refusal(status, "some_code", "what failed; what would be right", param="model")


def ask(replay: Replay, protocol: ProtocolName, *, streamed: bool = False) -> None:
    """Ask by a protocol's official client, and read a stream to its end."""
    client, more = replay.openai(), {"stream": True} if streamed else {}
    asked: Any
    if protocol == "chat":
        asked = client.chat.completions.create(model="m", messages=MESSAGES, **more)
    elif protocol == "completions":
        asked = client.completions.create(model="m", prompt="x", **more)
    elif protocol == "embeddings":
        asked = client.embeddings.create(model="m", input="x")
    elif protocol == "responses":
        asked = client.responses.create(model="m", input="x", **more)
    else:
        asked = replay.anthropic().messages.create(model="m", max_tokens=9, messages=MESSAGES, **more)
    if streamed:
        list(asked)


OPENAI = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
    (503, openai.InternalServerError),
]


@pytest.mark.parametrize("protocol", ["chat", "completions", "embeddings", "responses"])
@pytest.mark.parametrize(("status", "kind"), OPENAI)
def test_openai_raises(replay: Replay, protocol: ProtocolName, status: int, kind: type[openai.APIStatusError]) -> None:
    """
    OpenAI's client raises the class of the status, with our code, message and field.
    """
    body = PROTOCOLS_BY_NAME[protocol].error(refusal(status), "req_1")
    replay.says = Said(body=body, status=status)

    with pytest.raises(kind) as caught:
        ask(replay, protocol)

    assert ("some_code", "model") == (caught.value.code, caught.value.param)
    assert "what failed; what would be right" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "named"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
        (422, anthropic.UnprocessableEntityError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (502, anthropic.InternalServerError, "api_error"),
        (503, anthropic.InternalServerError, "overloaded_error"),
        (504, anthropic.InternalServerError, "timeout_error"),
    ],
)
def test_anthropic_raises(replay: Replay, status: int, kind: type[anthropic.APIStatusError], named: str) -> None:
    """
    Anthropic's client raises the class of the status, with its own word for it and our code.
    """
    body = PROTOCOLS_BY_NAME["messages"].error(refusal(status), "req_1")
    replay.says = Said(body=body, status=status)

    with pytest.raises(kind) as caught:
        ask(replay, "messages")

    assert (status, named, "some_code") == (caught.value.status_code, caught.value.type, caught.value.error_code)
    assert "what failed; what would be right" == caught.value.api_message
    assert {"request_id": "req_1"}.items() <= dict(caught.value.body or {}).items()  # type: ignore[call-overload]


@pytest.mark.parametrize("protocol", ["chat", "completions", "responses"])
def test_a_stream_that_fails_for_openai(replay: Replay, protocol: ProtocolName) -> None:
    """
    OpenAI's client raises when a stream ends with our error event, which carries our code.
    """
    begun = stream("chat").partition(b"\n\n")[0] + b"\n\n" if protocol == "chat" else b""
    replay.stream(begun + PROTOCOLS_BY_NAME[protocol].error_event(refusal(502), "req_1"))

    with pytest.raises(openai.APIError) as caught:
        ask(replay, protocol, streamed=True)

    assert ("some_code", "what failed; what would be right") == (caught.value.code, caught.value.message)


def test_a_stream_that_fails_for_anthropic(replay: Replay) -> None:
    """
    Anthropic's client raises when a stream ends with our error event.
    """
    begun = b"".join(part + b"\n\n" for part in stream("messages").split(b"\n\n")[:4])
    replay.stream(begun + PROTOCOLS_BY_NAME["messages"].error_event(refusal(502), "req_1"))

    with pytest.raises(anthropic.APIStatusError) as caught:
        ask(replay, "messages", streamed=True)

    assert ("api_error", "some_code") == (caught.value.type, caught.value.error_code)

"""Answers that were cut before they stated their usage: what was sent is counted, whoever put it into the request."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.gateway.harness import Plane
from tests.gateway.site import IMAGE, Site, opened
from tests.gateway.upstreams import QUESTION, ask_once, body_of, provide, serve, trace
from tests.gateway.wall_shapes import INPUT_TOKENS
from treadle.gateway.counting import estimate_tokens
from treadle.gateway.referring import IMAGE_TOKENS
from treadle.gateway.types import PromptMessage, ProtocolName, Target
from treadle.traces.types import Span

RULES = "Answer as a clerk of the lost property office would. " * 40
TOOL = {"type": "function", "function": {"name": "find", "description": "Look it up. " * 50, "parameters": {}}}


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    Endpoints for every kind of provider, and one whose release brings a long prompt.
    """
    with opened(module_plane) as made:
        made.serve("long", "open", arm={"prompt": (PromptMessage(role="system", template=RULES),)})
        yield made


def cut(site: Site, body: dict[str, Any]) -> Span:
    """Return the record of a stream that broke off in the middle."""
    site.say(cut_at=5)
    headers = {"authorization": f"Bearer {site.key}"}
    url = f"{site.plane.url}/v1/chat/completions"
    with httpx2.stream(
        "POST", url, json={**body, "stream": True}, headers=headers, trust_env=False, timeout=30
    ) as reply:
        reply.read()
    return trace(site.plane, reply.headers["x-treadle-trace-id"]).span


def test_the_prompt_of_the_release(site: Site) -> None:
    """
    A release's prompt is read, so it is counted: not only the two words that the caller said.
    """
    span = cut(site, {"model": "long", "messages": [{"role": "user", "content": QUESTION}]})

    assert ("error", True) == (span.status, span.attributes["treadle.usage.estimated"])
    assert estimate_tokens(RULES) + estimate_tokens(QUESTION) == span.input_tokens


def test_tools_and_images(site: Site) -> None:
    """
    Tools are read like any text, and an image costs a fixed number of tokens.
    """
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}
    said = [{"role": "user", "content": [{"type": "text", "text": QUESTION}, image]}]

    span = cut(site, {"model": "open", "messages": said, "tools": [TOOL]})

    described = estimate_tokens(str(TOOL["function"]["description"]))  # type: ignore[index]
    assert IMAGE_TOKENS + described + estimate_tokens(QUESTION) <= (span.input_tokens or 0)
    assert IMAGE_TOKENS + described + 50 > (span.input_tokens or 0)


@pytest.mark.parametrize("protocol", ["chat", "completions", "responses", "messages"])
def test_what_was_stated_at_the_beginning(site: Site, protocol: ProtocolName) -> None:
    """
    What a provider stated of what it read is kept, also where its caller's protocol would have said so at the end only.
    """
    site.say(cut_at=6)

    got = ask_once(site.plane, site.key, protocol, "claude", stream=True)

    span = trace(site.plane, got.trace_id).span
    assert "stream_cut" == got.code
    assert INPUT_TOKENS == span.input_tokens
    assert span.attributes["treadle.usage.estimated"]
    assert 0 < (span.output_tokens or 0) < 10


def test_the_caller_leaves_before_the_connection_stands(plane: Plane, key: str) -> None:
    """
    Over https as well, nothing is counted for a provider that was never sent anything.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        provide(plane, f"https://127.0.0.1:{silent.getsockname()[1]}/v1", "silent")
        serve(plane, "support", Target(provider="silent", model="m"))
        body = body_of("chat", "support")
        headers = {"authorization": f"Bearer {key}"}
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{plane.url}/v1/chat/completions", json=body, headers=headers, trust_env=False, timeout=0.5)
        span = plane.spans()[0].span

    assert ("cancelled", None) == (span.status, span.input_tokens)
    assert "treadle.attempts.lost" not in span.attributes

"""Anything that speaks OpenAI's protocol at a base URL: OpenAI itself, vLLM, SGLang, Ollama, Groq, Together ...

A provider that lacks some of the dialects says which it has in its option `dialects`.
"""

from __future__ import annotations

from treadle.gateway.providers.base import Framer, WireRequest
from treadle.gateway.providers.faults import error_message
from treadle.gateway.providers.framing import EventStreamFramer
from treadle.gateway.types import Dialect, Provider, Target

PATHS: dict[Dialect, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "responses": "/responses",
    "messages": "/messages",
}
"""Below the base URL, which ends in /v1 for most."""


class OpenAIKind:
    """Bearer key, paths below a base URL."""

    name = "openai"
    dialects: tuple[Dialect, ...] = ("chat", "completions", "embeddings", "responses")

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request on the wire."""
        return WireRequest(
            url=provider.base_url + PATHS[dialect], headers=bearer_headers(provider, stream=stream), body=body
        )

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a stream into events."""
        return EventStreamFramer()

    def error_message(self, data: bytes) -> str | None:
        """Return what an error body says."""
        return error_message(data)


def plain_headers(provider: Provider, *, stream: bool) -> dict[str, str]:
    """Return the headers of any request with a JSON body, the provider's own last."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "accept-encoding": "identity",
        "user-agent": "treadle",
    }
    if provider.headers:
        headers.update(provider.headers)
    return headers


def bearer_headers(provider: Provider, *, stream: bool) -> dict[str, str]:
    """Return the headers of a request with the key as a bearer token; without a key none is sent."""
    headers = plain_headers(provider, stream=stream)
    if provider.secret:
        headers["authorization"] = f"Bearer {provider.secret}"
    return headers

"""Anthropic's API, and others that speak its messages at a base URL ending in /v1.

Options: `version` (anthropic-version), `beta` (anthropic-beta, comma-separated).
"""

from __future__ import annotations

from treadle.gateway.providers.base import Framer, WireRequest
from treadle.gateway.providers.faults import error_message
from treadle.gateway.providers.framing import EventStreamFramer
from treadle.gateway.providers.openai import plain_headers
from treadle.gateway.types import Dialect, Provider, Target

VERSION = "2023-06-01"


class AnthropicKind:
    """`x-api-key` and `anthropic-version` headers."""

    name = "anthropic"
    dialects: tuple[Dialect, ...] = ("messages",)

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request on the wire."""
        return self._request(provider, "/messages", body, stream=stream)

    def wire_count(self, provider: Provider, body: bytes) -> WireRequest:
        """Return a request to count the tokens of a messages request."""
        return self._request(provider, "/messages/count_tokens", body, stream=False)

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a stream into events."""
        return EventStreamFramer()

    def error_message(self, data: bytes) -> str | None:
        """Return what an error body says."""
        return error_message(data)

    def _request(self, provider: Provider, path: str, body: bytes, *, stream: bool) -> WireRequest:
        headers = plain_headers(provider, stream=stream)
        headers["x-api-key"] = provider.secret
        headers["anthropic-version"] = provider.options.get("version", VERSION)
        if beta := provider.options.get("beta"):
            headers["anthropic-beta"] = beta
        return WireRequest(url=provider.base_url + path, headers=headers, body=body)

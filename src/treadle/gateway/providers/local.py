"""Local engines: the base URL is that of whichever process runs the target's weights now.

The caller of `wire` looks the engine up and hands its URL in as the provider's `base_url`, or uses `wire_at`.
"""

from __future__ import annotations

from treadle.gateway.providers.base import Framer, WireRequest
from treadle.gateway.providers.faults import error_message
from treadle.gateway.providers.framing import EventStreamFramer
from treadle.gateway.providers.openai import PATHS
from treadle.gateway.types import Dialect, Provider, Target
from treadle.gateway.upstream import NotRunning

_HEADERS = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "treadle"}


class EngineKind:
    """OpenAI's protocol without a key, found by model version."""

    name = "engine"
    dialects: tuple[Dialect, ...] = ("chat", "completions", "embeddings")

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request on the wire. Raises NotRunning when the provider has no base URL."""
        return self.wire_at(provider.base_url or None, target, dialect, body)

    def wire_at(self, url: str | None, target: Target, dialect: Dialect, body: bytes) -> WireRequest:
        """Return the request to an engine, such as 'http://127.0.0.1:4711'. Raises NotRunning for None."""
        if url is None:
            raise NotRunning(target.model)
        return WireRequest(url=f"{url}/v1{PATHS[dialect]}", headers=_HEADERS, body=body)

    def wire_count(self, url: str | None, target: Target, body: bytes) -> WireRequest:
        """Return a request to count the tokens of a messages request. Raises NotRunning for None."""
        if url is None:
            raise NotRunning(target.model)
        return WireRequest(url=f"{url}/v1/messages/count_tokens", headers=_HEADERS, body=body)

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a stream into events."""
        return EventStreamFramer()

    def error_message(self, data: bytes) -> str | None:
        """Return what an error body says."""
        return error_message(data)

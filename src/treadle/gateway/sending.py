"""The way out: a body that is ready goes to whoever answers for its target, over the network or in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from treadle.gateway.providers.anthropic import AnthropicKind
from treadle.gateway.providers.local import EngineKind
from treadle.gateway.providers.scripted import answer_by
from treadle.gateway.ready import Route
from treadle.gateway.transport import Transport
from treadle.gateway.types import Arm, Clocks, Dialect
from treadle.gateway.upstream import Reply

FindEngine = Callable[[str], str | None]
"""From a model version's id to the base URL of the engine that runs it now, or None."""


class Sender:
    """Sends requests; belongs to one event loop."""

    def __init__(self, find_engine: FindEngine, transport: Transport | None = None) -> None:
        self._find_engine = find_engine
        self._transport = transport or Transport()

    def send(
        self,
        arm: Arm,
        route: Route,
        dialect: Dialect,
        body: bytes,
        clocks: Clocks,
        stream: bool,
        headers: Mapping[str, str],
    ) -> Awaitable[Reply]:
        """Send a body to a target; await the result for the head of the reply. Raises UpstreamError.

        headers: further ones; those of the provider win.
        """
        kind, target, provider = route.kind, route.target, route.provider
        if isinstance(kind, EngineKind) and not provider.base_url:
            request = kind.wire_at(self._find_engine(target.model), target, dialect, body)
        elif kind.name == "scripted":
            return answer_by(arm.script, body, clocks)
        else:
            request = kind.wire(provider, target, dialect, body, stream=stream)
        if headers:
            request.headers = {**headers, **request.headers}
        return self._transport.send(request, provider, clocks)

    async def count(self, route: Route, body: bytes, clocks: Clocks) -> Reply | None:
        """Ask a target how many tokens a messages request has; None where nobody can say. Raises UpstreamError."""
        kind, target, provider = route.kind, route.target, route.provider
        if isinstance(kind, AnthropicKind):
            request = kind.wire_count(provider, body)
        elif isinstance(kind, EngineKind):
            request = kind.wire_count(provider.base_url or self._find_engine(target.model), target, body)
        else:
            return None
        return await self._transport.send(request, provider, clocks)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

"""Azure OpenAI: deployments at a resource with an api-version, or the newer surface at .../openai/v1.

The target's model is the deployment's name. Options: `api_version`; `auth` = 'bearer' sends the secret as an Entra ID
token instead of as a key.
"""

from __future__ import annotations

from urllib.parse import quote

from treadle.gateway.providers.base import Framer, WireRequest
from treadle.gateway.providers.faults import error_message
from treadle.gateway.providers.framing import EventStreamFramer
from treadle.gateway.providers.openai import PATHS, plain_headers
from treadle.gateway.types import Dialect, Provider, Target

API_VERSION = "2024-10-21"
"""The newest that is generally available on the deployments' surface."""
V1 = "/openai/v1"


class AzureKind:
    """`api-key` header; the deployment is part of the path."""

    name = "azure"
    dialects: tuple[Dialect, ...] = ("chat", "completions", "embeddings", "responses")

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request on the wire."""
        headers = plain_headers(provider, stream=stream)
        if provider.options.get("auth") == "bearer":
            headers["authorization"] = f"Bearer {provider.secret}"
        else:
            headers["api-key"] = provider.secret
        return WireRequest(url=self._url(provider, target, dialect), headers=headers, body=body)

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a stream into events."""
        return EventStreamFramer()

    def error_message(self, data: bytes) -> str | None:
        """Return what an error body says."""
        return error_message(data)

    def _url(self, provider: Provider, target: Target, dialect: Dialect) -> str:
        base, version = provider.base_url, provider.options.get("api_version")
        if base.endswith(V1):
            query = f"?api-version={quote(version)}" if version else ""
            return f"{base}{PATHS[dialect]}{query}"
        query = f"?api-version={quote(version or API_VERSION)}"
        base = base.removesuffix("/openai")
        if dialect == "responses":
            return f"{base}/openai/responses{query}"
        return f"{base}/openai/deployments/{quote(target.model, safe='')}{PATHS[dialect]}{query}"

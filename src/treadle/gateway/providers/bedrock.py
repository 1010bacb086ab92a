"""Amazon Bedrock: Converse and ConverseStream at https://bedrock-runtime.<region>.amazonaws.com.

The secret is a Bedrock API key, or 'ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]', with which requests are signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from treadle.gateway.providers.base import Framer, WireRequest
from treadle.gateway.providers.eventstream import BinaryEventFramer
from treadle.gateway.providers.faults import error_message
from treadle.gateway.providers.framing import EventStreamFramer
from treadle.gateway.providers.gemini import without_routing
from treadle.gateway.providers.openai import plain_headers
from treadle.gateway.providers.sigv4 import Credentials, sign
from treadle.gateway.types import Dialect, Provider, Target

STREAM_TYPE = "application/vnd.amazon.eventstream"
_ACCESS_KEY = re.compile(r"(A[KS]IA[A-Z0-9]{12,}):([^:\s]+)(?::(\S+))?")
_REGION = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")


class BedrockKind:
    """Bearer key or signature; the model is part of the path."""

    name = "bedrock"
    dialects: tuple[Dialect, ...] = ("converse",)

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """now: the time that requests are signed at."""
        self._now = now

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request on the wire."""
        verb = "converse-stream" if stream else "converse"
        url = f"{provider.base_url}/model/{quote(target.model, safe='')}/{verb}"
        body = without_routing(body)
        headers = plain_headers(provider, stream=False)
        headers["accept"] = STREAM_TYPE if stream else "application/json"
        found = _ACCESS_KEY.fullmatch(provider.secret)
        if found is None:
            headers["authorization"] = f"Bearer {provider.secret}"
        else:
            signed = sign(
                "POST",
                url,
                {"content-type": headers["content-type"]},
                body,
                credentials=Credentials(*found.groups()),
                region=region_of(provider),
                service="bedrock",
                at=self._now(),
            )
            del signed["host"]  # the client writes it
            headers.update(signed)
        return WireRequest(url=url, headers=headers, body=body)

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a stream into events."""
        return BinaryEventFramer() if content_type == STREAM_TYPE else EventStreamFramer()

    def error_message(self, data: bytes) -> str | None:
        """Return what an error body says."""
        return error_message(data)


def region_of(provider: Provider) -> str:
    """Return the region that requests are signed for: the provider's, else that of its host, else us-east-1."""
    if provider.region:
        return provider.region
    found = _REGION.match(urlsplit(provider.base_url).netloc)
    return found.group(1) if found else "us-east-1"

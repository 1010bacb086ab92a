"""Google's Gemini API at .../v1beta: generateContent, and batchEmbedContents for requests to embed.

The model and the verb are part of the path and not of the body.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec import Raw

from treadle.gateway.providers.base import Framer, WireRequest
from treadle.gateway.providers.faults import error_message
from treadle.gateway.providers.framing import EventStreamFramer
from treadle.gateway.providers.openai import plain_headers
from treadle.gateway.types import Dialect, Provider, Target

_EMBEDS = b'{"requests":'
"""How a translated request to embed begins; a request to generate begins with its contents."""
_fields = msgspec.json.Decoder(dict[str, Raw])


class GeminiKind:
    """`x-goog-api-key` header; the model and the verb are part of the path."""

    name = "gemini"
    dialects: tuple[Dialect, ...] = ("gemini",)

    def wire(self, provider: Provider, target: Target, dialect: Dialect, body: bytes, *, stream: bool) -> WireRequest:
        """Return the request on the wire."""
        headers = plain_headers(provider, stream=stream)
        headers["x-goog-api-key"] = provider.secret
        if body.startswith(_EMBEDS):
            verb = "batchEmbedContents"
        else:
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        model = quote(target.model.removeprefix("models/"), safe="")
        return WireRequest(
            url=f"{provider.base_url}/models/{model}:{verb}", headers=headers, body=without_routing(body)
        )

    def framer(self, content_type: str) -> Framer:
        """Return what cuts a stream into events."""
        return EventStreamFramer()

    def error_message(self, data: bytes) -> str | None:
        """Return what an error body says."""
        return error_message(data)


def without_routing(body: bytes) -> bytes:
    """Return a request without `model` and `stream`: this API has both in the path and refuses them in the body."""
    if b'"model"' not in body and b'"stream"' not in body:
        return body
    fields = _fields.decode(body)
    if "model" not in fields and "stream" not in fields:
        return body
    fields.pop("model", None)
    fields.pop("stream", None)
    return msgspec.json.encode(fields)

"""Embeddings to an upstream that speaks Google's batchEmbedContents."""

from __future__ import annotations

from typing import Any

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Usage
from treadle.gateway.translate.limits import cannot
from treadle.gateway.translate.to_gemini import read_gemini_usage


class EmbeddingsToGemini:
    """From embeddings and back. Vectors come as numbers, also when base64 was asked for: official clients take both."""

    def request(self, body: bytes) -> bytes:
        """Return the request for Gemini; raises Refusal (400) for tokens, which it cannot read."""
        given = fields.read_object(body)
        inputs = [given["input"]] if isinstance(given["input"], str) else given["input"]
        if not all(isinstance(each, str) for each in inputs):
            raise cannot("input", "Gemini embeds texts, not tokens")
        model = str(given["model"]).removeprefix("models/")
        requests: list[dict[str, Any]] = []
        for each in inputs:
            request: dict[str, Any] = {"model": f"models/{model}", "content": {"parts": [{"text": each}]}}
            if given.get("dimensions") is not None:
                request["outputDimensionality"] = given["dimensions"]
            requests.append(request)
        return fields.encode({"requests": requests})

    def answer(self, data: bytes) -> bytes:
        """Return a whole answer for the caller; raises ValueError when it is not one."""
        found = fields.read_object(data)
        embeddings = found.get("embeddings")
        if not isinstance(embeddings, list):
            raise ValueError("an answer of Gemini's without embeddings")
        vectors = [
            {"object": "embedding", "index": index, "embedding": each.get("values") or []}
            for index, each in enumerate(embeddings)
        ]
        answer: dict[str, Any] = {"object": "list", "data": vectors, "model": found.get("modelVersion") or ""}
        usage = read_gemini_usage(found.get("usageMetadata"))
        if usage is not None:  # older models state none, and what is unknown is not 0
            answer["usage"] = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}
        return fields.encode(answer)

    def stream(self) -> NoStream:
        """Return a translation that never has anything to do."""
        return NoStream()


class NoStream:
    """Embeddings have no streams."""

    stated: Usage | None = None

    def feed(self, payload: bytes, event: str | None) -> bytes:
        """Return nothing."""
        return b""

    def finish(self) -> bytes:
        """Return nothing."""
        return b""

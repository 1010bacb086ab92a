"""OpenAI's embeddings: texts in, vectors out, which are passed on unread. There are no streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Asked, CallPiece, Lane, Reading
from treadle.gateway.protocols.completions import input_texts, is_text
from treadle.gateway.protocols.fields import Extension, RequestReader
from treadle.gateway.protocols.pieces import Piece
from treadle.gateway.protocols.usage import read_chat_usage
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName

_Input = str | list[str | int | list[int]]


class EmbeddingsRequest(Struct):
    """The fields of an embeddings request that the gateway reads."""

    model: str
    input: _Input
    user: str | None = None
    metadata: Any = None
    treadle: Extension | None = None


class Answer(Struct):
    """An answer, its vectors unread."""

    data: Raw
    usage: Any = None
    model: str | None = None


_reader = RequestReader(EmbeddingsRequest, "OpenAI's embeddings API", "'model' and 'input'")
_answers = msgspec.json.Decoder(Answer)


class EmbeddingsProtocol:
    """Embeddings."""

    name: ProtocolName = "embeddings"
    answer = ""
    path = "/v1/embeddings"
    end_mark = b""

    def parse(self, body: bytes) -> Asked:
        """Understand a request; raises Refusal (400) naming the field at fault."""
        request = _reader.read(body)
        if not request.input:
            raise _reader.invalid("input", "it is empty, at least one text is needed")
        texts = list(input_texts(request.input))
        return Asked(
            protocol="embeddings",
            body=body,
            model=request.model,
            session=fields.named_in(request.metadata, "session_id") or request.user or None,
            user=request.user or None,
            token_limit=0,
            texts=texts,
            input_text=texts[-1] if texts else "",
            tokens_in=None if is_text(request.input) else "input",
            variables={} if request.treadle is None else request.treadle.variables,
            no_training=fields.refuses_training(request.metadata, request.treadle),
        )

    def read(self, data: bytes) -> Reading | None:
        """Read an answer; None when it is not one."""
        try:
            answer = _answers.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        usage = read_chat_usage(answer.usage)
        if usage is not None and usage.output_tokens is None:
            usage.output_tokens = 0
        return Reading(model=answer.model, usage=usage)

    def read_event(self, payload: bytes) -> Reading | None:
        """Return None: embeddings have no streams."""
        return None

    def named(self, data: bytes, name: str) -> bytes:
        """Return an answer with the endpoint's name as its model."""
        return fields.splice_model(data, name)

    def with_text(self, data: bytes, text: str) -> bytes:
        """Return the answer as it is: it has no text."""
        return data

    def rewritten(self, payload: bytes, reading: Reading) -> bytes:
        """Return the payload as it is: there are no streams."""
        return payload

    def call_event(self, payload: bytes, piece: CallPiece) -> bytes:
        """Return the payload as it is: there are no streams."""
        return payload

    def said_again(self, event: dict[str, Any]) -> Iterator[tuple[Lane, dict[str, Any], str]]:
        """Yield nothing: no event repeats what was said."""
        return iter(())

    def pieces(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Yield nothing: there are no streams."""
        return iter(())

    def piece_event(self, payload: bytes, name: str, words: str) -> bytes:
        """Return the payload as it is: there are no streams."""
        return payload

    def beside(self, event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield nothing: there are no streams."""
        return iter(())

    def framed(self, payload: bytes) -> bytes:
        """Return a payload as an event."""
        return fields.frame(payload)

    def error(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the error's body."""
        return refusal.body()

    def error_event(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the error as an event, should one ever be needed."""
        return fields.frame(refusal.body())

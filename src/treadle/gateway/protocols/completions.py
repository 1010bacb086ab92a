"""OpenAI's completions: text in, text on. Prompts may be lists, and tokens in place of text, which no guard can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Asked, CallPiece, Lane, Reading
from treadle.gateway.protocols.chat import DONE, StreamOptions, error_words, most
from treadle.gateway.protocols.fields import Extension, RequestReader
from treadle.gateway.protocols.pieces import Piece, only, pieces_in
from treadle.gateway.protocols.usage import read_chat_usage
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName

_Prompt = str | list[str | int | list[int]]


class CompletionsRequest(Struct):
    """The fields of a completions request that the gateway reads."""

    model: str
    prompt: _Prompt
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    n_cmpl: int | None = None
    best_of: int | None = None
    user: str | None = None
    metadata: Any = None
    suffix: str | None = None
    treadle: Extension | None = None


class Choice(Struct):
    """One answer of the model, or the piece of one."""

    index: int = 0
    text: str | None = None
    finish_reason: str | None = None


class Answer(Struct):
    """A whole answer or one chunk of a stream; the two look alike."""

    choices: list[Choice] | None = None
    usage: Any = None
    model: str | None = None
    error: Any = None


_reader = RequestReader(CompletionsRequest, "OpenAI's completions API", "'model' and 'prompt'")
_answers = msgspec.json.Decoder(Answer)


class CompletionsProtocol:
    """Completions."""

    name: ProtocolName = "completions"
    answer = "choices"
    path = "/v1/completions"
    end_mark = b"data: [DONE]\n\n"

    def parse(self, body: bytes) -> Asked:
        """Understand a request; raises Refusal (400) naming the field at fault."""
        request = _reader.read(body)
        texts = [*input_texts(request.prompt), *([request.suffix] if request.suffix else [])]
        options = request.stream_options
        return Asked(
            protocol="completions",
            body=body,
            model=request.model,
            stream=bool(request.stream),
            wants_usage=options is not None and bool(options.include_usage),
            session=fields.named_in(request.metadata, "session_id") or request.user or None,
            user=request.user or None,
            token_limit=request.max_tokens,
            answers=most(request.n, request.n_cmpl, request.best_of) * _prompts_in(request.prompt),
            texts=texts,
            input_text=next(reversed(list(input_texts(request.prompt))), ""),
            tokens_in=None if is_text(request.prompt) else "prompt",
            variables={} if request.treadle is None else request.treadle.variables,
            no_training=fields.refuses_training(request.metadata, request.treadle),
        )

    def read(self, data: bytes) -> Reading | None:
        """Read a whole answer; None when it is not one."""
        answer = _decoded(data)
        return None if answer is None or answer.choices is None else _reading(answer)

    def read_event(self, payload: bytes) -> Reading | None:
        """Read the data of one event; None when there is nothing in it that we know."""
        if payload == DONE:
            return Reading(ends=True)
        answer = _decoded(payload)
        if answer is None:
            return None
        if answer.error:
            return Reading(error=error_words(answer.error))
        return _reading(answer)

    def named(self, data: bytes, name: str) -> bytes:
        """Return an answer or an event with the endpoint's name as its model."""
        return fields.splice_model(data, name)

    def with_text(self, data: bytes, text: str) -> bytes:
        """Return a whole answer with its text replaced; what was measured on the old text goes."""
        return _with_text(data, text)

    def rewritten(self, payload: bytes, reading: Reading) -> bytes:
        """Return an event payload like this one that says what the reading says instead."""
        return _with_text(payload, reading.text)

    def call_event(self, payload: bytes, piece: CallPiece) -> bytes:
        """Return the payload as it is: there are no calls."""
        return payload

    def said_again(self, event: dict[str, Any]) -> Iterator[tuple[Lane, dict[str, Any], str]]:
        """Yield nothing: no event repeats what was said."""
        return iter(())

    def pieces(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Yield what choices other than the first say."""
        for at, choice in fields.choices_of(event):
            if at:
                yield from pieces_in(choice, str(at), known=fields.CHOICE_FIELDS - {"text"})

    def piece_event(self, payload: bytes, name: str, words: str) -> bytes:
        """Return an event payload like this one that says only these words of a piece."""
        chunk = fields.read_object(payload)
        chunk["choices"] = [choice for at, choice in fields.choices_of(chunk) if name.startswith(f"{at}.")]
        only(self.pieces(chunk), name, words)
        return fields.encode(chunk)

    def beside(self, event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield what stands beside the choices, and in them beside the text."""
        yield from ((event, name) for name in event.keys() - fields.CHUNK_FIELDS)
        for _, choice in fields.choices_of(event):
            yield from ((choice, name) for name in choice.keys() - fields.CHOICE_FIELDS)

    def framed(self, payload: bytes) -> bytes:
        """Return a payload as an event."""
        return fields.frame(payload)

    def error(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the error's body."""
        return refusal.body()

    def error_event(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the framed event that ends a stream which failed."""
        return fields.frame(refusal.body())


def is_text(given: _Prompt) -> bool:
    """Tell whether a prompt or an input to embed is all text, and no tokens."""
    return isinstance(given, str) or all(isinstance(item, str) for item in given)


def _prompts_in(given: _Prompt) -> int:
    """Return how many prompts there are; a list of tokens is one."""
    return 1 if isinstance(given, str) or all(isinstance(item, int) for item in given) else len(given)


def input_texts(given: Any) -> Iterator[str]:
    """Yield the texts of a prompt or an input to embed; tokens and empty texts are none."""
    if isinstance(given, str):
        if given:
            yield given
    else:
        yield from (item for item in given if isinstance(item, str) and item)


def _with_text(data: bytes, text: str) -> bytes:
    answer = fields.read_object(data)
    for choice in answer["choices"][:1]:
        choice["text"] = text
        if choice.get("logprobs") is not None:
            choice["logprobs"] = None
    return fields.encode(answer)


def _decoded(data: bytes) -> Answer | None:
    try:
        return _answers.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _reading(answer: Answer) -> Reading:
    reading = Reading(model=answer.model)
    if answer.usage is not None:
        reading.usage = read_chat_usage(answer.usage)
        reading.is_usage_only = not answer.choices
    for choice in answer.choices or ():
        if choice.index == 0:
            reading.text = choice.text or ""
            reading.finish_reason = choice.finish_reason
            break
    return reading

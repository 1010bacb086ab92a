"""How likely texts that are *given* are to a model: the log-probability of each of their tokens. Nothing is written by the model.

Two ways, and no third:

- **Echo**: OpenAI's text completions with `echo` and `logprobs` (vLLM, SGLang, providers of base models). One request a text.
- **Step by step**: llama.cpp, whose server gives probabilities of what it writes only. Each token of the text is forced in
  turn and its probability read, which is that of the raw logits. One short request a token, the text before it in the cache:
  about what it costs to write a text of that length.

A first token with nothing before it has no probability; it is left out, with its text (`Given.text` is what counts).
What does neither is refused in words (`NoLikelihoods`); chat alone cannot say it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject, JsonValue

COMPLETIONS = "/v1/completions"
_FORCED = 1e4
"""Bias that makes a token the one that is said; the reported probability is from before it."""
_ALL = 10_000_000
"""More than any vocabulary has; a server gives as many as there are."""

Post = Callable[[str, JsonObject], Awaitable[bytes]]
"""Posts JSON to a path of an engine and returns the body of its answer. Raises NoLikelihoods for another status than 200."""


class NoLikelihoods(InvalidInput):
    """The target gives no log-probability of a text that it did not write."""

    code = "evals.no_likelihoods"


class Given(NamedTuple):
    """A text as a model read it."""

    text: str
    """What counts: the text, without a first token that has nothing before it."""
    logprobs: tuple[float, ...]
    """Natural logarithm of the probability of each of its tokens, given those before it."""


class _Listed(msgspec.Struct):
    tokens: list[str] = []
    token_logprobs: list[float | None] = []


class _Choice(msgspec.Struct):
    text: str = ""
    logprobs: _Listed | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None


class _Top(msgspec.Struct):
    id: int
    logprob: float


class _Said(msgspec.Struct):
    id: int
    logprob: float
    top_logprobs: list[_Top] = []


class _Step(msgspec.Struct):
    completion_probabilities: list[_Said] = []


class _Piece(msgspec.Struct):
    id: int
    piece: str | list[int] = ""


class _Tokens(msgspec.Struct):
    tokens: list[_Piece] = []


_completions = msgspec.json.Decoder(_Completion)
_steps = msgspec.json.Decoder(_Step)
_tokens = msgspec.json.Decoder(_Tokens)


def echo_request(text: str, *, model: str) -> bytes:
    """Return the request of a text's log-probabilities by echo. One token more is asked for, as some servers allow no fewer."""
    body: JsonObject = {"model": model, "prompt": text, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0}
    return msgspec.json.encode(body)


def read_echo(data: bytes, text: str) -> Given:
    """Read the answer to `echo_request`. Raises NoLikelihoods where it does not say what was asked."""
    try:
        answer = _completions.decode(data)
        (choice, *_) = answer.choices
    except (msgspec.DecodeError, ValueError) as error:
        raise NoLikelihoods("its answer to a text completion cannot be read") from error
    listed = choice.logprobs
    if listed is None or not listed.token_logprobs or not choice.text.startswith(text):
        raise NoLikelihoods(
            "it does not say how likely a given text is: a text completion with `echo` and `logprobs` came back without "
            "the text's log-probabilities; name a model version, or an endpoint that passes completions through to a "
            "server that gives them (vLLM does)"
        )
    # What was written beyond the text is cut off: by the usage where it is told, else it is the one token asked for.
    told = answer.usage.prompt_tokens if answer.usage is not None else None
    end = told if told is not None and 0 < told <= len(listed.token_logprobs) else len(listed.token_logprobs) - 1
    logprobs = listed.token_logprobs[:end]
    first = listed.tokens[0] if listed.tokens else ""
    if logprobs and logprobs[0] is None:
        # A start token is no part of the text; any other first token is, and nothing says how likely it was.
        text, logprobs = text.removeprefix(first), logprobs[1:]
    return Given(text, tuple(each for each in logprobs if each is not None))


async def read_by_steps(post: Post, text: str, *, context_length: int, slot: int) -> Given:
    """Ask a llama.cpp server token by token. slot: which of its slots keeps what was read so far, nobody else's meanwhile.

    Raises NoLikelihoods for a text that is longer than the model reads, and for a server that is no llama.cpp.
    """
    pieces = await _pieces(post, text, is_special=True)
    (letter, *_) = await _pieces(post, "a", is_special=False)
    ids = [piece.id for piece in pieces]
    if len(ids) > context_length:
        raise NoLikelihoods(
            f"the text has {len(ids)} tokens and the model reads at most {context_length}; split it into shorter rows"
        )
    logprobs = [await _step(post, ids[:place], ids[place], letter=letter.id, slot=slot) for place in range(1, len(ids))]
    return Given(_after_first(text, pieces), tuple(logprobs))


async def _pieces(post: Post, text: str, *, is_special: bool) -> list[_Piece]:
    said = await post("/tokenize", {"content": text, "add_special": is_special, "with_pieces": True})
    try:
        return _tokens.decode(said).tokens
    except msgspec.DecodeError as error:
        raise NoLikelihoods("its answer to /tokenize cannot be read, so it is no llama.cpp that we know") from error


async def _step(post: Post, before: Sequence[int], token: int, *, letter: int, slot: int) -> float:
    """Return the log-probability of a token after others."""
    asked: JsonObject = {
        "prompt": list[JsonValue](before), "n_predict": 1, "temperature": 0, "cache_prompt": True, "id_slot": slot,
        "response_fields": ["completion_probabilities"],
    }  # fmt: skip
    said = _read_step(await post("/completion", {**asked, "n_probs": 1, "logit_bias": [[token, _FORCED]]}))
    if said is not None and said.id == token:
        return said.logprob
    # Half a character and an end token are answered without numbers: a letter is said instead, and the whole table read.
    said = _read_step(await post("/completion", {**asked, "n_probs": _ALL, "logit_bias": [[letter, _FORCED]]}))
    found = None if said is None else next((each.logprob for each in said.top_logprobs if each.id == token), None)
    if found is None:
        raise NoLikelihoods(f"the engine does not say how likely token {token} is")
    return found


def _read_step(data: bytes) -> _Said | None:
    try:
        probabilities = _steps.decode(data).completion_probabilities
    except msgspec.DecodeError as error:
        raise NoLikelihoods("its answer to /completion cannot be read, so it is no llama.cpp that we know") from error
    return probabilities[0] if probabilities else None


def _after_first(text: str, pieces: Sequence[_Piece]) -> str:
    """Return the text without its first token; whole where that is a start token, which is no part of it."""
    if not pieces:
        return ""
    first = pieces[0].piece
    raw = first.encode() if isinstance(first, str) else bytes(first)
    return text.encode().removeprefix(raw).decode("utf-8", "replace")

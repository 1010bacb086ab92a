"""Callers of OpenAI's completions, answered by a chat model: the prompt becomes one user message."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from treadle.gateway.protocols import fields
from treadle.gateway.translate.limits import cannot, malformed, refuse_fields
from treadle.gateway.translate.pivot import DONE, Chunk, Completion, text_in
from treadle.gateway.types import ProtocolName

_REFUSED = {
    "suffix": "a chat model cannot fill in between two texts",
    "echo": "a chat model does not repeat its prompt",
    "best_of": "a chat model does not choose among its answers; use 'n'",
}
_SAME = (
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "n",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "user",
    "metadata",
    "treadle",
)


class CompletionsFront:
    """A caller that speaks completions."""

    protocol: ProtocolName = "completions"

    def request(self, body: bytes) -> dict[str, Any]:
        """Return the chat request; raises Refusal (400) for what chat cannot say."""
        given = fields.read_object(body)
        refuse_fields(given, _REFUSED)
        chat = {name: given[name] for name in _SAME if given.get(name) is not None}
        chat["messages"] = [{"role": "user", "content": _prompt(given.get("prompt"))}]
        logprobs = given.get("logprobs")
        if logprobs is not None and logprobs is not False:
            chat["logprobs"] = True
            if logprobs is not True and logprobs > 0:
                chat["top_logprobs"] = logprobs
        return chat

    def answer(self, completion: Completion) -> bytes:
        """Return a whole answer for the caller."""
        choices = []
        for choice in completion.choices or ():
            text = "" if choice.message is UNSET else text_in(choice.message.content)
            choices.append(_choice(choice.index, text, choice.finish_reason, choice.logprobs, 0))
        answer: dict[str, Any] = _head(completion, choices)
        if completion.usage is not UNSET:
            answer["usage"] = completion.usage
        return fields.encode(answer)

    def stream(self) -> CompletionsFrontStream:
        """Return what writes one stream."""
        return CompletionsFrontStream()


class CompletionsFrontStream:
    """Writes pieces of text; the chunk that only names the role is left out."""

    def __init__(self) -> None:
        self._stopped = False
        self._lengths: dict[int, int] = {}
        """Characters said so far by each choice: where its next tokens stand."""

    def feed(self, chunk: Chunk) -> bytes:
        """Return the event of a chunk."""
        if chunk.error is not UNSET:
            return fields.frame(fields.encode({"error": chunk.error}))
        choices = []
        for choice in chunk.choices or ():
            text = "" if choice.delta is UNSET else text_in(choice.delta.content)
            if not text and choice.finish_reason is None:
                continue
            self._stopped = self._stopped or choice.finish_reason is not None
            before = self._lengths.get(choice.index, 0)
            choices.append(_choice(choice.index, text, choice.finish_reason, choice.logprobs, before))
            self._lengths[choice.index] = before + len(text)
        event = _head(chunk, choices)
        if chunk.usage is not UNSET and chunk.usage is not None:
            event["usage"] = chunk.usage
        elif not choices:
            return b""
        return fields.frame(fields.encode(event))

    def finish(self) -> bytes:
        """Return the end mark."""
        return fields.frame(DONE) if self._stopped else b""


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list):
        if all(isinstance(each, str) for each in prompt):
            raise cannot("prompt", "a chat model answers one prompt per request")
        raise cannot("prompt", "a chat model reads text, not tokens")
    raise malformed("prompt", "a text is needed")


def _head(said: Completion | Chunk, choices: list[dict[str, Any]]) -> dict[str, Any]:
    made = {"id": said.id, "object": "text_completion", "created": said.created, "model": said.model or ""}
    return {**made, "choices": choices}


def _choice(index: int, text: str, reason: str | None, logprobs: Any, offset: int) -> dict[str, Any]:
    reason = "stop" if reason in ("tool_calls", "function_call") else reason
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return {"index": index, "text": text, "logprobs": _logprobs(content, offset), "finish_reason": reason}


def _logprobs(content: Any, offset: int) -> dict[str, Any] | None:
    if not isinstance(content, list):
        return None
    offsets = []
    for token in content:
        offsets.append(offset)
        offset += len(token["token"])
    return {
        "tokens": [token["token"] for token in content],
        "token_logprobs": [token["logprob"] for token in content],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in token.get("top_logprobs") or ()} or None for token in content
        ],
        "text_offset": offsets,
    }

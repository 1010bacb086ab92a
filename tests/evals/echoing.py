"""A server of OpenAI's text completions that reads: a letter after another has the probability that a table of ours states."""

from __future__ import annotations

import json
import math
from typing import Any

HALF, QUARTER = math.log(0.5), math.log(0.25)


def logprob_of(character: str) -> float:
    """Every character is a token: a vowel has probability 1/2, any other 1/4."""
    return HALF if character in "aeiou" else QUARTER


async def echoing(scope: Any, receive: Any, send: Any) -> None:
    """Answer a text completion with `echo` and `logprobs` as vLLM does, one token of its own at the end."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    asked = json.loads(body)
    said = completion(asked["prompt"], start=asked["model"].startswith("started"))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


def completion(text: str, *, start: bool = False) -> dict[str, Any]:
    """Return the answer. start: whether the tokenizer puts a start token before the text."""
    tokens = [*(["<s>"] if start else []), *text, "!"]
    logprobs = [None, *(logprob_of(token) for token in tokens[1:])]
    choice = {
        "index": 0, "text": f"{text}!", "finish_reason": "length",
        "logprobs": {"tokens": tokens, "token_logprobs": logprobs, "text_offset": list(range(len(tokens)))},
    }  # fmt: skip
    usage = {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1, "total_tokens": len(tokens)}
    return {"id": "1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}

"""What a LlamaIndex application asks: run by the interpreter of an environment of its own, since LlamaIndex wants an older openai.

    .venv-clients/bin/python tests/gateway/clients/llama_index_asks.py URL KEY MODEL

Prints what it got as JSON. Nothing of ours is imported here.
"""

from __future__ import annotations

import json
import sys

from llama_index.core.llms import ChatMessage  # type: ignore[import-not-found]
from llama_index.core.tools import FunctionTool  # type: ignore[import-not-found]
from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-not-found]

ASKED = [ChatMessage(role="system", content="Be kind."), ChatMessage(role="user", content="what does it do")]


def look_up(query: str) -> str:
    """Looks a word up."""
    return f"{query}: a small red animal"


def main(url: str, key: str, model: str) -> None:
    """Ask in each of LlamaIndex's ways."""
    llm = OpenAILike(
        model=model, api_base=f"{url}/v1", api_key=key, is_chat_model=True, is_function_calling_model=True,
        context_window=8192, max_retries=0, timeout=60,
    )  # fmt: skip
    answer = llm.chat(ASKED)
    pieces = [piece.delta or "" for piece in llm.stream_chat(ASKED)]
    usage = answer.raw.usage
    called = llm.chat_with_tools(
        [FunctionTool.from_defaults(look_up)], chat_history=ASKED, allow_parallel_tool_calls=True
    )
    got = {
        "chat": answer.message.content,
        "tokens": [usage.prompt_tokens, usage.completion_tokens],
        "complete": llm.complete("what does it do").text,
        "stream": "".join(pieces),
        "pieces": len(pieces),
        "tools": called.message.content,
    }
    print(json.dumps(got))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""How much of what an application says may be kept or leave: nothing, masked, or all. Pure; the SDK, the door for traces and what
forwards spans decide by these same rules.

`off` takes content away by the names that the dialects have for it, and masks whatever else is text, for an attribute
that nobody has heard of may hold a question too. `masked` keeps content, with personal data and secrets as tokens.
Structure (ids, models, tokens, times, errors' classes) stays at every level. Doing it twice is doing it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from treadle.guards.pii import mask
from treadle.guards.secrets import mask_secrets

Capture = Literal["off", "masked", "on"]
LEVELS: tuple[Capture, ...] = ("off", "masked", "on")
"""From the least to the most."""

CONTENT = (
    "input.", "output.", "gen_ai.input.", "gen_ai.output.", "gen_ai.prompt.", "gen_ai.completion.", "gen_ai.content.",
    "gen_ai.system_instructions", "gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
    "gen_ai.tool.description", "gen_ai.retrieval.", "gen_ai.event.content", "gen_ai.evaluation.explanation",
    "llm.input_messages", "llm.output_messages", "llm.prompts", "llm.choices", "llm.prompt_template", "llm.tools",
    "llm.function_call", "llm.content", "retrieval.documents", "reranker.query", "reranker.input_documents",
    "reranker.output_documents", "embedding.embeddings", "tool.parameters", "tool.description", "tool.json_schema", "metadata",
    "traceloop.entity.input", "traceloop.entity.output", "traceloop.prompt.template", "langfuse.observation.input",
    "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output", "langfuse.observation.metadata",
    "langfuse.trace.metadata", "ai.prompt", "ai.response.text", "ai.response.object", "ai.response.toolCalls",
    "ai.response.reasoning", "ai.telemetry.metadata", "crewai.", "ai.result", "ai.toolCall.args", "ai.toolCall.result", "ai.value", "ai.values", "mlflow.spanInputs",
    "mlflow.spanOutputs", "mlflow.chat", "db.statement", "db.query.text", "db.query.result", "exception.message",
    "exception.stacktrace", "content", "message", "body",
)  # fmt: skip
"""How the names of attributes begin that hold what people or models said."""
_BARE = ("gen_ai.prompt", "gen_ai.completion")
_KEPT = frozenset(("input.mime_type", "output.mime_type", "gen_ai.output.type", "gen_ai.prompt.name"))
_WORDS = _KEPT | {
    "openinference.span.kind",
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "error.type",
    "exception.type",
}
"""What has a few known values, not worth a search."""
_IDS = ("session.id", "user.id", "gen_ai.conversation.id", "enduser.id", "langfuse.session.id", "langfuse.user.id")
_MAX_PIECE = 200_000
_SHORTEST = 6
"""Characters of the shortest thing that is masked, an address."""


def lower(first: Capture, second: Capture) -> Capture:
    """Return the level that lets less out."""
    return min(first, second, key=LEVELS.index)


def masked(text: str) -> str:
    """Return a text with secrets and personal data as tokens such as [EMAIL]."""
    if len(text) < _SHORTEST:
        return text
    if len(text) > _MAX_PIECE:
        return masked(text[:_MAX_PIECE]) + "… (cut)"
    return mask(mask_secrets(text).text).text


def masked_id(text: str) -> str:
    """Return an id as it is, unless it is itself personal, such as an address: then a digest, so that people stay apart."""
    return text if masked(text) == text else f"masked-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def stays(name: str, level: Capture) -> bool:
    """Tell whether an attribute of this name may stay, masked or not."""
    return level != "off" or name in _KEPT or not (name.startswith(CONTENT) or name in _BARE)


def is_word(name: str) -> bool:
    """Tell whether an attribute has a few known values, not worth a search."""
    return name in _WORDS


def is_id(name: str) -> bool:
    """Tell whether an attribute names a person or a conversation."""
    return name in _IDS


def reduce_attributes(attributes: Mapping[str, Any], level: Capture) -> dict[str, Any]:
    """Return attributes, as plain values, with no more than a level below 'on' allows."""
    return {
        name: value if name in _WORDS else _reduced(name, value)
        for name, value in attributes.items()
        if stays(name, level)
    }


def _reduced(name: str, value: Any) -> Any:
    return masked_id(value) if name in _IDS and isinstance(value, str) else masked_value(value)


def masked_value(value: Any) -> Any:
    """Return a plain value with every text in it masked; names of fields stay."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [masked_value(one) for one in value]
    if isinstance(value, dict):
        return {name: masked_value(one) for name, one in value.items()}
    return value

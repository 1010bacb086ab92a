"""Token counts as each protocol states them, as disjoint buckets, and back.

OpenAI's prompt tokens include what was read from a cache, written to one, and audio and images; its completion tokens
include reasoning and audio (but not at providers whose total says otherwise). Anthropic's input excludes both caches.
Details that contradict their total are cut to fit it, so that no bucket is negative and none is counted twice.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from treadle.gateway.protocols.base import Usage

_DETAILS = ("prompt_tokens_details", "completion_tokens_details", "prompt_cache_hit_tokens")


class CacheCreation(Struct):
    """Anthropic's split of what was written to a cache."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class InputDetails(Struct):
    """OpenAI's details of what was read."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cache_creation_token_details: CacheCreation | None = None
    """Not OpenAI's: the split by lifetime, where a translation from Anthropic or Bedrock knows it."""


class OutputDetails(Struct):
    """OpenAI's details of what was written."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class ChatUsage(Struct):
    """Usage in chat completions, completions and embeddings."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for cached tokens."""


class ResponsesUsage(Struct):
    """Usage in the Responses API."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class ThinkingDetails(Struct):
    """Anthropic's details of what was written."""

    thinking_tokens: int | None = None


class MessagesUsage(Struct):
    """Usage in Anthropic's messages; in a stream's `message_delta` some of it is left out."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: ThinkingDetails | None = None


def read_chat_usage(stated: Any) -> Usage | None:
    """Read usage of chat completions, completions or embeddings; None when there is none."""
    if isinstance(stated, dict) and not any(map(stated.get, _DETAILS)):
        read, written = stated.get("prompt_tokens"), stated.get("completion_tokens")
        if type(read) is int and type(written) is int:  # what nearly all there is says, and nothing else
            return Usage(input_tokens=max(0, read), output_tokens=max(0, written))
    usage = _convert(stated, ChatUsage)
    if usage is None:
        return None
    details = usage.prompt_tokens_details or InputDetails()
    if details.cached_tokens is None:
        details.cached_tokens = usage.prompt_cache_hit_tokens
    return _disjoint(
        usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, details, usage.completion_tokens_details
    )


def read_responses_usage(stated: Any) -> Usage | None:
    """Read usage of the Responses API; None when there is none."""
    usage = _convert(stated, ResponsesUsage)
    if usage is None:
        return None
    details = usage.input_tokens_details or InputDetails()
    return _disjoint(usage.input_tokens, usage.output_tokens, usage.total_tokens, details, usage.output_tokens_details)


def read_messages_usage(stated: Any) -> Usage | None:
    """Read Anthropic's usage; None when there is none."""
    usage = _convert(stated, MessagesUsage)
    if usage is None:
        return None
    written = usage.cache_creation_input_tokens or 0
    long = (usage.cache_creation.ephemeral_1h_input_tokens or 0) if usage.cache_creation else 0
    if usage.cache_creation is not None:
        written = max(written, long + (usage.cache_creation.ephemeral_5m_input_tokens or 0))
    thinking = (usage.output_tokens_details.thinking_tokens or 0) if usage.output_tokens_details else 0
    return Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_input_tokens or 0,
        cache_write_tokens=max(0, written - long),
        cache_write_1h_tokens=long,
        output_tokens=None if usage.output_tokens is None else max(0, usage.output_tokens - thinking),
        reasoning_tokens=min(thinking, usage.output_tokens or 0),
    )


def has_details(usage: Usage) -> bool:
    """Tell whether there is more than text that was read afresh, and text that was written."""
    return bool(
        usage.cache_read_tokens
        or usage.reasoning_tokens
        or usage.cache_write_tokens
        or usage.cache_write_1h_tokens
        or usage.input_audio_tokens
        or usage.input_image_tokens
        or usage.output_audio_tokens
    )


def input_total(usage: Usage) -> int:
    """Return everything that was read, as OpenAI counts prompt tokens."""
    return (
        (usage.input_tokens or 0)
        + usage.cache_read_tokens
        + usage.cache_write_tokens
        + usage.cache_write_1h_tokens
        + usage.input_audio_tokens
        + usage.input_image_tokens
    )


def output_total(usage: Usage) -> int:
    """Return everything that was written, as OpenAI counts completion tokens."""
    return (usage.output_tokens or 0) + usage.reasoning_tokens + usage.output_audio_tokens


def write_chat_usage(usage: Usage | None) -> dict[str, Any] | None:
    """Return usage as chat completions state it; None when nothing is known."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    read, written = input_total(usage), output_total(usage)
    details: dict[str, Any] = {"cached_tokens": usage.cache_read_tokens, "audio_tokens": usage.input_audio_tokens}
    if usage.input_image_tokens:
        details["image_tokens"] = usage.input_image_tokens
    if usage.cache_write_tokens or usage.cache_write_1h_tokens:
        details["cache_write_tokens"] = usage.cache_write_tokens + usage.cache_write_1h_tokens
        details["cache_creation_token_details"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": details,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.output_audio_tokens,
        },
    }


def write_responses_usage(usage: Usage | None) -> dict[str, Any] | None:
    """Return usage as the Responses API states it; None when nothing is known."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    read, written = input_total(usage), output_total(usage)
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": read + written,
    }


def write_messages_usage(usage: Usage | None) -> dict[str, Any]:
    """Return usage as Anthropic states it; it is never left out there, so what is unknown is 0."""
    usage = usage or Usage()
    stated: dict[str, Any] = {
        "input_tokens": (usage.input_tokens or 0) + usage.input_audio_tokens + usage.input_image_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": output_total(usage),
    }
    if usage.cache_write_1h_tokens:
        stated["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.reasoning_tokens:
        stated["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return stated


def merged(earlier: Usage | None, later: Usage) -> Usage:
    """Return what two statements of one stream say together; counts are totals so far, and a later one may leave some out."""
    if earlier is None:
        return later
    long = max(earlier.cache_write_1h_tokens, later.cache_write_1h_tokens)
    written = max(
        earlier.cache_write_tokens + earlier.cache_write_1h_tokens,
        later.cache_write_tokens + later.cache_write_1h_tokens,
    )
    has_output = later.output_tokens is not None
    return Usage(
        input_tokens=_largest(earlier.input_tokens, later.input_tokens),
        cache_read_tokens=max(earlier.cache_read_tokens, later.cache_read_tokens),
        cache_write_tokens=written - long,
        cache_write_1h_tokens=long,
        input_audio_tokens=max(earlier.input_audio_tokens, later.input_audio_tokens),
        input_image_tokens=max(earlier.input_image_tokens, later.input_image_tokens),
        output_tokens=later.output_tokens if has_output else earlier.output_tokens,
        reasoning_tokens=later.reasoning_tokens if has_output else earlier.reasoning_tokens,
        output_audio_tokens=later.output_audio_tokens if has_output else earlier.output_audio_tokens,
        estimated=later.estimated,
    )


def _disjoint(
    read: int | None, written: int | None, total: int | None, details: InputDetails, out: OutputDetails | None
) -> Usage:
    left = max(0, read or 0)
    taken: list[int] = []
    counts = (details.cached_tokens, details.cache_write_tokens, details.audio_tokens, details.image_tokens)
    for count in counts:
        taken.append(min(max(0, count or 0), left))
        left -= taken[-1]
    creation = details.cache_creation_token_details
    long = min(taken[1], (creation.ephemeral_1h_input_tokens or 0) if creation else 0)
    reasoning, audio = ((out.reasoning_tokens or 0), (out.audio_tokens or 0)) if out else (0, 0)
    said = max(0, written or 0)
    beside = reasoning > 0 and total is not None and total == (read or 0) + said + reasoning
    if not beside:
        reasoning = min(reasoning, said)
        said -= reasoning
    audio = min(audio, said)
    return Usage(
        input_tokens=None if read is None else left,
        cache_read_tokens=taken[0],
        cache_write_tokens=taken[1] - long,
        cache_write_1h_tokens=long,
        input_audio_tokens=taken[2],
        input_image_tokens=taken[3],
        output_tokens=None if written is None else said - audio,
        reasoning_tokens=reasoning,
        output_audio_tokens=audio,
    )


def _largest(earlier: int | None, later: int | None) -> int | None:
    if earlier is None or later is None:
        return later if earlier is None else earlier
    return max(earlier, later)


def _convert(stated: Any, kind: type[Any]) -> Any:
    """Return the counts; None for what is no object of counts: a strange usage does not spoil its answer."""
    if not isinstance(stated, dict):
        return None
    try:
        return msgspec.convert(stated, kind, strict=False)
    except msgspec.ValidationError:
        return None

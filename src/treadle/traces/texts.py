"""The plain text of a span, for lists and search: what was asked, what was answered."""

from __future__ import annotations

from typing import Any

import msgspec

_OF_SYSTEMS = ("system", "developer")


def input_text(variables: bytes | None, messages: bytes | None) -> str:
    """Return the `input` that the caller gave, else the text of the last user message, else nothing."""
    given = _loaded(variables)
    text = given.get("input") if isinstance(given, dict) else None
    if isinstance(text, str):
        return text
    for message in reversed(_messages(messages)):
        if message.get("role") == "user":
            return _content(message)
    return ""


def conversation(told: Any, also_told: Any) -> str:
    """Return what two releases were both asked, turn by turn, from the messages of one and of the other; nothing of one turn.

    What only one was told as the system's word is that release's own, and no part of the question.
    """
    others = also_told if isinstance(also_told, list) else []
    turns = []
    for message in told if isinstance(told, list) else []:
        if not isinstance(message, dict) or (message.get("role") in _OF_SYSTEMS and message not in others):
            continue
        calls = message.get("tool_calls")
        said = [_content(message), msgspec.json.encode(calls).decode() if calls else ""]
        text = "\n".join(filter(None, said))
        if text:
            turns.append(f"[{message.get('role')}]\n{text}")
    return "\n\n".join(turns) if len(turns) > 1 else ""


def output_text(messages: bytes | None) -> str:
    """Return the text of what the model said."""
    return "\n".join(filter(None, (_content(message) for message in _messages(messages))))


def scrub(data: bytes | None) -> bytes | None:
    """Return JSON without what PostgreSQL cannot hold: NUL characters and half surrogate pairs become U+FFFD."""
    import json  # lenient where msgspec is strict, which is what we need here

    if data is None:
        return None
    try:
        return msgspec.json.encode(scrub_value(json.loads(data)))
    except (ValueError, RecursionError):
        return None


def scrub_text(text: str) -> str:
    """Return text without NUL characters and half surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def scrub_value(value: Any) -> Any:
    """Return a JSON value with every text and name in it scrubbed."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, list):
        return [scrub_value(item) for item in value]
    if isinstance(value, dict):
        return {scrub_text(name): scrub_value(item) for name, item in value.items()}
    return value


def _loaded(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _messages(data: bytes | None) -> list[dict[str, Any]]:
    loaded = _loaded(data)
    return [message for message in loaded if isinstance(message, dict)] if isinstance(loaded, list) else []


def _content(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return ""

"""Messages of every dialect in one shape: the gateway's own, which is OpenAI's chat.

    {"role": "assistant", "content": "", "reasoning_content": "...", "tool_calls": [{"id": "call_1", "type": "function",
     "function": {"name": "find", "arguments": "{\"number\":\"4711\"}"}}]}
    {"role": "tool", "content": "in Leeds", "tool_call_id": "call_1"}

Content is a text, or a list of parts where there is more than one text or something that is none. Arguments are JSON
text without spaces, so that the same call looks the same whoever tells of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle.traces.dialects.base import Message, json_of, loaded, text

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "AIMessageChunk": "assistant", "function": "tool"}
_TYPES = frozenset(("human", "ai", "system", "tool", "function", "developer", "AIMessageChunk"))
"""What LangChain calls the types of messages; other things have types too."""
_PLAIN = frozenset(("role", "content", "parts", "finish_reason"))
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "MAX_TOKENS": "length",
    "STOP": "stop",
    "SAFETY": "content_filter",
    "content-filter": "content_filter",
    "refusal": "content_filter",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "tool-calls": "tool_calls",
    "function_call": "tool_calls",
}


def finish_reason(value: Any) -> str | None:
    """Return why a model stopped, in OpenAI's words where it has one."""
    if isinstance(value, list):
        value = value[0] if value else None
    found = text(value)
    return None if found is None else _FINISH.get(found, found)


def messages(value: Any, *, role: str = "user") -> list[Message] | None:
    """Return a list of messages in canonical shape; None where there is none.

    value: JSON text or values: a list of messages of any dialect, one message, or a text. role: of a bare text, and of
    messages that name none.
    """
    value = loaded(value)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, str):
        return [{"role": role, "content": value}] if value else None
    if not isinstance(value, list):
        return None
    if len(value) == 1 and isinstance(value[0], list):  # LangChain sends a batch of one
        value = value[0]
    found = [message for item in value for message in _message(item, role)]
    return found or None


def is_conversation(value: Any) -> bool:
    """Tell whether a list of values is a list of messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and _role(_unwrapped(item)) for item in value)
    )


def tool_call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """Return a call of a tool in OpenAI's shape."""
    return {
        "id": call_id if isinstance(call_id, str) else None,
        "type": "function",
        "function": {"name": name if isinstance(name, str) else "", "arguments": compact(arguments)},
    }


def compact(arguments: Any) -> str:
    """Return a call's arguments as JSON text without spaces; what is no JSON stays as it is."""
    return "" if arguments is None else json_of(loaded(arguments))


def last_user_text(found: Sequence[Message]) -> str | None:
    """Return the text of the last message of a user."""
    for message in reversed(found):
        if message["role"] == "user":
            return plain_text(message["content"]) or None
    return None


def plain_text(content: Any) -> str:
    """Return the text of a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))


def _message(item: Any, role: str) -> list[Message]:
    """Return one message, or more where a dialect packs the results of several tools into one."""
    if isinstance(item, str):
        return [{"role": role, "content": item}] if item else []
    if not isinstance(item, dict):
        return []
    item = _unwrapped(item)
    found: Message = {"role": _role(item) or role, "content": ""}
    if item.keys() <= _PLAIN and (words := _only_text(item)) is not None:
        found["content"] = words
        return [found]
    parts = item.get("parts")
    if not isinstance(parts, list):
        parts = loaded(item.get("content")) if _is_list_of_parts(item.get("content")) else item.get("content")
    gathered = _Parts()
    gathered.add_all(parts)
    gathered.add_calls(item.get("tool_calls"))
    if reasoning := text(item.get("reasoning_content")):
        gathered.reasonings.append(reasoning)
    return gathered.messages(found, item)


def _only_text(item: dict[str, Any]) -> str | None:
    """Return the text of a message that holds nothing else, as most do; None when there is more to look at."""
    body = item.get("parts", item.get("content"))
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], dict) and body[0].get("type") == "text":
        body = body[0].get("content") if len(body[0]) == 2 else None
    elif _is_list_of_parts(body):
        return None
    return body if isinstance(body, str) else None


def _unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    """Return the message within LangChain's `{lc, kwargs}`, `{type, data}` or a choice's `{message}`."""
    if "content" in item or "parts" in item:
        return item
    for name in ("kwargs", "data", "message"):
        inner = item.get(name)
        if isinstance(inner, dict):
            return (
                inner
                if "role" in inner or "type" in inner or name == "message"
                else {**inner, "type": item.get("type")}
            )
    return item


def _role(item: dict[str, Any]) -> str | None:
    found = item.get("role")
    if found is None:
        found = item.get("type")
        if not isinstance(found, str) or found not in _TYPES:
            return None
    return _ROLES.get(found, found) if isinstance(found, str) else None


def _is_list_of_parts(content: Any) -> bool:
    """Tell whether text is really a list of parts in JSON, as some emitters write it."""
    return isinstance(content, str) and content.startswith("[{") and '"type"' in content[:200]


class _Parts:
    """What the parts of one message hold."""

    def __init__(self) -> None:
        self.contents: list[dict[str, Any]] = []
        self.reasonings: list[str] = []
        self.calls: list[dict[str, Any]] = []
        self.results: list[Message] = []

    def add_all(self, parts: Any) -> None:
        if isinstance(parts, str):
            if parts:
                self.contents.append({"type": "text", "text": parts})
        elif isinstance(parts, dict):
            self.add(parts)
        elif isinstance(parts, list):
            for part in parts:
                self.add(part)
        elif parts is not None:
            self.contents.append({"type": "text", "text": json_of(parts)})

    def add(self, part: Any) -> None:
        if not isinstance(part, dict):
            self.add_all(part if isinstance(part, str) else None)
            return
        kind = part.get("type")
        if kind in ("tool_call", "tool-call", "tool_use", "function_call"):
            arguments = next(
                (part[name] for name in ("arguments", "input", "args") if part.get(name) is not None), None
            )
            call_id = part.get("id") or part.get("toolCallId") or part.get("call_id")
            self.calls.append(tool_call(call_id, part.get("name") or part.get("toolName"), arguments))
        elif kind in ("tool_call_response", "tool-result", "tool_result"):
            self.results.append(_tool_result(part))
        elif kind in ("reasoning", "thinking"):
            words = text(part.get("content")) or text(part.get("text")) or text(part.get("thinking"))
            if words:
                self.reasonings.append(words)
        elif isinstance(words := part.get("text", part.get("content") if kind in (None, "text") else None), str):
            self.contents.append({"type": "text", "text": words})
        else:
            self.contents.append(part)

    def add_calls(self, calls: Any) -> None:
        """Add OpenAI's list of calls, or LangChain's, whose arguments are `args`."""
        calls = loaded(calls)
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                function = call.get("function")
                inner = function if isinstance(function, dict) else call
                arguments = inner.get("arguments", inner.get("args"))
                self.calls.append(tool_call(call.get("id"), inner.get("name"), arguments))

    def messages(self, found: Message, item: dict[str, Any]) -> list[Message]:
        """Return the message, then the results of tools as messages of their own."""
        if len(self.contents) == 1 and self.contents[0].keys() == {"type", "text"}:
            found["content"] = self.contents[0]["text"]
        elif self.contents:
            found["content"] = self.contents
        if refusal := text(item.get("refusal")):
            found["refusal"] = refusal
        if self.reasonings:
            found["reasoning_content"] = "\n".join(self.reasonings)
        if self.calls:
            found["tool_calls"] = self.calls
        if found["role"] == "tool" and (call_id := text(item.get("tool_call_id")) or text(item.get("id"))):
            found["tool_call_id"] = call_id
        elif found["role"] != "tool" and (name := text(item.get("name"))):
            found["name"] = name
        has_own = bool(self.contents or self.reasonings or self.calls or not self.results)
        return [found, *self.results] if has_own else self.results


def _tool_result(part: dict[str, Any]) -> Message:
    names = ("response", "result", "output", "content")
    value = next((part[name] for name in names if part.get(name) is not None), "")
    if isinstance(value, dict) and set(value) == {"type", "value"}:  # Vercel: {"type": "text", "value": ...}
        value = value["value"]
    found: Message = {"role": "tool", "content": json_of(value)}
    if call_id := text(part.get("id")) or text(part.get("toolCallId")) or text(part.get("tool_use_id")):
        found["tool_call_id"] = call_id
    return found

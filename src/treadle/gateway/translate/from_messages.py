"""Callers of Anthropic's messages, answered over chat."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.usage import read_chat_usage, write_messages_usage
from treadle.gateway.translate.from_messages_stream import MessagesFrontStream, stop_reason
from treadle.gateway.translate.limits import cannot, malformed, mapping, objects, refuse_fields, text
from treadle.gateway.translate.media import data_url, mark_of
from treadle.gateway.translate.pivot import Completion, Said, arguments_in, first_choice, reasoning_in, text_in
from treadle.gateway.translate.stamps import Stamps
from treadle.gateway.translate.tools import all_required, closed
from treadle.gateway.translate.turns import read_arguments
from treadle.gateway.types import ProtocolName

_REFUSED = {
    "container": "there are no containers there",
    "mcp_servers": "tools of MCP servers are not run there",
    "context_management": "the provider edits no context",
}
_SAME = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream", "treadle")
_EFFORT_OF_BUDGET = ((2048, "low"), (10_000, "medium"))
"""Budgets up to these many tokens; above them the effort is high."""
_PLACES = ("thinking", "redacted_thinking", "text", "tool_use")
"""The order in which a chat message holds an assistant's blocks."""


class MessagesFront:
    """A caller that speaks messages."""

    protocol: ProtocolName = "messages"

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def request(self, body: bytes) -> dict[str, Any]:
        """Return the chat request; raises Refusal (400) for what chat cannot say."""
        given = fields.read_object(body)
        refuse_fields(given, _REFUSED)
        chat = {name: given[name] for name in _SAME if given.get(name) is not None}
        chat["messages"] = _conversation(given)
        if given.get("stop_sequences"):
            chat["stop"] = given["stop_sequences"]
        if user := fields.named_in(given.get("metadata"), "user_id"):
            chat["user"] = user
        chat |= _tools(given)
        chat |= _output(given)
        if chat.get("stream"):
            chat["stream_options"] = {"include_usage": True}
        return chat

    def answer(self, completion: Completion) -> bytes:
        """Return a whole answer for the caller: the first choice."""
        choice = first_choice(completion.choices)
        if choice is None or choice.message is UNSET:
            raise ValueError("a chat completion without a message")
        usage = None if completion.usage is UNSET else read_chat_usage(completion.usage)
        message = {
            "id": completion.id or f"msg_{self._stamps.new_id()}",
            "type": "message",
            "role": "assistant",
            "model": completion.model or "",
            "content": _content(choice.message, self._stamps),
            "stop_reason": stop_reason(choice.finish_reason, refused=bool(choice.message.refusal)),
            "stop_sequence": None,
            "usage": write_messages_usage(usage),
        }
        return fields.encode(message)

    def stream(self) -> MessagesFrontStream:
        """Return what writes one stream."""
        return MessagesFrontStream(self._stamps)


def _content(said: Said, stamps: Stamps) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = list(said.thinking_blocks or ())
    if not content and (reasoning := reasoning_in(said)):
        content.append({"type": "thinking", "thinking": reasoning, "signature": ""})
    words = text_in(said.content) or said.refusal or ""
    if words or not said.tool_calls:
        content.append({"type": "text", "text": words})
    for call in said.tool_calls or ():
        arguments = arguments_in(call.function)
        read = read_arguments(arguments)
        given = {"arguments": arguments} if read is None else read
        call_id = call.id or f"toolu_{stamps.new_id()[-24:]}"
        content.append({"type": "tool_use", "id": call_id, "name": call.function.name or "", "input": given})
    return content


def _conversation(given: dict[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if system := _system(given.get("system"), "system"):
        messages.append({"role": "system", "content": system})
    for index, message in enumerate(given["messages"]):
        where, role, content = f"messages[{index}]", message["role"], message.get("content")
        if role == "system":
            messages.append({"role": "system", "content": _system(content, f"{where}.content")})
        elif role == "assistant":
            messages.append(_assistant(content, f"{where}.content"))
        elif role == "user":
            messages += _user(content, f"{where}.content")
        else:
            raise malformed(f"{where}.role", "'user' or 'assistant' is needed")
    return messages


def _system(content: Any, where: str) -> str | list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return content or ""
    if any(mark_of(block) for block in content):
        return _parts(content, where)
    return "\n".join(text(block, "text", f"{where}[{index}]") for index, block in enumerate(content))


def _user(content: Any, where: str) -> list[dict[str, Any]]:
    """Return a user's message as chat has it: results of tools are messages of their own, and come first."""
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(content or ()):
        here = f"{where}[{index}]"
        if block.get("type") == "tool_result":
            inside = _parts(block.get("content"), f"{here}.content")
            words = "\n".join(part["text"] for part in inside if part["type"] == "text")
            result = {"role": "tool", "tool_call_id": text(block, "tool_use_id", here), "content": words}
            results.append(result | {name: block[name] for name in ("is_error", "cache_control") if block.get(name)})
            # Chat's results are text; what they show is shown by the user.
            parts += [part for part in inside if part["type"] != "text"]
        else:
            parts += _parts([block], where, index)
    if not parts:
        return results
    if len(parts) == 1 and parts[0]["type"] == "text" and not mark_of(parts[0]):
        return [*results, {"role": "user", "content": parts[0]["text"]}]
    return [*results, {"role": "user", "content": parts}]


def _parts(content: Any, where: str, first: int = 0) -> list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise malformed(where, "a text or a list of blocks is needed")
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(content, first):
        here = f"{where}[{index}]"
        kind = block.get("type") if isinstance(block, dict) else None
        before = len(parts)
        if kind == "text":
            parts.append({"type": "text", "text": text(block, "text", here)})
        elif kind == "image":
            parts.append(
                {"type": "image_url", "image_url": {"url": _image(mapping(block, "source", f"{here}."), here)}}
            )
        elif kind == "document":
            parts += _document(block, mapping(block, "source", f"{here}."), here)
        elif kind == "search_result":
            parts += _parts(block.get("content"), f"{here}.content")
        else:
            raise cannot(f"{here}.type", f"blocks of type '{kind}' have no place in a chat")
        if len(parts) > before and (mark := mark_of(block)):
            parts[-1]["cache_control"] = mark
    return parts


def _image(source: dict[str, Any], where: str) -> str:
    if source.get("type") == "base64":
        return data_url(text(source, "media_type", f"{where}.source"), text(source, "data", f"{where}.source"))
    if source.get("type") == "url":
        return text(source, "url", f"{where}.source")
    raise cannot(f"{where}.source", "files that are kept with Anthropic cannot be read there; send the bytes")


def _document(block: dict[str, Any], source: dict[str, Any], where: str) -> list[dict[str, Any]]:
    kind = source.get("type")
    if kind == "text":
        return [{"type": "text", "text": text(source, "data", f"{where}.source")}]
    if kind == "content":
        return _parts(source.get("content"), f"{where}.source.content")
    if kind == "base64":
        title = block.get("title")
        name = title if isinstance(title, str) and title else "document.pdf"
        data = data_url(text(source, "media_type", f"{where}.source"), text(source, "data", f"{where}.source"))
        return [{"type": "file", "file": {"filename": name, "file_data": data}}]
    raise cannot(f"{where}.source", "chat takes a document's bytes, no URL and no file that is kept elsewhere")


def _assistant(content: Any, where: str) -> dict[str, Any]:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[dict[str, Any]] = []
    thinking: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    order: list[str] = []
    for index, block in enumerate(content or ()):
        here, kind = f"{where}[{index}]", block.get("type")
        if kind == "thinking" and not block.get("signature"):
            continue  # without one it cannot be checked, and Anthropic refuses it
        order.append(kind)
        if kind == "text":
            texts.append({"type": "text", "text": text(block, "text", here), **_marked(block)})
        elif kind == "thinking" or kind == "redacted_thinking":
            thinking.append(block)
        elif kind == "tool_use":
            function = {
                "name": text(block, "name", here),
                "arguments": fields.encode(mapping(block, "input", f"{here}.")).decode(),
            }
            calls.append({"id": text(block, "id", here), "type": "function", "function": function, **_marked(block)})
        else:
            raise cannot(f"{here}.type", f"blocks of type '{kind}' have no place in a chat")
    words: Any = "".join(part["text"] for part in texts) if texts or not calls else None
    message: dict[str, Any] = {"role": "assistant", "content": words}
    if any(mark_of(part) for part in texts) or order != sorted(order, key=_PLACES.index):
        message |= {"content": texts or None, "block_order": order}
    if thinking:
        message["thinking_blocks"] = thinking
    if calls:
        message["tool_calls"] = calls
    return message


def _marked(block: dict[str, Any]) -> dict[str, Any]:
    mark = mark_of(block)
    return {"cache_control": mark} if mark else {}


def _tools(given: dict[str, Any]) -> dict[str, Any]:
    made: list[dict[str, Any]] = []
    for index, tool in enumerate(objects(given, "tools")):
        where, kind = f"tools[{index}]", tool.get("type")
        if kind not in (None, "custom"):
            raise cannot(f"{where}.type", f"tools of type '{kind}' are run by Anthropic; only your own can be")
        function: dict[str, Any] = {
            "name": text(tool, "name", where),
            "parameters": mapping(tool, "input_schema", f"{where}."),
        }
        function |= {name: tool[name] for name in ("description", "strict") if tool.get(name) is not None}
        made.append({"type": "function", "function": function, **_marked(tool)})
    if not made:
        return {}
    found: dict[str, Any] = {"tools": made}
    choice = mapping(given, "tool_choice")
    kind = choice.get("type")
    if kind == "tool":
        found["tool_choice"] = {"type": "function", "function": {"name": text(choice, "name", "tool_choice")}}
    elif kind in ("auto", "any", "none"):
        found["tool_choice"] = "required" if kind == "any" else kind
    elif kind is not None:
        raise malformed("tool_choice.type", "'auto', 'any', 'tool' or 'none' is needed")
    if choice.get("disable_parallel_tool_use"):
        found["parallel_tool_calls"] = False
    return found


def _output(given: dict[str, Any]) -> dict[str, Any]:
    """Return the form of the answer and how hard to think."""
    found: dict[str, Any] = {}
    config, thinking = mapping(given, "output_config"), mapping(given, "thinking")
    form = mapping(config, "format", "output_config.")
    if form:
        if form.get("type") != "json_schema":
            raise cannot("output_config.format.type", "it is 'json_schema'")
        schema = mapping(form, "schema", "output_config.format.")
        holder = {"name": "answer", "schema": closed(schema), "strict": all_required(schema)}
        found["response_format"] = {"type": "json_schema", "json_schema": holder}
    if thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens") or 0
        found["reasoning_effort"] = next((effort for most, effort in _EFFORT_OF_BUDGET if budget <= most), "high")
    elif isinstance(effort := config.get("effort"), str) and thinking.get("type") != "disabled":
        found["reasoning_effort"] = effort
    return found

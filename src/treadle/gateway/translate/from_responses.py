"""Callers of OpenAI's Responses API, answered over chat: the request's side. State kept by OpenAI has no place there."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from treadle.gateway.protocols import fields
from treadle.gateway.translate.from_responses_answer import SEALED, ResponsesFrontStream, response_of
from treadle.gateway.translate.limits import cannot, mapping, objects, refuse_fields, text
from treadle.gateway.translate.pivot import Completion
from treadle.gateway.translate.stamps import Stamps
from treadle.gateway.types import ProtocolName

_KEPT = "what OpenAI keeps between requests is not there; send the whole conversation as 'input'"
_REFUSED = {
    "previous_response_id": _KEPT,
    "conversation": _KEPT,
    "prompt": "prompts that OpenAI keeps are not there",
    "background": "it is answered at once or not at all",
    "context_management": "the provider edits no context",
    "moderation": "there is no moderation there; put guards on the endpoint",
}
_SAME = (
    "model",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "parallel_tool_calls",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
    "treadle",
)
_MESSAGE_ROLES = ("user", "assistant", "system", "developer")


class ResponsesFront:
    """A caller that speaks the Responses API."""

    protocol: ProtocolName = "responses"

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def request(self, body: bytes) -> dict[str, Any]:
        """Return the chat request; raises Refusal (400) for what chat cannot say."""
        given = fields.read_object(body)
        refuse_fields(given, _REFUSED)
        chat = {name: given[name] for name in _SAME if given.get(name) is not None}
        chat["messages"] = _messages(given)
        if given.get("max_output_tokens") is not None:
            chat["max_tokens"] = given["max_output_tokens"]
        chat |= _tools(given)
        chat |= _output(given)
        if chat.get("stream"):
            chat["stream_options"] = {"include_usage": True}
        return chat

    def answer(self, completion: Completion) -> bytes:
        """Return a whole answer for the caller: the first choice."""
        return fields.encode(response_of(completion, self._stamps))

    def stream(self) -> ResponsesFrontStream:
        """Return what writes one stream."""
        return ResponsesFrontStream(self._stamps)


def _messages(given: dict[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if given.get("instructions"):
        messages.append({"role": "system", "content": text(given, "instructions", "")})
    items = given.get("input")
    if isinstance(items, str):
        return [*messages, {"role": "user", "content": items}]
    sealed: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for index, item in enumerate(items or ()):
        where, kind = f"input[{index}]", item.get("type", "message")
        if kind != "function_call_output" and shown:
            messages.append({"role": "user", "content": shown})
            shown = []
        if kind == "message":
            message = _message(item, where)
            if message["role"] == "assistant" and sealed:
                message["thinking_blocks"], sealed = sealed, []
            messages.append(message)
        elif kind == "function_call":
            _add_call(messages, item, where, sealed)
            sealed = []
        elif kind == "function_call_output":
            parts = _parts(item.get("output"), f"{where}.output")
            words = "\n".join(part["text"] for part in parts if part["type"] == "text")
            messages.append({"role": "tool", "tool_call_id": text(item, "call_id", where), "content": words})
            # Chat's results are text; what they show is shown by the user, after all of them.
            shown += [part for part in parts if part["type"] != "text"]
        elif kind == "reasoning":
            sealed += unsealed(item.get("encrypted_content"))
        else:
            raise cannot(
                f"{where}.type", f"items of type '{kind}' belong to tools that OpenAI runs, or to what it keeps"
            )
    return [*messages, {"role": "user", "content": shown}] if shown else messages


def _message(item: dict[str, Any], where: str) -> dict[str, Any]:
    role = item.get("role")
    if role not in _MESSAGE_ROLES:
        raise cannot(f"{where}.role", f"it is one of {', '.join(_MESSAGE_ROLES)}")
    content = item.get("content")
    if isinstance(content, str):
        return {"role": role, "content": content}
    parts = _parts(content, f"{where}.content")
    if all(part["type"] == "text" for part in parts):
        return {"role": role, "content": "\n".join(part["text"] for part in parts)}
    return {"role": role, "content": parts}


def _parts(content: Any, where: str) -> list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    parts: list[dict[str, Any]] = []
    for index, part in enumerate(content):
        here = f"{where}[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("input_text", "output_text", "text"):
            parts.append({"type": "text", "text": text(part, "text", here)})
        elif kind == "refusal":
            parts.append({"type": "text", "text": text(part, "refusal", here)})
        elif kind == "input_image" and part.get("image_url"):
            image = {"url": text(part, "image_url", here)}
            if part.get("detail"):
                image["detail"] = text(part, "detail", here)
            parts.append({"type": "image_url", "image_url": image})
        elif kind == "input_file" and part.get("file_data"):
            file = {name: part[name] for name in ("filename", "file_data") if part.get(name)}
            parts.append({"type": "file", "file": file})
        elif kind in ("input_image", "input_file"):
            raise cannot(here, "files that OpenAI keeps cannot be read there; send the bytes as a data URL")
        else:
            raise cannot(f"{here}.type", f"parts of type '{kind}' have no place in a chat")
    return parts


def _add_call(messages: list[dict[str, Any]], item: dict[str, Any], where: str, sealed: list[dict[str, Any]]) -> None:
    """Add a call to the assistant's message before it, or to a new one: chat keeps words and calls together."""
    function = {"name": text(item, "name", where), "arguments": text(item, "arguments", where)}
    call = {"id": text(item, "call_id", where), "type": "function", "function": function}
    if not messages or messages[-1]["role"] != "assistant" or sealed:
        messages.append({"role": "assistant", "content": None})
    if sealed:
        messages[-1]["thinking_blocks"] = sealed
    messages[-1].setdefault("tool_calls", []).append(call)


def unsealed(content: Any) -> list[dict[str, Any]]:
    """Return the thinking that an earlier answer sealed; nothing for what another server sealed."""
    if not isinstance(content, str) or not content.startswith(SEALED):
        return []
    try:
        return msgspec.json.decode(base64.b64decode(content[len(SEALED) :]), type=list[dict[str, Any]])
    except ValueError:
        return []


def _tools(given: dict[str, Any]) -> dict[str, Any]:
    made: list[dict[str, Any]] = []
    for index, tool in enumerate(objects(given, "tools")):
        if tool.get("type") != "function":
            reason = f"tools of type '{tool.get('type')}' are run by OpenAI; only functions can be"
            raise cannot(f"tools[{index}].type", reason)
        function = {name: tool[name] for name in ("description", "parameters", "strict") if tool.get(name) is not None}
        made.append({"type": "function", "function": {"name": text(tool, "name", f"tools[{index}]"), **function}})
    if not made:
        return {}
    choice = given.get("tool_choice")
    if choice is None:
        return {"tools": made}
    if isinstance(choice, dict):
        choice = _named_choice(choice)
    return {"tools": made, "tool_choice": choice}


def _named_choice(choice: dict[str, Any]) -> dict[str, Any]:
    kind = choice.get("type")
    if kind == "function":
        return {"type": "function", "function": {"name": text(choice, "name", "tool_choice")}}
    if kind == "allowed_tools":
        tools = [{"type": "function", "function": {"name": tool.get("name")}} for tool in objects(choice, "tools")]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.get("mode"), "tools": tools}}
    raise cannot("tool_choice", f"a choice of type '{kind}' is of tools that OpenAI runs")


def _output(given: dict[str, Any]) -> dict[str, Any]:
    """Return the form of the answer, how hard to think, and whether to state probabilities."""
    found: dict[str, Any] = {}
    config = mapping(given, "text")
    form = dict(mapping(config, "format", "text."))
    kind = form.pop("type", "text")
    if kind == "json_schema":
        found["response_format"] = {"type": "json_schema", "json_schema": form}
    elif kind == "json_object":
        found["response_format"] = {"type": "json_object"}
    elif kind != "text":
        raise cannot("text.format.type", "it is 'text', 'json_object' or 'json_schema'")
    if config.get("verbosity") is not None:
        found["verbosity"] = config["verbosity"]
    effort = mapping(given, "reasoning").get("effort")
    if effort is not None:
        found["reasoning_effort"] = effort
    if given.get("top_logprobs") or "message.output_text.logprobs" in (given.get("include") or ()):
        found["logprobs"] = True
        if given.get("top_logprobs"):
            found["top_logprobs"] = given["top_logprobs"]
    return found

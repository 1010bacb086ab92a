"""A chat conversation as turns of two parties, which is how Anthropic, Gemini and Bedrock want it.

System messages, wherever they stand, are gathered in front. Messages of one party in a row become one turn; results of
tools are the user's and come first in their turn. A conversation that the assistant opens gets a user's "." in front,
and one of system messages only has its last one said by the user: all three ask for a user's turn first.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from treadle.gateway.translate.limits import cannot, malformed, objects, text
from treadle.gateway.translate.media import Mark, Media, mark_of, media_of

Party = Literal["user", "assistant"]


class Text(NamedTuple):
    """Words."""

    text: str
    cache: Mark = None
    """The mark at them."""


class ToolUse(NamedTuple):
    """The assistant's call of a tool."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    signature: str | None
    """Google's signature of the thought behind it, where there is one."""
    cache: Mark = None


class ToolResult(NamedTuple):
    """What a tool returned."""

    call_id: str
    name: str
    """Empty when no call of that id came before."""
    text: str
    is_error: bool = False
    """Whether the tool failed, and the text says how."""
    cache: Mark = None


class Thinking(NamedTuple):
    """A block of the assistant's thinking as Anthropic wrote it: 'thinking' or 'redacted_thinking'."""

    block: dict[str, Any]


_KINDS: dict[Any, type[Text | ToolUse | Thinking]] = {
    "text": Text,
    "tool_use": ToolUse,
    "thinking": Thinking,
    "redacted_thinking": Thinking,
}
"""What the kinds of Anthropic's blocks are here."""

Part: TypeAlias = Text | Media | ToolUse | ToolResult | Thinking


class Turn(NamedTuple):
    """What one party says until the other speaks."""

    party: Party
    parts: list[Part]


class Conversation(NamedTuple):
    """A whole conversation."""

    system: list[Text]
    turns: list[Turn]


def conversation_of(chat: dict[str, Any]) -> Conversation:
    """Return the conversation of a chat request; raises Refusal (400) naming what has no place in one."""
    system: list[Text] = []
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for index, message in enumerate(chat["messages"]):
        where, role = f"messages[{index}]", message["role"]
        if role in ("system", "developer"):
            system += [part for part in _parts(message.get("content"), where) if isinstance(part, Text)]
        elif role == "user":
            _say(turns, "user", _parts(message.get("content"), where))
        elif role == "assistant":
            parts = _assistant(message, where)
            names.update({part.call_id: part.name for part in parts if isinstance(part, ToolUse)})
            _say(turns, "assistant", parts)
        elif role == "tool":
            _say(turns, "user", [_result(message, where, names)])
        else:
            raise cannot(
                f"{where}.role", f"there is no '{role}' there; calls go into 'tool_calls', results into 'tool'"
            )
    if not turns and system:
        turns.append(Turn("user", [system.pop()]))
    if not turns:
        raise malformed("messages", "nothing is said in them; at least one message with content is needed")
    if turns[0].party == "assistant":
        turns.insert(0, Turn("user", [Text(".")]))
    for turn in turns:
        turn.parts.sort(key=_is_no_result)
    _trim_last(turns)
    return Conversation(system, turns)


def _parts(content: Any, where: str) -> list[Part]:
    if content is None or isinstance(content, str):
        return [Text(content)] if content else []
    found: list[Part] = []
    for index, part in enumerate(content):
        here = f"{where}.content[{index}]"
        kind = part.get("type")
        if kind in ("text", "refusal"):
            if words := text(part, kind, here):
                found.append(Text(words, mark_of(part)))
        else:
            found.append(media_of(part, here)._replace(cache=mark_of(part)))
    return found


def _assistant(message: dict[str, Any], where: str) -> list[Part]:
    parts: list[Part] = [Thinking(block) for block in objects(message, "thinking_blocks")]
    parts += _parts(message.get("content"), where)
    if not parts and message.get("refusal"):
        parts.append(Text(text(message, "refusal", where)))
    if message.get("function_call") is not None:
        raise cannot(f"{where}.function_call", "it is deprecated; use 'tool_calls'")
    for index, call in enumerate(objects(message, "tool_calls")):
        parts.append(_call(call, f"{where}.tool_calls[{index}]"))
    return _in_order(parts, message.get("block_order"))


def _in_order(parts: list[Part], order: Any) -> list[Part]:
    """Return an assistant's parts in the order that Anthropic's blocks had, where that is told and they are all there."""
    kinds = [_KINDS.get(kind) for kind in order] if isinstance(order, list) else []
    if sorted(map(str, kinds)) != sorted(str(type(part)) for part in parts):
        return parts
    left = {kind: iter([part for part in parts if type(part) is kind]) for kind in _KINDS.values()}
    return [next(left[kind]) for kind in kinds if kind is not None]


def _call(call: dict[str, Any], where: str) -> ToolUse:
    if call.get("type", "function") != "function":
        raise cannot(where, "only calls of functions have a place there")
    function = call.get("function")
    if not isinstance(function, dict):
        raise malformed(f"{where}.function", "an object with 'name' and 'arguments' is needed")
    google = (call.get("extra_content") or {}).get("google") or {}
    arguments = read_arguments(function.get("arguments"))
    if arguments is None:
        raise malformed(f"{where}.function.arguments", "a JSON object, as text, is needed")
    return ToolUse(
        text(call, "id", where),
        text(function, "name", where),
        arguments,
        google.get("thought_signature"),
        mark_of(call),
    )


def read_arguments(given: Any) -> dict[str, Any] | None:
    """Return a call's arguments as an object, an empty one for none; None when they are no object."""
    if given is None or given == "":
        return {}
    try:
        found = msgspec.json.decode(given) if isinstance(given, str) else given
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _result(message: dict[str, Any], where: str, names: dict[str, str]) -> ToolResult:
    parts = _parts(message.get("content"), where)
    if not all(isinstance(part, Text) for part in parts):
        raise cannot(f"{where}.content", "a tool's result is text")
    call_id = text(message, "tool_call_id", where)
    words = "\n".join(part.text for part in parts if isinstance(part, Text))
    return ToolResult(
        call_id,
        names.get(call_id) or message.get("name") or "",
        words,
        message.get("is_error") is True,
        mark_of(message),
    )


def _say(turns: list[Turn], party: Party, parts: list[Part]) -> None:
    if not parts:
        return
    if turns and turns[-1].party == party:
        turns[-1].parts.extend(parts)
    else:
        turns.append(Turn(party, parts))


def _is_no_result(part: Part) -> bool:
    return not isinstance(part, ToolResult)


def _trim_last(turns: list[Turn]) -> None:
    """Cut white space at the end of an answer that the model should go on with; it is refused otherwise."""
    last = turns[-1]
    if last.party == "assistant" and isinstance(said := last.parts[-1], Text):
        last.parts[-1] = said._replace(text=said.text.rstrip() or ".")

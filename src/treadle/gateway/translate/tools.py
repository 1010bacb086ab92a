"""The tools of a chat request, which of them must be called, the form of the answer, and how hard to think."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from treadle.gateway.translate.limits import cannot, malformed, mapping, objects, text
from treadle.gateway.translate.media import Mark, mark_of

JSON_INSTRUCTION = "Answer with one JSON object and nothing else."
"""Said to models whose providers have no JSON mode without a schema; OpenAI's asks for such a sentence anyway."""
_DEPRECATED = "it is deprecated; use 'tools' and 'tool_choice'"
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_VALUES = ("enum", "const", "default", "examples")
"""Keywords of a schema that hold values and no schemas."""
_SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords that hold schemas under names, which may be any word: also that of a keyword."""


class Tool(NamedTuple):
    """A function that the model may call."""

    name: str
    description: str
    """Empty when there is none."""
    schema: dict[str, Any]
    """JSON schema of its arguments, an object's."""
    strict: bool
    cache: Mark = None
    """The mark at it."""


class ToolChoice(NamedTuple):
    """Which tools must be called."""

    mode: Literal["auto", "none", "required"]
    name: str
    """The one that must be; empty for any."""


class Format(NamedTuple):
    """The form of the answer."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str
    schema: dict[str, Any]


def tools_of(chat: dict[str, Any]) -> list[Tool]:
    """Return the tools; those that the choice does not allow are left out."""
    for name in ("functions", "function_call"):
        if chat.get(name) is not None:
            raise cannot(name, _DEPRECATED)
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(objects(chat, "tools"))]
    allowed = _allowed(chat.get("tool_choice"))
    return tools if allowed is None else [tool for tool in tools if tool.name in allowed[1]]


def choice_of(chat: dict[str, Any]) -> ToolChoice | None:
    """Return which tools must be called; None when the request does not say."""
    choice = chat.get("tool_choice")
    if choice is None:
        return None
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice, "")
    allowed = _allowed(choice)
    if allowed is not None:
        return ToolChoice("required" if allowed[0] == "required" else "auto", "")
    if isinstance(choice, dict) and choice.get("type") == "function":
        return ToolChoice("required", text(mapping(choice, "function", "tool_choice."), "name", "tool_choice.function"))
    raise cannot("tool_choice", "it is 'auto', 'none', 'required', a function, or 'allowed_tools'")


def format_of(chat: dict[str, Any]) -> Format:
    """Return the form of the answer."""
    wanted = mapping(chat, "response_format")
    kind = wanted.get("type", "text")
    if kind == "json_schema":
        holder = mapping(wanted, "json_schema", "response_format.")
        name = holder.get("name")
        schema = mapping(holder, "schema", "response_format.json_schema.")
        if not schema:
            return Format("json_object", "", {})
        return Format("json_schema", name if isinstance(name, str) else "answer", schema)
    if kind == "text":
        return Format("text", "", {})
    if kind == "json_object":
        return Format("json_object", "", {})
    raise cannot("response_format.type", "it is 'text', 'json_object' or 'json_schema'")


def effort_of(chat: dict[str, Any]) -> str | None:
    """Return how hard to think: 'none' to 'max'; None when the request does not say."""
    effort = chat.get("reasoning_effort")
    if effort is not None and effort not in _EFFORTS:
        raise malformed("reasoning_effort", f"one of {', '.join(_EFFORTS)} is needed")
    return effort


def stops_of(chat: dict[str, Any]) -> list[str]:
    """Return the stop sequences."""
    stop = chat.get("stop")
    stops = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(stops, list) or not all(isinstance(each, str) for each in stops):
        raise malformed("stop", "a text or a list of texts is needed")
    return [each for each in stops if each]


def token_limit_of(chat: dict[str, Any]) -> int | None:
    """Return how many tokens the answer may have; of two limits the smaller counts."""
    limits = [chat[name] for name in ("max_completion_tokens", "max_tokens") if isinstance(chat.get(name), int)]
    return min(limits) if limits else None


def capped_temperature(chat: dict[str, Any]) -> float | None:
    """Return the temperature for models that take 0 to 1: above 1 it is 1, as Anthropic's own OpenAI endpoint does."""
    temperature = chat.get("temperature")
    if temperature is None:
        return None
    if not isinstance(temperature, int | float):
        raise malformed("temperature", "a number is needed")
    return min(temperature, 1)


def closed(schema: Any) -> Any:
    """Return a schema whose objects say that they have no further properties, where it says nothing of it."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _SCHEMAS_BY_NAME and isinstance(value, dict):
            found[name] = {each: closed(inner) for each, inner in value.items()}
        else:
            found[name] = value if name in _VALUES else closed(value)
    if schema.get("type") == "object" and isinstance(schema.get("properties", {}), dict):
        found.setdefault("additionalProperties", False)
    return found


def all_required(schema: Any) -> bool:
    """Tell whether every object of a schema needs all its properties, as OpenAI's strict mode wants."""
    if isinstance(schema, list):
        return all(all_required(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict) and not set(properties) <= set(schema.get("required") or ()):
        return False
    for name, value in schema.items():
        inner = list(value.values()) if name in _SCHEMAS_BY_NAME and isinstance(value, dict) else value
        if name not in _VALUES and not all_required(inner):
            return False
    return True


def _tool(tool: dict[str, Any], where: str) -> Tool:
    if tool.get("type") != "function":
        raise cannot(f"{where}.type", f"tools of type '{tool.get('type')}' are run by OpenAI; only functions can be")
    function = mapping(tool, "function", f"{where}.")
    schema = dict(mapping(function, "parameters", f"{where}.function."))
    schema.setdefault("type", "object")
    if schema["type"] == "object":
        schema.setdefault("properties", {})
    description = function.get("description")
    return Tool(
        text(function, "name", f"{where}.function"),
        description if isinstance(description, str) else "",
        schema,
        function.get("strict") is True,
        mark_of(tool),
    )


def _allowed(choice: Any) -> tuple[Any, set[str]] | None:
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return None
    holder = mapping(choice, "allowed_tools", "tool_choice.")
    tools = objects(holder, "tools")
    return holder.get("mode"), {str(mapping(tool, "function").get("name")) for tool in tools}

"""`.prompty` files: YAML front matter, and a Jinja template with 'system:' and 'user:' lines below. Pure.

Read and written in the v1 form that Azure's tools use: `model.configuration`, `model.parameters`, `inputs`, `template`.
Source: prompty.ai, docs/prompty-file-format.
"""

from __future__ import annotations

import re
from typing import Any

from treadle.core.types import JsonObject
from treadle.prompts.formats.front import ReadFile, Unsayable, dump, mapping, split
from treadle.prompts.types import Message, NewVersion, Version

SUFFIX = ".prompty"
_ROLE = re.compile(r"^[ \t]*#?[ \t]*(system|user|assistant)[ \t]*:[ \t]*$", re.MULTILINE | re.IGNORECASE)
_TYPES = {"string", "number", "integer", "boolean", "array", "object"}


def write(version: Version) -> str:
    """Return a version as a file. Raises Unsayable."""
    config = dict(version.config)
    model: JsonObject = {"api": "chat"}
    if "model" in config:
        model["configuration"] = {"model": config.pop("model")}
    if config:
        model["parameters"] = config
    head: JsonObject = {"name": version.prompt_name, "description": version.message, "model": model}
    if version.input_schema is not None:
        head["inputs"] = mapping(version.input_schema.get("properties"), "properties")
    if version.output_schema is not None:
        head["outputs"] = version.output_schema
    head["template"] = "jinja2" if version.engine == "jinja" else "mustache"
    for message in version.messages:
        found = _ROLE.search(message.template)
        if found is not None:
            raise Unsayable(
                f"a message has a line '{found[0].strip()}', which a .prompty file would read as another message"
            )
    return dump(head, "".join(f"{message.role}:\n{message.template}\n" for message in version.messages))


def read(text: str) -> ReadFile:
    """Return what a file says. Raises FileInvalid."""
    head, body = split(text)
    model = mapping(head.get("model"), "model")
    configuration = mapping(model.get("configuration"), "model.configuration")
    config: JsonObject = {}
    name = configuration.get("model") or configuration.get("azure_deployment") or configuration.get("name")
    if name is not None:
        config["model"] = name
    config |= mapping(model.get("parameters"), "model.parameters")
    template = head.get("template", "jinja2")
    kind = template.get("format", template.get("type", "jinja2")) if isinstance(template, dict) else template
    inputs = mapping(head.get("inputs"), "inputs")
    outputs = mapping(head.get("outputs"), "outputs")
    facts: dict[str, Any] = {
        "messages": _messages(body),
        "engine": "mustache" if kind == "mustache" else "jinja",
        "config": config,
        "input_schema": _object(inputs) if inputs else None,
        "output_schema": None if not outputs else outputs if "type" in outputs else _object(outputs),
        "message": str(head.get("description") or "")[:500],
    }
    return ReadFile(None if head.get("name") is None else str(head["name"]), NewVersion.model_validate(facts))


def _object(fields: JsonObject) -> JsonObject:
    properties: JsonObject = {}
    for name, said in fields.items():
        if isinstance(said, dict):
            kind = said.get("type")
            properties[name] = {key: value for key, value in said.items() if key not in ("sample", "is_required")}
            if kind not in _TYPES:
                properties[name] = {key: value for key, value in said.items() if key == "description"}
        else:
            properties[name] = {"type": said} if said in _TYPES else {}  # else it is a sample of the value
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _messages(body: str) -> list[Message]:
    starts = list(_ROLE.finditer(body))
    if not starts:
        return [Message(role="user", template=body.strip("\n"))]
    found = []
    for at, start in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(body)
        text = body[start.end() : end].removeprefix("\n").removesuffix("\n")
        found.append(Message.model_validate({"role": start[1].lower(), "template": text}))
    return found

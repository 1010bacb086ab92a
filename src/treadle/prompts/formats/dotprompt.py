"""`.prompt` files (dotprompt): YAML front matter and a template below, one file for each prompt, kept in git. Pure.

What we write reads back as the same version. What others wrote in Handlebars is turned into Mustache where that says the
same: {{#each}}, {{#if}}, {{#unless}} and {{this}}; helpers that have no such form are refused by name. Our own facts
stand under 'treadle.…', as the format asks of extensions.
Source: google.github.io/dotprompt, reference/frontmatter and reference/template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from treadle.core.types import JsonObject
from treadle.prompts.formats.front import FileInvalid, ReadFile, Unsayable, dump, mapping, split
from treadle.prompts.formats.picoschema import to_json_schema
from treadle.prompts.types import Engine, Examples, Message, NewVersion, Version

SUFFIX = ".prompt"
_ROLE = re.compile(r"""\{\{\s*role\s+["'](\w+)["']\s*\}\}\n?""")
_ROLES = {"system": "system", "user": "user", "model": "assistant", "assistant": "assistant"}
_THEIRS = {"system": "system", "user": "user", "assistant": "model"}
_OPENS = re.compile(r"\{\{#(each|if|unless)\s+([\w.]+)\s*\}\}")
_CLOSES = re.compile(r"\{\{/(each|if|unless)\s*\}\}")
_REFUSED = re.compile(
    r"\{\{\s*(else|@\w+|history|media\b[^}]*|section\b[^}]*|json\b[^}]*|#with\b[^}]*|lookup\b[^}]*)\s*\}\}"
)


_READ = frozenset({"name", "model", "config", "input", "output", "description", "metadata", "variant", "version"})
"""Fields that are read, and those that say nothing about what is sent."""
_OWN = frozenset({"treadle.kind", "treadle.role", "treadle.engine", "treadle.examples"})


def write(version: Version) -> str:
    """Return a version as a file. Raises Unsayable."""
    head: JsonObject = {"name": version.prompt_name}
    config = dict(version.config)
    if "model" in config:
        head["model"] = config.pop("model")
    if config:
        head["config"] = config
    if version.input_schema is not None:
        head["input"] = {"schema": _marked(version.input_schema)}
    if version.output_schema is not None:
        head["output"] = {"format": "json", "schema": _marked(version.output_schema)}
    if version.kind != "chat":
        head["treadle.kind"] = version.kind
    head |= _ours(version.engine, version.examples)
    if version.kind == "text":
        (message,) = _sayable(version.written)
        if message.role != "user":
            head["treadle.role"] = message.role
        return dump(head, message.template + "\n")
    return dump(head, _turns(version.written))


def write_chat(head: JsonObject, messages: Sequence[Message], engine: Engine, examples: Examples | None) -> str:
    """Return a chat as a file with front matter of the caller's own and ours. Raises Unsayable."""
    return dump(head | _ours(engine, examples), _turns(messages))


def _ours(engine: Engine, examples: Examples | None) -> JsonObject:
    head: JsonObject = {}
    if engine != "mustache":
        head["treadle.engine"] = engine
    if examples is not None:
        head["treadle.examples"] = examples.model_dump(mode="json", exclude_none=True)
    return head


def _turns(messages: Sequence[Message]) -> str:
    return "".join(f'{{{{role "{_THEIRS[one.role]}"}}}}\n{one.template}\n' for one in _sayable(messages))


def _sayable(messages: Sequence[Message]) -> Sequence[Message]:
    if any(_ROLE.search(message.template) for message in messages):
        raise Unsayable(
            "a message contains '{{role …}}', which a .prompt file would read as the start of another message"
        )
    return messages


def read(text: str) -> ReadFile:
    """Return what a file says. Raises FileInvalid."""
    head, body = split(text)
    _require_known(head)
    engine = head.get("treadle.engine", "mustache")
    kind = head.get("treadle.kind", "chat")
    config = mapping(head.get("config"), "config")
    if "model" in head:
        config = {"model": head["model"], **config}
    examples = head.get("treadle.examples")
    messages = _messages(body, str(head.get("treadle.role", "user")))
    if engine == "mustache":
        messages = [message.model_copy(update={"template": to_mustache(message.template)}) for message in messages]
    facts: dict[str, Any] = {
        "messages": messages,
        "kind": kind,
        "engine": engine,
        "config": config,
        "input_schema": _schema(mapping(head.get("input"), "input").get("schema")),
        "output_schema": _schema(mapping(head.get("output"), "output").get("schema")),
        "examples": None if examples is None else Examples.model_validate(examples),
    }
    name = head.get("name")
    return ReadFile(None if name is None else str(name), NewVersion.model_validate(facts))


def _require_known(head: JsonObject) -> None:
    """Raise FileInvalid for what would be lost; fields of other tools stand under a name with a dot, as the format asks."""
    lost = sorted(
        name for name in head if name not in _READ | _OWN and ("." not in name or name.startswith("treadle."))
    )
    lost += [f"input.{name}" for name in mapping(head.get("input"), "input") if name != "schema"]
    lost += [f"output.{name}" for name in mapping(head.get("output"), "output") if name not in ("schema", "format")]
    if lost:
        raise FileInvalid(
            f"a version cannot hold {', '.join(repr(name) for name in lost)}; there are: {', '.join(sorted(_READ | _OWN))}, "
            f"input.schema, output.schema and output.format, and fields of other tools under a name with a dot"
        )


def to_mustache(template: str) -> str:
    """Return a Handlebars template as Mustache; one that is Mustache already stays as it is. Raises FileInvalid."""
    refused = _REFUSED.search(template)
    if refused is not None:
        raise FileInvalid(
            f"the template uses '{refused[0]}', which Mustache has no way to say; write it without, or in Jinja"
        )
    opened: list[str] = []

    def open_(match: re.Match[str]) -> str:
        return f"{{{{{'^' if match[1] == 'unless' else '#'}{match[2]}}}}}"

    pieces, at = [], 0
    for match in re.finditer(rf"{_OPENS.pattern}|{_CLOSES.pattern}", template):
        pieces.append(template[at : match.start()])
        at = match.end()
        if match[1]:
            opened.append(match[2])
            pieces.append(open_(match))
        elif not opened:
            raise FileInvalid(f"the template closes '{match[0]}', which nothing opened; correct it")
        else:
            pieces.append(f"{{{{/{opened.pop()}}}}}")
    pieces.append(template[at:])
    return re.sub(r"\{\{\s*this\s*\}\}", "{{.}}", re.sub(r"\{\{\s*this\.", "{{", "".join(pieces)))


def _messages(body: str, role: str) -> list[Message]:
    starts = list(_ROLE.finditer(body))
    before = body[: starts[0].start()] if starts else body
    messages = [] if starts and not before.strip() else [_message(role, before)]
    for at, start in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(body)
        messages.append(_message(start[1], body[start.end() : end]))
    return messages


def _message(role: str, text: str) -> Message:
    known = _ROLES.get(role)
    if known is None:
        raise FileInvalid(f"'{role}' is no role; there are: {', '.join(_ROLES)}")
    return Message.model_validate({"role": known, "template": text.removesuffix("\n")})


def _schema(schema: object) -> JsonObject | None:
    return None if schema is None else to_json_schema(schema)


def _marked(schema: JsonObject) -> JsonObject:
    """Return a schema that readers take for JSON Schema: what has neither type nor properties could be a Picoschema."""
    return schema if to_json_schema_is_same(schema) else {"type": "object", **schema}


def to_json_schema_is_same(schema: JsonObject) -> bool:
    """Say whether reading a schema back gives the schema."""
    try:
        return to_json_schema(schema) == schema
    except FileInvalid:
        return False

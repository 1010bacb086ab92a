"""Picoschema, dotprompt's short way to write a JSON Schema: read into JSON Schema. Pure.

    name: string, the customer's name        tags(array, what it is about): string
    age?: integer                            kind(enum): [bug, question]
    (*): any                                 address?(object): {street: string}

Source: google.github.io/dotprompt, reference/picoschema. What is JSON Schema already is returned as it is.
"""

from __future__ import annotations

import re
from typing import Any

from treadle.core.types import JsonObject
from treadle.prompts.formats.front import FileInvalid

_KEY = re.compile(
    r"(?P<name>[^?(\s]+)(?P<optional>\?)?\s*(?:\((?P<kind>array|object|enum)\s*(?:,\s*(?P<about>[^)]*))?\))?"
)
_SCALARS = {"string", "number", "integer", "boolean", "null"}
_JSON_SCHEMA_TYPES = _SCALARS | {"object", "array"}


def to_json_schema(schema: object) -> JsonObject:
    """Return the JSON Schema of a Picoschema, or of what is JSON Schema already. Raises FileInvalid."""
    if isinstance(schema, dict):
        if "$ref" in schema or schema.get("type") in _JSON_SCHEMA_TYPES:
            return schema
        if isinstance(schema.get("properties"), dict):
            return {"type": "object", **schema}
    return _schema(schema)


def _schema(schema: Any) -> JsonObject:
    if isinstance(schema, str):
        return _scalar(schema)
    if not isinstance(schema, dict):
        raise FileInvalid(f"{schema!r} is no schema; write a type such as 'string', or names with types")
    properties: JsonObject = {}
    required: list[str] = []
    rest: object = False
    for key, value in schema.items():
        if key == "(*)":
            rest = _schema(value)
            continue
        match = _KEY.fullmatch(str(key))
        if match is None:
            raise FileInvalid(
                f"'{key}' is no name of a Picoschema; write name, name?, name(array), name(object) or name(enum)"
            )
        properties[match["name"]] = _property(value, match["kind"], match["about"])
        if not match["optional"]:
            required.append(match["name"])
    made: JsonObject = {"type": "object", "properties": properties}
    if required:
        made["required"] = required
    return {**made, "additionalProperties": rest}


def _property(value: Any, kind: str | None, about: str | None) -> JsonObject:
    made: JsonObject
    if kind == "array":
        made = {"type": "array", "items": _schema(value)}
    elif kind == "enum":
        if not isinstance(value, list):
            raise FileInvalid(f"an enum is a list of values, not {value!r}; write name(enum): [one, two]")
        made = {"enum": value}
    else:
        made = _schema(value)
    return {**made, "description": about.strip()} if about else made


def _scalar(text: str) -> JsonObject:
    kind, _, about = (part.strip() for part in text.partition(","))
    if kind != "any" and kind not in _SCALARS:
        raise FileInvalid(f"'{kind}' is no type of a Picoschema; there are: any, {', '.join(sorted(_SCALARS))}")
    made: JsonObject = {} if kind == "any" else {"type": kind}
    return {**made, "description": about} if about else made

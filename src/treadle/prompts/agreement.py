"""Whether a prompt's templates, its input schema and its output schema agree, found without running anything. Pure.

Every variable that a template uses must be named by the input schema, and every name of the schema used; a variable that
stands outside sections must be required, since without it no request could be answered. `input` (the caller's last
message) and `examples` (chosen for the request) are always given and need no place in the schema. All faults are told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.prompts.render import Node, Section, Variable, parse
from treadle.prompts.types import Engine, Message

GIVEN = frozenset({"input", "examples"})
"""Names that whoever serves fills in."""


class Disagreement(InvalidInput):
    """Variables, schema and template do not agree."""

    code = "prompts.disagreement"


def require_agreement(
    messages: Sequence[Message],
    variables: Sequence[str],
    engine: Engine,
    input_schema: JsonObject | None,
    output_schema: JsonObject | None,
) -> None:
    """Raise Disagreement naming everything that does not fit."""
    faults = [*_schema_faults("output", output_schema), *_schema_faults("input", input_schema)]
    if input_schema is not None and not faults:
        faults += _input_faults(messages, variables, engine, input_schema)
    if faults:
        raise Disagreement(f"{'; '.join(faults)}. Correct the template or the schema and save it again", faults=faults)


def _schema_faults(which: str, schema: JsonObject | None) -> Iterator[str]:
    from jsonschema import SchemaError
    from jsonschema.validators import Draft202012Validator

    if schema is None:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield f"the {which} schema is no JSON Schema: {error.message[:200]}"
    if which == "input" and (
        schema.get("type", "object") != "object" or not isinstance(schema.get("properties", {}), Mapping)
    ):
        yield "the input schema must be of an object with properties, one for each variable"


def _input_faults(
    messages: Sequence[Message], variables: Sequence[str], engine: Engine, schema: Mapping[str, Any]
) -> Iterator[str]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    used = set(variables)
    if engine == "mustache":
        trees = [parse(message.template) for message in messages]
        used |= {name for tree in trees for name in _names_in(tree)} & properties.keys()
        plain = {node.path[0] for tree in trees for node in tree if isinstance(node, Variable) and node.path}
        optional = plain & properties.keys() - set(schema.get("required", ())) - GIVEN
        for name in sorted(optional):
            yield (
                f"'{name}' is used outside of a section, so every request must give it, and the input schema does not require it"
            )
        for tree in trees:
            yield from _deep_faults(tree, [schema])
    for name in sorted(set(variables) - properties.keys() - GIVEN):
        yield f"the template uses '{name}', which the input schema does not name (it names {_listed(properties)})"
    for name in sorted(properties.keys() - used - GIVEN):
        yield f"the input schema names '{name}', which no template uses (they use {_listed(used)})"


def _deep_faults(nodes: Sequence[Node], scopes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the dotted names that lead nowhere, where the schema says all that there is."""
    for node in nodes:
        if isinstance(node, str):
            continue
        found = _schema_at(node.path, scopes)
        if found is None and len(node.path) > 1:
            yield f"'{'.'.join(node.path)}' leads nowhere in the input schema"
        if isinstance(node, Section):
            inner = (found or {}).get("items", found or {})
            yield from _deep_faults(node.inside, [inner if isinstance(inner, Mapping) else {}, *scopes])


def _schema_at(path: Sequence[str], scopes: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the schema of a path: empty where nothing is said about it, None where it cannot be."""
    if not path or path[0] in GIVEN:
        return {}
    schema: Mapping[str, Any] = next((each for each in scopes if path[0] in each.get("properties", {})), {})
    for name in path:
        if "properties" not in schema:
            return {}
        inner = schema["properties"].get(name)
        if inner is None:
            return None
        schema = inner if isinstance(inner, Mapping) else {}
    return schema


def _names_in(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        if not isinstance(node, str):
            yield from node.path[:1]
            if isinstance(node, Section):
                yield from _names_in(node.inside)


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in sorted(names)) or "none"

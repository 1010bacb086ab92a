"""Whether a text is JSON that fits a schema, and if not why, in words that a model can act on.

JSON Schema 2020-12 by the library `jsonschema`. References lead nowhere but into the schema itself: nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from treadle.guards.check import CheckOptionsInvalid
from treadle.guards.spans import Finding

_MAX_FAULTS = 3
_MAX_WORDS = 240


class Schema:
    """A JSON schema made ready. Raises CheckOptionsInvalid when it is none."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from referencing import Registry

        try:
            Draft202012Validator.check_schema(document)
        except SchemaError as error:
            where = "/".join(map(str, error.absolute_path)) or "the schema"
            raise CheckOptionsInvalid(
                f"'{where}' is no JSON schema (draft 2020-12): {error.message[:_MAX_WORDS]}; correct it"
            ) from None
        except RecursionError:
            raise CheckOptionsInvalid("the JSON schema is nested too deeply; make it flatter") from None
        self._validator = Draft202012Validator(document, registry=Registry())
        self._document = document

    def lost_reference(self) -> str | None:
        """Return the first reference that leads nowhere: no text could fit its schema, whatever it says. None when all lead somewhere."""
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it ships no types
        from referencing.jsonschema import DRAFT202012

        resource = DRAFT202012.create_resource(self._document)
        return _lost_in(resource, REGISTRY.resolver_with_root(resource))

    def fault(self, text: str) -> str | None:
        """Return in words why a text does not fit, or None when it does. Names fields, never their values."""
        from referencing.exceptions import Unresolvable

        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError as broken:
            return f"it is not JSON ({broken})"
        except RecursionError:
            return "it is nested too deeply"
        faults: list[str] = []
        try:
            for error in self._validator.iter_errors(value):
                where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
                faults.append(f"${where}: {_in_words(error)}")
                if len(faults) == _MAX_FAULTS:
                    break
        except Unresolvable as broken:
            return f"its schema refers to '{broken.ref}', which it does not hold"
        except RecursionError:
            return "its schema refers to itself without end, or it is nested too deeply"
        return "; ".join(faults) or None


class SchemaCheck:
    """Finds answers that do not fit. See `Check`."""

    slow = False
    whole = True

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def find(self, text: str) -> list[Finding]:
        """See `Check`; the finding is the whole text."""
        return [] if self._schema.fault(text) is None else [Finding("SCHEMA", 0, len(text))]

    def possible(self, part: str) -> bool:
        """See `Check`."""
        return True

    def settled(self, text: str) -> int:
        """See `Check`: nothing, before the end."""
        return 0


def _lost_in(resource: Any, resolver: Any) -> str | None:
    from referencing.exceptions import Unresolvable

    contents = resource.contents
    for word in ("$ref", "$dynamicRef"):
        if isinstance(contents, Mapping) and word in contents:
            try:
                resolver.lookup(contents[word])
            except Unresolvable:
                return str(contents[word])
    inside = (_lost_in(each, resolver.in_subresource(each)) for each in resource.subresources())
    return next((lost for lost in inside if lost is not None), None)


def _in_words(error: Any) -> str:
    """Say what is wrong without the value at fault, which may be anything that a user wrote."""
    keyword, wanted = str(error.validator), error.validator_value
    if keyword == "required":
        missing = [name for name in wanted if name not in error.instance]
        return f"lacks {', '.join(repr(name) for name in missing)}"[:_MAX_WORDS]
    if keyword == "type":
        return f"must be of type {wanted}"[:_MAX_WORDS]
    if keyword == "additionalProperties":
        known = error.schema.get("properties", {})
        return f"has properties that are not allowed; allowed are {', '.join(map(repr, known))}"[:_MAX_WORDS]
    if keyword == "enum":
        return f"must be one of {', '.join(map(repr, wanted))}"[:_MAX_WORDS]
    if keyword in ("properties", "items", "anyOf", "oneOf", "allOf"):
        return f"does not fit '{keyword}'"
    return f"must satisfy {keyword} {wanted!r}"[:_MAX_WORDS]

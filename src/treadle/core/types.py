"""The types that every slice's vocabulary is built from."""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from treadle.core.described import fields_described

T = TypeVar("T")

JsonScalar: TypeAlias = str | int | float | bool | None
# Recursive JSON cannot be checked by pydantic and mypy alike without a named recursive type, so containers hold object.
JsonValue: TypeAlias = object
JsonObject: TypeAlias = dict[str, JsonValue]


class Record(BaseModel):
    """A frozen value: a row, an HTTP body and an SDK result are the same class.

    Its JSON schema says of each field what the text below it says. Where somebody reads `model_fields` instead, as FastAPI does for the
    parameters of a query, the class says `use_attribute_docstrings=True`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema with its fields described."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        said: dict[str, str | None] = {}
        for kind in reversed(cls.__mro__):
            if issubclass(kind, Record):
                said |= fields_described(kind)
        for name, text in said.items():
            if text is not None and name in properties:
                properties[name].setdefault("description", text)
        return schema


class Page(Record, Generic[T]):
    """One page of a listing, in the listing's stated order."""

    items: list[T]
    """The rows of this page."""
    next_cursor: str | None = None
    """Hand it back as `cursor` for the next page; None on the last page."""

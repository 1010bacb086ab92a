"""JSON files that options name: read whole, and refused with the file's name where they are not what they should be."""

from __future__ import annotations

import json
from typing import Any

import click
from pydantic import BaseModel, ValidationError

from treadle.core.faults import in_words


class JsonFile(click.ParamType[Any]):
    """A file that holds a JSON object, or one of the API's types; '-' is standard input."""

    name = "file"

    def __init__(self, kind: type[BaseModel] | None = None) -> None:
        self._kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the object in the file, as the type that was asked for."""
        try:
            with click.open_file(value, encoding="utf-8") as file:
                found = json.load(file)
        except OSError as error:
            self.fail(f"'{value}' cannot be read: {error.strerror}; check the path and your rights to it", param, ctx)
        except json.JSONDecodeError as error:
            self.fail(f"'{value}' is not JSON at line {error.lineno}, column {error.colno}: {error.msg}", param, ctx)
        except (ValueError, RecursionError):
            self.fail(f"'{value}' is not JSON in UTF-8", param, ctx)
        if not isinstance(found, dict):
            self.fail(f"'{value}' should hold one JSON object", param, ctx)
        try:
            return found if self._kind is None else self._kind.model_validate(found)
        except ValidationError as error:
            faults = error.errors()
            known = ""
            if self._kind is not None and any(fault["type"] == "extra_forbidden" for fault in faults):
                known = f"; it may have: {', '.join(sorted(self._kind.model_fields))}"
            self.fail(f"in '{value}': {in_words(faults)}{known}", param, ctx)

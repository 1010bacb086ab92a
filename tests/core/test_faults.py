"""What a type refused is told in our words, never in the validator's, and without what may be a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from treadle.core.faults import KNOWN, faults_of, in_words
from treadle.core.types import JsonObject, JsonValue, Record

OPENAPI = Path(__file__).parents[2] / "web" / "openapi.json"


class Shelf(Record):
    """A thing with one field of each sort."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")] = "a"
    limit_id: Annotated[str, StringConstraints(pattern=r"^lim_[0-9a-z]{26}$")] | None = None
    kind: Literal["wide", "deep"] = "wide"
    weight: float = Field(default=1, gt=0, le=1)
    books: int = 0
    labels: list[str] = []
    api_key: Annotated[str, StringConstraints(max_length=5, pattern=r"^[a-z][a-z0-9]{0,4}$")] = "k"
    note: Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")] = ""

    @model_validator(mode="after")
    def _holds_together(self) -> Shelf:
        if self.kind == "deep" and self.books == 0:
            raise ValueError("a deep shelf needs books; put one on it")
        return self


def told(value: JsonValue) -> str:
    """Return the words for a shelf that is refused."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Shelf).validate_python(value)
    return in_words(caught.value.errors())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"name": "My Shelf"}, "'name' is 'My Shelf', but it should be 1 to 40 of a-z, 0-9 and '-', the first and last of a-z and 0-9"),
        ({"limit_id": "nosuch"}, "'limit_id' is 'nosuch', but it should be an id like 'lim_…', with 26 letters and digits at its end"),
        ({"kind": "high"}, "'kind' is 'high', but it should be 'wide' or 'deep'"),
        ({"weight": -1}, "'weight' is -1, but it should be more than 0"),
        ({"weight": "heavy"}, "'weight' should be a number"),
        ({"books": 1.5}, "'books' is 1.5, but it should be a whole number"),
        ({"labels": {}}, "'labels' should be a list"),
        ({"labels": [1]}, "'labels.0' should be text"),
        ({"colour": "red"}, "'colour' is not known here; check its spelling, or leave it out"),
        ({"kind": "deep"}, "a deep shelf needs books; put one on it"),
        ({"note": "a\0b"}, "'note' should be text without NUL characters"),
        ([], "what was given should be an object"),
    ],
)  # fmt: skip
def test_words_of_a_fault(value: JsonValue, words: str) -> None:
    """
    A fault names the field, what came where that may be shown, and what would have been right.
    """
    assert words == told(value)


def test_secret_of_the_wrong_shape() -> None:
    """
    What came for a field that holds a key is never repeated.
    """
    words = told({"api_key": "S3cret"})

    assert "S3cret" not in words
    assert words.startswith("'api_key' should ")


def test_many_faults() -> None:
    """
    Beyond five faults the rest is counted.
    """
    words = told({str(number): 1 for number in range(7)})

    assert words.endswith("; and 2 more")


def test_field_of_a_request() -> None:
    """
    Where FastAPI says that a field was in the body or the path, the field's name is enough.
    """
    faults = faults_of([{"type": "missing", "loc": ("body", "amount"), "msg": "Field required", "input": {}}])

    assert [{"field": "amount", "fault": "'amount' is missing"}] == faults


def test_every_pattern_has_words() -> None:
    """
    Whatever pattern the API asks for, its refusal says what it means and does not show the pattern.
    """
    patterns = set(_patterns(json.loads(OPENAPI.read_text("utf-8"))))

    bare = [
        pattern
        for pattern in sorted(patterns)
        if pattern not in KNOWN
        and pattern in in_words([{"type": "string_pattern_mismatch", "loc": ("x",), "ctx": {"pattern": pattern}}])
    ]

    assert [] == bare


def _patterns(part: JsonObject | list[JsonValue] | JsonValue) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(pattern := part.get("pattern"), str):
            yield pattern
        for value in part.values():
            yield from _patterns(value)
    elif isinstance(part, list):
        for value in part:
            yield from _patterns(value)

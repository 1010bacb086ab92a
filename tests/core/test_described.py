"""What the schema of a record says of its fields."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field, create_model

from treadle.core.types import Record

T = TypeVar("T")


class Parcel(Record):
    """Something on its way."""

    number: str
    """What it is found by.

    Printed on it, too."""
    weight_g: int | None = None
    """Grams; None where nobody weighed it."""
    unsaid: bool = False
    told: str = Field(default="", description="What the field says itself.")
    """What stands below it."""


class Returned(Parcel):
    """One that came back."""

    number: str
    weight_g: int = 0
    """Grams, weighed again."""
    sender: Parcel
    """What it was a part of."""


class Box(Record, Generic[T]):
    """Something around something else."""

    inside: T
    """What is in it."""


def test_fields_say_what_stands_below_them() -> None:
    """
    A field's description is the text below it, as people read it, unless the field says another itself.
    """
    properties = Parcel.model_json_schema()["properties"]

    assert {
        "number": "What it is found by.\n\nPrinted on it, too.",
        "weight_g": "Grams; None where nobody weighed it.",
        "unsaid": None,
        "told": "What the field says itself.",
    } == {name: field.get("description") for name, field in properties.items()}


def test_a_field_declared_anew_speaks_for_itself() -> None:
    """
    What a field is inherited with holds until the heir declares it anew; a field that is a record keeps its own text.
    """
    properties = Returned.model_json_schema()["properties"]

    assert {
        "number": None,
        "weight_g": "Grams, weighed again.",
        "unsaid": None,
        "told": "What the field says itself.",
        "sender": "What it was a part of.",
    } == {name: field.get("description") for name, field in properties.items()}


def test_a_record_made_for_a_type_says_what_the_general_one_says() -> None:
    """
    A generic record is described once, for every type that it is made for.
    """
    assert "What is in it." == Box[int].model_json_schema()["properties"]["inside"]["description"]


def test_a_class_without_a_source_has_no_words() -> None:
    """
    Where there is no source to read, a schema is made all the same.
    """
    made = create_model("Made", __base__=Record, a=(int, ...))

    assert {"a": {"title": "A", "type": "integer"}} == made.model_json_schema()["properties"]

"""Label schemas: the questions that queues ask reviewers, and surveys an application's users.

Each answered field becomes one piece of feedback of the field's name: numbers and booleans its value, categories its
label, texts its comment, corrections its expected output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field as Limits
from pydantic import FiniteFloat, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from treadle.core.types import Record
from treadle.feedback.types import FeedbackName, Text

FieldKind = Literal["number", "boolean", "category", "text", "correction"]
AnswerValue = StrictBool | StrictInt | StrictFloat | StrictStr
Answers = Annotated[dict[str, AnswerValue], Limits(max_length=40)]
"""What was said, by field; fields that were not answered are left out."""


class Option(Record):
    """One category to choose."""

    label: Text = Limits(min_length=1, max_length=200)
    """What is kept."""
    help: Text = Limits(default="", max_length=500)
    """When to choose it."""


class Field(Record):
    """One question about an answer."""

    name: FeedbackName
    """What is judged; the feedback's name."""
    kind: FieldKind
    """A number on a scale, yes or no, one of some categories, words, or what the answer should have been."""
    question: Text = Limits(default="", max_length=500)
    """What is asked, in words; empty shows the name."""
    help: Text = Limits(default="", max_length=2_000)
    """How to judge: what counts as what."""
    is_required: bool = True
    """Whether a judgement without it is incomplete."""
    low: FiniteFloat | None = None
    """Smallest number; None unless it is one."""
    high: FiniteFloat | None = None
    """Largest number; None unless it is one."""
    step: float | None = Limits(default=None, gt=0)
    """Distance of two numbers; None takes any between."""
    options: list[Option] = Limits(default_factory=list, max_length=100)
    """Categories, in the order of the keys that choose them; empty unless it is a category."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "number" and (self.low is None or self.high is None or self.low >= self.high):
            raise ValueError(f"'{self.name}' is a number on a scale; give low and high, low below high")
        if self.kind != "number" and (self.low, self.high, self.step) != (None, None, None):
            raise ValueError(f"'{self.name}' is no number; leave out low, high and step")
        if self.kind == "category" and len({option.label for option in self.options}) < 2:
            raise ValueError(f"'{self.name}' is a category; give two options or more")
        if len({option.label for option in self.options}) != len(self.options):
            raise ValueError(f"'{self.name}' has an option twice")
        if self.kind != "category" and self.options:
            raise ValueError(f"'{self.name}' is no category; leave out its options")
        return self


def check_fields(fields: Sequence[Field]) -> None:
    """Raise ValueError when two fields have one name: for validators."""
    names = [field.name for field in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the field '{twice[0]}' is there twice; give every field a name of its own")

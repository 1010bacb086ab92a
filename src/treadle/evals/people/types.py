"""Which answers people are to judge, and which of their judgements become scores."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from treadle.core.types import Record


class NewHandOver(Record):
    """Which answers of an experiment people are to judge."""

    queue: str = Field(min_length=1, max_length=60)
    """The queue, one of single answers."""
    which: Literal["all", "abstained", "below"] = "all"
    """All of them, those on which a judge abstained, or those whose first score is below `below`."""
    below: float = 1.0
    """The first score that is just good enough; means something for 'below' only."""
    limit: int = Field(default=1_000, ge=1, le=1_000)
    """At most so many, by row."""


class HandedOver(Record):
    """What came of handing answers over."""

    num_added: int
    """New items of the queue."""
    num_known: int
    """Answers that were in the queue already."""


class NewTakeBack(Record):
    """Which judgements of people become scores of an experiment."""

    queue: str = Field(min_length=1, max_length=60)
    """The queue that judged."""
    field: str = Field(min_length=1, max_length=60)
    """The question whose answers count: a number on its scale, yes or no, or a category."""
    good: list[str] = Field(default_factory=list, max_length=100)
    """Of a category: the options that are worth 1; the others are worth 0."""

"""What a function that runs elsewhere is to answer, and what it says."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from treadle.core.types import JsonObject, Record

MOST_OUTPUT = 10_000_000
"""Characters of an answer."""
MOST_ERROR = 10_000
"""Characters of the reason why there is none."""


class WaitingRow(Record):
    """A row that a function is still to answer."""

    row: int
    """The row in the dataset version, from 1."""
    repeat: int
    """Which asking of it, from 1."""
    input: str
    """What it is asked."""
    messages: list[JsonObject] | None
    """The conversation up to the answer that is expected; None for a plain input."""
    expected: str | None
    """What the row expects."""
    metadata: JsonObject
    """The row's further columns."""


class NewOutput(Record):
    """What a function answered to a row."""

    row: int = Field(ge=1)
    """The row in the dataset version, from 1."""
    repeat: int = Field(default=1, ge=1, le=100)
    """Which asking of it."""
    output: str | None = Field(default=None, max_length=MOST_OUTPUT)
    """What it answered; None when it failed."""
    error: str | None = Field(default=None, max_length=MOST_ERROR)
    """Why there is no answer."""
    latency_ms: float = Field(default=0.0, ge=0)
    """How long it took."""
    cost_usd: float | None = Field(default=None, ge=0)
    """What it cost, where the function knows."""
    trace_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    """The trace that it made of itself; None lets the experiment keep one."""

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.output is None) == (self.error is None):
            raise ValueError("an answer is an output or an error; give one of them")
        return self


class NewOutputs(Record):
    """What a function answered to several rows."""

    outputs: list[NewOutput] = Field(min_length=1, max_length=1_000)
    """1 to 1,000 of them; what was said first of a row stays."""


class OutputsKept(Record):
    """What came of answers."""

    num_new: int
    """Those that were not there before."""

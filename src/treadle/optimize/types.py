"""The vocabulary of prompt optimisation."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from treadle.core.types import JsonObject, Record
from treadle.evals.scoring.types import ScorerChoice
from treadle.jobs.types import RunStatus
from treadle.prompts.types import Examples, Message

Method = Literal["demonstrations", "instructions", "gepa", "parameters"]
EndpointName = Annotated[str, Field(min_length=1, max_length=100)]
Verdict = Literal["better", "not shown"]


class SearchedParameter(Record):
    """One request field whose value is searched."""

    low: float
    """Smallest value."""
    high: float
    """Largest value, more than the smallest."""

    @model_validator(mode="after")
    def _in_order(self) -> SearchedParameter:
        if not self.low < self.high:
            raise ValueError(f"the bounds are {self.low:g} to {self.high:g}; the first should be less than the second")
        return self


class NewOptimization(Record):
    """A request to make a prompt better."""

    prompt: str = Field(max_length=80)
    """The prompt."""
    version: int | str = "latest"
    """The version to begin with."""
    dataset: str = Field(max_length=100)
    """Rows with expected outputs, split into train, validation and test."""
    dataset_version: int | str = "latest"
    """Which version of them."""
    endpoint: EndpointName
    """Who answers: an endpoint without a prompt of its own."""
    writer: EndpointName | None = None
    """Who writes new instructions, for 'instructions' and 'gepa'; None asks `endpoint`."""
    scorer: ScorerChoice
    """What judges an answer; one that needs no model."""
    method: Method
    """'demonstrations' searches examples that the prompt itself got right, 'instructions' new wordings by their scores so far,
    'gepa' wordings by reflection on failures, 'parameters' request fields."""
    message: int = Field(default=0, ge=0)
    """Which message is rewritten or gets the examples, from 0."""
    frozen: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list, max_length=50)
    """Passages of that message that every candidate must hold as they are; its variables and includes always are."""
    parameters: JsonObject = Field(default_factory=lambda: dict[str, object](temperature=0))
    """Request fields of every candidate."""
    search: dict[str, SearchedParameter] = Field(default_factory=dict, max_length=8)
    """For 'parameters': fields and their bounds, such as temperature 0 to 1."""
    candidates: int = Field(default=8, ge=1, le=200)
    """Most candidates that are tried."""
    count: int = Field(default=4, ge=1, le=20)
    """For 'demonstrations': how many examples a candidate shows."""
    train_rows: int = Field(default=50, ge=1, le=1000)
    """Most rows that the search learns from."""
    validation_rows: int = Field(default=50, ge=1, le=1000)
    """Most rows that candidates are ranked on."""
    test_rows: int = Field(default=200, ge=1, le=5000)
    """Most rows of the comparison at the end; the search never sees one of them."""
    max_calls: int = Field(ge=1, le=1_000_000)
    """Requests in all, those of the comparison included; never exceeded."""
    max_usd: Decimal | None = Field(default=None, gt=0)
    """What may be spent in all, see `budget`; None has no limit. With one, an answer without a known price ends the search."""
    concurrency: int = Field(default=4, ge=1, le=16)
    """Requests at once."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Level of the test at the end."""
    seed: int = 0
    """The same seed searches the same way."""


class Candidate(Record):
    """One thing that was tried."""

    number: int
    """0 is the version that the search began with."""
    parent: int | None
    """What it was made from; None for the first."""
    messages: list[Message]
    """What it says, as written."""
    examples: Examples | None
    """What it shows."""
    parameters: JsonObject
    """Its request fields."""
    score: float | None
    """Mean score on the validation rows; None where it was refused or the budget ended before."""
    rows: int
    """Validation rows that it was scored on."""
    refused: str | None
    """Why it was not tried; None when it was."""


class HeldOut(Record):
    """The comparison on rows that the search never saw."""

    rows: int
    """Rows that both were scored on."""
    baseline: float
    """Mean score of the version that the search began with."""
    candidate: float
    """Mean score of the version that it found."""
    low: float
    """Lower end of the interval of the difference, at confidence 1 - alpha."""
    high: float
    """Upper end."""
    p_value: float
    """Of the paired test."""
    verdict: Verdict
    """'better' only where the test shows it at level alpha."""
    words: str
    """The verdict as one sentence with its numbers."""


class Optimization(Record):
    """A search for a better prompt."""

    optimization_id: str
    """'opt_…'."""
    run_id: str
    """The run that does it."""
    request: NewOptimization
    """What was asked for."""
    base_version_id: str
    """The version that it began with."""
    status: RunStatus
    """Where it stands."""
    calls: int
    """Requests so far."""
    spent_usd: Decimal
    """What is known to have been spent so far."""
    best: int | None
    """The candidate with the highest validation score; None until it is over."""
    best_version_id: str | None
    """The version made of it; None where nothing scored above the version it began with."""
    held_out: HeldOut | None
    """None until it is over, and where there is nothing to compare."""
    words: str | None
    """What came of it, in one sentence; None until it is over."""
    created_at: datetime
    """When it was asked for."""

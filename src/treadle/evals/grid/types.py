"""The vocabulary of experiments side by side: which rows, in which order, and what each experiment said of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from treadle.core.types import JsonObject, JsonValue, Record
from treadle.evals.scoring.types import Score, Unit

GridOrdering = Literal["regressions", "row"]
GridOnly = Literal["regressed", "improved", "changed", "failed"]
ExperimentIds = Annotated[list[str], Field(min_length=1, max_length=8)]
"""Experiments over one dataset version; the first is the one that the others are compared with."""


class GridOrder(Record):
    """Which rows several experiments have in a grid, and in which order."""

    experiment_ids: list[str]
    """The experiments; the first is the baseline."""
    dataset_version_id: str
    """The rows, which are the same for all."""
    scorers: list[str]
    """What judged in all of them."""
    scorer: str | None
    """The one whose scores decide the order; None where they share none."""
    unit: Unit
    """How its scores are to be read."""
    higher_is_better: bool
    """Whether more of it is better."""
    rows: list[int]
    """Rows of the dataset version in the order that was asked for; those that any of the experiments has answered."""
    total: int
    """Rows before any was left out."""
    regressed: int
    """Rows on which at least one experiment scores worse than the first."""
    improved: int
    """Rows on which at least one scores better than the first and none worse."""
    failed: int
    """Rows to which at least one gave no answer."""


class GridCell(Record):
    """What one experiment has of one row."""

    output: str | None
    """What was answered first; None when that failed."""
    error: str | None
    """Why there is no answer."""
    is_cut: bool
    """Whether the answer is longer than what is shown of it."""
    answers: int
    """How often the row was asked."""
    scores: list[Score]
    """Of the answer that is shown, without what stands behind them."""
    means: dict[str, float]
    """Mean score over the answers by scorer; a scorer that could judge none is not in it."""
    latency_ms: float
    """Mean wall time of the answers."""
    cost_usd: float | None
    """Mean cost of an answer; None where a price is not known."""
    repeat: int
    """Which asking is shown, from 1."""
    trace_id: str | None
    """The trace of the answer that is shown."""


class GridRow(Record):
    """One row of a grid."""

    row: int
    """The row in the dataset version, from 1."""
    input: JsonValue
    """What was asked; text is cut as answers are."""
    expected: str | None
    """What the row expects; None where it says nothing."""
    metadata: JsonObject
    """The row's further columns."""
    cells: list[GridCell | None]
    """One per experiment, in their order; None where it has not this row."""

"""A benchmark's task files, and what a run of somebody else's harness came to."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from treadle.core.types import JsonObject, JsonValue, Record
from treadle.evals.scoring.types import ScorerChoice


class TaskFile(Record):
    """One task of a suite: rows in a file, and what judges the answers."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """What it is called; the dataset of its rows has the same name."""
    rows: str
    """Path of the rows (JSON Lines, CSV, Parquet ...), from the suite file's folder."""
    mapping: dict[str, JsonValue] = Field(default_factory=dict)
    """Which columns are what, such as {"input": "question", "expected_output": "answer"}; guessed where it says nothing."""
    scorers: list[ScorerChoice] = Field(min_length=1, max_length=20)
    """What judges; the first is the task's figure."""
    limit: int | None = Field(default=None, ge=1)
    """The first so many rows only."""
    reads: bool = False
    """Whether texts are read instead of answered; see an experiment's target."""


class Suite(Record):
    """A published benchmark, as a file beside its rows."""

    name: str = Field(min_length=1, max_length=100)
    """What it is called."""
    source: str = ""
    """The paper or page that it is from."""
    licence: str = ""
    """The licence of its rows."""
    tasks: list[TaskFile] = Field(min_length=1, max_length=200)
    """Its tasks."""


class HarnessFigure(Record):
    """One figure of one task."""

    task: str = Field(min_length=1, max_length=200)
    """The task."""
    metric: str = Field(min_length=1, max_length=100)
    """The metric, such as 'acc_norm'."""
    filter: str = Field(default="none", max_length=100)
    """What picked the answer out of what was said; 'none' takes it whole."""
    value: float
    """The figure."""
    low: float | None = None
    """Lower end of its 95 % interval; None where the harness gives no standard error."""
    high: float | None = None
    """Upper end of it."""
    rows: int = Field(ge=0)
    """Rows it is of."""
    num_fewshot: int | None = None
    """Examples before each question."""
    task_version: str | None = None
    """The task's own version."""
    higher_is_better: bool | None = None
    """Whether more is better; None where the harness does not say."""


class NewHarnessRun(Record):
    """What a run of a harness came to, to be kept."""

    harness: str = Field(min_length=1, max_length=100)
    """The harness with its version, such as 'lm-evaluation-harness 0.4.13'."""
    endpoint: str = Field(min_length=1, max_length=200)
    """What answered."""
    model_version_id: str | None = None
    """The model version whose card gets the figures; None keeps them here only."""
    release_id: str | None = None
    """The release that answered, where one is stated."""
    figures: list[HarnessFigure] = Field(min_length=1, max_length=5_000)
    """What it found."""
    settings: JsonObject = Field(default_factory=dict)
    """What decides the figures: limit, seeds, generation settings, hashes of the tasks."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [(one.task, one.metric, one.filter) for one in self.figures]
        if len(set(names)) != len(names):
            raise ValueError("a figure is there twice; give each task, metric and filter once")
        return self


class HarnessRun(NewHarnessRun):
    """A run of a harness that is kept."""

    harness_run_id: str
    """Starts with har_."""
    created_by: str
    """The actor who sent it."""
    created_at: datetime
    """When."""

"""Runs: pieces of durable work, what went in, what came out, and what they said on the way."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from treadle.core.types import JsonValue, Record

RunStatus = Literal["pending", "running", "succeeded", "failed", "cancelled"]
FINAL: frozenset[RunStatus] = frozenset({"succeeded", "failed", "cancelled"})


class RunError(Record):
    """Why a run failed, in the words its doer used."""

    code: str
    """Stable code, as in an HTTP problem."""
    message: str
    """What failed, what would have been right, what to do next."""
    kind: str = "TreadleError"
    """Which of the kinds of `core/errors.py` it is: decides the exit code."""
    values: dict[str, JsonValue] = {}
    """The facts behind the message."""


class Run(Record):
    """One piece of work that made something, or is about to."""

    run_id: str
    """'run_…'."""
    kind: str
    """'<slice>.<verb>', such as 'data.import' or 'training.finetune'; 'pipelines.turn' for a whole turn."""
    title: str
    """What people see: 'Fine-tune support'."""
    status: RunStatus
    """Where it stands."""
    params: dict[str, JsonValue]
    """What it was asked to do."""
    outputs: dict[str, JsonValue]
    """What it made: ids and figures; empty until it succeeded."""
    error: RunError | None
    """Why it failed; None otherwise."""
    parent_run_id: str | None
    """The run that this one is a step of; None at the top."""
    step: str | None
    """Its name among its parent's steps; None at the top."""
    progress: float
    """How far it is, 0-1."""
    progress_text: str
    """What it is doing right now."""
    attempts: int
    """How often it was begun: more than 1 after a kill or a retry."""
    retries: int
    """How often a person had it go on after it had failed or was cancelled."""
    once: str
    """Why it is never retried, such as that its batch has ended with it; empty where it can be."""
    actor_id: str
    """Who started it."""
    actor_name: str
    """Their name then."""
    created_at: datetime
    """Aware UTC."""
    started_at: datetime | None
    """Aware UTC; None while pending."""
    ended_at: datetime | None
    """Aware UTC; None until it ended."""


class Unfinished(Record):
    """A run of any project that is not over, as the runner looks at it."""

    project_id: str
    """Whose it is."""
    run_id: str
    """'run_…'."""
    parent_run_id: str | None
    """The run that this one is a step of; None at the top."""
    parent_status: RunStatus | None
    """Where that one stands; None at the top."""
    retries: int = 0
    """How often it was retried: each time it has a new workflow."""


class LogLine(Record):
    """One line that a run wrote."""

    sequence: int
    """Grows with time; not without gaps."""
    at: datetime
    """Aware UTC."""
    text: str
    """What it said."""


class MetricPoint(Record):
    """One point of one curve."""

    name: str
    """Such as 'train_loss'."""
    step: int
    """Where on the curve."""
    value: float
    """How much."""
    at: datetime
    """Aware UTC."""


class NewRun(Record):
    """Work to start."""

    kind: str = Field(max_length=80)
    """Which handler does it."""
    title: str = Field(max_length=200)
    """What people see."""
    params: dict[str, JsonValue]
    """What it is asked to do; JSON only."""
    once: str = ""
    """Why it is not to be retried when it fails; empty where its handler goes on where it stopped."""

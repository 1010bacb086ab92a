"""A schedule: at so many corrected answers, or when a monitor fires, go around the loop; ask before release, or not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from treadle.core.revisions import Revised
from treadle.core.types import JsonObject, Record
from treadle.pipelines.types import TurnName

ScheduleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
"""1 to 60 of a-z, 0-9, '-' and '_'; unique in the project."""
Trigger = Literal["corrections", "alert"]


class NewSchedule(Record):
    """A schedule to make or change."""

    name: ScheduleName
    """Unique in the project."""
    turn: TurnName
    """The name of the turn: of the dataset that grows, the endpoint whose answers are corrected, the model and the release."""
    corrected_answers: int | None = Field(default=None, ge=1, le=1_000_000)
    """Go when so many answers of the endpoint were corrected since the last time; None does not count them."""
    monitor: str | None = Field(default=None, min_length=1, max_length=80)
    """Go when this monitor fires, such as one that watches for drift; None watches none."""
    at_most_every_hours: float = Field(default=24.0, ge=0, le=8_760)
    """Least time between two turns of this schedule; what comes meanwhile is kept for the next."""
    ask_before_release: bool = True
    """Wait at the gate of each turn for people's approval, or somebody's refusal; False approves what passed the gate and rolls it
    out, which takes a maker who may approve releases."""
    method: Literal["full", "lora"] = "full"
    """How to fine-tune."""
    recipe: JsonObject = Field(default_factory=dict)
    """Fields of FinetuneRecipe to set; the rest follow from the rows."""
    is_on: bool = True
    """Whether it goes."""

    @model_validator(mode="after")
    def _waits_for_something(self) -> Self:
        if self.corrected_answers is None and self.monitor is None:
            raise ValueError("the schedule waits for nothing; give corrected_answers, a monitor, or both")
        return self


class Schedule(Revised, NewSchedule):
    """A schedule with how near it is."""

    EDITED = frozenset(NewSchedule.model_fields)

    schedule_id: str
    """'sch_…'."""
    num_corrected: int
    """Answers corrected since the last time."""
    last_fired_at: datetime | None
    """Aware UTC; None before the first time."""
    made_by: str
    """Actor who made or changed it last: its turns go on with their rights."""
    created_at: datetime
    """Aware UTC."""


class Firing(Record):
    """One time that a schedule went."""

    number: int
    """1, 2, 3 … of the schedule."""
    trigger: Trigger
    """What set it off."""
    words: str
    """Why, in words."""
    num_corrected: int
    """Answers corrected since the time before."""
    alert_id: str | None
    """The alert that set it off; None when corrections did."""
    run_id: str
    """The turn."""
    fired_at: datetime
    """Aware UTC."""

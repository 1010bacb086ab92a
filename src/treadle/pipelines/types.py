"""Turns: once around the loop, as steps that are ordinary uses of the slices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from treadle.core.types import JsonObject, Record
from treadle.data.types import Licence
from treadle.jobs.types import Run

TurnName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""1 to 40 of a-z, 0-9 and '-': names the dataset, models, prompt, releases and endpoint of a turn."""


class FileSource(Record):
    """Rows from a file that was uploaded before."""

    digest: str = Field(max_length=71)
    """'sha256:…' of the file in the blob store."""
    file_name: str = Field(max_length=300)
    """As people know it; its suffix tells the format."""
    input: str | None = Field(default=None, max_length=500)
    """Column with what the application is given; None looks for the usual names."""
    label: str | None = Field(default=None, max_length=500)
    """Column with the right answer; None looks for the usual names."""
    held_back_share: float = Field(default=0.07, gt=0, lt=0.5)
    """Share of the rows that never enters the dataset where customers are played: they are who writes tomorrow."""


class NewTurn(Record):
    """What a turn should start from and how far it should go."""

    name: TurnName = "support"
    """Names everything that the turn makes: dataset, model, prompt, release, endpoint."""
    source: Literal["sample", "file", "dataset"] = "sample"
    """The project's own sample; a file; or a prepared version of the dataset that exists, such as one curated from traffic."""
    file: FileSource | None = None
    """The file, when that is the source."""
    dataset_version: int | None = Field(default=None, ge=1)
    """The version to start from, when the dataset is the source; None takes the newest."""
    from_traffic: bool = False
    """First join what people corrected to the dataset, as its next version, and start from that."""
    licence: Licence | None = None
    """Licence of the file's rows, carried to the dataset and to the models made from it. The sample has its own."""
    method: Literal["full", "lora"] = "full"
    """How to fine-tune."""
    base_recipe: JsonObject = Field(default_factory=dict)
    """Fields of BaseRecipe to set; the rest follow from the number of rows."""
    recipe: JsonObject = Field(default_factory=dict)
    """Fields of FinetuneRecipe to set; the rest follow from the number of rows and labels."""
    approve: bool = True
    """Approve a release whose gate passed, in the name of whoever starts the turn. False: the turn asks, and waits at the gate
    until people approved the release or somebody refused it."""
    play_customers: bool = False
    """Play customers whose right answers are known, so that rollouts decide: for demos, never before real users.
    False: rollouts wait for real traffic."""
    drill: bool = False
    """After the promotion, roll out a release that is broken on purpose and see that it is rolled back. Needs played customers."""
    seed: int = Field(default=0, ge=0, le=2**31)
    """Decides the sample, the split and the customers."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.source == "file") != (self.file is not None):
            raise ValueError("give `file` exactly when `source` is 'file'")
        if self.source != "file" and self.licence is not None:
            raise ValueError("a licence is stated for a file; the sample and a dataset that exists have theirs already")
        if self.source == "dataset" and self.play_customers:
            raise ValueError("a turn on an existing dataset has no customers to play; leave play_customers out")
        if self.from_traffic and (self.source != "dataset" or self.dataset_version is not None):
            raise ValueError(
                "traffic joins the newest version of a dataset that exists; set source to 'dataset', without a version"
            )
        if self.drill and not (self.play_customers and self.approve):
            raise ValueError("the drill needs played customers and approval; set play_customers and approve to true")
        return self


class NewRefusal(Record):
    """A no to what a turn wants to release."""

    reason: str = Field(min_length=3, max_length=2_000)
    """Why, in words."""


class Refusal(NewRefusal):
    """A no as it is kept."""

    run_id: str
    """The turn."""
    actor_id: str
    """Who refused."""
    actor_name: str
    """Their name then."""
    refused_at: datetime
    """Aware UTC."""


class TurnStep(Record):
    """One station of a turn."""

    step: str
    """Its name among the turn's steps."""
    title: str
    """What people see."""
    run: Run | None
    """The run that does it; None before it is reached."""


class Turn(Record):
    """Once around the loop."""

    run: Run
    """The turn as a run: state, parameters, and at the end the figures that matter."""
    steps: list[TurnStep]
    """Its stations in order, those to come included."""

"""What one asks a training run to do, and what it gives back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from treadle.core.types import JsonObject, Record
from treadle.models.types import Name
from treadle.training.preflight_report import Preflight

Licence = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class NewBase(Record):
    """Train a base model from scratch on a dataset version's texts, or take one in."""

    kind: Literal["base"] = "base"
    """Tells the two requests apart."""
    model: Name
    """The model that gets a new version; made when it does not exist."""
    dataset_version_id: str = Field(max_length=60)
    """Whose training rows it reads: their inputs only."""
    base: str | None = Field(default=None, max_length=500)
    """A transformers folder on the server, or a hub id, to take in instead of training; None trains from scratch."""
    recipe: JsonObject = Field(default_factory=dict)
    """Fields of BaseRecipe to set; the rest follow from the number of rows."""
    precision: Literal["f32", "f16"] = "f16"
    """Of the exported GGUF's matrices."""
    licence: Licence | None = None
    """Licence of the weights; None takes that of the rows where the weights are made from them alone."""


class NewFinetune(Record):
    """Tune a model version on a dataset version's rows."""

    kind: Literal["finetune"]
    """Tells the two requests apart."""
    model: Name
    """The model that gets a new version; made when it does not exist."""
    dataset_version_id: str = Field(max_length=60)
    """Whose rows are learned."""
    base_version_id: str = Field(max_length=60)
    """The model version to start from."""
    prompt_version_id: str | None = Field(default=None, max_length=60)
    """Render each row through this prompt, `input` being the row's text, so that training reads what serving sends;
    None uses the row's text as the user's turn."""
    recipe: JsonObject = Field(default_factory=dict)
    """Fields of FinetuneRecipe to set; the rest follow from the number of rows and labels."""
    precision: Literal["f32", "f16"] = "f16"
    """Of the exported GGUF's matrices."""
    licence: Licence | None = None
    """Licence of the weights; None inherits the base's."""


NewTraining = Annotated[NewBase | NewFinetune, Field(discriminator="kind")]


class NewPreflight(Record):
    """Examine rows and base as a fine-tune would, without training."""

    dataset_version_id: str = Field(max_length=60)
    """Whose training rows are examined."""
    base_version_id: str = Field(max_length=60)
    """The model version a fine-tune would start from."""
    prompt_version_id: str | None = Field(default=None, max_length=60)
    """Render each row through this prompt; None uses the row's text as the user's turn."""
    recipe: JsonObject = Field(default_factory=dict)
    """Fields of FinetuneRecipe to set."""


class PreflightOfRun(Record):
    """A pre-flight's report, by the run that made it."""

    run_id: str
    """The run: a fine-tune or a pre-flight."""
    report: Preflight | None
    """What it found; None while the run has not come that far, and for good when it ended before."""

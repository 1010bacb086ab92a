"""The vocabulary of trying prompts: previews, grids, safety evaluations, examples from datasets."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from treadle.core.types import JsonObject, JsonValue, Record
from treadle.data.types import Part
from treadle.evals.types import greedy
from treadle.prompts.types import ALL_PACKS, LEAST_HELD, NewVersion, PackName

EndpointName = Annotated[str, Field(min_length=1, max_length=100)]


class NewPreview(Record):
    """A prompt to count for some models."""

    models: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(min_length=1, max_length=20)
    """Model version ids ('mdv_…'), or providers' models: 'gpt-5-mini', 'openai/gpt-5-mini'."""
    variables: dict[str, JsonValue] = Field(default_factory=dict)
    """What to fill it in with."""
    output_tokens: int = Field(default=256, ge=0, le=1_000_000)
    """How long an answer to reckon with."""
    requests: int = Field(default=1, ge=1, le=1_000_000_000)
    """How many requests to reckon with."""


class Preview(Record):
    """What a filled-in prompt is for one model."""

    model: str
    """As it was asked for."""
    input_tokens: int
    """Tokens of the messages' texts; a model's own marks between messages are not in it."""
    is_estimate: bool
    """Whether nobody here knows the model's tokenizer."""
    tokenizer: str
    """What counted."""
    cost_usd: Decimal | None
    """Of all requests, each with the answer that was reckoned with; None where no price is known."""
    price_source: str | None
    """Where the price is from."""
    without: list[str] = Field(default_factory=list)
    """Variables that were not given and count as empty."""


class FillExamples(Record):
    """Rows of a dataset to show in a prompt."""

    dataset: str
    """The dataset."""
    dataset_version: int | str = "latest"
    """Which version of it."""
    part: Part | None = "train"
    """Which part; None takes every row. Rows that a prompt shows must not be those it is judged on."""
    version: int | str = "latest"
    """Which version of the prompt gets them; it includes `{{> treadle/examples}}`."""
    selection: Literal["fixed", "nearest"] = "fixed"
    """Show the same to everybody, or to each request those most like it."""
    count: int = Field(default=3, ge=1, le=20)
    """How many are shown."""
    pool: int = Field(default=200, ge=1, le=500)
    """How many rows 'nearest' chooses from."""
    seed: int = 0
    """Which rows are taken; the same seed takes the same."""
    message: str = Field(default="", max_length=500)
    """Why, as in a commit."""


class NewSafety(Record):
    """A request to attack a prompt."""

    endpoint: EndpointName
    """Through which endpoint it is asked: one without a prompt and without guards of its own, or those answer for it."""
    packs: list[PackName] = Field(default=list(ALL_PACKS), min_length=1, max_length=3)
    """Which attacks."""
    variables: dict[str, JsonValue] = Field(default_factory=dict)
    """What the prompt's variables hold beside the attack."""
    attacked: str = Field(default="input", max_length=80)
    """The variable that holds text of others; where the prompt does not use it the attack is a message of its own."""
    least_held: float = Field(default=LEAST_HELD, ge=0, le=1)
    """Share of each pack's attempts that must hold for it to have passed. A label's policy asks for its own share."""
    parameters: JsonObject = Field(default_factory=greedy)
    """Further fields of each request: how it is sampled, and not what would keep an answer from saying something."""


class TriedPrompt(Record):
    """A prompt to try: a version that is kept, or a draft."""

    name: str | None = Field(default=None, max_length=80)
    """The prompt; None for a draft without a name."""
    version: int | str = "latest"
    """Which version; what is given with a draft does not matter."""
    draft: NewVersion | None = None
    """What it should say; None takes the version."""


class NewTriedPreview(Record):
    """A prompt to try with some rows, to count for some models before it is asked."""

    prompt: TriedPrompt
    """What would be asked."""
    models: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(min_length=1, max_length=20)
    """Model version ids ('mdv_…'), or providers' models: 'gpt-5-mini', 'openai/gpt-5-mini'."""
    rows: list[JsonObject] = Field(min_length=1, max_length=200)
    """Variables of each row."""
    output_tokens: int = Field(default=256, ge=0, le=1_000_000)
    """How long an answer to reckon with."""


class NewGrid(Record):
    """Prompts x endpoints x rows to ask."""

    prompts: list[TriedPrompt] = Field(min_length=1, max_length=20)
    """What to ask."""
    endpoints: list[EndpointName] = Field(min_length=1, max_length=10)
    """Whom to ask; best those without a prompt of their own."""
    rows: list[JsonObject] = Field(min_length=1, max_length=200)
    """Variables of each row; `input` is what a user would say."""
    parameters: JsonObject = Field(default_factory=dict)
    """Further fields of each request, such as temperature."""
    concurrency: int = Field(default=4, ge=1, le=16)
    """Cells that are asked at once."""
    budget_usd: Decimal | None = Field(default=None, ge=0)
    """No further cell is begun once so much is spent; None has no limit. Cells whose price is unknown count nothing."""


class Cell(Record):
    """One prompt asked of one endpoint with one row."""

    cell: int
    """Its number: prompts outermost, then endpoints, then rows."""
    prompt: int
    """Which prompt, from 0."""
    endpoint: str
    """Whom it was asked of."""
    row: int
    """Which row, from 0."""
    status: Literal["answered", "failed", "skipped"]
    """Skipped where the budget was spent before."""
    output: str | None
    """What was answered; None where nothing was."""
    tool_calls: list[JsonObject] = Field(default_factory=list)
    """Tools that the model wants called: id, name and arguments as it wrote them."""
    error: str | None
    """Why not."""
    latency_ms: float
    """Wall time, from asking to the last word."""
    input_tokens: int | None
    """None where nobody said."""
    output_tokens: int | None
    """None where nobody said."""
    cost_usd: Decimal | None
    """None where no price is known."""
    trace_id: str | None
    """Its trace; None where the gateway took no request."""


class GridTotal(Record):
    """A grid at its end."""

    cells: int
    """How many there were."""
    answered: int
    """How many were answered."""
    failed: int
    """How many were not."""
    skipped: int
    """How many the budget left out."""
    cost_usd: Decimal
    """What is known to have been spent."""
    unpriced: int
    """Answers whose price is not known."""


class SaveCell(Record):
    """A cell of a grid to keep as a version."""

    name: str = Field(min_length=1, max_length=80)
    """The prompt that gets it."""
    prompt: TriedPrompt
    """What the cell asked."""
    endpoint: EndpointName
    """Whom it asked; kept in the version's config."""
    parameters: JsonObject = Field(default_factory=dict)
    """With which fields; kept in the version's config."""
    message: str = Field(default="", max_length=500)
    """Why, as in a commit."""


class Said(Record):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    """Who said it; what a system says is the release's."""
    content: str = Field(max_length=200_000)
    """The words."""


class NewChat(Record):
    """A conversation whose next message is asked for."""

    endpoint: EndpointName
    """Whom to talk to."""
    messages: list[Said] = Field(min_length=1, max_length=200)
    """What was said so far, oldest first; the last is the person's."""
    session_id: str | None = Field(default=None, min_length=1, max_length=200)
    """Joins the traces of one conversation; None joins none."""


class ChatEnd(Record):
    """How an answer ended: the data of the event 'end'."""

    error: str | None
    """Why there is no answer, or not all of one; None where it is whole."""
    trace_id: str | None
    """Its trace; None where the gateway took no request."""
    release_id: str | None
    """The release that answered; None where none did."""
    input_tokens: int | None
    """None where nobody said."""
    output_tokens: int | None
    """None where nobody said."""
    cost_usd: Decimal | None
    """None where no price is known."""

"""The vocabulary of choosing a model: catalogue entries, requirements, a choice with its plan and what came of it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from treadle.core.types import JsonObject, Record
from treadle.data.types import Part
from treadle.evals.comparisons.types import Comparison
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import Metric

Modality = Literal["text", "image", "audio", "video"]
Hosting = Literal["provider", "local"]
Origin = Literal["shipped", "stated", "listed", "registry", "endpoint"]
EntryName = Annotated[str, Field(min_length=3, max_length=300, pattern=r"^[^\s/:@]+[/:@]\S+$")]
Word = Annotated[str, Field(min_length=1, max_length=200)]
ChoiceStatus = Literal["pending", "running", "succeeded", "failed", "cancelled"]


class ModelFacts(Record):
    """What is said of a model; None is not known, which is neither yes nor no."""

    context_length: int | None = Field(default=None, ge=1)
    """Longest prompt plus answer in tokens."""
    input_modalities: list[Modality] | None = None
    """What it reads."""
    output_modalities: list[Modality] | None = None
    """What it writes."""
    licence: str | None = Field(default=None, max_length=200)
    """SPDX identifier of its weights' licence, or 'proprietary' where nobody gets the weights."""
    can_fine_tune: bool | None = None
    """Whether it can be tuned on rows of one's own, by its provider or with its weights."""
    languages: list[Word] | None = Field(default=None, max_length=200)
    """ISO 639-1 codes of the languages that its maker names."""
    note: str | None = Field(default=None, max_length=500)
    """What else one should know, such as a date when it ends."""


class StatedFacts(ModelFacts):
    """What somebody states of a model, with its source."""

    source: str = Field(min_length=3, max_length=500)
    """Where it is written: an address, or words such as 'our contract of May'."""
    as_of: date
    """When it was read there."""


class NewEntry(StatedFacts):
    """An entry of one's own, or a correction: what is given wins over what ships, the rest stays."""

    hosting: Hosting | None = None
    """Who runs it; None leaves it as it is, a provider for a new one."""
    input_usd_per_million: Decimal | None = Field(default=None, ge=0)
    """Price of a million tokens read, only for a model that the price book does not list."""
    output_usd_per_million: Decimal | None = Field(default=None, ge=0)
    """Price of a million tokens written; goes with the one of tokens read."""

    @model_validator(mode="after")
    def _prices_together(self) -> Self:
        if (self.input_usd_per_million is None) != (self.output_usd_per_million is None):
            raise ValueError("a price is both input_usd_per_million and output_usd_per_million; give both or neither")
        return self


class SpeedFigures(Record):
    """How fast a model was where it was measured."""

    latency_p50_ms: float | None
    """Median time of one answer."""
    latency_p95_ms: float | None
    """95th percentile of it."""
    source_id: str
    """The experiment that measured it."""


class Entry(ModelFacts):
    """A model in the catalogue."""

    name: str
    """'provider/model', 'name@version' of the registry, or 'endpoint:name'."""
    origin: list[Origin]
    """Where its facts are from, the first wins."""
    hosting: Hosting | None
    """Whether a provider runs it or an engine of one's own; None where nobody knows."""
    provider: str | None = None
    """The provider's name here; None for weights of one's own."""
    model: str | None = None
    """What the provider calls it."""
    model_version_id: str | None = None
    """The version in the registry; None for one that is not there."""
    input_usd_per_million: Decimal | None = None
    """What a million tokens read cost, by the price book; None is not known, never 0."""
    output_usd_per_million: Decimal | None = None
    """What a million tokens written cost."""
    price_source: str | None = None
    """Where the price is from, with its version."""
    size_bytes: int | None = None
    """Of the weights; None for those of others."""
    parameters_count: int | None = None
    """Weights; None when unknown."""
    speed: SpeedFigures | None = None
    """As the newest experiment with it measured; None when nobody has."""
    sources: list[str] = Field(default_factory=list)
    """Where its facts are written, each with its date."""


class Requirements(Record):
    """What a model must be; what is None or empty is not asked for."""

    licences: list[Word] = Field(default_factory=list, max_length=50)
    """Any of these, such as 'Apache-2.0'; letter case does not matter."""
    hosting: Hosting | None = None
    """Who may run it."""
    max_latency_p95_ms: float | None = Field(default=None, gt=0)
    """Measured in the experiment."""
    max_usd_per_thousand: Decimal | None = Field(default=None, gt=0)
    """For a thousand requests of `input_tokens` and `output_tokens`."""
    max_usd_per_month: Decimal | None = Field(default=None, gt=0)
    """For `requests_per_month` such requests."""
    requests_per_month: int | None = Field(default=None, ge=1)
    """How many requests a month brings; needed for a budget by the month."""
    input_tokens: int = Field(default=500, ge=0)
    """Tokens that a usual request reads."""
    output_tokens: int = Field(default=200, ge=0)
    """Tokens that a usual answer has."""
    min_quality: float | None = None
    """The mean of the first scorer must reach this; at most this where less is better."""
    languages: list[Word] = Field(default_factory=list, max_length=50)
    """All of these ISO 639-1 codes."""
    min_context: int | None = Field(default=None, ge=1)
    """In tokens."""
    input_modalities: list[Modality] = Field(default_factory=list)
    """It must read all of these."""
    output_modalities: list[Modality] = Field(default_factory=list)
    """It must write all of these."""
    fine_tuning: bool = False
    """It must be possible to tune it."""
    keep_unknown: bool = False
    """Whether a model stays whose fact is not known; else it is left out, and the reason says so."""

    @model_validator(mode="after")
    def _month_has_requests(self) -> Self:
        if self.max_usd_per_month is not None and self.requests_per_month is None:
            raise ValueError("a budget by the month needs requests_per_month")
        return self


class NewChoice(Record):
    """A request to choose a model."""

    dataset: str
    """The rows that they are tried on."""
    dataset_version: int | str = "latest"
    """Which version of it."""
    part: Part | None = None
    """Which part; None takes every row."""
    rows: int = Field(default=100, ge=2, le=10_000)
    """The first so many rows; the budget may make them fewer."""
    candidates: list[EntryName] = Field(default_factory=list, max_length=50)
    """Entries of the catalogue, 'provider/model', 'name@version' or 'endpoint:name'; empty takes the whole catalogue."""
    requirements: Requirements = Field(default_factory=Requirements)
    """What they must be."""
    scorers: list[ScorerChoice] = Field(min_length=1, max_length=20)
    """What judges; the first is what quality means here."""
    prompt: str | None = None
    """The prompt that frames each input; an endpoint keeps its own. None sends inputs as they are."""
    prompt_version: int | str = "latest"
    """Which version or label of it."""
    max_tokens: int = Field(default=512, ge=1, le=1_000_000)
    """Longest answer that is asked for; an endpoint keeps its own limit."""
    parameters: JsonObject = Field(default_factory=dict)
    """Further fields of each request, such as temperature; an endpoint keeps its own."""
    budget_usd: Decimal | None = Field(default=None, gt=0)
    """What the answers may cost in all; None has no limit. Judges that are models are not in it."""
    max_models: int = Field(default=10, ge=1, le=50)
    """So many are tried at most, those that cost least first."""
    margin: float = Field(default=0.05, gt=0, le=1)
    """The loss of quality that would be accepted for a cheaper or faster model, 0.05 is 5 points."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Level of all comparisons together: each pair of models gets its share of it, for the best is known afterwards only."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """Requests under way at once; one model is tried after the other, so that none slows another down."""


class Exclusion(Record):
    """A model that is left out, and why."""

    name: str
    """The entry."""
    reasons: list[str]
    """All of them, as sentences."""


class PlannedModel(Record):
    """A model that would be tried."""

    entry: Entry
    """What is known of it."""
    usd_per_thousand: Decimal | None
    """A thousand usual requests by the price book; None where no price is known."""
    most_usd: Decimal | None
    """What trying it costs at most; 0 for weights of one's own, None where nobody can say."""


class ChoicePlan(Record):
    """What a choice would ask and cost at most."""

    dataset_version_id: str
    """The rows."""
    rows: int
    """Rows that each model is asked."""
    models: list[PlannedModel]
    """Whom it would try, in this order."""
    excluded: list[Exclusion]
    """Whom it leaves out before a single request."""
    requests: int
    """Requests in all, judges not counted."""
    most_usd: Decimal | None
    """What all answers cost at most; None where that cannot be said of some model."""
    words: str
    """The same in sentences."""


class Spread(Record):
    """A measured figure with its 95 % interval."""

    value: float
    """The estimate."""
    low: float
    """Lower end."""
    high: float | None
    """Upper end; None where so few rows cannot say."""


class RiskFigure(Record):
    """What is known of bias or of hallucination."""

    kind: Literal["bias", "hallucination"]
    """Which."""
    words: str
    """The figures, or 'not measured'."""
    metrics: list[Metric] = Field(default_factory=list)
    """Of this choice's scorers."""
    source_ids: list[str] = Field(default_factory=list)
    """What measured it."""


class TriedModel(Record):
    """A model with what was measured of it."""

    entry: Entry
    """What is known of it."""
    experiment_id: str | None
    """The experiment; None where it failed before it had one."""
    problem: str | None
    """Why it was not measured; None when it was."""
    metrics: list[Metric] = Field(default_factory=list)
    """One for each scorer; the first is its quality."""
    errors: int = 0
    """Rows without an answer; they count as the worst there is."""
    latency_p50_ms: Spread | None = None
    """Median time of one answer."""
    latency_p95_ms: Spread | None = None
    """95th percentile of it."""
    usd_per_thousand: Spread | None = None
    """A thousand requests like these rows, as measured; None where no price is known."""
    spent_usd: Decimal | None = None
    """What its answers cost; None where no price is known."""
    unmet: list[str] = Field(default_factory=list)
    """Requirements that the measurement shows it does not meet, as sentences."""
    doubts: list[str] = Field(default_factory=list)
    """Requirements that it meets as measured, but not with all of the interval, as sentences."""
    on_front: bool = False
    """Whether no other model that meets the requirements is at least as good in quality, cost and latency and better in one."""
    against_best: Comparison | None = None
    """Its quality against the best one's on the same rows; None for the best itself."""
    risks: list[RiskFigure] = Field(default_factory=list)
    """Bias and hallucination, where measured."""


class ChoiceOutcome(Record):
    """What came of a choice."""

    tried: list[TriedModel]
    """By quality, the best first; those without a measurement last."""
    best: str | None
    """The best measured quality among those that meet the requirements."""
    recommended: str | None
    """What the words recommend; None where nothing meets the requirements."""
    spent_usd: Decimal
    """What is known to have been spent on answers."""
    words: str
    """The recommendation."""


class Choice(Record):
    """A model being chosen, or chosen."""

    choice_id: str
    """'cho_…'."""
    run_id: str
    """The run that does the work."""
    request: NewChoice
    """What was asked for."""
    plan: ChoicePlan
    """What it was going to do, as it was known when it began."""
    status: ChoiceStatus
    """Where it stands."""
    outcome: ChoiceOutcome | None
    """What came of it; None before."""
    created_by: str
    """The actor who started it."""
    created_at: datetime
    """Aware UTC."""

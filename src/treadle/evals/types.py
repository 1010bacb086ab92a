"""Experiments: what is tried on which rows, how it stands, what each row and all of them came to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from treadle.core.types import JsonObject, JsonValue, Record
from treadle.evals.scoring.types import Score, ScorerChoice, Unit

ExperimentStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
IntervalName = Literal["wilson", "bootstrap", "clustered", "corpus_bootstrap", "betting"]


def greedy() -> JsonObject:
    """Return the parameters of a target that states none: the likeliest token every time."""
    return {"temperature": 0}


class Target(Record):
    """What is tried: a model version with a prompt version, an endpoint as applications call it, or a function of yours."""

    model_version_id: str | None = None
    """The model version that answers; None where an endpoint or a function does."""
    prompt_version_id: str | None = None
    """The prompt version that frames each input; None sends the input as it is, as one user message."""
    parameters: JsonObject = Field(default_factory=greedy)
    """Request fields in OpenAI's names, sent exactly as they are; greedy decoding when not given. An endpoint's release
    pins its own."""
    release_id: str | None = None
    """The release that bundles the three, where there is one; kept as a note, it decides nothing."""
    endpoint: str | None = Field(default=None, min_length=1, max_length=200)
    """The endpoint that answers, through the gateway and as its caller: limits, guards, prices and traces hold."""
    function: str | None = Field(default=None, min_length=1, max_length=200)
    """What a function is called that runs where the SDK does (`client.experiments.run_function`); change it with the function."""

    reads: bool = False
    """Whether it reads each row's input and says how likely that text is, instead of answering it: `perplexity` and
    `bits_per_byte` are then those of the given texts. For model versions on our engines, and endpoints that pass text
    completions with `echo` through to a server that gives log-probabilities."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.model_version_id, self.endpoint, self.function)) != 1:
            raise ValueError("a target is one of model_version_id, endpoint and function; give exactly one of them")
        if self.model_version_id is None and self.prompt_version_id is not None:
            raise ValueError("a prompt version goes with a model version; leave out prompt_version_id")
        if self.reads and (self.function is not None or self.prompt_version_id is not None):
            raise ValueError(
                "given texts are read by a model version or an endpoint, as they are; leave out the prompt"
            )
        return self


class StopRule(Record):
    """When an experiment may end before all rows are asked: as soon as it is shown to differ from another one."""

    against: str
    """The experiment compared with: finished over the same rows with the same first scorer, not stopped early itself, and
    without clusters, for every row is taken for itself."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """The chance, at most, that a difference is shown where there is none, however many rows it takes, by any of the scorers:
    the first one stops at its share."""


class NewExperiment(Record):
    """A request to run a target over a part of a dataset version."""

    name: str = Field(min_length=1, max_length=200)
    """What people call it."""
    target: Target
    """What is tried."""
    dataset_version_id: str
    """The rows it is tried on."""
    part: str | None = None
    """The part of the split, such as 'test'; None takes every row."""
    scorers: list[ScorerChoice] = Field(min_length=1, max_length=20)
    """What judges the outputs. The first is the one that a gate looks at."""
    limit: int | None = Field(default=None, ge=1)
    """Take the first so many rows only; None takes all. Which rows those are never changes."""
    concurrency: int = Field(default=8, ge=1, le=64)
    """Requests under way at once."""
    repeats: int = Field(default=1, ge=1, le=100)
    """How often each row is asked; figures take the rows, not the repeats, as what was sampled."""
    cache: bool = False
    """Whether a row that the same target was asked before may take that answer, and a judge its judgement; each repeat has
    its own. What time it took and what it cost are those of the first asking."""
    cluster_by: str | None = Field(default=None, min_length=1, max_length=200)
    """Metadata column whose value says which rows belong together, such as a session or a document; intervals and tests
    then count clusters, not rows. None where every row stands for itself."""
    stop: StopRule | None = None
    """Ends the experiment as soon as its first scorer is shown to differ from another experiment's; None asks every row."""


class JudgeFigures(Record):
    """What stands behind the metric of a judge."""

    requests: int
    """Requests to judges."""
    cost_usd: Decimal | None
    """What they cost; None where a price is not known."""
    abstained: int
    """Rows on which the judge was too unsure: they are unscored, and for people to judge."""
    warnings: int
    """Rows whose score is doubtful, such as answers that seem to instruct their judge."""
    calibration_id: str | None
    """The measurement against people that was applied; None for a judge that nobody has measured."""
    expected_good: float | None
    """Share of the scored rows that people would call good, by the calibration, 0-1; None without one. Right where answers are
    like those it was calibrated on."""
    people_good: float | None = None
    """The same by what the judge lets through and stops (Rogan and Gladen's estimate), which also holds where more or fewer
    answers are good than there; None without a calibration, or one whose rates tell nothing."""
    people_low: float | None = None
    """Lower end of its 95 % interval, which takes in how few answers the calibration had."""
    people_high: float | None = None
    """Upper end of it."""
    words: str
    """How far it can be believed, in words."""


class Metric(Record):
    """A scorer's scores over an experiment, as one number with its interval."""

    name: str
    """The scorer."""
    mean: float | None
    """Mean score, or the figure of all rows together for a corpus metric; None when no row was scored."""
    low: float | None
    """Lower end of the 95 % interval; None without one: one row or cluster says nothing of spread."""
    high: float | None
    """Upper end of the 95 % interval."""
    interval: IntervalName
    """Wilson's where every score is 0 or 1, the BCa bootstrap otherwise; clustered standard errors where rows come in
    clusters, resampled rows for a corpus metric; the betting sequence, which holds wherever one stops, where rows stopped
    early."""
    scored: int
    """Rows with a score."""
    unscored: int
    """Rows that could not be judged; they are in no mean."""
    unit: Unit = "share"
    """How the number is to be read."""
    higher_is_better: bool = True
    """Whether more is better."""
    clusters: int | None = None
    """How many clusters the rows came in; None where every row stands for itself."""
    judge: JudgeFigures | None = None
    """What stands behind it where a model judged; None for scorers that compute."""
    stopped_early: bool = False
    """Whether the rows ended when a difference was shown: the mean then lies further out than it would over all rows."""


class Experiment(Record):
    """A target run over the rows of a dataset version, judged by scorers."""

    experiment_id: str
    """Starts with exp_."""
    name: str
    """What people call it."""
    run_id: str
    """The run that does the work; its logs and progress are there."""
    target: Target
    """What was tried."""
    dataset_version_id: str
    """The rows it was tried on."""
    part: str | None
    """The part of the split; None is every row."""
    scorers: list[ScorerChoice]
    """What judged."""
    cluster_by: str | None
    """Metadata column that says which rows belong together; None where every row stands for itself."""
    stop: StopRule | None
    """When it may end early; fewer `rows` than the part has are what was asked until then."""
    status: ExperimentStatus
    """Where it stands."""
    repeats: int
    """How often each row is asked."""
    limit: int | None
    """The first so many rows only; None takes all."""
    rows: int | None
    """Answers to judge: rows times repeats; None until the work has begun."""
    rows_done: int
    """Answers judged so far."""
    errors: int
    """Rows on which the target gave no answer; every scorer counts those as 0."""
    metrics: list[Metric]
    """One per scorer, in the order of the scorers; empty until it has succeeded."""
    latency_p50_ms: float | None
    """Median time of one answer; None until it has succeeded."""
    latency_p95_ms: float | None
    """95th percentile of the time of one answer."""
    cost_usd: Decimal | None = None
    """What its answers cost, those whose price is known; None where no price is, and until it has succeeded. What judges cost
    stands with their metrics."""
    unpriced_count: int = 0
    """Answers whose price nobody knows: they are not in `cost_usd`."""
    created_by: str
    """The actor who started it."""
    created_at: datetime
    """When it was asked for."""
    finished_at: datetime | None
    """When it ended, well or not."""


class Result(Record):
    """One row of an experiment: what went in, what came out, and how it was judged."""

    row: int
    """The row in the dataset version (the whole version, not the part), from 1."""
    input: JsonValue
    """The row's input."""
    expected: str | None
    """What the row expects; None where it says nothing."""
    output: str | None
    """What the target answered; None when it failed."""
    error: str | None
    """Why there is no answer; None when there is one."""
    scores: list[Score]
    """One per scorer, in the order of the scorers."""
    latency_ms: float
    """Wall time of the answer."""
    repeat: int = 1
    """Which asking of the row, from 1."""
    trace_id: str | None = None
    """Its trace, with the request and the answer as they were; None for experiments from before that was kept."""
    cached: bool = False
    """Whether the answer was taken from an earlier asking."""
    cost_usd: float | None = None
    """What the answer cost; None where no price is known."""
    metadata: JsonObject = Field(default_factory=dict)
    """The row's further columns."""

"""What is judged, by whom, and what comes of it: cases, scorers, scores."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from treadle.core.types import JsonObject, Record

Need = Literal["expected", "logprobs", "price", "embeddings"]
Place = Literal["server", "worker", "gateway"]
Unit = Literal["share", "ratio", "bits", "milliseconds", "usd"]


class Judgement(Record):
    """What stands behind the score of a judge that is itself a model."""

    endpoints: list[str]
    """Who was asked, by the endpoint's name."""
    release_ids: list[str] = Field(default_factory=list)
    """What answered there, each once."""
    requests: int = 0
    """How often it was asked, retries included; 0 where the judgement was known already."""
    cost_usd: Decimal | None = None
    """What that cost; None where a price is not known, which is not 0."""
    trace_ids: list[str] = Field(default_factory=list)
    """The traces of the asking."""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How sure the score is, 0-1: by log-probabilities, repeated asking or a panel's agreement; calibrated where
    `calibration_id` says so. None where nothing tells."""
    probability: float | None = Field(default=None, ge=0, le=1)
    """How likely people would call the answer good, by the judge's calibration; None for a judge that nobody has measured."""
    calibration_id: str | None = None
    """The measurement against people behind `probability`; None for a judge that nobody has measured."""
    votes: list[str] = Field(default_factory=list)
    """What each asking of the first endpoint said, in order; of a pair first with the answer in place B, then in A."""
    warning: str | None = None
    """What makes the score doubtful, such as an answer that seems to instruct its judge; None where nothing does."""


class Score(Record):
    """One scorer's judgement of one output."""

    name: str
    """The scorer that judged."""
    value: float | None = None
    """Within the scorer's range, for most from 0 (wrong, bad) to 1 (right, good); None when the row could not be judged."""
    label: str | None = None
    """A short word for the case, such as 'match_after_trim'."""
    reason: str | None = None
    """Why, in words, where the label is not enough."""
    parts: list[float] | None = None
    """For a corpus metric: the row's numbers that add up over rows, such as matched n-grams; None for any other."""
    judgement: Judgement | None = None
    """What stands behind it where a model judged; None for scorers that compute."""


class NewCase(Record):
    """One output to judge now, with all that a scorer may look at."""

    input: str
    """What was asked."""
    output: str
    """What was answered."""
    expected: str | None = None
    """What should have been answered; None where nobody said."""
    context: list[str] = Field(default_factory=list, max_length=200)
    """The passages that the answer had at hand, in the order in which it got them."""
    other: str | None = None
    """Another answer to the same input, to compare with; None where there is none."""
    metadata: JsonObject = Field(default_factory=dict)
    """Further facts that a scorer may read, by name."""


class ScorerChoice(Record):
    """A scorer to judge by, with its parameters."""

    name: str
    """One of the built-in scorers; see GET /scorers."""
    parameters: JsonObject = Field(default_factory=dict)
    """What the scorer is told, such as {"trim": true}."""


class ScorerInfo(Record):
    """A scorer that can be chosen."""

    name: str
    """The name to choose it by."""
    summary: str
    """What a score means, in one sentence."""
    parameters: dict[str, str]
    """Each parameter it knows, with its meaning."""
    required: list[str]
    """Parameters that must be given."""
    needs: list[Need]
    """What a row or an answer must have to be scored."""
    low: float
    """The smallest value there is."""
    high: float | None
    """The largest value there is; None without a limit."""
    higher_is_better: bool
    """Whether more is better; False for errors, times and costs."""
    unit: Unit
    """'share' is 0-1 and shown in percent; others are shown as they are."""
    place: Place
    """'server' judges as rows come in; 'gateway' does so by asking a model; 'worker' judges all rows in a child process at
    the end."""
    is_corpus_metric: bool
    """Whether the figure of an experiment is computed from all rows together rather than as a mean of rows."""
    cost: str
    """What judging takes, in words."""


class NewScoring(Record):
    """A request to judge one output now."""

    case: NewCase
    """What is judged."""
    scorers: list[ScorerChoice] = Field(min_length=1, max_length=20)
    """What judges it."""

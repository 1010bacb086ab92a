"""The vocabulary of calibration: what people and a judge said of the same answers, and what that came to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from treadle.core.types import Record
from treadle.evals.scoring.types import ScorerChoice


class NewCalibration(Record):
    """A request to measure a judge against people: by the judgements of a queue, or by a dataset that holds theirs."""

    scorer: ScorerChoice
    """The judge."""
    queue: str | None = Field(default=None, max_length=60)
    """The queue whose judgements count, each item's by their mean."""
    field: str | None = Field(default=None, max_length=60)
    """The queue's question: a number on its scale, yes or no, or a category. A queue of pairs needs none."""
    good: list[str] = Field(default_factory=list, max_length=100)
    """Of a category: the options that count as good."""
    dataset_version_id: str | None = None
    """The labelled rows, instead of a queue."""
    part: str | None = None
    """Part of their split; None takes all."""
    output: str = "output"
    """Column with the answer that was judged."""
    human: str = "human"
    """Column with what people said of it: a number from 0 to 1, or true and false."""
    limit: int = Field(default=1_000, ge=20, le=10_000)
    """At most so many answers."""
    concurrency: int = Field(default=8, ge=1, le=64)
    """Cases that are judged together."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.queue is None) == (self.dataset_version_id is None):
            raise ValueError("people's scores come from a queue or from a dataset version; name one of them")
        return self


class Share(Record):
    """A share with its 95 % interval."""

    value: float
    """0-1."""
    low: float
    """Lower end, Wilson's."""
    high: float
    """Upper end."""


class Agreeing(Record):
    """A coefficient of agreement with its 95 % interval."""

    value: float | None
    """1 is perfect agreement, 0 what chance gives; None where it is not defined."""
    low: float | None
    """Lower end."""
    high: float | None
    """Upper end."""


class LengthBias(Record):
    """How the judge's excess over people goes with the answer's length."""

    correlation: float
    """Spearman's, -1 to 1; positive likes long answers more than people do."""
    p_value: float
    """By permutation, two-sided."""


class PositionBias(Record):
    """What the places of a pair do to a judge."""

    consistent: Share
    """Share of pairs on which the verdict is the same in both places; 1 is best."""
    first_preferred: Share | None
    """Of decided votes the share for the answer shown first; 0.5 is best. None without any."""


class Probabilities(Record):
    """How good the judge's scores are as probabilities that people call the answer good."""

    brier: float
    """Mean squared distance, 0-1; less is better."""
    ece: float
    """Expected calibration error over bins of equal mass, 0-1; less is better."""


class Calibration(Record):
    """A judge measured against people."""

    calibration_id: str
    """Starts with cal_."""
    run_id: str
    """The run that measured it."""
    scorer: ScorerChoice
    """The judge."""
    source: str
    """Where people's scores came from, in words."""
    rows: int
    """Answers that both have scored."""
    unscored: int
    """Answers that the judge could not score."""
    human_good: Share
    """Share that people call good."""
    judge_good: Share
    """Share that the judge calls good (0.5 and more)."""
    agreement: Share
    """Share on which they agree."""
    kappa: Agreeing
    """Cohen's kappa of good and bad."""
    alpha: Agreeing
    """Krippendorff's alpha of the scores as numbers."""
    sensitivity: Share | None
    """Of what people call good, the share that the judge does too; None without any."""
    specificity: Share | None
    """Of what people call bad, the share that the judge does too; None without any."""
    length_bias: LengthBias
    """Whether length sways it."""
    position_bias: PositionBias | None
    """What places do to it; None for judges that compare nothing."""
    before: Probabilities
    """The judge's own scores taken as probabilities."""
    after: Probabilities | None
    """The calibrated ones, each by a map that has not seen its row; None where there was too little to fit one."""
    method: Literal["isotonic", "platt"] | None
    """How it was calibrated; None where there was too little: fewer than 20 rows, or all alike."""
    points: list[tuple[float, float]]
    """The map: of 'isotonic' scores and probabilities, of 'platt' one pair of slope and intercept."""
    release_ids: list[str]
    """What answered as the judge."""
    requests: int
    """Requests to it."""
    cost_usd: Decimal | None
    """What they cost; None where a price is not known."""
    words: str
    """What it comes to, in a few sentences."""
    created_by: str
    """The actor who asked for it."""
    created_at: datetime
    """Aware UTC."""

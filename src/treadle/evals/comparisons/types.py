"""Two experiments side by side: comparisons, parts of the rows, and what rows can show."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from treadle.core.types import JsonValue, Record
from treadle.evals.scoring.types import Unit

VerdictWord = Literal["better", "not shown to be better", "worse", "as good", "equivalent"]
TestName = Literal["mcnemar_mid_p", "sign_flip", "cluster_sign_flip", "corpus_bootstrap", "e_process"]
SliceKind = Literal["metadata", "length", "language", "topic"]


class Comparison(Record):
    """One scorer's paired comparison of two experiments over the same rows."""

    scorer: str
    """The scorer whose scores are compared."""
    rows: int
    """Rows that both experiments have scored; only these count."""
    baseline: float
    """Mean score of the baseline on those rows."""
    candidate: float
    """Mean score of the candidate on those rows."""
    difference: float
    """candidate - baseline, in score points; positive favours the candidate where higher is better."""
    low: float
    """Lower end of the interval of the difference, at confidence 1 - alpha."""
    high: float
    """Upper end of the interval of the difference."""
    test: TestName
    """The paired test: McNemar's mid-p for scores of 0 or 1, sign flips otherwise (of whole clusters where there are),
    resampled rows for a corpus metric, an e-process where either experiment could stop early."""
    p_value: float
    """Two-sided p-value of the test."""
    p_adjusted: float
    """The p-value after Holm's correction over the scorers compared; the verdict uses this one."""
    improved: int
    """Rows on which the candidate scores better."""
    regressed: int
    """Rows on which the candidate scores worse."""
    detectable: float
    """The smallest true difference that these rows show 8 times in 10."""
    verdict: VerdictWord
    """What the test shows at level alpha."""
    words: str
    """The verdict as one sentence with its numbers."""
    unit: Unit = "share"
    """How the scores are to be read."""
    higher_is_better: bool = True
    """Whether more is better; where not, a negative difference favours the candidate."""
    clusters: int | None = None
    """How many clusters the rows came in; None where every row stands for itself."""
    unscored: int = 0
    """Rows that both were asked and that one or both have no score of; they are not among `rows`."""


class LeftOut(Record):
    """A scorer that both experiments have and that cannot be compared."""

    scorer: str
    """The scorer."""
    reason: str
    """Why, with what to do about it."""


class Change(Record):
    """One row on which two experiments differ."""

    row: int
    """The row in the dataset version, from 1."""
    input: JsonValue
    """The row's input."""
    expected: str | None
    """What the row expects."""
    baseline_output: str | None
    """What the baseline answered; None when it failed."""
    candidate_output: str | None
    """What the candidate answered; None when it failed."""
    baseline_score: float
    """The first scorer's score of the baseline."""
    candidate_score: float
    """The first scorer's score of the candidate."""


class ComparisonReport(Record):
    """Two experiments over the same rows: what the statistics show, and the rows that changed, regressions first."""

    baseline_id: str
    """The experiment compared against."""
    candidate_id: str
    """The experiment that is judged."""
    dataset_version_id: str
    """The rows, which are the same for both."""
    part: str | None
    """The part of the split."""
    alpha: float
    """Level of the tests."""
    margin: float | None = None
    """The loss that was to be ruled out, in score points, for all scorers together at level alpha; None when none was named."""
    equivalence: float | None = None
    """The difference either way that was to be ruled out, in score points, likewise; None when none was named."""
    comparisons: list[Comparison]
    """One per scorer that both have, in the candidate's order; the first is the one a gate looks at."""
    changes: list[Change]
    """Rows whose first score differs: regressions first, then improvements, by row; at most `limit` of each."""
    only_in_one: int
    """Rows that one of the two has not scored; they are in no comparison."""
    left_out: list[LeftOut] = Field(default_factory=list)
    """Scorers that both have and that cannot be compared, each with the reason."""


class SliceComparison(Record):
    """Two experiments compared within a part of their rows."""

    kind: SliceKind
    """What the part is made by."""
    name: str
    """The metadata column, or 'input'."""
    value: str
    """The part: a value of the column, a third by length, a language, or the words that set a topic apart."""
    rows: int
    """Rows of the part that both have scored."""
    baseline: float
    """Mean score of the baseline on them."""
    candidate: float
    """Mean score of the candidate on them."""
    difference: float
    """candidate - baseline."""
    low: float
    """Lower end of the interval of the difference, at confidence 1 - alpha, for this part by itself."""
    high: float
    """Upper end of it."""
    p_value: float
    """Two-sided p-value within the part."""
    p_adjusted: float
    """The same after Benjamini and Hochberg's correction over all parts looked at; the verdict uses this one."""
    verdict: VerdictWord
    """What is shown of the part at level alpha."""
    words: str
    """The verdict as one sentence with its numbers."""


class SliceReport(Record):
    """Where a candidate is better or worse than a baseline, regressions first."""

    scorer: str
    """The scorer whose scores are compared."""
    alpha: float
    """Of the parts called better or worse, at most this share is so by chance, on average."""
    looked_at: int
    """Parts that were compared; the correction is for that many."""
    slices: list[SliceComparison]
    """Worst first; at most `limit` of them."""
    left_out: list[SliceKind]
    """Kinds of parts that were asked for and could not be made here, such as topics without the embedded model."""


class PlanLine(Record):
    """What a comparison could show where the two runs differ on a share of the rows."""

    discordance: float
    """Share of rows on which the two differ, 0-1."""
    rows: int
    """Rows compared."""
    effect: float
    """The smallest true difference that is seen with the stated power, in score points."""


class Plan(Record):
    """What a comparison over so many rows could show, or how many rows it takes."""

    lines: list[PlanLine]
    """By rising discordance."""
    alpha: float
    """Level of the tests."""
    power: float
    """How often a true difference of that size is seen, 0-1."""
    tests: int
    """Scorers compared at once."""
    words: str
    """The same in one sentence."""

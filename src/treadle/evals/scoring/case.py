"""What a scorer is: the case that it sees, the judge that it makes, and what it says of itself.

A scorer is one entry in `evals/scorers.py`. `make` takes its parameters (checked by `check`) and returns a judge: a
function of a case that never raises on an odd output, for judging odd outputs is its work. A case that it cannot judge is
unscored, with the reason, never 0.

A corpus metric (BLEU, TER, perplexity, macro F1 ...) is no mean of rows. Its judge gives each row the numbers that add up
(`Score.parts`: matched n-grams, edits, log-probabilities ...), and `combine` turns the sums into the figure: over all rows,
and over each resample of them, which gives its interval and its paired test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from treadle.core.types import JsonObject
from treadle.evals.scoring.types import Need, Place, Score, Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Case(NamedTuple):
    """One row with its answer, as scorers see it."""

    output: str
    """What the target answered."""
    expected: str | None = None
    """What the row expects; None where it says nothing."""
    input: str = ""
    """What the target was asked."""
    metadata: JsonObject = {}
    """The row's further columns. A list of texts named `references` holds further right answers."""
    latency_ms: float | None = None
    """Wall time of the answer."""
    cost_usd: float | None = None
    """What the answer cost; None where no price is known."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of each output token's probability; None where the target gives none."""

    @property
    def references(self) -> tuple[str, ...]:
        """Every right answer: the expected one first, then those of the column `references`."""
        more = self.metadata.get("references")
        texts = [text for text in more if isinstance(text, str)] if isinstance(more, list) else []
        return (*([] if self.expected is None else [self.expected]), *texts)


Judge = Callable[[Case], Score]


@runtime_checkable
class BatchJudge(Protocol):
    """A judge to which many cases at once are cheaper, such as one with a model of its own."""

    def __call__(self, case: Case) -> Score:
        """Judge one case."""
        ...

    def judge_all(self, cases: Sequence[Case]) -> list[Score]:
        """Judge cases; one score each, in their order."""
        ...


Combine = Callable[["Floats"], "Floats"]
"""Sums of parts, [..., num_parts], to the corpus figure of each, [...]."""


class Scorer(NamedTuple):
    """One way to judge outputs."""

    name: str
    summary: str
    """What a score means, in one sentence."""
    make: Callable[[JsonObject], Judge]
    """Makes the judge for parameters that were checked; what is heavy is loaded here."""
    parameters: Mapping[str, str] = {}
    """Each parameter it knows, with its meaning."""
    required: frozenset[str] = frozenset()
    """Parameters that must be given."""
    check: Callable[[JsonObject], str | None] | None = None
    """Says what is wrong with the parameters' values, in words; None when nothing is."""
    needs: tuple[Need, ...] = ()
    """What a row or an answer must have to be scored."""
    low: float = 0.0
    """The smallest value there is."""
    high: float | None = 1.0
    """The largest; None without a limit."""
    higher_is_better: bool = True
    unit: Unit = "share"
    no_answer: float | None = 0.0
    """What a row counts on which the target gave no answer; None leaves it unscored."""
    place: Place = "server"
    """Where it runs: as rows come in, or over all rows in a child process."""
    cost: str = "microseconds a row"
    """What judging takes, in words."""
    combine: Callable[[JsonObject], Combine] | None = None
    """For a corpus metric: parameters to the function from sums of parts to the figure."""
    prepare: Callable[[JsonObject], object] | None = None
    """Fetches and checks what it needs, in a child process before any row is asked; None where that is nothing."""


def unscored(name: str, reason: str) -> Score:
    """Return the score of a row that could not be judged: no value, never 0, and the reason."""
    return Score(name=name, value=None, label="unscored", reason=reason)


def without_expected(name: str) -> Score:
    """Return the score of a row that says nothing of what is right."""
    return unscored(name, "the row has no expected output")


def no_answer(scorer: Scorer, judge: Judge, case: Case, why: str | None) -> Score:
    """Return the score of a row on which the target gave no answer: the worst there is, or none where that means nothing.

    A corpus metric counts it as an empty output, which is what its parts need.
    """
    if scorer.no_answer is None:
        return unscored(scorer.name, "the target gave no answer")
    if scorer.combine is not None:
        return judge(case._replace(output="", logprobs=None)).model_copy(update={"label": "no_answer", "reason": why})
    return Score(name=scorer.name, value=scorer.no_answer, label="no_answer", reason=why)

"""The door through which rules are judged: any scorer that takes an answer without a right one, and what it cost.

Scorers that compute cost nothing. Judges ask a model through an endpoint, by the platform's own right, and say what that
cost; rules hold their spend cap (`spending.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, Protocol

import anyio.to_thread

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.evals.judges.asking import ask_through
from treadle.evals.judges.catalog import find_judge
from treadle.evals.judges.judging import Judges
from treadle.evals.judges.kind import CannotJudge
from treadle.evals.scorers import SCORERS, judge, resolve
from treadle.evals.scoring.case import Case, Scorer
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.scoring_now import score_one
from treadle.gateway.batches.inside import Application
from treadle.http.context import Context
from treadle.traces.types import Example


class Judged(NamedTuple):
    """What a scorer said of an answer."""

    score: Score
    cost_usd: Decimal | None = Decimal(0)
    """What that cost; None where a price is not known, which is not 0."""


class Scoring(Protocol):
    """Judges live answers."""

    def check(self, choice: ScorerChoice) -> bool:
        """Return whether judging costs money. Raises InvalidInput for a scorer that cannot judge live answers."""
        ...

    async def judge(self, ctx: Context, choice: ScorerChoice, example: Example) -> Judged:
        """Judge one answer. Raises TreadleError when the scorer cannot be asked now."""
        ...


class LiveScoring:
    """Every scorer that can say something of a live answer."""

    def __init__(self, find_gateway: Callable[[], Application | None]) -> None:
        """find_gateway: the gateway of this process, where one runs; judges are asked through it."""
        self._find_gateway = find_gateway

    def check(self, choice: ScorerChoice) -> bool:
        """Return whether a model is asked. Raises InvalidInput."""
        if choice.name not in SCORERS:
            raise InvalidInput(
                f"there is no scorer '{choice.name}'; live answers can be judged by: {', '.join(live_scorers())}",
                code="evals.unknown_scorer",
                scorer=choice.name,
            )
        scorer = resolve(choice)
        lacks = _lacking(scorer) or _lacking_for(choice)
        if lacks is not None:
            raise InvalidInput(
                f"'{scorer.name}' needs {lacks}, which live traffic has not; choose from: {', '.join(live_scorers())}",
                code="rules.needs_expected",
            )
        return scorer.place == "gateway"

    async def judge(self, ctx: Context, choice: ScorerChoice, example: Example) -> Judged:
        """Judge one answer: by a model, or in a worker thread."""
        if resolve(choice).place != "gateway":
            return Judged(await anyio.to_thread.run_sync(judge, choice, example.output_text, None))
        judges = Judges(ask_through(self._find_gateway(), as_platform=True))
        case = Case(example.output_text, None, example.input_text, dict(example.variables))
        score = await score_one(ctx, judges, choice, case)
        return Judged(score, Decimal(0) if score.judgement is None else score.judgement.cost_usd)


def live_scorers() -> list[str]:
    """Return the names of the scorers that can judge any live answer, judges among them."""
    return [
        name for name, scorer in SCORERS.items() if _lacking(scorer) is None and _lacking_for(_example(scorer)) is None
    ]


def _example(scorer: Scorer) -> ScorerChoice:
    """Return a choice of a scorer with nothing but what it cannot do without."""
    given: JsonObject = {"endpoint": "judge"} if scorer.place == "gateway" else {}
    return ScorerChoice(name=scorer.name, parameters=given | dict.fromkeys(scorer.required, "…"))


def _lacking(scorer: Scorer) -> str | None:
    if "expected" in scorer.needs:
        return "an expected output"
    if scorer.needs:
        return "more than the text of an answer"
    if scorer.place == "worker":
        return "a process of its own, as experiments have"
    return None if scorer.unit == "share" else "figures that experiments measure"


def _lacking_for(choice: ScorerChoice) -> str | None:
    """Return what a judge cannot do without and a live answer does not bring; None where nothing is missing."""
    found = find_judge(choice)
    if found is None:
        return None
    kind, parameters = found
    try:
        kind.ballots(Case("an answer", None, "a question", {}), parameters)
    except CannotJudge as error:
        return f"more than a question and an answer ({error})"
    return None

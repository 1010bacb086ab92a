"""Judge the answers of an experiment as they come: by scorers that compute, and by judges that are asked.

Scorers of the worker leave their place for the end of the run. A row without an answer counts as its scorer says; a judge
is not asked about one. What a pairwise judge compares with another experiment's answers is read once, at the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from treadle.evals import store
from treadle.evals.judges.calibration import Fitted
from treadle.evals.judges.catalog import find_judge
from treadle.evals.judges.judging import Judges
from treadle.evals.judges.pairs import OTHER, PairParameters
from treadle.evals.judges.service import find_fitted, serving
from treadle.evals.remembering import judgement_key
from treadle.evals.scorers import make_judge, resolve
from treadle.evals.scoring.case import Case, Judge, Scorer, no_answer, unscored
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.target import Answer, Row
from treadle.http.context import Context


class _Ready(NamedTuple):
    choice: ScorerChoice
    scorer: Scorer
    judge: Judge | None
    """None for a scorer that runs in the worker or asks a model."""
    fitted: Fitted | None = None
    """A judge's calibration, where it has one."""
    others: Mapping[tuple[int, int], str] | None = None
    """The answers that a judge of pairs compares with, by row and repeat; None where no experiment is named."""


class RowJudges:
    """The scorers of one experiment, ready."""

    def __init__(self, ctx: Context, ready: Sequence[_Ready], judges: Judges, *, cache: bool) -> None:
        """cache: whether judgements that were made before may be taken."""
        self._ctx = ctx
        self._ready = ready
        self._judges = judges
        self._cache = cache

    async def scores(self, row: Row, answer: Answer) -> list[Score]:
        """Return one score per scorer, in their order."""
        case = Case(
            output=answer.output or "",
            expected=row.expected,
            input=row.input,
            metadata=row.metadata,
            latency_ms=answer.latency_ms,
            cost_usd=answer.cost_usd,
            logprobs=answer.logprobs,
        )
        return [await self._score(ready, case, row, answer) for ready in self._ready]

    async def _score(self, ready: _Ready, case: Case, row: Row, answer: Answer) -> Score:
        if ready.scorer.place == "worker":
            return Score(name=ready.scorer.name, value=None, label="waiting")
        if ready.judge is not None:
            return (
                ready.judge(case)
                if answer.output is not None
                else no_answer(ready.scorer, ready.judge, case, answer.error)
            )
        if answer.output is None:
            return Score(name=ready.scorer.name, value=0.0, label="no_answer", reason=answer.error)
        if ready.others is not None:
            other = ready.others.get((row.row, row.repeat), ready.others.get((row.row, 1)))
            if other is None:  # what the row expects must not stand in for an answer that was never given
                return unscored(ready.scorer.name, "the other experiment has no answer to this row")
            case = case._replace(metadata={**case.metadata, OTHER: other})
        return await self._asked(ready, case, row.repeat)

    async def _asked(self, ready: _Ready, case: Case, repeat: int) -> Score:
        if not self._cache:
            return await self._judges.judge(self._ctx, ready.choice, case, fitted=ready.fitted)
        found = find_judge(ready.choice)
        assert found is not None, "only judges come here"
        behind = await self._ctx.db.read(lambda db: serving(db, found[1].asked))
        calibration_id = None if ready.fitted is None else ready.fitted.calibration_id
        key = judgement_key(ready.choice, behind, calibration_id, case, repeat)
        kept = await self._ctx.db.read(lambda db: store.find_remembered(db, key))
        if kept is not None:
            score = Score.model_validate(kept)
            assert score.judgement is not None, "only judgements are kept"
            free = score.judgement.model_copy(update={"requests": 0, "cost_usd": None})
            return score.model_copy(update={"judgement": free})
        score = await self._judges.judge(self._ctx, ready.choice, case, fitted=ready.fitted)
        if score.value is not None and score.judgement is not None:
            value = score.model_dump(mode="json", exclude_none=True)
            await self._ctx.db.write(lambda db: store.remember(db, {key: value}, self._ctx.clock.now()))
        return score


async def open_judges(ctx: Context, choices: Sequence[ScorerChoice], judges: Judges, *, cache: bool) -> RowJudges:
    """Return an experiment's scorers, ready: what they load is loaded, calibrations and other answers are read."""
    ready: list[_Ready] = []
    for choice in choices:
        scorer = resolve(choice)
        found = find_judge(choice)
        if found is None:
            ready.append(_Ready(choice, scorer, make_judge(choice) if scorer.place == "server" else None))
            continue
        fitted = await find_fitted(ctx, choice)
        others: dict[tuple[int, int], str] | None = None
        if isinstance(found[1], PairParameters) and (against := found[1].against) is not None:
            others = await _others(ctx, against)
        ready.append(_Ready(choice, scorer, None, fitted, others))
    return RowJudges(ctx, ready, judges, cache=cache)


async def _others(ctx: Context, experiment_id: str) -> dict[tuple[int, int], str]:
    results = await ctx.db.read(lambda db: store.list_results(db, experiment_id))
    return {(each.row, each.repeat): each.output for each in results if each.output is not None}

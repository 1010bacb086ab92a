"""Judge one output now, outside of any experiment: for tests that run elsewhere, for trying a judge, for rules of monitoring.

What each judgement cost is on its score (USD, or None where the price is not known), so that whoever calls can cap it.
Scorers that need all rows, or a child process, are refused.
"""

from __future__ import annotations

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.evals.judges.asking import ask_through
from treadle.evals.judges.catalog import find_judge
from treadle.evals.judges.judging import Judges
from treadle.evals.judges.kind import JudgeParameters
from treadle.evals.judges.pairs import OTHER, PairParameters
from treadle.evals.judges.service import find_fitted
from treadle.evals.scorers import make_judge, resolve
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import NewCase, NewScoring, Score, ScorerChoice
from treadle.gateway.batches.inside import Application
from treadle.http.context import Context


async def score_case(ctx: Context, new: NewScoring, application: Application | None) -> list[Score]:
    """Return one score per scorer. application: the gateway of this process, where one runs. Raises InvalidInput."""
    ctx.require("evals.write")
    judges = Judges(ask_through(application))
    return [await score_one(ctx, judges, choice, case_of(new.case, choice)) for choice in new.scorers]


async def score_one(ctx: Context, judges: Judges, choice: ScorerChoice, case: Case) -> Score:
    """Return what a scorer of any kind says of a case; a judge with its calibration, where it has one.

    Raises InvalidInput for a scorer that needs all rows or a child process, and for parameters that are wrong.
    """
    scorer = resolve(choice)
    if scorer.place == "gateway":
        return await judges.judge(ctx, choice, case, fitted=await find_fitted(ctx, choice))
    if scorer.place == "worker":
        raise InvalidInput(
            f"'{choice.name}' judges all rows of an experiment in a process of its own; run an experiment: treadle eval run",
            code="evals.needs_experiment",
            scorer=choice.name,
        )
    return make_judge(choice)(case)


def case_of(new: NewCase, choice: ScorerChoice) -> Case:
    """Return a case as scorers see it: passages and another answer are columns of its metadata."""
    metadata: JsonObject = dict(new.metadata)
    found = find_judge(choice)
    if new.context:
        metadata[found[1].context if found is not None else JudgeParameters().context] = list(new.context)
    if new.other is not None:
        metadata[OTHER] = new.other
        if found is not None and isinstance(found[1], PairParameters) and found[1].against is not None:
            raise InvalidInput("a case with another answer is not compared with an experiment's; leave out `against`")
    return Case(new.output, new.expected, new.input, metadata)

"""Scorers of what an answer took: time and money. Lower is better, and a row without an answer counts for nothing."""

from __future__ import annotations

from treadle.core.types import JsonObject
from treadle.evals.scoring.case import Case, Judge, Scorer, unscored
from treadle.evals.scoring.types import Score


def _latency(parameters: JsonObject) -> Judge:
    def judge(case: Case) -> Score:
        if case.latency_ms is None:
            return unscored("latency", "nothing measured how long the answer took")
        return Score(name="latency", value=case.latency_ms)

    return judge


def _cost(parameters: JsonObject) -> Judge:
    def judge(case: Case) -> Score:
        if case.cost_usd is None:
            return unscored("cost", "no price is known for the target, and an unknown price is never 0")
        return Score(name="cost", value=case.cost_usd)

    return judge


SCORERS = (
    Scorer(
        "latency", "Wall time of the answer, in milliseconds.", _latency,
        high=None, higher_is_better=False, unit="milliseconds", no_answer=None,
    ),
    Scorer(
        "cost", "What the answer cost, in US dollars.", _cost,
        needs=("price",), high=None, higher_is_better=False, unit="usd", no_answer=None,
    ),
)  # fmt: skip
"""In the order in which they are listed."""

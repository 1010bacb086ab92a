"""The scorers that ship, and choosing among them.

`SCORERS` is the one visible list; each says its range, its direction, what it needs and what it costs. What a scorer is
stands in `scoring/case.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.evals.judges import catalog as judges
from treadle.evals.scoring import (
    classes,
    classifier,
    effort,
    grounding,
    likelihood,
    meaning,
    overlap,
    python,
    refusal,
    sentiment,
    structure,
    texts,
)
from treadle.evals.scoring.case import Case, Judge, Scorer
from treadle.evals.scoring.types import Score, ScorerChoice

PEOPLE = "human:"
"""Begins the names of scores that people gave, such as 'human:tone' of the question 'tone'."""

SCORERS: Mapping[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        *texts.SCORERS,
        *structure.SCORERS,
        *overlap.SCORERS,
        *classes.SCORERS,
        *likelihood.SCORERS,
        *meaning.SCORERS,
        *grounding.SCORERS,
        *refusal.SCORERS,
        *classifier.SCORERS,
        *sentiment.SCORERS,
        *effort.SCORERS,
        *python.SCORERS,
        *judges.SCORERS,
    )
}
"""Every scorer that ships, by name."""


def resolve(choice: ScorerChoice) -> Scorer:
    """Return the scorer a choice names, its parameters checked.

    Raises InvalidInput naming the unknown scorer or parameter, and those that exist.
    """
    scorer = _known(choice.name)
    unknown = sorted(set(choice.parameters) - set(scorer.parameters))
    missing = [f"{name}, {scorer.parameters[name]}" for name in sorted(scorer.required - set(choice.parameters))]
    if unknown or missing:
        raise InvalidInput(
            f"scorer '{choice.name}' knows the parameters: {_listed(scorer.parameters)}; "
            f"unknown: {_listed(unknown)}; missing: {'; '.join(missing) or 'none'}",
            code="evals.scorer_parameters",
            scorer=choice.name,
        )
    fault = scorer.check(choice.parameters) if scorer.check else None
    if fault is not None:
        raise InvalidInput(f"scorer '{choice.name}' needs {fault}", code="evals.scorer_parameters", scorer=choice.name)
    return scorer


def scorer_behind(choice: ScorerChoice) -> Scorer:
    """Return the scorer whose scores were kept, people's included: their range, their unit and how they add up.

    Nothing is checked that only scoring anew would need, such as a switch that has been turned off since. Raises
    InvalidInput for a name that no scorer has.
    """
    if choice.name.startswith(PEOPLE):
        return Scorer(choice.name, "What people say of it.", _nobody)
    return _known(choice.name)


def make_judge(choice: ScorerChoice) -> Judge:
    """Return the judge of a choice, ready. Loads what is heavy."""
    return resolve(choice).make(choice.parameters)


def judge(choice: ScorerChoice, output: str, expected: str | None) -> Score:
    """Judge one output by one scorer."""
    return make_judge(choice)(Case(output, expected))


def _known(name: str) -> Scorer:
    scorer = SCORERS.get(name)
    if scorer is None:
        raise InvalidInput(
            f"there is no scorer '{name}'; choose from: {', '.join(SCORERS)}", code="evals.unknown_scorer", scorer=name
        )
    return scorer


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _nobody(parameters: JsonObject) -> NoReturn:
    raise AssertionError("people are asked by queues")

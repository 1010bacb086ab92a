"""Every kind of judge that ships, and as what they stand among the scorers. Needs no gateway: `judging.py` asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from pydantic import ValidationError

from treadle.core.errors import InvalidInput
from treadle.core.faults import in_words
from treadle.core.types import JsonObject
from treadle.evals.judges import grounds, pairs, rubric
from treadle.evals.judges.kind import JudgeKind, JudgeParameters
from treadle.evals.scoring.case import Scorer
from treadle.evals.scoring.types import ScorerChoice

KINDS: Mapping[str, JudgeKind] = {kind.name: kind for kind in (*rubric.KINDS, *grounds.KINDS, *pairs.KINDS)}
"""Every kind of judge that ships, by name."""


def find_judge(choice: ScorerChoice) -> tuple[JudgeKind, JudgeParameters] | None:
    """Return the judge that a choice names, its parameters checked; None where it names no judge.

    Raises InvalidInput for parameters that it does not take, and where it does not say whom to ask.
    """
    kind = KINDS.get(choice.name)
    if kind is None:
        return None
    try:
        parameters = kind.parameters.model_validate(choice.parameters)
    except ValidationError as error:
        raise _wrong(choice.name, f"parameters that fit: {in_words(error.errors())}") from None
    if not parameters.asked:
        raise _wrong(choice.name, "`endpoint`, the name of the endpoint that judges, or `endpoints` for a panel")
    return kind, parameters


def asked_by(choice: ScorerChoice) -> list[str]:
    """Return the endpoints that a scorer asks; none where it is no judge. Raises as `find_judge`."""
    found = find_judge(choice)
    return [] if found is None else found[1].asked


def _wrong(name: str, words: str) -> InvalidInput:
    return InvalidInput(f"scorer '{name}' needs {words}", code="evals.scorer_parameters", scorer=name)


def _scorer(kind: JudgeKind) -> Scorer:
    fields = kind.parameters.model_fields

    def check(parameters: JsonObject) -> str | None:
        try:
            find_judge(ScorerChoice(name=kind.name, parameters=parameters))
        except InvalidInput as error:
            return error.message.split(" needs ", 1)[1]
        return None

    def make(parameters: JsonObject) -> NoReturn:
        raise InvalidInput(
            f"the judge '{kind.name}' asks an endpoint, and here nothing is asked; choose a scorer that computes, see: "
            "treadle eval scorers",
            code="evals.judge_not_here",
            scorer=kind.name,
        )

    return Scorer(
        kind.name,
        kind.summary,
        make,
        {name: str(field.description) for name, field in fields.items()},
        frozenset(name for name, field in fields.items() if field.is_required()),
        check,
        needs=("expected",) if kind.needs_expected else (),
        place="gateway",
        cost="one request or more to a model for each row",
    )


SCORERS = tuple(_scorer(kind) for kind in KINDS.values())
"""In the order in which they are listed."""

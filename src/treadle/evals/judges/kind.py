"""What a judge is: what it is asked about a case, and how its replies are read. Pure; `judging.py` does the asking.

A judge kind makes ballots of a case (several where places are swapped or it is asked more than once), reads each reply to
a vote, and settles the votes. What cannot be judged is said so (`CannotJudge`), what cannot be read is asked again
(`Unreadable`); neither ever becomes a number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field

from treadle.core.types import JsonObject, Record
from treadle.evals.judges.reply import Reply
from treadle.evals.scoring.case import Case

EndpointName = Annotated[str, Field(min_length=1, max_length=200)]


class CannotJudge(Exception):
    """This case has nothing that the judge could look at; the words say what is missing."""


class Unreadable(Exception):
    """A reply that says no verdict in the form that was asked for; the words go back to the judge."""


class JudgeParameters(Record):
    """What every judge is told."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    endpoint: EndpointName | None = None
    """The endpoint that is asked."""
    endpoints: list[EndpointName] = Field(default_factory=list, max_length=9)
    """Several endpoints that judge together as a panel, instead of one: the median of what they say."""
    samples: int = Field(default=1, ge=1, le=20)
    """How often each is asked about one case; the mean counts, and how far they agree is its confidence."""
    tries: int = Field(default=3, ge=1, le=6)
    """How often a reply that cannot be read is asked for."""
    abstain_below: float | None = Field(default=None, ge=0, le=1)
    """A score that is less sure than this is unscored with the label 'abstained', for people to judge; None never abstains."""
    context: str = "context"
    """The column of a row that holds the passages: a list of texts, or one text."""

    @property
    def asked(self) -> list[str]:
        """The endpoints that are asked, each once."""
        return list(dict.fromkeys([*([self.endpoint] if self.endpoint else []), *self.endpoints]))


class Ballot(NamedTuple):
    """One asking."""

    messages: list[JsonObject]
    schema: JsonObject | None
    """The JSON schema of the reply; None where the reply is words."""


class Vote(NamedTuple):
    """What one reply says."""

    value: float
    """0-1."""
    label: str | None = None
    reason: str | None = None
    confidence: float | None = None
    """0-1; None where the reply does not tell."""


class JudgeKind(NamedTuple):
    """One way to judge by asking a model."""

    name: str
    summary: str
    """What a score of 1 means, in one sentence."""
    parameters: type[JudgeParameters]
    ballots: Callable[[Case, Any], list[Ballot]]
    """What is asked about a case. Raises CannotJudge."""
    read: Callable[[Reply, Case, Any], Vote]
    """What a reply says. Raises Unreadable, CannotJudge."""
    settle: Callable[[Sequence[Vote]], Vote] | None = None
    """What the votes of one endpoint come to, where a mean is not it."""
    needs_expected: bool = False
    """Whether the row must say what is right."""


def passages_of(case: Case, parameters: JudgeParameters) -> list[str]:
    """Return the passages that a case had at hand. Raises CannotJudge where it has none."""
    found = case.metadata.get(parameters.context)
    texts = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    passages = [str(text) for text in texts if str(text).strip()]
    if not passages:
        raise CannotJudge(f"the row has no passages in '{parameters.context}'")
    return passages


def expected_of(case: Case) -> str:
    """Return what a case should have answered. Raises CannotJudge where nobody said."""
    if case.expected is None:
        raise CannotJudge("the row has no expected output")
    return case.expected


def json_of(text: str) -> dict[str, Any]:
    """Return the JSON object that a reply is or ends with. Raises Unreadable."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        if isinstance(value, dict) and not text[end:].strip("` \n\r\t"):
            return value
        start = text.find("{", end)
    raise Unreadable("it holds no JSON object at its end")


def field_of(said: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a field of a reply. Raises Unreadable where it is missing or something else."""
    value = said.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Unreadable(f"'{name}' is missing or no {kind.__name__}")
    return value


def items_of(said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects of a reply. Raises Unreadable."""
    found = field_of(said, name, list)
    if not all(isinstance(each, dict) for each in found):
        raise Unreadable(f"'{name}' is no list of objects")
    return list(found)


def schema_of(properties: Mapping[str, JsonObject]) -> JsonObject:
    """Return the strict JSON schema of an object; every field is required, in the order given."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _refuse(text: str) -> Any:
    raise ValueError(f"'{text}' is not JSON")

"""A scorer as it is named on the command line: its name, or name=JSON of its parameters."""

from __future__ import annotations

import json

import click

from treadle.core.types import JsonValue
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import greedy


def choice_of(text: str) -> ScorerChoice:
    """Return the scorer that a text names. Raises click.BadParameter."""
    name, _, stated = text.partition("=")
    return ScorerChoice(name=name, parameters=_object_of(stated, like='{"pattern": "^yes$"}') if stated else {})


def parameters_of(text: str | None) -> dict[str, JsonValue]:
    """Return the JSON object that a text is; greedy decoding for None. Raises click.BadParameter."""
    return greedy() if text is None else _object_of(text, like='{"temperature": 0}')


def _object_of(text: str, *, like: str) -> dict[str, JsonValue]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"'{text}' is not JSON; write an object such as '{like}'") from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"'{text}' is not a JSON object; write one such as '{like}'")
    return value

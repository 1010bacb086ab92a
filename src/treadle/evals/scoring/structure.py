"""Scorers of form: whether an output is JSON, and whether the JSON fits a schema."""

from __future__ import annotations

import json
from typing import Any

from treadle.core.types import JsonObject
from treadle.evals.scoring.case import Case, Judge, Scorer
from treadle.evals.scoring.types import Score
from treadle.guards.check import CheckOptionsInvalid


def _json_valid(parameters: JsonObject) -> Judge:
    """Score 1 when the output as a whole is one JSON document (RFC 8259, so NaN and Infinity are refused)."""

    def judge(case: Case) -> Score:
        try:
            json.loads(case.output, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            return Score(name="json_valid", value=0.0, label="invalid", reason=str(error)[:200])
        return Score(name="json_valid", value=1.0, label="valid")

    return judge


def _json_schema(parameters: JsonObject) -> Judge:
    from treadle.guards.schema import Schema

    schema = Schema(parameters["schema"])  # type: ignore[arg-type]

    def judge(case: Case) -> Score:
        fault = schema.fault(case.output)
        if fault is None:
            return Score(name="json_schema", value=1.0, label="fits")
        return Score(name="json_schema", value=0.0, label="does_not_fit", reason=fault)

    return judge


def _schema_fault(parameters: JsonObject) -> str | None:
    from treadle.guards.schema import Schema

    if not isinstance(parameters["schema"], dict):
        return "`schema` as a JSON object"
    try:
        lost = Schema(parameters["schema"]).lost_reference()
    except CheckOptionsInvalid as error:
        return f"`schema` as a JSON schema of draft 2020-12 ({error.message})"
    if lost is not None:
        return f"`schema` to hold all that it refers to; it does not hold '{lost[:200]}', so nothing would fit it"
    return None


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"'{text}' is not JSON")


SCORERS = (
    Scorer("json_valid", "The output is one JSON document.", _json_valid),
    Scorer(
        "json_schema",
        "The output is one JSON document that fits the schema.",
        _json_schema,
        {"schema": "JSON schema, draft 2020-12; references lead nowhere but into itself"},
        frozenset({"schema"}),
        check=_schema_fault,
        place="worker",
        cost="a fraction of a millisecond a row; in a child process, for a schema may hold patterns that never end",
    ),
)
"""In the order in which they are listed."""

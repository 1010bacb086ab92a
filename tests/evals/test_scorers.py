"""The built-in scorers, one situation each."""

from __future__ import annotations

import json
import math
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonValue
from treadle.evals.scorers import SCORERS, judge, make_judge, resolve
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import Result
from treadle.evals.worker import score_rows
from treadle.jobs.child import Report


@pytest.mark.parametrize(
    ("output", "trim", "value", "label"),
    [
        ("card lost", False, 1.0, "match"),
        (" card lost\n", False, 0.0, "match_after_trim"),
        (" card lost\n", True, 1.0, "match_after_trim"),
        ("Card lost", True, 0.0, "differs"),
        ("", False, 0.0, "differs"),
    ],
)
def test_exact_match(output: str, trim: bool, value: float, label: str) -> None:
    """
    The output must be the expected text; white space around it is forgiven on request only, and always named.
    """
    score = judge(ScorerChoice(name="exact_match", parameters={"trim": trim}), output, "card lost")

    assert (value, label) == (score.value, score.label)


def test_row_without_expected_output_is_unscored() -> None:
    """
    A row that cannot be judged gets no value, never 0.
    """
    score = judge(ScorerChoice(name="exact_match"), "anything", None)

    assert (None, "unscored") == (score.value, score.label)


@pytest.mark.parametrize(("output", "value"), [("refund", 1.0), (" refund ", 1.0), ("refunds", 0.0)])
def test_in_label_set(output: str, value: float) -> None:
    """
    A trimmed output counts when it is one of the labels.
    """
    score = judge(ScorerChoice(name="in_label_set", parameters={"labels": ["refund", "lost"]}), output, "lost")

    assert value == score.value


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ('{"a": [1, null]}', 1.0),
        ("7", 1.0),
        ("{'a': 1}", 0.0),
        ("NaN", 0.0),
        ("{} and more", 0.0),
        ("[" * 100_000, 0.0),
    ],
)
def test_json_valid(output: str, value: float) -> None:
    """
    One whole JSON document counts; JSON-like text, NaN and bottomless nesting do not, and nothing raises.
    """
    score = judge(ScorerChoice(name="json_valid"), output, None)

    assert value == score.value


def test_unknown_scorer_names_the_known_ones() -> None:
    """
    A name that is no scorer is refused with the list of those that are.
    """
    with pytest.raises(InvalidInput) as caught:
        resolve(ScorerChoice(name="bertscore"))

    assert "evals.unknown_scorer" == caught.value.error_code
    assert all(name in caught.value.message for name in SCORERS)


@pytest.mark.parametrize(
    "choice",
    [
        ScorerChoice(name="exact_match", parameters={"strip": True}),
        ScorerChoice(name="in_label_set"),
        ScorerChoice(name="in_label_set", parameters={"labels": "refund"}),
        ScorerChoice(name="in_label_set", parameters={"labels": []}),
        ScorerChoice(name="regex", parameters={"pattern": "("}),
        ScorerChoice(name="json_schema", parameters={"schema": {"type": "nonsense"}}),
        ScorerChoice(name="json_schema", parameters={"schema": {"$ref": "https://elsewhere.example/schema"}}),
        ScorerChoice(name="json_schema", parameters={"schema": {"items": {"$ref": "#/$defs/missing"}}}),
    ],
)
def test_wrong_parameters_are_refused_before_any_row(choice: ScorerChoice) -> None:
    """
    A misspelt, missing or ill-typed parameter is refused when the scorer is chosen.
    """
    with pytest.raises(InvalidInput) as caught:
        resolve(choice)

    assert "evals.scorer_parameters" == caught.value.error_code


NEEDED: dict[str, dict[str, object]] = {
    "json_schema": {"schema": {"type": "object"}},
    "regex": {"pattern": "a+"},
    "meteor": {"synonyms": False},
    **{name: {"labels": ["a"]} for name in ("in_label_set", "f1", "precision", "recall", "kappa", "mcc")},
}
READY = {
    name: make_judge(ScorerChoice(name=name, parameters=NEEDED.get(name, {})))
    for name, scorer in SCORERS.items()
    if scorer.place != "gateway" and "embeddings" not in scorer.needs and name != "python" and scorer.prepare is None
}


@settings(deadline=None)
@given(output=st.text(), expected=st.none() | st.text(), name=st.sampled_from(sorted(READY)))
def test_any_output_can_be_judged(output: str, expected: str | None, name: str) -> None:
    """
    No output makes a scorer raise, and a value is within the range that the scorer states.
    """
    scorer = SCORERS[name]

    score = READY[name](Case(output, expected))

    assert name == score.name
    assert score.value is None or scorer.low <= score.value <= (math.inf if scorer.high is None else scorer.high)


@pytest.mark.parametrize(
    ("output", "parameters", "value"),
    [
        ("order 4711 shipped", {"pattern": r"\d{4}"}, 1.0),
        ("order 4711 shipped", {"pattern": r"\d{4}", "whole": True}, 0.0),
        ("order 4711 shipped", {"pattern": "(?i)sorry", "absent": True}, 1.0),
        ("Sorry, no", {"pattern": "(?i)sorry", "absent": True}, 0.0),
    ],
)
def test_regex(output: str, parameters: dict[str, object], value: float) -> None:
    """
    A pattern is looked for, matched whole, or must be absent.
    """
    assert value == judge(ScorerChoice(name="regex", parameters=parameters), output, None).value


def test_json_schema_names_the_field_at_fault() -> None:
    """
    JSON that does not fit scores 0 and the reason names the field, never its value.
    """
    schema = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
    choice = ScorerChoice(name="json_schema", parameters={"schema": schema})

    right, wrong = judge(choice, '{"amount": 3.5}', None), judge(choice, '{"amount": "secret"}', None)

    assert (1.0, 0.0) == (right.value, wrong.value)
    assert "$.amount: must be of type number" == wrong.reason


def test_pattern_that_never_ends(tmp_path: Path) -> None:
    """
    A row on which a pattern tries endless ways is unscored with the reason, and the other rows are judged.
    """
    answers, told = tmp_path / "answers.jsonl", tmp_path / "told.jsonl"
    outputs = ["a" * 50 + "!", "aaa"]
    answers.write_text(
        "".join(
            Result(row=row, input="q", expected=None, output=output, error=None, scores=[], latency_ms=1.0).model_dump_json()
            + "\n"
            for row, output in enumerate(outputs, 1)
        )
    )  # fmt: skip
    scorers: JsonValue = [
        {"name": "regex", "parameters": {"pattern": "^(a+)+$"}},
        {"name": "regex", "parameters": {"pattern": "a"}},
    ]

    score_rows({"answers": str(answers), "scorers": scorers, "to": str(told)}, Report(StringIO()))

    (endless, plain), (ended, _) = (json.loads(line)["scores"] for line in told.read_text().splitlines())
    assert ("unscored", 1.0, 1.0) == (endless["label"], plain["value"], ended["value"])
    assert "tries endless ways" in endless["reason"]


def test_json_schema_that_refers_into_itself() -> None:
    """
    References that lead somewhere are taken: definitions, anchors, identifiers inside, the schema itself, properties named '$ref'.
    """
    schema: JsonValue = {
        "$id": "https://one.example/order",
        "properties": {
            "first": {"$ref": "#/$defs/line"}, "next": {"$ref": "#"}, "named": {"$ref": "#total"},
            "other": {"$ref": "https://one.example/line"}, "$ref": {"type": "string"},
        },
        "$defs": {"line": {"$id": "https://one.example/line", "type": "object"}, "sum": {"$anchor": "total", "type": "number"}},
        "enum": [{"first": {}, "named": 1}, {"$ref": "data, and no reference"}],
    }  # fmt: skip

    score = judge(
        ScorerChoice(name="json_schema", parameters={"schema": schema}), '{"first": {}, "named": 1}', expected=""
    )

    assert (1.0, "fits") == (score.value, score.label)

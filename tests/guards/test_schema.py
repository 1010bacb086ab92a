"""An answer fits a schema or the fault is said in words, without the value at fault."""

from __future__ import annotations

import pytest

from treadle.guards.check import CheckOptionsInvalid
from treadle.guards.schema import Schema, SchemaCheck

SCHEMA = Schema(
    {
        "type": "object",
        "properties": {"label": {"enum": ["good", "bad"]}, "score": {"type": "number", "maximum": 1}},
        "required": ["label"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"label": "good", "score": 0.5}', None),
        ("{}", "$: lacks 'label'"),
        ('{"label": "SECRET"}', "$.label: must be one of 'good', 'bad'"),
        ('{"label": "good", "score": 7}', "$.score: must satisfy maximum 1"),
        ('{"label": "good", "SECRET": 7}', "$: has properties that are not allowed; allowed are 'label', 'score'"),
        ("[]", "$: must be of type object"),
    ],
)
def test_fault_in_words(text: str, fault: str | None) -> None:
    """
    The fault names the field and what would be right, never what stood there.
    """
    assert fault == SCHEMA.fault(text)


def test_text_that_is_no_json() -> None:
    """
    Prose, cut JSON and deeply nested brackets are faults, not crashes.
    """
    for text in ("Sure!", '{"label": "go', "[" * 500 + "x"):
        assert (SCHEMA.fault(text) or "").startswith("it is not JSON")
    assert "it is nested too deeply" == SCHEMA.fault("[" * 5000)


def test_check_judges_the_whole() -> None:
    """
    The finding is the whole answer, and nothing of a growing one is settled.
    """
    check = SchemaCheck(SCHEMA)

    (finding,) = check.find("{}")

    assert ("SCHEMA", 0, 2) == finding[:3]
    assert check.whole
    assert 0 == check.settled("{}")


def test_references_fetch_nothing() -> None:
    """
    A schema that refers to an address is a fault in words, not a request.
    """
    schema = Schema({"$ref": "http://127.0.0.1:9/schema.json"})

    assert "its schema refers to 'http://127.0.0.1:9/schema.json', which it does not hold" == schema.fault("{}")


def test_schema_without_end() -> None:
    """
    A schema that refers to itself for ever is a fault in words; one that is nested too deeply is refused.
    """
    deep: dict[str, object] = {}
    for _ in range(3000):
        deep = {"not": deep}

    assert "refers to itself" in str(Schema({"$ref": "#"}).fault("{}"))
    with pytest.raises(CheckOptionsInvalid, match="nested too deeply"):
        Schema(deep)


def test_schema_that_is_none() -> None:
    """
    A broken schema is refused when it is made, with the place.
    """
    with pytest.raises(CheckOptionsInvalid) as caught:
        Schema({"properties": {"a": {"type": "text"}}})

    assert "'properties/a/type' is no JSON schema" in caught.value.message

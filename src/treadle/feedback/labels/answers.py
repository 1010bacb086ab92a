"""Whether answers fit their questions, and what they say as feedback. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.feedback.labels.types import AnswerValue, Field

MAX_TEXT = 10_000
MAX_CORRECTION = 100_000


class AnswersInvalid(InvalidInput):
    """Answers that do not fit the questions."""

    code = "feedback.answers_invalid"


def check_answers(fields: Sequence[Field], answers: Mapping[str, AnswerValue]) -> None:
    """Raise AnswersInvalid with everything that does not fit, not only the first."""
    known = {field.name: field for field in fields}
    faults = [f"there is no field '{name}'" for name in answers if name not in known]
    for name, field in known.items():
        if name not in answers:
            if field.is_required:
                faults.append(f"'{name}' is required")
        elif fault := fault_of(field, answers[name]):
            faults.append(f"'{name}' {fault}")
    if faults:
        raise AnswersInvalid(
            f"the answers do not fit the questions: {'; '.join(faults)}; the fields are {', '.join(known) or 'none'}",
            faults=faults,
        )


def said_of(field: Field, answer: AnswerValue) -> JsonObject:
    """Return an answer as the fields of a piece of feedback. Its kind must fit, see `check_answers`."""
    match field.kind:
        case "number":
            return {"name": field.name, "value": float(answer), "low": field.low, "high": field.high}
        case "boolean":
            return {"name": field.name, "value": 1.0 if answer else 0.0}
        case "category":
            return {"name": field.name, "label": answer}
        case "text":
            return {"name": field.name, "comment": answer}
        case _:
            return {"name": field.name, "expected_output": answer}


def fault_of(field: Field, answer: AnswerValue) -> str | None:
    """Return how an answer does not fit its question, None where it does."""
    match field.kind:
        case "number":
            if isinstance(answer, bool) or not isinstance(answer, (int, float)):
                return "must be a number"
            assert field.low is not None, "a scale has two ends"
            assert field.high is not None, "a scale has two ends"
            if not field.low <= answer <= field.high:
                return f"must be from {field.low:g} to {field.high:g}, not {answer:g}"
            steps = 0.0 if field.step is None else (answer - field.low) / field.step
            return (
                None if abs(steps - round(steps)) < 1e-6 else f"must be {field.low:g} and so many times {field.step:g}"
            )
        case "boolean":
            return None if isinstance(answer, bool) else "must be true or false"
        case "category":
            labels = [option.label for option in field.options]
            return None if answer in labels else f"must be one of {', '.join(map(repr, labels))}"
        case _:
            most = MAX_CORRECTION if field.kind == "correction" else MAX_TEXT
            if not isinstance(answer, str) or not answer.strip() or "\x00" in answer:
                return "must be a text that says something"
            return None if len(answer) <= most else f"has {len(answer):,} characters, at most {most:,} are kept"

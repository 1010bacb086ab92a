"""Scorers that compare a text with the right one or look for something in it: exact match, SQuAD, labels, patterns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from treadle.core.types import JsonObject, JsonValue
from treadle.evals.measures import squad
from treadle.evals.scoring.case import Case, Judge, Scorer, unscored, without_expected
from treadle.evals.scoring.types import Score

MAX_MATCHED_CHARACTERS = 100_000
"""Characters of an output that a pattern sees."""


def _exact_match(parameters: JsonObject) -> Judge:
    """Score 1 when the output is the expected text, character by character.

    With `trim` true, white space around either is set aside first. Without it, an output that differs only there
    scores 0 and carries the label 'match_after_trim', so the cause is in sight.
    """

    def judge(case: Case) -> Score:
        if case.expected is None:
            return without_expected("exact_match")
        if case.output == case.expected:
            return Score(name="exact_match", value=1.0, label="match")
        if case.output.strip() == case.expected.strip():
            value = 1.0 if parameters.get("trim") else 0.0
            return Score(
                name="exact_match", value=value, label="match_after_trim", reason="differs in white space around it"
            )
        return Score(name="exact_match", value=0.0, label="differs")

    return judge


def _squad_em(parameters: JsonObject) -> Judge:
    def judge(case: Case) -> Score:
        if not case.references:
            return without_expected("squad_em")
        value = max(squad.exact(reference, case.output) for reference in case.references)
        return Score(name="squad_em", value=float(value))

    return judge


def _squad_f1(parameters: JsonObject) -> Judge:
    def judge(case: Case) -> Score:
        if not case.references:
            return without_expected("squad_f1")
        return Score(name="squad_f1", value=max(squad.f1(reference, case.output) for reference in case.references))

    return judge


def _in_label_set(parameters: JsonObject) -> Judge:
    labels = _texts(parameters["labels"])

    def judge(case: Case) -> Score:
        answer = case.output.strip()
        if answer in labels:
            return Score(name="in_label_set", value=1.0, label="known")
        shown = answer if len(answer) <= 60 else answer[:57] + "..."
        reason = f"'{shown}' is none of the {len(labels)} labels"
        return Score(name="in_label_set", value=0.0, label="unknown", reason=reason)

    return judge


def _regex(parameters: JsonObject) -> Judge:
    pattern = re.compile(str(parameters["pattern"]))

    def judge(case: Case) -> Score:
        if len(case.output) > MAX_MATCHED_CHARACTERS:
            return unscored("regex", f"the output is longer than {MAX_MATCHED_CHARACTERS:,} characters")
        found = pattern.fullmatch(case.output) if parameters.get("whole") else pattern.search(case.output)
        if (found is not None) == (not parameters.get("absent")):
            return Score(name="regex", value=1.0, label="absent" if found is None else "found")
        return Score(name="regex", value=0.0, label="absent" if found is None else "found")

    return judge


def labels_fault(parameters: JsonObject) -> str | None:
    """Return what is wrong with the parameter `labels`, None when nothing is."""
    labels = _texts(parameters["labels"])
    if not labels:
        return "`labels` as a list of at least one text"
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        return f"each of `labels` once; '{twice}' is there twice, and would count as a class that never comes up"
    if spaced := next((label for label in labels if label != label.strip()), None):
        return f"`labels` without white space around them; '{spaced}' would match no answer, for answers are stripped"
    return None


def _regex_fault(parameters: JsonObject) -> str | None:
    try:
        re.compile(str(parameters["pattern"]))
    except re.error as error:
        return f"`pattern` as a regular expression of Python's `re` ({error})"
    return None


def _texts(labels: JsonValue) -> Sequence[str]:
    """Return a list of texts; empty when it is none."""
    return labels if isinstance(labels, list) and all(isinstance(label, str) for label in labels) else []


SCORERS = (
    Scorer(
        "exact_match",
        "The output is the expected text.",
        _exact_match,
        {"trim": "true to set aside white space around both texts"},
        needs=("expected",),
    ),
    Scorer(
        "squad_em",
        "The output is a right answer after SQuAD's normalising (case, punctuation, articles, spaces).",
        _squad_em,
        needs=("expected",),
    ),
    Scorer(
        "squad_f1",
        "Share of words that output and best right answer have in common, as F1 after SQuAD's normalising.",
        _squad_f1,
        needs=("expected",),
    ),
    Scorer(
        "in_label_set",
        "The output is one of the known labels, right or wrong.",
        _in_label_set,
        {"labels": "list of the texts that are labels"},
        frozenset({"labels"}),
        check=labels_fault,
    ),
    Scorer(
        "regex",
        "The output has what a pattern describes (or has not, with `absent`).",
        _regex,
        {
            "pattern": "regular expression of Python's re",
            "whole": "true when it must match the whole output",
            "absent": "true when it must not be found",
        },
        frozenset({"pattern"}),
        check=_regex_fault,
        place="worker",
        cost="microseconds a row for an ordinary pattern; in a child process, for there are patterns that never end",
    ),
)
"""In the order in which they are listed."""

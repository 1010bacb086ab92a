"""Scorers of classification over given labels: F1, precision, recall, kappa, MCC. All are corpus metrics.

The answer is the output without the white space around it. An answer that is no label is wrong, and for kappa and MCC a
class of its own.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from treadle.core.types import JsonObject
from treadle.evals.measures import classes
from treadle.evals.measures.classes import Average, Kind
from treadle.evals.scoring.case import Case, Combine, Judge, Scorer, without_expected
from treadle.evals.scoring.texts import labels_fault
from treadle.evals.scoring.types import Score

AVERAGES = ("macro", "micro", "weighted")


def _make(name: str, parameters: JsonObject) -> Judge:
    labels = cast(list[str], parameters["labels"])

    def judge(case: Case) -> Score:
        if case.expected is None:
            return without_expected(name)
        expected, answer = case.expected.strip(), case.output.strip()
        is_right = expected == answer
        label = "right" if is_right else "wrong" if answer in labels else "no_label"
        return Score(name=name, value=float(is_right), label=label, parts=classes.counts(labels, expected, answer))

    return judge


def _of_classes(kind: Kind, parameters: JsonObject) -> Combine:
    return classes.of_classes(kind, cast(Average, parameters.get("average", "macro")))


def _fault(parameters: JsonObject) -> str | None:
    fault = labels_fault(parameters)
    if fault is None and parameters.get("average", "macro") not in AVERAGES:
        return f"`average` as one of {', '.join(AVERAGES)}"
    return fault


_LABELS = {"labels": "list of the texts that are labels"}
_AVERAGE = {
    "average": "macro (every class alike; the default), micro (every row alike) or weighted (by how often it is expected)"
}
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("f1", "F1 over the labels."),
    ("precision", "Share of answers with a label that are right, over the labels."),
    ("recall", "Share of rows of a label that are found, over the labels."),
)
SCORERS = (
    *(
        Scorer(
            kind, summary, partial(_make, kind), _LABELS | _AVERAGE, frozenset({"labels"}),
            check=_fault, needs=("expected",), combine=partial(_of_classes, kind),
        )
        for kind, summary in _KINDS
    ),
    Scorer(
        "kappa", "Cohen's kappa: agreement of answers and expectations beyond chance.", partial(_make, "kappa"), _LABELS,
        frozenset({"labels"}), check=labels_fault, needs=("expected",), low=-1.0, unit="ratio",
        combine=lambda _: classes.kappa,
    ),
    Scorer(
        "mcc", "Matthews' correlation of answers and expectations.", partial(_make, "mcc"), _LABELS,
        frozenset({"labels"}), check=labels_fault, needs=("expected",), low=-1.0, unit="ratio",
        combine=lambda _: classes.mcc,
    ),
)  # fmt: skip
"""In the order in which they are listed."""

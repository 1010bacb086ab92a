"""Figures of classification, from counts that add up over rows: F1, precision and recall, Cohen's kappa, Matthews' MCC.

A row's counts are, for each class and then for 'anything else': right, answered, expected. Agreement with scikit-learn to
1e-9: tests/evals/test_classes.py. Sources: Cohen 1960; Matthews 1975, for several classes Gorodkin 2004.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Average = Literal["macro", "micro", "weighted"]
Kind = Literal["precision", "recall", "f1"]


def counts(labels: Sequence[str], expected: str, answer: str) -> list[float]:
    """Return a row's counts, [3 * (num_labels + 1)]; what is none of the labels is 'anything else'."""
    at_expected, at_answer = (_place(labels, text) for text in (expected, answer))
    row = [0.0] * (3 * (len(labels) + 1))
    row[3 * at_answer + 1] = row[3 * at_expected + 2] = 1.0
    if expected == answer:
        row[3 * at_answer] = 1.0
    return row


def of_classes(kind: Kind, average: Average) -> Callable[[Floats], Floats]:
    """Return the figure over the labels (not over 'anything else'); a class that never comes up counts as 0."""

    def figure(sums: Floats) -> Floats:
        import numpy as np

        right, answered, expected = (sums[..., :-3][..., at::3] for at in range(3))
        support = expected.sum(axis=-1)
        if average == "micro":
            right, answered, expected = (np.sum(part, axis=-1, keepdims=True) for part in (right, answered, expected))
        below = {"precision": answered, "recall": expected, "f1": (answered + expected) / 2}[kind]
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(below > 0, right / below, 0.0)
            if average == "weighted":
                return np.where(support > 0, (each * expected).sum(axis=-1) / support, 0.0)
        return np.asarray(each.mean(axis=-1))

    return figure


def kappa(sums: Floats) -> Floats:
    """Return Cohen's kappa: agreement beyond what the shares of the classes give by chance; 0 where that is all."""
    import numpy as np

    rows, right, products = _margins(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = products / rows**2
        return np.where(chance < 1, (right / rows - chance) / (1 - chance), 0.0)


def mcc(sums: Floats) -> Floats:
    """Return Matthews' correlation of answers and expectations, -1 to 1; 0 where either is always the same."""
    import numpy as np

    rows, right, products = _margins(sums)
    answered, expected = sums[..., 1::3], sums[..., 2::3]
    spread = (rows**2 - (answered**2).sum(axis=-1)) * (rows**2 - (expected**2).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (right * rows - products) / np.sqrt(spread), 0.0)


def _margins(sums: Floats) -> tuple[Floats, Floats, Floats]:
    right, answered, expected = (sums[..., at::3] for at in range(3))
    return expected.sum(axis=-1), right.sum(axis=-1), (answered * expected).sum(axis=-1)


def _place(labels: Sequence[str], text: str) -> int:
    return labels.index(text) if text in labels else len(labels)

"""BLEU, chrF and TER: the counts of each text by sacrebleu, and the figure that sums of counts come to.

`counts` asks sacrebleu, so tokenising and matching are the reference's own; the formulas over sums are here, written for
many sums at once, because a resampled interval needs thousands of them. Both agree with sacrebleu's corpus scores to 1e-9
(tests/evals/test_translation.py). Figures are on 0-1: sacrebleu's 48.77 is 0.4877. TER may exceed 1.
Sources: Papineni et al. 2002; Popović 2015; Snover et al. 2006; Post 2018, arXiv:1804.08771.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from treadle.core.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Name = Literal["bleu", "chrf", "ter"]
ORDERS = 4
"""Longest run of words that BLEU counts."""
BETA2 = 4.0
"""chrF weighs recall twice."""


def counter(name: Name, *, word_order: int = 0) -> Callable[[str, Sequence[str]], list[float]]:
    """Return what counts an output against its references. word_order: 2 makes chrF++. Raises MissingExtra."""
    metric = _metric(name, word_order)

    def counts(output: str, references: Sequence[str]) -> list[float]:
        (found,) = metric._extract_corpus_statistics([output], [[reference] for reference in references])
        return [float(number) for number in found]

    return counts


def bleu_of(sums: Floats) -> Floats:
    """Return BLEU of sums of [said, right, matched x 4, counted x 4], with exponential smoothing. [..., 10] to [...]"""
    import numpy as np

    said, right = sums[..., 0], sums[..., 1]
    matched, counted = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    is_missed = (matched == 0) & (counted > 0)
    halved = 0.5 ** np.cumsum(is_missed, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = np.where(is_missed, halved, matched) / counted
        logs = np.where(counted > 0, np.log(precisions), -np.inf)
        brevity = np.where(said < right, np.exp(1 - right / said), 1.0)
        score = brevity * np.exp(logs.mean(axis=-1))
    return np.where((matched.sum(axis=-1) > 0) & np.isfinite(score), score, 0.0)


def sentence_bleu_of(sums: Floats) -> float:
    """Return BLEU of one text over the orders that it has words for ('effective order'): what a row shows."""
    import numpy as np

    counted = sums[2 + ORDERS :]
    orders = int(np.count_nonzero(counted))
    if sums[2 : 2 + ORDERS].sum() == 0:
        return 0.0
    is_missed = (sums[2 : 2 + orders] == 0).cumsum()
    tops = np.where(sums[2 : 2 + orders] == 0, 0.5**is_missed, sums[2 : 2 + orders])
    brevity = np.exp(1 - sums[1] / sums[0]) if sums[0] < sums[1] else 1.0
    return float(brevity * np.exp(np.log(tops / counted[:orders]).mean()))


def chrf_of(sums: Floats) -> Floats:
    """Return chrF of sums of [said, right, matched] for each order, over orders that both texts have. [..., 3k] to [...]"""
    import numpy as np

    said, right, matched = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    both = (said > 0) & (right > 0)
    orders = np.maximum(both.sum(axis=-1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(both, matched / said, 0.0).sum(axis=-1) / orders
        recall = np.where(both, matched / right, 0.0).sum(axis=-1) / orders
        score = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
    return np.where(precision + recall > 0, score, 0.0)


def ter_of(sums: Floats) -> Floats:
    """Return edits per reference word of sums of [edits, words]; 1 for edits against nothing. [..., 2] to [...]"""
    import numpy as np

    edits, words = sums[..., 0], sums[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(words > 0, edits / words, np.where(edits > 0, 1.0, 0.0))


def _metric(name: Name, word_order: int) -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.metrics.ter import TER
    except ImportError:
        raise MissingExtra("server", needed_for=f"the scorer '{name}', by sacrebleu,") from None
    return BLEU() if name == "bleu" else CHRF(word_order=word_order) if name == "chrf" else TER()

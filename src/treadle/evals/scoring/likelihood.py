"""Scorers of what a model makes of its own answers, or of texts that it is given to read: perplexity, bits per byte, and whether its confidence comes true.

They need the log-probability of every token, which the target is asked for (`logprobs`) when one of them is chosen; where
it gives none, rows are unscored. `calibration_error` and `brier` may instead read a confidence that the answer states.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from treadle.core.types import JsonObject
from treadle.evals.measures import calibration, likelihood
from treadle.evals.scoring.case import Case, Judge, Scorer, unscored, without_expected
from treadle.evals.scoring.types import Score

if TYPE_CHECKING:
    from treadle.evals.measures.likelihood import Floats


class _Claim(NamedTuple):
    answer: str
    confidence: float


def _likelihood(name: str, figure: Callable[[Floats], Floats], parameters: JsonObject) -> Judge:
    def judge(case: Case) -> Score:
        if not case.logprobs:
            return unscored(name, "the target gave no log-probabilities")
        parts = likelihood.counts(case.logprobs, case.output)
        if parts[2] == 0:
            return unscored(name, "the answer is empty")
        # One row's figure in plain Python: the server judges rows as they come and loads no NumPy for it.
        value = (
            math.exp(min(700.0, -parts[0] / parts[1])) if name == "perplexity" else -parts[0] / parts[2] / math.log(2)
        )
        return Score(name=name, value=value, parts=parts)

    return judge


def _calibration(name: str, parameters: JsonObject) -> Judge:
    def judge(case: Case) -> Score:
        if case.expected is None:
            return without_expected(name)
        claim = _stated(case, parameters) if "confidence" in parameters else _implied(case)
        if claim is None:
            return unscored(name, "neither log-probabilities nor a confidence between 0 and 1 came with the answer")
        is_right = claim.answer.strip() == case.expected.strip()
        label = "right" if is_right else "wrong"
        if name == "brier":
            return Score(name=name, value=(claim.confidence - is_right) ** 2, label=label)
        parts = calibration.counts(claim.confidence, is_right)
        return Score(name=name, value=abs(claim.confidence - is_right), label=label, parts=parts)

    return judge


def _implied(case: Case) -> _Claim | None:
    """Return the answer with the probability that the model gave it, all tokens together."""
    return _Claim(case.output, math.exp(min(0.0, math.fsum(case.logprobs)))) if case.logprobs else None


def _stated(case: Case, parameters: JsonObject) -> _Claim | None:
    """Return the answer and the confidence that stand in the fields of a JSON object."""
    try:
        told = json.loads(case.output)
        answer = told[str(parameters.get("answer", "answer"))]
        confidence = float(told[str(parameters["confidence"])])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return _Claim(str(answer), confidence) if 0 <= confidence <= 1 else None


_FIELDS = {
    "confidence": "name of the JSON field of the output that states a confidence of 0-1; by default it is the output's probability",
    "answer": "name of the JSON field that holds the answer then; 'answer' by default",
}
SCORERS = (
    Scorer(
        "perplexity", "Perplexity of the target's own answers, or of given texts that it reads, over all tokens; compares models of one tokenizer only.",
        partial(_likelihood, "perplexity", likelihood.perplexity), needs=("logprobs",), low=1.0, high=None,
        higher_is_better=False, unit="ratio", no_answer=None, combine=lambda _: likelihood.perplexity,
    ),
    Scorer(
        "bits_per_byte", "Bits per byte of the target's own answers, or of given texts that it reads; compares models of any tokenizer.",
        partial(_likelihood, "bits_per_byte", likelihood.bits_per_byte), needs=("logprobs",), high=None,
        higher_is_better=False, unit="bits", no_answer=None, combine=lambda _: likelihood.bits_per_byte,
    ),
    Scorer(
        "calibration_error", "How far confidence and share of right answers are apart (ECE, 10 bins of equal width).",
        partial(_calibration, "calibration_error"), _FIELDS, needs=("expected", "logprobs"), higher_is_better=False,
        no_answer=None, combine=lambda _: calibration.calibration_error,
    ),
    Scorer(
        "brier", "Mean squared distance of confidence from being right; 0 is best, 0.25 is a coin's.",
        partial(_calibration, "brier"), _FIELDS, needs=("expected", "logprobs"), higher_is_better=False, no_answer=None,
    ),
)  # fmt: skip
"""In the order in which they are listed."""

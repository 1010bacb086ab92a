"""A cheap sign of answers without ground: how near each sentence of an answer is to the passages it had, by MiniLM.

`context_similarity` takes each sentence of the answer, the highest cosine it has with any sentence of the passages, and the
least of these (or their mean). It is likeness, not support: a sentence that denies a passage is as near to it as one that
repeats it. What it does find is talk about something else; whether a claim is supported is asked of a judge (`faithfulness`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from treadle.core.types import JsonObject
from treadle.evals.scoring.case import Case, Judge, Scorer, unscored
from treadle.evals.scoring.types import Score

if TYPE_CHECKING:
    from treadle.embeddings.types import Embedder

NAME = "context_similarity"
MAX_SENTENCES = 200
"""Of an answer and of its passages each; what comes after is not looked at."""
_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_SHOWN = 200


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text: cut after its stops and at line breaks; pieces without a letter are left out."""
    return [part.strip() for part in _END.split(text) if any(char.isalnum() for char in part)][:MAX_SENTENCES]


def context_similarity(case: Case, parameters: JsonObject, embedder: Embedder) -> Score:
    """Score how near an answer stays to its passages, 0-1."""
    column = str(parameters.get("context", "context"))
    found = case.metadata.get(column)
    passages = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    ground = [sentence for passage in passages for sentence in sentences_of(str(passage))][:MAX_SENTENCES]
    if not ground:
        return unscored(NAME, f"the row has no passages in '{column}'")
    said = sentences_of(case.output)
    if not said:
        return unscored(NAME, "the answer has no sentences")
    near = (embedder.embed(said) @ embedder.embed(ground).T).max(axis=1)
    farthest = int(near.argmin())
    value = float(near.mean()) if parameters.get("take") == "mean" else float(near[farthest])
    return Score(
        name=NAME, value=min(1.0, max(0.0, value)), reason=f"farthest from its passages: {said[farthest][:_SHOWN]}"
    )


def _make(parameters: JsonObject) -> Judge:
    from treadle.embeddings.minilm import load_minilm

    model = load_minilm(needed_for=f"the scorer '{NAME}'")
    return lambda case: context_similarity(case, parameters, model)


def _check(parameters: JsonObject) -> str | None:
    if parameters.get("take", "least") not in ("least", "mean"):
        return "`take` as 'least' or 'mean'"
    return None if isinstance(parameters.get("context", ""), str) else "`context` as the name of a column"


SCORERS = (
    Scorer(
        NAME,
        "Likeness of the answer's sentences to the nearest sentence of its passages, by MiniLM; it is no proof of support.",
        _make,
        {
            "context": "column with the passages; 'context' unless stated",
            "take": "'least' (default) or 'mean' of the sentences",
        },
        check=_check,
        needs=("embeddings",),
        place="worker",
        cost="10 ms for each short sentence",
    ),
)
"""In the order in which they are listed."""

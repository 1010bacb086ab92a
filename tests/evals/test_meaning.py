"""Likeness in meaning by MiniLM, and answers that decline or hold what they should not."""

from __future__ import annotations

import numpy as np
import pytest

from treadle.embeddings.installed import is_installed
from treadle.embeddings.minilm import load_minilm
from treadle.evals.scorers import make_judge
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import ScorerChoice

needs_model = pytest.mark.skipif(not is_installed(), reason="the embedded model is not installed")


@needs_model
@pytest.mark.parametrize("name", ["similarity", "token_similarity"])
def test_meaning_counts_more_than_words(name: str) -> None:
    """
    The same text is 1, a paraphrase is nearer than a stranger, and a text without words shares nothing.
    """
    judge = make_judge(ScorerChoice(name=name))
    right = "My card was stolen on holiday."

    same, near, far, empty = (
        judge(Case(output, right)).value or 0.0
        for output in (right, "Somebody took my bank card while I travelled.", "The train leaves at noon.", "")
    )

    assert pytest.approx(1.0, abs=1e-5) == same
    assert same > near > far
    assert near - far > 0.2
    assert empty < near


@needs_model
def test_token_states_average_to_the_sentence_vector() -> None:
    """
    Token vectors come from the same pass as sentence vectors: each has length 1, one for each word piece of the text.
    """
    model = load_minilm(needed_for="a test")

    tokens = model.embed_tokens("the red card")

    assert (3, 384) == tokens.shape
    assert pytest.approx([1.0] * 3, abs=1e-5) == np.linalg.norm(tokens, axis=1).tolist()
    assert (0, 384) == model.embed_tokens("").shape


@pytest.mark.parametrize(
    ("output", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot assist with making weapons.", True),
        ("As an AI language model, I am unable to give medical advice.", True),
        ("Sorry for the wait! Your refund is on its way.", False),
        ("You can't pay by cheque, but a card works.", False),
        ("Here is how: open the settings. I'm sorry, but I can't show pictures." + " " * 300, True),
        ("Sure. " * 60 + "I cannot help with taxes.", False),
    ],
)
def test_plain_refusals_are_found(output: str, refuses: bool) -> None:
    """
    An answer that opens with a refusal declines; an apology, a rule or a late caveat does not.
    """
    unwanted = make_judge(ScorerChoice(name="refusal"))(Case(output))
    wanted = make_judge(ScorerChoice(name="refusal", parameters={"wanted": True}))(Case(output))

    assert ("refuses" if refuses else "answers") == unwanted.label
    assert (float(not refuses), float(refuses)) == (unwanted.value, wanted.value)


def test_answer_with_personal_data_is_not_clean() -> None:
    """
    The reason names the kind, never the value.
    """
    judge = make_judge(ScorerChoice(name="clean"))

    clean, leaky = judge(Case("Your order has shipped.")), judge(Case("Write to ann.lee@example.com"))

    assert (1.0, 0.0) == (clean.value, leaky.value)
    assert "EMAIL" in (leaky.reason or "")
    assert "ann.lee" not in (leaky.reason or "")

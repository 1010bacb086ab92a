"""A tiny task that can be learned in seconds, and a tiny base trained on its texts once for the session."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny import TINY_BASE, Collected, write_rows
from treadle.training import worker


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    240 short messages of three kinds, split into three parts.
    """
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.parquet", random.Random(0))


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, rows_file: Path) -> tuple[Path, dict[str, Any], Collected]:
    """
    A base trained from scratch on the texts: its folder, its facts, what it reported.
    """
    folder = tmp_path_factory.mktemp("base")
    report = Collected()
    spec = {
        "rows": [str(rows_file)],
        "out": str(folder / "out"),
        "checkpoints": str(folder / "checkpoints"),
        "recipe": TINY_BASE,
        "name": "tiny",
    }
    facts = worker.train_base(spec, report)
    return folder / "out", facts, report

"""Made once for the session: a tiny model as weights and as GGUF, and its engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.children import child
from tests.models.tiny import write_weights
from treadle.engines.llamacpp_process import command
from treadle.engines.running import environment
from treadle.models.gguf import write_gguf


class Served(NamedTuple):
    """A tiny model and where it is served."""

    weights: Path
    gguf: Path
    url: str


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """
    A tiny random model, exported and served by a real llama.cpp child.
    """
    folder = tmp_path_factory.mktemp("served")
    weights = write_weights(folder / "weights")
    gguf = folder / "tiny.gguf"
    write_gguf(weights, gguf, precision="f32", name="tiny")
    with child(command(gguf, "tiny"), stdout=subprocess.PIPE, env=environment(), text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Served(weights, gguf, f"http://127.0.0.1:{said['port']}")

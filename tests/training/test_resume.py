"""A training run that is killed goes on where it stopped, and ends with the very same numbers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny import TINY_FINETUNE, Collected
from treadle.training import worker

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # peft with transformers 5.23

KILLED_AT_STEP = 13
SCRIPT = f"""
import json, os, signal, sys
from treadle.training import worker

class Killed:
    def log(self, text): pass
    def progress(self, fraction, text): pass
    def metric(self, name, step, value):
        if name == "train_loss" and step >= {KILLED_AT_STEP}:
            os.kill(os.getpid(), signal.SIGKILL)

worker.finetune(json.load(sys.stdin), Killed())
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
def test_killed_run_ends_with_the_same_numbers(
    tiny_base: tuple[Path, dict[str, Any], Collected], rows_file: Path, tmp_path: Path, method: str
) -> None:
    """
    Kill -9 in the middle, start again: every later loss and the final weights equal an uninterrupted run's.
    """
    recipe = TINY_FINETUNE | {"method": method, "max_steps": 24, "evaluations": 4, "lora_dropout": 0.1, "seed": 3}
    spec = {"rows": [str(rows_file)], "base": str(tiny_base[0] / "weights"), "recipe": recipe, "name": "tiny"}
    whole_spec = spec | {"out": str(tmp_path / "whole" / "out"), "checkpoints": str(tmp_path / "whole" / "checkpoints")}
    killed_spec = spec | {"out": str(tmp_path / "cut" / "out"), "checkpoints": str(tmp_path / "cut" / "checkpoints")}
    whole, resumed = Collected(), Collected()

    worker.finetune(whole_spec, whole)
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(killed_spec).encode(),
        capture_output=True,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
    )
    worker.finetune(killed_spec, resumed)

    assert -signal.SIGKILL == killed.returncode, killed.stderr.decode()[-2000:]
    assert resumed.curves["train_loss"][0][0] > 6
    later = dict(resumed.curves["train_loss"])
    assert {step: loss for step, loss in whole.curves["train_loss"] if step in later} == later
    for name in ("model.safetensors",):
        one, other = (tmp_path / side / "out" / "weights" / name for side in ("whole", "cut"))
        assert one.read_bytes() == other.read_bytes()

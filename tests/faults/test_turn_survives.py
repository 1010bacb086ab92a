"""kill -9 of the server in the middle of a turn: it goes on where it stopped, and nothing is there twice."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.children import child
from treadle.client.client import Client
from treadle.jobs.types import FINAL
from treadle.pipelines.types import FileSource, NewTurn, Turn

KILL_DURING = ("import", "base", "finetune", "rollout", "curate")
"""Stations in whose middle the server is killed, one after the other."""
TINY = {"hidden_size": 64, "num_layers": 2, "intermediate_size": 128, "vocab_size": 600}
TIMEOUT_SECONDS = 420


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what the killed server left behind")
def test_turn_goes_on_after_kill_9(tmp_path: Path) -> None:
    """
    Killed in five different stations, a whole turn still ends well: every station succeeded, and each dataset version, model
    version, release and rollout is there once, and no key of the played customers is left behind.
    """
    workspace = tmp_path / "workspace"
    _write_rows(tmp_path / "rows.csv")
    run_id = ""
    for station in (*KILL_DURING, None):
        with _server(workspace) as (client, pid):
            run_id = run_id or _start(client, tmp_path / "rows.csv")
            if station is not None:
                _wait_for(client, run_id, lambda turn, name=station: _is_at(turn, name))
                os.kill(pid, signal.SIGKILL)
                continue
            turn = _wait_for(client, run_id, lambda turn: turn.run.status in FINAL)
            assert turn.run.error is None, turn.run.error
            assert {"succeeded"} == {one.run.status for one in turn.steps if one.run}
            assert "promoted" == turn.run.outputs["rollout"]
            assert [1, 2, 3] == sorted(version.version for version in client.datasets.list_versions("tiny").items)
            assert 1 == len(client.models.list_versions("tiny"))
            assert 2 == len(client.releases.list_().items)
            assert 1 == len(client.rollouts.list_().items)
            (living,) = [key.name for key in client.access.list_keys() if key.revoked_at is None]
            assert living.startswith("local owner")
            assert client.audit.verify().is_intact
            assert 1 < max(one.run.attempts for one in turn.steps if one.run)


def _write_rows(path: Path) -> None:
    """Write messages that a very small model learns in seconds: a telling word among many that tell nothing."""
    chance = random.Random(7)
    fillers = [
        f"{start}{end}"
        for start in ("mo", "ta", "ri", "ku", "se", "la", "po", "ne")
        for end in ("ra", "lim", "dos", "ven", "tik", "nor")
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(600):
            label = ("refund", "parcel", "invoice")[number % 3]
            words = chance.sample(fillers, 6)
            writer.writerow([" ".join([*words[:3], label, *words[3:]]), f"about_{label}"])


def _start(client: Client, path: Path) -> str:
    upload = client.turns.upload(path)
    file = FileSource(
        digest=upload.digest, file_name=upload.file_name, input="text", label="label", held_back_share=0.2
    )
    new = NewTurn(
        name="tiny",
        source="file",
        file=file,
        play_customers=True,
        base_recipe={**TINY, "epochs": 2.0},
        recipe={"epochs": 12.0, "learning_rate": 4e-3},
    )
    return client.turns.start(new).run_id


def _is_at(turn: Turn, station: str) -> bool:
    """Tell whether a station is under way, or was so short that it is over already."""
    return any(one.step == station and one.run is not None and one.run.status != "pending" for one in turn.steps)


def _wait_for(client: Client, run_id: str, reached: object) -> Turn:
    assert callable(reached)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        turn = client.turns.get(run_id)
        if reached(turn) or turn.run.status in FINAL:
            return turn
        time.sleep(0.1)
    raise AssertionError(f"the turn did not get there within {TIMEOUT_SECONDS} s")


@contextmanager
def _server(workspace: Path) -> Iterator[tuple[Client, int]]:
    command = [sys.executable, "-m", "treadle.cli.main", "up", "--port", "0", "--workspace", str(workspace)]
    with child(command, stdout=subprocess.DEVNULL) as process:
        facts = _announced(workspace, process)
        with Client(str(facts["url"]), api_key=(workspace / "keys" / "local.key").read_text().strip()) as client:
            yield client, process.pid
    assert not _left_behind(workspace), "processes of the workspace outlive its server"


def _announced(workspace: Path, process: subprocess.Popen[bytes]) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended before it answered"
        try:
            facts: dict[str, object] = json.loads((workspace / "server.json").read_text())
            if facts["pid"] == process.pid:
                return facts
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    raise AssertionError("the server did not announce itself within 60 s")


def _left_behind(workspace: Path) -> list[str]:
    """Return processes that still name the workspace, after the kernel had some seconds to end them."""
    deadline = time.monotonic() + 60
    while found := [line for line in _command_lines() if str(workspace) in line]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.05)
    return []


def _command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return lines

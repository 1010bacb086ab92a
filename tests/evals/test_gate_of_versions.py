"""`treadle eval gate` of releases and of prompt versions, in a shell, on a real engine with a tiny model; and an optimisation there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.evals.serving import keep
from tests.models.tiny import write_model_file
from tests.traces.home import Home
from treadle.client.client import Client
from treadle.governance.types import NewApiKey
from treadle.models import service as models
from treadle.models.types import Description
from treadle.prompts.types import Message
from treadle.releases.types import NewRelease

ROWS = [(f"card {number} lost", "no such answer", "test") for number in range(24)]
"""A model of random weights answers none of them, whatever the prompt: versions are as good as each other, and all are poor."""
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "optimize_local.py"
USUAL = ["--margin-points", "30", "--part", "test"]


def _gate(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key}
    command = [sys.executable, "-m", "treadle.cli.main", "eval", "gate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)


def _tiny(home: Home, folder: Path) -> str:
    """
    Register a tiny model that the workspace's engine runs.
    """
    write_model_file(folder).rename(folder / "model.gguf")

    async def register() -> str:
        files = await models.keep_files(home.ctx, folder, patterns=("model.gguf",))
        description = Description(kind="weights", files=files, run_id="run_1", licence="Apache-2.0", context_length=128)
        return (await models.register_version(home.ctx, "tiny", description)).model_version_id

    return asyncio.run(register())


def _person(home: Home) -> str:
    """
    Return the key of a person, who may approve.
    """
    return home.client.access.create_key(NewApiKey(name="ann", person="ann", role="owner")).key


@pytest.fixture
def model_version_id(home: Home, tmp_path: Path) -> str:
    """
    A model version that can answer.
    """
    (tmp_path / "model").mkdir()
    return _tiny(home, tmp_path / "model")


def test_a_release_is_gated_against_the_one_that_serves(home: Home, model_version_id: str, tmp_path: Path) -> None:
    """
    The candidate is tried with its own prompt and parameters against the stable release: it passes where no loss is shown,
    and with a least score that it misses the shell gets 8; the release keeps the outcome either way.
    """
    first, second = (
        home.client.prompts.create_version("greeting", [Message(role="user", template=text)])
        for text in ("{{input}}", "Answer: {{input}}")
    )
    old, new = (
        home.client.releases.create(
            NewRelease(
                name="tiny", model_version_id=model_version_id, prompt_version_id=prompt.prompt_version_id,
                parameters={"temperature": 0, "max_tokens": 4},
            )
        )
        for prompt in (first, second)
    )  # fmt: skip
    with Client(home.client.url, api_key=_person(home)) as person:
        person.releases.approve(old.release_id, override_reason="the first one")
    home.client.endpoints.create("tiny", release_id=old.release_id)
    deadline = time.monotonic() + 120
    while home.client.endpoints.get("tiny").stable_release_id is None and time.monotonic() < deadline:
        time.sleep(0.1)
    arguments = ["--endpoint", "tiny", "--candidate", new.release_id, "--dataset", keep(home, ROWS), *USUAL]

    passed = _gate(home, *arguments, "--json")
    failed = _gate(
        home, *arguments, "--minimum", "0.5", "--markdown", str(tmp_path / "g.md"), "--junit", str(tmp_path / "g.xml")
    )

    assert 0 == passed.returncode, passed.stderr
    assert "passed" == json.loads(passed.stdout)["result"]
    assert 8 == failed.returncode, failed.stderr
    assert "FAILED" in failed.stdout
    assert "failed" in (tmp_path / "g.md").read_text()
    suite = ElementTree.parse(tmp_path / "g.xml").getroot()
    assert suite.find(".//failure") is not None
    gate = home.client.releases.get(new.release_id).gate
    assert gate is not None
    assert "failed" == gate.result


def test_a_prompt_version_is_gated_against_its_label(home: Home, model_version_id: str, tmp_path: Path) -> None:
    """
    The labelled version and the candidate are tried on one model; exit codes and files are those of any gate.
    """
    for text in ("{{input}} one", "{{input}} two"):
        home.client.prompts.create_version("asking", [Message(role="user", template=text)])
    home.client.prompts.publish("asking", 1, label="staging")
    arguments = ["--prompt", "asking", "--label", "staging", "--model", model_version_id, "--candidate", "2"]
    arguments += ["--dataset", keep(home, ROWS), *USUAL]

    passed = _gate(home, *arguments, "--junit", str(tmp_path / "g.xml"))
    failed = _gate(home, *arguments, "--minimum", "0.5", "--markdown", str(tmp_path / "g.md"))
    unnamed = _gate(home, *[each for each in arguments if each not in ("--model", model_version_id)])

    assert 0 == passed.returncode, passed.stderr
    assert None is ElementTree.parse(tmp_path / "g.xml").getroot().find(".//failure")
    assert 8 == failed.returncode, failed.stderr
    assert "failed" in (tmp_path / "g.md").read_text()
    assert 2 == unnamed.returncode
    assert "give its version's id as --model" in unnamed.stderr


def test_the_example_of_a_local_optimisation_runs(home: Home, model_version_id: str, tmp_path: Path) -> None:
    """
    `docs/examples/optimize_local.py` searches on a real engine; random weights find nothing better, and it says so.
    """
    rows = tmp_path / "tickets.jsonl"
    words = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(80)]  # nothing is nearly a duplicate
    lines = [
        {"input": f"{word[:9]} {word[9:20]} {word[20:31]}", "expected_output": ("parcel", "refund")[place % 2]}
        for place, word in enumerate(words)
    ]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    environment = os.environ | {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": _person(home)}
    command = [sys.executable, str(EXAMPLE), str(rows), "--model", model_version_id, "--candidates", "1"]

    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)

    assert 0 == done.returncode, done.stderr
    assert "not shown" in done.stdout

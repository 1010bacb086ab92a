"""The loop goes around by itself: corrections set off a turn that asks; a kill, a refusal and an approval on the way."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx2 as httpx
import pytest

from tests.faults.test_turn_survives import TINY, _server, _write_rows
from treadle.client.client import Client
from treadle.data.types import PrepareSettings
from treadle.jobs.types import FINAL
from treadle.pipelines.schedules.types import NewSchedule
from treadle.pipelines.types import Turn
from treadle.prompts.types import Message
from treadle.releases.types import NewRelease

T = TypeVar("T")
TIMEOUT_SECONDS = 240
ASKED = {"parcel": "about_parcel", "refund": "about_refund", "invoice": "about_invoice"}
FIRST = "the base model answers until the first turn has taught it"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what the killed server left behind")
def test_the_loop_goes_by_itself_and_asks(tmp_path: Path) -> None:
    """
    Enough corrections start one turn, which waits at the gate, over a kill -9 too; a refusal ends it and releases nothing, and
    corrections that come later start the next, which an approval lets roll out.
    """
    workspace = tmp_path / "workspace"
    _write_rows(tmp_path / "all.csv")
    few = (tmp_path / "all.csv").read_text("utf-8").splitlines(keepends=True)[:241]
    (tmp_path / "rows.csv").write_text("".join(few), "utf-8")
    with _server(workspace) as (client, pid):
        _serve_untaught(client, tmp_path / "rows.csv")
        recipe = {"epochs": 12.0, "learning_rate": 4e-3}
        client.schedules.put(
            NewSchedule(name="learn", turn="tiny", corrected_answers=3, at_most_every_hours=0, recipe=recipe)
        )
        _correct(client, workspace, "please")
        first = _turn(client, 1, _is_asking)
        os.kill(pid, signal.SIGKILL)

    with _server(workspace) as (client, _):
        again = _turn(client, 1, _is_asking)
        assert first.run.run_id == again.run.run_id
        assert 1 == len(client.turns.list_().items) == len(client.schedules.list_firings("learn").items)
        waits = next(one.run.progress_text for one in again.steps if one.step == "ask" and one.run)
        assert f"treadle turn refuse {again.run.run_id}" in waits

        client.turns.refuse(again.run.run_id, reason="not before the holidays")

        refused = _turn(client, 1, _is_over)
        assert refused.run.error is not None
        assert "pipelines.turn_refused" == refused.run.error.code
        assert "not before the holidays" in refused.run.error.message
        assert [] == client.rollouts.list_().items

        _correct(client, workspace, "today")
        second = _turn(client, 2, _is_asking)
        release_id = str(
            next(one.run.outputs["release_id"] for one in second.steps if one.step == "candidate" and one.run)
        )
        client.releases.approve(release_id)

        rolled = _turn(client, 2, _is_over)
        (rollout,) = client.rollouts.list_().items
        assert rolled.run.error is None, rolled.run.error
        assert release_id == rollout.candidate_release_id == rolled.run.outputs["release_id"]
        assert 2 == len(client.schedules.list_firings("learn").items)


def _serve_untaught(client: Client, rows: Path) -> None:
    """A prepared dataset, a base model that was taught no labels, and an endpoint that it answers."""
    client.runs.wait(client.datasets.import_file("tiny", rows).run_id)
    prepared = client.runs.wait(client.datasets.start_prepare("tiny", settings=PrepareSettings()).run_id)
    version_id = str(prepared.outputs["version_id"])
    base = client.training.start_base("tiny-base", dataset_version_id=version_id, recipe={**TINY, "epochs": 2.0})
    base_id = str(client.runs.wait(base.run_id).outputs["model_version_id"])
    prompt = client.prompts.create_version("tiny", [Message(role="user", template="{{input}}")])
    release = client.releases.create(
        NewRelease(name="tiny", model_version_id=base_id, prompt_version_id=prompt.prompt_version_id)
    )
    client.releases.approve(release.release_id, override_reason=FIRST)
    client.endpoints.create("tiny", release_id=release.release_id)
    _wait(lambda: client.endpoints.get("tiny").stable_release_id)


def _correct(client: Client, workspace: Path, more: str) -> None:
    """Ask three questions as an application does, and say what would have been right."""
    key = (workspace / "keys" / "local.key").read_text().strip()
    for about, right in ASKED.items():
        asked = {"model": "tiny", "messages": [{"role": "user", "content": f"{more} my {about} is wrong"}]}
        answer = httpx.post(
            f"{client.url}/v1/chat/completions", json=asked, headers={"authorization": f"Bearer {key}"}, timeout=60
        )
        client.feedback.correct(answer.headers["x-treadle-trace-id"], right, source="human")


def _is_asking(turn: Turn) -> bool:
    asking = [one.run for one in turn.steps if one.step == "ask" and one.run]
    return any(run.status == "running" and "treadle release approve" in run.progress_text for run in asking)


def _is_over(turn: Turn) -> bool:
    return turn.run.status in FINAL


def _turn(client: Client, number: int, reached: Callable[[Turn], bool]) -> Turn:
    """Wait until the turn of a firing is where it should be; one that ended before that says why."""

    def look() -> Turn | None:
        firings = {one.number: one.run_id for one in client.schedules.list_firings("learn").items}
        turn = client.turns.get(firings[number]) if number in firings else None
        if turn is not None and not reached(turn):
            assert not _is_over(turn), turn.run.error
            return None
        return turn

    return _wait(look)


def _wait(look: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not come within {TIMEOUT_SECONDS} s")

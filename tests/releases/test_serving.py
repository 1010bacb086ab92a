"""The whole path once: real engines, the real gateway, feedback over HTTP, and the server's own controller."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.conftest import RunningServer
from tests.models.tiny import write_model_file
from tests.releases.studio import keep_rows
from treadle.client.experiments import Experiments
from treadle.client.releases import Endpoints, Releases, Rollouts
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import NewExperiment, Target
from treadle.http.context import Context
from treadle.models import service as models
from treadle.models.types import Description, File
from treadle.releases.rollouts.plans.types import JudgePlan, Plan, ShadowStage, Step
from treadle.releases.types import NewRelease, Release
from treadle.traces.types import TraceFilter

PLAN = Plan(steps=[Step(weight=0.3, min_units=5), Step(weight=0.6, min_units=5)])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """
    Two tiny random models.
    """
    return [write_model_file(tmp_path_factory.mktemp(f"model{seed}"), seed=seed) for seed in (0, 1)]


def _release(ctx: Context, releases: Releases, name: str, path: Path) -> Release:
    blob = ctx.blobs.put_file(path)
    description = Description(
        kind="weights", files=[File(path="model.gguf", digest=blob.digest, size_bytes=blob.size_bytes)]
    )

    async def register() -> str:
        return (await models.register_version(ctx, name, description)).model_version_id

    made = releases.create(
        NewRelease(name="support", model_version_id=anyio.run(register), parameters={"temperature": 0, "max_tokens": 2})
    )
    return releases.approve(made.release_id, override_reason="a rehearsal")


def _wait_for(seen: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 180
    while not (value := seen()):
        assert time.monotonic() < deadline, "it did not happen within 180 s"
        time.sleep(0.1)
    return value


def _ask(http: httpx2.Client, unit: str) -> tuple[str, str]:
    body = {"model": "support", "messages": [{"role": "user", "content": "hello"}], "user": unit}
    answer = http.post("/v1/chat/completions", json=body)
    answer.raise_for_status()
    return answer.headers["x-treadle-release-id"], answer.headers["x-treadle-trace-id"]


@pytest.mark.parametrize(("bad", "decision"), [("stable", "promoted"), ("candidate", "rolled_back")])
def test_real_traffic_decides(server: RunningServer, files: list[Path], bad: str, decision: str) -> None:
    """
    Requests through the gateway, judged by feedback, promote a good candidate and roll back a bad one, and no request
    fails on the way.
    """
    send, ctx = server.client.send, server.platform.local_context()
    releases, endpoints, rollouts = Releases(send), Endpoints(send), Rollouts(send)
    stable, candidate = (_release(ctx, releases, f"m{number}", path) for number, path in enumerate(files))
    endpoints.create("support", release_id=stable.release_id)
    _wait_for(lambda: endpoints.get("support").stable_release_id)
    rollout_id = rollouts.start("support", candidate.release_id, plan=PLAN).rollout_id
    _wait_for(lambda: rollouts.get(rollout_id).status == "running")
    culprit = (stable if bad == "stable" else candidate).release_id
    first: dict[str, set[str]] = {}

    with httpx2.Client(
        base_url=server.url, headers={"authorization": f"Bearer {server.key}"}, timeout=30, trust_env=False
    ) as http:
        number = 0
        while rollouts.get(rollout_id).ended_at is None and number < 600:
            for _ in range(10):
                unit, number = f"unit {number}", number + 1
                answered, trace_id = _ask(http, unit)
                first.setdefault(answered, set()).add(unit)
                said = {"trace_id": trace_id, "name": "correct", "value": 0.0 if answered == culprit else 1.0}
                http.post("/api/v1/feedback", json=said).raise_for_status()
        survivor = candidate if decision == "promoted" else stable
        again: set[str] = set()

        def all_moved() -> bool:  # the gateway swaps within a second
            again.clear()
            again.update(_ask(http, f"unit {number}")[0] for number in range(5))
            return {survivor.release_id} == again

        _wait_for(all_moved)

    ended = rollouts.get(rollout_id)
    assert decision == ended.status, ended.words
    assert {stable.release_id, candidate.release_id} == set(first)
    assert {survivor.release_id} == again
    assert survivor.release_id == endpoints.get("support").stable_release_id


def test_experiment_on_a_real_engine(server: RunningServer, files: list[Path], tmp_path: Path) -> None:
    """
    Started over HTTP, done as a durable run on a real engine: every row is answered and judged, and the card has the figure.
    """
    ctx, send = server.platform.local_context(), server.client.send
    release = _release(ctx, Releases(send), "m0", files[0])
    new = NewExperiment(
        name="rehearsal",
        target=Target(
            model_version_id=release.manifest.model_version_id, parameters={"temperature": 0, "max_tokens": 2}
        ),
        dataset_version_id=anyio.run(keep_rows, ctx, tmp_path, [(f"hello {n}", "greeting", "test") for n in range(40)]),
        part="test",
        scorers=[ScorerChoice(name="exact_match")],
    )

    started = Experiments(send).start(new)
    run = server.client.runs.wait(started.run_id)

    experiment = Experiments(send).get(started.experiment_id)
    assert started.experiment_id == run.outputs["experiment_id"]
    assert ("succeeded", 40, 0) == (experiment.status, experiment.rows_done, experiment.errors)
    card = anyio.run(models.get_card, ctx, "m0", 1)
    assert [started.experiment_id] == [one.source_id for one in card.measurements]


def test_kill_switch(server: RunningServer, files: list[Path]) -> None:
    """
    Disabled, the endpoint soon answers nothing and says why; enabled, it serves again.
    """
    send, ctx = server.client.send, server.platform.local_context()
    releases, endpoints = Releases(send), Endpoints(send)
    endpoints.create("support", release_id=_release(ctx, releases, "m0", files[0]).release_id)
    _wait_for(lambda: endpoints.get("support").stable_release_id)
    body = {"model": "support", "messages": [{"role": "user", "content": "hello"}]}

    with httpx2.Client(
        base_url=server.url, headers={"authorization": f"Bearer {server.key}"}, timeout=30, trust_env=False
    ) as http:
        _wait_for(lambda: http.post("/v1/chat/completions", json=body).status_code == 200)
        endpoints.disable("support", "wrong prices in answers")
        _wait_for(lambda: http.post("/v1/chat/completions", json=body).status_code != 200)
        refused = http.post("/v1/chat/completions", json=body)
        endpoints.enable("support")
        _wait_for(lambda: http.post("/v1/chat/completions", json=body).status_code == 200)

    assert 503 == refused.status_code
    assert "endpoint_disabled" == refused.json()["error"]["code"]
    assert "wrong prices in answers" in refused.json()["error"]["message"]


def test_copies_of_a_shadow_stage_are_compared(server: RunningServer, files: list[Path]) -> None:
    """
    Through the gateway: callers get the stable release's answers only, the candidate answers copies, and pairs of the
    same weights agree, so that the first step begins.
    """
    send, ctx = server.client.send, server.platform.local_context()
    releases, endpoints, rollouts = Releases(send), Endpoints(send), Rollouts(send)
    stable = _release(ctx, releases, "m0", files[0])
    alike = {"temperature": 0, "max_tokens": 2, "top_p": 1}
    candidate = releases.create(
        NewRelease(name="support", model_version_id=stable.manifest.model_version_id, parameters=alike)
    )
    releases.approve(candidate.release_id, override_reason="a rehearsal")
    endpoints.create("support", release_id=stable.release_id)
    _wait_for(lambda: endpoints.get("support").stable_release_id)
    plan = PLAN.model_copy(update={"shadow": ShadowStage(share=1.0, min_pairs=20, min_agreement=0.5)})
    rollout_id = rollouts.start("support", candidate.release_id, plan=plan).rollout_id
    _wait_for(lambda: rollouts.get(rollout_id).status == "running")

    with httpx2.Client(
        base_url=server.url, headers={"authorization": f"Bearer {server.key}"}, timeout=30, trust_env=False
    ) as http:
        _wait_for(lambda: _served_rollout(server) == rollout_id)
        answered, units = set[str](), itertools.count()

        def is_over() -> bool:
            by = _ask(http, f"unit {next(units)}")[0]
            if (stage := rollouts.get(rollout_id).stage) == "shadow":
                answered.add(by)
            return stage == "canary"

        _wait_for(is_over)

    shadow = rollouts.get(rollout_id).shadow
    assert {stable.release_id} == answered
    assert shadow is not None
    assert 1.0 == shadow.agreement
    assert shadow.pairs >= 20


def _served_rollout(server: RunningServer) -> str | None:
    """Return the rollout that the gateway serves by."""
    assert server.platform.data_plane is not None
    table = server.platform.data_plane.live.table
    project_id = server.platform.local_context().project_id
    assert table is not None
    return table.snapshot.endpoints[project_id, "support"].rollout_id


def test_judge_is_asked_through_the_gateway(server: RunningServer, files: list[Path]) -> None:
    """
    Real pairs go to a real endpoint: switched off it holds the stage; on again, its babble leaves pairs unscored.
    """
    send, ctx = server.client.send, server.platform.local_context()
    releases, endpoints, rollouts = Releases(send), Endpoints(send), Rollouts(send)
    stable, candidate = (_release(ctx, releases, f"m{number}", path) for number, path in enumerate(files))
    for name in ("support", "judge"):
        endpoints.create(name, release_id=stable.release_id)
        _wait_for(lambda name=name: endpoints.get(name).stable_release_id)  # type: ignore[misc]
    endpoints.disable("judge", "out for lunch")
    stage = ShadowStage(share=1.0, min_pairs=1, agree="exact", judge=JudgePlan(endpoint="judge", min_judged=5))
    rollout_id = rollouts.start("support", candidate.release_id, plan=Plan(shadow=stage)).rollout_id
    _wait_for(lambda: rollouts.get(rollout_id).status == "running")

    with httpx2.Client(
        base_url=server.url, headers={"authorization": f"Bearer {server.key}"}, timeout=30, trust_env=False
    ) as http:

        def waits() -> bool:  # the gateway copies from when it has heard of the rollout
            _ask(http, "somebody")
            return rollouts.get(rollout_id).needs_attention is not None

        _wait_for(waits)
        waiting = rollouts.get(rollout_id)
        endpoints.enable("judge")

        def goes_on() -> bool:
            read = rollouts.get(rollout_id)
            return read.shadow is not None and read.shadow.unscored > 0 and read.needs_attention is None

        _wait_for(goes_on)

    went_on = rollouts.get(rollout_id)
    assert "out for lunch" in str(waiting.needs_attention)
    assert ("running", "shadow") == (waiting.status, waiting.stage)
    assert (None, "shadow") == (went_on.needs_attention, went_on.stage)
    assert went_on.shadow is not None
    assert (0, 0, 0) == (went_on.shadow.wins, went_on.shadow.ties, went_on.shadow.losses)
    calls = _wait_for(lambda: server.client.traces.list_(TraceFilter(endpoint="judge")).items)
    assert {"judge"} == {call.endpoint for call in calls}

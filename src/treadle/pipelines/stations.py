"""The stations that join slices: collecting rows, bundling a release, serving it, approving it, rolling it out, and the drill's accident.

Each may be begun again after a kill with the same run id: files are content-addressed, releases and rollouts are found by their parts or
key, and what was approved stays approved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

import anyio.to_thread

from treadle.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from treadle.core.types import JsonObject, JsonValue
from treadle.data import service as data
from treadle.evals import service as evals
from treadle.governance import service as governance
from treadle.governance.envelope import MasterKeys
from treadle.governance.types import NewApiKey
from treadle.jobs.scope import Handler, RunScope
from treadle.models import service as models
from treadle.pipelines.asking import ASK_KIND, ask
from treadle.pipelines.customers import CUSTOMER_SCOPES
from treadle.pipelines.service import TURN_KIND
from treadle.pipelines.source import SAMPLE_LICENCE
from treadle.pipelines.turn import do_turn
from treadle.pipelines.types import NewTurn
from treadle.prompts import service as prompts
from treadle.prompts.types import Message, NewVersion
from treadle.releases import service as releases
from treadle.releases.approvals.types import NewApproval
from treadle.releases.endpoints import service as endpoints
from treadle.releases.endpoints.types import NewEndpoint, NewStable
from treadle.releases.rollouts import service as rollouts
from treadle.releases.rollouts.types import NewRollout
from treadle.releases.types import NewGate, NewRelease

PROMPT = [Message(role="user", template="{{input}}")]
"""The models of a turn are taught on bare messages, so that is what they are sent."""
SERVING_TIMEOUT_SECONDS = 120.0
MAX_REQUESTS = 6000
FIRST_RELEASE = "first release of this endpoint: there is nothing to compare it with, and nothing else serves"


class RolloutUndecided(Unavailable):
    """The customers asked as often as they may and the evidence decided nothing."""

    code = "pipelines.rollout_undecided"


class UnexpectedDecision(Conflict):
    """A rollout ended otherwise than the turn's story has it."""

    code = "pipelines.unexpected_decision"


class NotServing(Unavailable):
    """An endpoint did not come to serve a release in time."""

    code = "pipelines.not_serving"


async def collect(scope: RunScope) -> dict[str, JsonValue]:
    """Do 'pipelines.source': put rows and customers into the blob store, and note what is there already."""
    new = NewTurn.model_validate(scope.params["turn"])
    found: dict[str, JsonValue] = {"prompt_version_id": await _prompt(scope, new), **await _find(scope, new)}
    if new.source == "dataset":
        version = await data.get_version(scope.ctx, new.name, new.dataset_version or "latest")
        if "train" not in version.parts or "test" not in version.parts:
            raise InvalidInput(
                f"version {version.version} of dataset '{new.name}' is not split into train and test parts; "
                f"prepare it first with: treadle data prepare {new.name}",
                code="pipelines.not_prepared",
            )
        return {**found, "dataset_version_id": version.version_id}
    spec: JsonObject = {"folder": str(scope.folder / "source"), "seed": new.seed, "play_customers": new.play_customers}
    if new.file is not None:
        path = await anyio.to_thread.run_sync(scope.ctx.blobs.fetch, new.file.digest)
        spec |= {**new.file.model_dump(), "path": str(path)}
    made = await scope.child(f"treadle.pipelines.source:collect_{new.source}", spec)
    return {
        **found,
        "data": await _put(scope, made["data"]),
        "customers": await _put(scope, made["customers"]),
        "file_name": f"{Path(new.file.file_name).stem}.csv" if new.file else "sample.csv",
        "num_rows": made["num_rows"],
        "num_customers": made["num_customers"],
        "licence": SAMPLE_LICENCE if new.source == "sample" else new.licence,
    }


async def mislabel(scope: RunScope) -> dict[str, JsonValue]:
    """Do 'pipelines.mislabel': the rows of a version with every label shifted to the next one."""
    files = await data.fetch_files(scope.ctx, str(scope.params["version_id"]))
    spec: JsonObject = {"examples": [str(path) for path in files], "folder": str(scope.folder)}
    made = await scope.child("treadle.pipelines.source:mislabel", spec)
    return {"data": await _put(scope, made["data"]), "file_name": "mislabelled.csv", "num_rows": made["num_rows"]}


async def bundle(scope: RunScope) -> dict[str, JsonValue]:
    """Do 'pipelines.release': bundle a prompt, a model and parameters. The same parts again are the same release."""
    release = await releases.create_release(scope.ctx, NewRelease.model_validate(scope.params))
    return {
        "release_id": release.release_id,
        "name": release.name,
        "version": release.version,
        "digest": release.digest,
    }


async def approve(scope: RunScope) -> dict[str, JsonValue]:
    """Do 'pipelines.approve': the gate's evidence goes on the release, and the approval when it passed or is overridden with a reason."""
    release_id = str(scope.params["release_id"])
    baseline_id, candidate_id = (
        str(scope.params["baseline_experiment_id"]),
        str(scope.params["candidate_experiment_id"]),
    )
    release = await releases.get_release(scope.ctx, release_id)
    if release.approval is None:
        gate = NewGate(baseline_experiment_id=baseline_id, candidate_experiment_id=candidate_id)
        release = await releases.evaluate_gate(scope.ctx, release_id, gate)
    assert release.gate is not None
    report = await evals.compare_experiments(scope.ctx, baseline_id, candidate_id)
    judged = report.comparisons[0]
    scope.log(judged.words)
    reason = scope.params.get("override_reason")
    if release.gate.result == "failed" and reason is None:
        raise Conflict(
            f"the gate of release '{release_id}' failed, so nothing serves it: {judged.words}; look at the rows that changed with: "
            f"treadle eval compare {baseline_id} {candidate_id}",
            code="pipelines.gate_failed",
        )
    if scope.params["approve"]:
        needed = str(reason) if release.gate.result == "failed" else None
        release = await releases.approve(scope.ctx, release_id, NewApproval(override_reason=needed))
    return {
        "release_id": release_id,
        "gate": release.gate.result if release.gate else None,
        "verdict": judged.verdict,
        "words": judged.words,
        "interval": [judged.low, judged.high],
        "regressed": judged.regressed,
        "improved": judged.improved,
        "approved_by": release.approval.actor_name if release.approval else None,
        "next": None if release.approval else f"treadle release approve {release_id}",
    }


async def serve(scope: RunScope) -> dict[str, JsonValue]:
    """Do 'pipelines.serve': make the endpoint, or point it at the release, and wait until its engine answers."""
    name, release_id = str(scope.params["endpoint"]), str(scope.params["release_id"])
    if not scope.params.get("is_approved"):
        await releases.approve(scope.ctx, release_id, NewApproval(override_reason=FIRST_RELEASE))
    try:
        await endpoints.get_endpoint(scope.ctx, name)
    except NotFound:
        await endpoints.create_endpoint(scope.ctx, NewEndpoint(name=name, release_id=release_id))
    endpoint = await endpoints.set_stable(scope.ctx, name, NewStable(release_id=release_id))
    deadline = asyncio.get_running_loop().time() + SERVING_TIMEOUT_SECONDS
    while endpoint.stable_release_id != release_id:
        if asyncio.get_running_loop().time() > deadline:
            raise NotServing(
                f"endpoint '{name}' does not serve release '{release_id}' after {SERVING_TIMEOUT_SECONDS:.0f} s"
                f"{f' ({endpoint.problem})' if endpoint.problem else ''}; look with: treadle endpoint show {name}"
            )
        await asyncio.sleep(0.1)
        endpoint = await endpoints.get_endpoint(scope.ctx, name)
    scope.log(f"endpoint '{name}' serves release '{release_id}'")
    return {"endpoint": name, "release_id": release_id, "url": scope.services["url"]}


async def roll_out(scope: RunScope) -> dict[str, JsonValue]:
    """Do 'pipelines.rollout': start it, and where customers are to be played, play them until it is decided."""
    release_id, endpoint = str(scope.params["release_id"]), str(scope.params["endpoint"])
    rollout = await rollouts.start_rollout(
        scope.ctx, NewRollout(endpoint=endpoint, release_id=release_id, key=scope.run_id)
    )
    if scope.params["customers"] is None:
        words = f"waits for real traffic; follow it with: treadle rollout status {rollout.rollout_id}"
        return {"rollout_id": rollout.rollout_id, "status": rollout.status, "words": words}
    url = scope.services["url"]
    if url is None:
        raise InvalidInput(
            "customers can only be played against a server that listens; start one with: treadle up, then start the turn again",
            code="pipelines.no_server",
        )
    customers = await anyio.to_thread.run_sync(scope.ctx.blobs.fetch, str(scope.params["customers"]))
    played = await _play(
        scope,
        {
            "url": url,
            "endpoint": endpoint,
            "rollout_id": rollout.rollout_id,
            "customers": str(customers),
            "max_requests": MAX_REQUESTS,
            "seed": scope.params["seed"],
            "key": f"{scope.run_id}-{scope.run.attempts}",
        },
    )
    status, expected = played["status"], scope.params["expect"]
    if status in ("running", "held", "paused"):
        raise RolloutUndecided(
            f"rollout '{rollout.rollout_id}' is not decided after {played['num_requests']} requests ({played['words']}); "
            f"decide yourself with: treadle rollout promote {rollout.rollout_id}, or: treadle rollout rollback {rollout.rollout_id}"
        )
    if status != expected:
        raise UnexpectedDecision(
            f"rollout '{rollout.rollout_id}' was {status} and should have been {expected}: {played['words']}; "
            f"see its evidence with: treadle rollout status {rollout.rollout_id}"
        )
    scope.log(f"{status} after {played['num_requests']} requests: {played['words']}")
    return {"rollout_id": rollout.rollout_id, **played}


async def _play(scope: RunScope, spec: JsonObject) -> JsonObject:
    """Play the customers with an API key that may do what customers do; refused again afterwards, also one that a kill left behind."""
    master_keys = cast(MasterKeys, scope.services["master_keys"])
    name = f"customers of {scope.run_id}"
    with suppress(NotFound):
        await governance.revoke_key(scope.ctx, name)
    key = NewApiKey(name=name, role="reviewer", scopes=CUSTOMER_SCOPES, endpoints=[str(spec["endpoint"])], days=1)
    made = await governance.create_key(scope.ctx, key, master_keys)
    try:
        return await scope.child("treadle.pipelines.customers:ask_until_decided", {**spec, "api_key": made.key})
    finally:
        await governance.revoke_key(scope.ctx, made.api_key.key_id)


async def _find(scope: RunScope, new: NewTurn) -> dict[str, JsonValue]:
    """Return what is there of this name: the newest base model and the release that the endpoint serves."""
    found: dict[str, JsonValue] = {"base_version_id": None, "stable_release_id": None}
    try:
        found["base_version_id"] = (await models.get_version(scope.ctx, f"{new.name}-base", "latest")).model_version_id
    except NotFound:
        scope.log(f"there is no base model '{new.name}-base' yet: this turn trains one")
    try:
        found["stable_release_id"] = (await endpoints.get_endpoint(scope.ctx, new.name)).stable_release_id
    except NotFound:
        scope.log(f"there is no endpoint '{new.name}' yet: this turn makes it")
    return found


async def _prompt(scope: RunScope, new: NewTurn) -> str:
    version = await prompts.create_version(
        scope.ctx, new.name, NewVersion(messages=PROMPT, message="the message as it is")
    )
    return version.prompt_version_id


async def _put(scope: RunScope, path: JsonValue) -> str:
    blob = await anyio.to_thread.run_sync(scope.ctx.blobs.put_file, Path(str(path)))
    return blob.digest


HANDLERS: Mapping[str, Handler] = {
    TURN_KIND: do_turn,
    "pipelines.source": collect,
    "pipelines.mislabel": mislabel,
    "pipelines.release": bundle,
    "pipelines.approve": approve,
    ASK_KIND: ask,
    "pipelines.serve": serve,
    "pipelines.rollout": roll_out,
}
COMPOSITES = frozenset({TURN_KIND, ASK_KIND})
"""They hold no place among the runs at work: a turn takes steps, and asking is waiting."""

"""Bundle releases, judge them at the gate, approve them, and make the endpoints that serve them."""

from __future__ import annotations

import json

from treadle.core.errors import Conflict, Denied, InvalidInput
from treadle.core.ids import new_id
from treadle.core.types import JsonObject, Page
from treadle.evals import service as evals
from treadle.evals.types import Target
from treadle.governance import audit
from treadle.http.actor import Actor
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.lineage import service as lineage
from treadle.releases import store
from treadle.releases.approvals.advice import REASON, has_passed
from treadle.releases.approvals.types import Approval, NewApproval
from treadle.releases.gate import evaluate
from treadle.releases.packaging.compose import compose, require_parts
from treadle.releases.packaging.manifest import digest_of_manifest, model_versions_of
from treadle.releases.types import (
    Gate,
    GateReport,
    Manifest,
    ManifestFile,
    NewGate,
    NewGateReport,
    NewRelease,
    Release,
)
from treadle.storage.database import Connection


class WrongExperiment(InvalidInput):
    """An experiment of something other than the release."""

    code = "releases.wrong_experiment"


class OverrideNeeded(Conflict):
    """An approval without a passed gate and without a reason."""

    code = "releases.override_needed"


class PersonNeeded(Denied):
    """An approval by a program's key where no environment counts those."""

    code = "releases.person_needed"


class AlreadyApproved(Conflict):
    """The evidence of an approved release stays as it was."""

    code = "releases.already_approved"


async def create_release(ctx: Context, new: NewRelease) -> Release:
    """Bundle what decides an answer. The same parts again return the release that has them.

    Raises NotFound for parts that do not exist, NotServable for a model that no engine can run.
    """
    ctx.require("releases.write")
    return await _keep(ctx, new.name, await compose(ctx, new), new.notes)


async def create_from_manifest(ctx: Context, file: ManifestFile) -> Release:
    """Bundle what a manifest names: the same digest, hence the same release where it was bundled before.

    Raises NotFound for parts that do not exist here, PartsChanged for parts that are not what it says, NotServable.
    """
    ctx.require("releases.write")
    return await _keep(ctx, file.name, await require_parts(ctx, file), "")


async def _keep(ctx: Context, name: str, manifest: Manifest, notes: str) -> Release:
    digest = digest_of_manifest(manifest)

    def write(db: Connection) -> Release:
        store.hold_release_name(db, name)
        existing = store.find_release_by_digest(db, name, digest)
        if existing is not None:
            return existing
        release = Release(
            release_id=new_id("rel"),
            name=name,
            version=store.newest_release_version(db, name) + 1,
            manifest=manifest,
            digest=digest,
            notes=notes,
            gate=None,
            approval=None,
            created_by=ctx.actor.actor_id,
            created_at=ctx.clock.now(),
            author_id=ctx.actor.person_id,
        )
        store.insert_release(db, release)
        lineage.describe(db, release.release_id, kind="release", title=f"{release.name} v{release.version}")
        for part_id in (*model_versions_of(manifest), manifest.prompt_version_id, manifest.index_id):
            if part_id is not None:
                lineage.add_edge(db, source_id=part_id, target_id=release.release_id, relation="part of")
        detail: JsonObject = {"name": release.name, "version": release.version, "digest": digest}
        audit.record(db, ctx, action="releases.create", object_id=release.release_id, detail=detail)
        return release

    return await ctx.db.write(write)


async def get_release(ctx: Context, release_id: str) -> Release:
    """Return a release. Raises ReleaseNotFound."""
    ctx.require("releases.read")
    return await ctx.db.read(lambda db: store.require_release(db, release_id))


async def list_releases(
    ctx: Context, *, name: str | None = None, text: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[Release]:
    """Return releases, newest first; those of a name when asked for, or with a text in it."""
    ctx.require("releases.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    rows = await ctx.db.read(lambda db: store.list_releases(db, name=name, text=text, before=before, limit=limit + 1))
    return page_of(rows, limit, lambda release: (release.created_at.isoformat(), release.release_id))


async def evaluate_gate(ctx: Context, release_id: str, new: NewGate) -> Release:
    """Judge a release by a comparison of experiments, and keep the evidence on it, passed or failed.

    Raises ReleaseNotFound, WrongExperiment when the candidate's experiment is not of this release's own parts,
    AlreadyApproved when the evidence must stay as it was.
    """
    ctx.require("releases.write")
    release = await get_release(ctx, release_id)
    experiment = await evals.get_experiment(ctx, new.candidate_experiment_id)
    _require_same_parts(release, experiment.target, new.candidate_experiment_id)
    baseline = await evals.get_experiment(ctx, new.baseline_experiment_id)
    report = await evals.compare_experiments(
        ctx, new.baseline_experiment_id, new.candidate_experiment_id, alpha=new.policy.alpha, limit=0
    )
    checks = evaluate(new.policy, report)
    gate = Gate(
        result="passed" if all(check.passed for check in checks) else "failed",
        checks=checks,
        policy=new.policy,
        baseline_experiment_id=new.baseline_experiment_id,
        candidate_experiment_id=new.candidate_experiment_id,
        evaluated_at=ctx.clock.now(),
        evaluated_by=ctx.actor.actor_id,
        name=new.name,
    )

    def write(db: Connection) -> Release:
        current = store.require_release(db, release_id, lock=True)
        if current.approval is not None:
            kept = next((one for one in current.gates if one.name == gate.name), None)
            if kept is not None and _same_question(kept, gate):
                return current
            raise AlreadyApproved(
                f"release '{current.name}' v{current.version} was approved on the evidence it had, which stays as it is; "
                f"bundle a new release to judge it anew"
            )
        serving = store.list_serving(db, baseline.target)
        store.set_gate(db, release_id, gate.model_copy(update={"baseline_serves": serving}))
        for experiment_id in (new.baseline_experiment_id, new.candidate_experiment_id):
            lineage.add_edge(db, source_id=experiment_id, target_id=release_id, relation="gated")
        detail: JsonObject = {
            "name": gate.name,
            "result": gate.result,
            "checks": [check.model_dump() for check in checks],
            "baseline_experiment_id": new.baseline_experiment_id,
            "baseline_serves": list(serving),
        }
        audit.record(db, ctx, action="releases.evaluate_gate", object_id=release_id, detail=detail)
        return store.require_release(db, release_id)

    return await ctx.db.write(write)


async def report_gate(ctx: Context, new: NewGateReport) -> GateReport:
    """Say whether an experiment passes a gate against another; nothing is kept. Raises ExperimentNotFound, NotComparable."""
    ctx.require("evals.read")
    report = await evals.compare_experiments(
        ctx, new.baseline_experiment_id, new.candidate_experiment_id, alpha=new.policy.alpha
    )
    checks = evaluate(new.policy, report)
    return GateReport(
        result="passed" if all(check.passed for check in checks) else "failed",
        checks=checks,
        policy=new.policy,
        baseline_experiment_id=new.baseline_experiment_id,
        candidate_experiment_id=new.candidate_experiment_id,
        comparisons=report.comparisons,
        changes=report.changes,
        left_out=report.left_out,
    )


async def approve(ctx: Context, release_id: str, new: NewApproval) -> Release:
    """Record that the actor lets a release serve; how many it takes is its environment's policy. Safe to repeat.

    An actor's own approval stays as it was unless it is renewed.
    Raises ReleaseNotFound, OverrideNeeded when a gate failed or none was judged and no reason is given, PersonNeeded.
    """
    ctx.require("releases.approve")

    def write(db: Connection) -> Release:
        release = store.require_release(db, release_id, lock=True)
        _require_person(db, ctx)
        if not new.renew and any(_is_of(one, ctx.actor) for one in release.approvals):
            return release
        failed = [gate.name for gate in release.gates if gate.result != "passed"]
        passed = has_passed(release)
        if not passed and new.override_reason is None:
            state = "failed its gate" if failed else "was never judged by a gate"
            raise OverrideNeeded(
                f"release '{release.name}' v{release.version} {state}; evaluate one that passes, or say why it may serve "
                f"all the same: treadle release approve {release_id} {REASON}",
                release_id=release_id,
            )
        approval = Approval(
            actor_id=ctx.actor.actor_id,
            actor_name=ctx.actor.name,
            approved_at=ctx.clock.now(),
            override_reason=None if passed else new.override_reason,
            role=ctx.actor.role,
            kind=ctx.actor.kind,
            owner_id=ctx.actor.owner_id,
            key_id=ctx.actor.key_id,
            key_made_by=ctx.actor.key_made_by,
        )
        store.put_approval(db, release_id, approval)
        detail: JsonObject = {
            "gate": release.gate.result if release.gate else None,
            "override_reason": approval.override_reason,
            "role": approval.role,
            "person": approval.person_id,
            "key_id": approval.key_id,
        }
        audit.record(db, ctx, action="releases.approve", object_id=release_id, detail=detail)
        return store.require_release(db, release_id)

    return await ctx.db.write(write)


def _is_of(approval: Approval, actor: Actor) -> bool:
    return (approval.actor_id, approval.person_id) == (actor.actor_id, actor.person_id)


async def require_approver(ctx: Context) -> None:
    """Check that the actor may approve releases, for work that will do so later. Raises Denied, PersonNeeded."""
    ctx.require("releases.approve")
    await ctx.db.read(lambda db: _require_person(db, ctx))


def _require_person(db: Connection, ctx: Context) -> None:
    if ctx.actor.kind != "person" and not store.lets_programs_approve(db):
        raise PersonNeeded(
            f"'{ctx.actor.name}' is a program, and approving is for people; use a person's key (treadle access key create "
            f"--name NAME --person WHO --role reviewer), or let programs approve in an environment: "
            f"treadle environment set NAME --programs-may-approve"
        )


def _require_same_parts(release: Release, target: Target, experiment_id: str) -> None:
    pairs = {
        "model version": (release.manifest.model_version_id, target.model_version_id),
        "prompt version": (release.manifest.prompt_version_id, target.prompt_version_id),
        "parameters": (release.manifest.parameters, target.parameters),
    }
    for part, (bundled, tried) in pairs.items():
        if bundled != tried:
            raise WrongExperiment(
                f"experiment '{experiment_id}' tried the {part} {_shown(tried)} and the release bundles {_shown(bundled)}; a gate "
                f"needs an experiment of the release's own parts: treadle eval run",
                experiment_id=experiment_id,
            )


def _shown(part: str | JsonObject | None) -> str:
    return "none" if part is None else f"'{part}'" if isinstance(part, str) else json.dumps(part)


def _same_question(kept: Gate, asked: Gate) -> bool:
    same = {"baseline_experiment_id", "candidate_experiment_id", "policy"}
    return kept.model_dump(include=same) == asked.model_dump(include=same)

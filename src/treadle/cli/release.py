"""`treadle release`: create, list, show, gate, approve; diff, export, report and render are in `release_package.py`."""

from __future__ import annotations

import sys

import click

from treadle.cli import release_package
from treadle.cli.eval_gate import REQUIREMENTS, also_better_option, margin_option, policy_of
from treadle.cli.files import JsonFile
from treadle.cli.output import cell, connected, emit_json, emit_table, json_option, say, search_option, unless_sought
from treadle.cli.versions import HOW, model_version, prompt_version
from treadle.core.types import JsonObject
from treadle.releases.approvals.advice import next_step
from treadle.releases.approvals.types import EVALUATION, Approval
from treadle.releases.types import ManifestFile, NewRelease, Release

GATE_FAILED = 8
"""Exit code of a gate that failed."""


@click.group("release")
def release_command() -> None:
    """Releases: a prompt, a model and parameters, tested and promoted as one."""


for command in (release_package.diff, release_package.export, release_package.report, release_package.render):
    release_command.add_command(command)


@release_command.command(
    "create",
    epilog="\b\nExample: treadle release create support --model mdv_387hr1yjs9g9jcsqd6wce2wyvp --prompt prv_55pcm52drk5tg9zhpgyn92ww75",
)
@click.argument("name", required=False)
@click.option("--model", help=f"The model version that answers. {HOW}")
@click.option("--prompt", help=f"The prompt version. {HOW}")
@click.option("--notes", default="", help="What changed and why.")
@click.option("--parts", type=JsonFile(), help="JSON file with more parts: targets, guards, refinement, parameters …")
@click.option(
    "--from-manifest",
    "manifest",
    type=JsonFile(ManifestFile),
    help="Bundle what an exported manifest.json names, and that only.",
)
@json_option
def create(
    name: str | None,
    model: str | None,
    prompt: str | None,
    notes: str,
    parts: JsonObject | None,
    manifest: ManifestFile | None,
    as_json: bool,
) -> None:
    """Bundle a release; the same parts again are the same release."""
    if manifest is None and (name is None or model is None):
        raise click.UsageError("give NAME and --model, or --from-manifest FILE")
    with connected() as client:
        if manifest is not None:
            release = client.releases.create_from_manifest(manifest)
        else:
            asked = {"name": name, "model_version_id": model_version(client, model), "notes": notes}
            more = dict(parts or {})
            if prompt is not None:
                more["prompt_version_id"] = prompt_version(client, prompt)
            release = client.releases.create(NewRelease.model_validate({**more, **asked}))
    return emit_json(release) if as_json else _print(release)


@release_command.command("list", epilog="\b\nExample: treadle release list --name support")
@click.option("--name", help="Only releases of this name.")
@search_option
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(name: str | None, q: str | None, limit: int, as_json: bool) -> None:
    """List releases, newest first."""
    with connected() as client:
        page = client.releases.list_(name=name, q=q, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            r.release_id,
            f"{r.name} v{r.version}",
            r.gate.result if r.gate else "-",
            ", ".join(map(_approver, r.approvals)) or "nobody yet",
            r.manifest.model_version_id,
            r.created_at,
        )
        for r in page.items
    ]
    return emit_table(
        ["release", "name", "gate", "approved by", "model", "created"],
        rows,
        empty=unless_sought("no releases yet; bundle one: treadle release create NAME --model ID", name, q),
    )


@release_command.command("show", epilog="\b\nExample: treadle release show rel_01m7y100mm81qbatdgsrcya7aa")
@click.argument("release_id")
@click.option("--environment", help="Say whether it may serve there, and what it lacks.")
@json_option
def show(release_id: str, environment: str | None, as_json: bool) -> None:
    """Print one release: its parts, its gates, its approvals."""
    with connected() as client:
        release = client.releases.get(release_id)
        standing = None if environment is None else client.environments.get_standing(environment, release_id)
    if as_json:
        return emit_json(release if standing is None else standing)
    _print(release)
    return say(standing.words) if standing is not None else None


@release_command.command(
    "gate",
    epilog="\b\nExample: treadle release gate rel_01m7y100mm81qbatdgsrcya7aa --baseline exp_3hv3wvy77pscgpganrqj5vtg72 --candidate exp_15wxzzs6ckpz32trft6dkj90qw",
)
@click.argument("release_id")
@click.option("--baseline", "baseline_id", required=True, help="Id of the experiment to beat.")
@click.option("--candidate", "candidate_id", required=True, help="Id of this release's own experiment.")
@click.option(
    "--require",
    type=click.Choice(REQUIREMENTS),
    default="better",
    show_default=True,
    help="What the comparison must show.",
)
@margin_option
@also_better_option
@click.option("--minimum", "minimum_score", type=click.FloatRange(0, 1), help="Least mean score, 0 to 1.")
@click.option("--name", default=EVALUATION, show_default=True, help="Which gate, where a policy asks for several.")
@json_option
def gate(
    release_id: str,
    baseline_id: str,
    candidate_id: str,
    require: str,
    margin_points: float,
    also_better: str | None,
    minimum_score: float | None,
    name: str,
    as_json: bool,
) -> None:
    """Judge a release by two experiments; ends with exit code 8 when it fails."""
    policy = policy_of(require, margin_points, also_better, minimum_score)
    with connected() as client:
        release = client.releases.evaluate_gate(
            release_id, baseline_id=baseline_id, candidate_id=candidate_id, policy=policy, name=name
        )
    emit_json(release) if as_json else _print(release)
    if any(one.name == name and one.result == "failed" for one in release.gates):
        sys.exit(GATE_FAILED)


@release_command.command("approve", epilog="\b\nExample: treadle release approve rel_01m7y100mm81qbatdgsrcya7aa")
@click.argument("release_id")
@click.option(
    "--override-reason", help="Why it may serve although its gate failed or is missing; 10 characters or more."
)
@click.option("--renew", is_flag=True, help="Approve anew, so that it counts from now.")
@json_option
def approve(release_id: str, override_reason: str | None, renew: bool, as_json: bool) -> None:
    """Record one approval; the environment's policy says how many a release needs."""
    with connected() as client:
        release = client.releases.approve(release_id, override_reason=override_reason, renew=renew)
    return emit_json(release) if as_json else _print(release)


def _print(release: Release) -> None:
    manifest = release.manifest
    say(f"{release.release_id} '{release.name}' v{release.version} ({release.digest[7:19]})")
    say(
        f"model {manifest.model_version_id}, prompt {manifest.prompt_version_id or 'none'}, {cell(manifest.parameters)}"
    )
    if release.notes:
        say(release.notes)
    for target in manifest.targets:
        place = f", {target.region}" if target.region else ""
        say(
            f"  answered by {target.provider} {target.model} (weight {target.weight:g}, priority {target.priority}{place})"
        )
    for guard in manifest.guards:
        say(f"  guard {guard.name}: {guard.check} on {guard.stage}, {guard.action}")
    if not release.gates:
        say("gate: never judged")
    for gate_ in release.gates:
        say(f"gate '{gate_.name}': {gate_.result}")
        if gate_.baseline_serves is not None:
            say(f"  against {gate_.baseline_experiment_id}, {_standing(gate_.baseline_serves)}")
        for check in gate_.checks:
            say(f"  {'held' if check.passed else 'FAILED'}: {check.name}; {check.words}")
    if not release.approvals:
        say(f"not approved, so nothing serves it; {next_step(release)}")
    for approval in release.approvals:
        say(f"approved by {_approver(approval)} at {approval.approved_at:%Y-%m-%d %H:%M:%S} UTC")
        if approval.override_reason:
            say(f"  although the gate did not pass: {approval.override_reason}")


def _standing(endpoints: list[str]) -> str:
    """Return what a gate's baseline was to those who call."""
    if not endpoints:
        return "which NO endpoint served then: the gate says nothing of what serves"
    return f"which endpoint {' and '.join(repr(name) for name in endpoints)} served then"


def _approver(approval: Approval) -> str:
    """Return who approved, and whether it was over the gates."""
    by = approval.actor_name if approval.kind == "person" else f"{approval.actor_name}, a program"
    if approval.key_made_by is not None:
        by += ", by a key that somebody else made, as whose approval it counts"
    return f"{by} (OVERRIDDEN)" if approval.override_reason else by

"""The commands over a served contract: what people read, what pipes get, and exit codes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.releases.studio import Studio, serving
from tests.releases.traffic import ask
from treadle.cli.main import cli
from treadle.core.errors import Conflict, NotFound
from treadle.releases.approvals.types import ApprovalPolicy
from treadle.releases.packaging.types import ManifestGuard
from treadle.releases.rollouts.plans.types import ArmPlan, ArmsPlan, Guard, Plan, Step
from treadle.releases.types import NewRelease

Run = Callable[..., Result]


@pytest.fixture
def treadle(studio: Studio) -> Iterator[Run]:
    """
    Runs a command against the served contract.
    """
    with serving(studio.api) as url:

        def run(*arguments: str) -> Result:
            environment = {"TREADLE_URL": url, "TREADLE_API_KEY": studio.key, "COLUMNS": "200"}
            return CliRunner().invoke(cli, list(arguments), env=environment)

        yield run


def test_release_from_bundle_to_approval(studio: Studio, treadle: Run) -> None:
    """
    create, list, gate (exit code 8 when it fails), approve with a reason, show.
    """
    model, prompt = studio.model_version("base"), studio.prompt_version()
    made = treadle("release", "create", "support", "--model", model, "--prompt", prompt, "--json")
    release = studio.releases.get(json.loads(made.output)["release_id"])
    baseline, candidate = studio.experiment(None, [True] * 20), studio.experiment(release, [True] * 20)

    gate = treadle("release", "gate", release.release_id, "--baseline", baseline, "--candidate", candidate)
    refused = treadle("release", "approve", release.release_id)
    approved = treadle("release", "approve", release.release_id, "--override-reason", "as good and cheaper")
    listed = treadle("release", "list")

    assert 8 == gate.exit_code
    assert "FAILED: exact_match better than the baseline" in gate.output
    assert isinstance(refused.exception, Conflict)
    assert "approved by local (OVERRIDDEN)" in approved.output
    assert "local (OVERRIDDEN)" in listed.output
    assert "although the gate did not pass: as good and cheaper" in approved.output
    assert "support v1" in listed.output


def test_rollout_in_words_and_numbers(studio: Studio, treadle: Run, tmp_path: Path) -> None:
    """
    start from a plan file, status with evidence, pause, resume, rollback, and the endpoint afterwards.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    plan = tmp_path / "plan.json"
    plan.write_text(Plan(steps=[Step(weight=0.3, min_units=1000)]).model_dump_json())
    started = treadle("rollout", "start", "support", candidate.release_id, "--plan", str(plan), "--json")
    rollout_id = json.loads(started.output)["rollout_id"]
    studio.tick()
    studio.send("support", range(60), {stable.release_id: 0.5, candidate.release_id: 0.1})
    studio.tick(1)

    status = treadle("rollout", "status", rollout_id)
    named = treadle("rollout", "status", "support")
    unknown = treadle("rollout", "rollback", "suport")
    given = {"pause": "support", "resume": rollout_id, "rollback": "support"}
    changed = [treadle("rollout", command, rollout).output for command, rollout in given.items()]
    again = treadle("rollout", "rollback", "support")
    endpoint = treadle("endpoint", "show", "support")

    assert "step 1 of 1, 30 % of units to the candidate, 60 units so far" in status.output
    assert "bad_answers" in status.output
    assert "of 20" in status.output
    assert status.output == named.output
    assert isinstance(unknown.exception, NotFound)
    assert "'suport' is neither the id of a rollout nor an endpoint" in str(unknown.exception)
    assert "the rollout is rolled back, so it takes no 'rollback'" in str(again.exception)
    assert ["is paused", "is running", "is rolled_back"] == [
        next(word for word in ("is paused", "is running", "is rolled_back") if word in text) for text in changed
    ]
    assert f"endpoint 'support' serves {stable.release_id}" in endpoint.output


def test_dry_run_changes_nothing(studio: Studio, treadle: Run) -> None:
    """
    --dry-run prints the plan and starts no rollout.
    """
    shown = treadle("rollout", "start", "support", "rel_none", "--dry-run")

    assert [0.1, 0.25, 0.5] == [step["weight"] for step in json.loads(shown.output)["steps"]]
    assert [] == studio.rollouts.list_().items


def test_plan_file_that_is_no_plan(treadle: Run, tmp_path: Path) -> None:
    """
    A plan that cannot be is told with what is wrong in it.
    """
    plan = tmp_path / "plan.json"
    plan.write_text('{"steps": [{"weight": 0.5}, {"weight": 0.1}]}')

    refused = treadle("rollout", "start", "support", "rel_none", "--plan", str(plan))

    assert 2 == refused.exit_code
    assert "the weights of the steps must rise" in refused.output


def test_experiments_compared_in_a_shell(studio: Studio, treadle: Run) -> None:
    """
    list, show with the wrong rows, compare with the verdict first.
    """
    baseline = studio.experiment(None, [False] * 30 + [True] * 10)
    candidate = studio.experiment(None, [True] * 40)

    compared = treadle("eval", "compare", baseline, candidate, "--limit", "2")
    shown = treadle("eval", "show", baseline, "--wrong", "--limit", "3")
    listed = treadle("eval", "list")

    assert compared.output.startswith("exact_match: better: 100.0 % against 25.0 % on the same 40 rows")
    assert 2 == compared.output.count("improved  ")
    assert "exact_match: 25.0 % (95 % interval" in shown.output
    assert "message 3" in shown.output
    assert "100.0 %" in listed.output


def test_experiments_planned_and_looked_into_in_a_shell(studio: Studio, treadle: Run) -> None:
    """
    plan says what rows show, compare takes a margin, slices puts the part that got worse first, scorers lists what judges.
    """
    baseline = studio.experiment(None, [True] * 200)
    candidate = studio.experiment(None, [True] * 198 + [False] * 2)

    planned = treadle("eval", "plan", "--rows", "200")
    within = treadle("eval", "compare", baseline, candidate, "--margin-points", "5")
    slices = treadle("eval", "slices", baseline, candidate, "--by", "length")
    scorers = treadle("eval", "scorers")

    assert "with 200 rows you can see differences of 4.3 points or more" in " ".join(planned.output.split())
    assert within.output.startswith("exact_match: as good within 5.0 points: 99.0 % against 100.0 %")
    assert 0 == slices.exit_code
    assert "parts looked at" in slices.output
    assert "0 to ∞, low is good" in scorers.output


def test_release_leaves_and_comes_back(studio: Studio, treadle: Run, tmp_path: Path) -> None:
    """
    export to a folder and as an OCI layout, bundle again from its manifest, diff against another, render for Kubernetes.
    """
    release, other = studio.release("base"), studio.release("tuned")
    folder = str(tmp_path / "out")

    exported = treadle("release", "export", release.release_id, "--to", folder)
    again = treadle("release", "export", release.release_id, "--to", folder)
    layout = treadle("release", "export", release.release_id, "--to", str(tmp_path / "oci"), "--oci")
    made = treadle("release", "create", "--from-manifest", f"{folder}/manifest.json", "--json")
    differ = treadle("release", "diff", release.release_id, other.release_id)
    same = treadle("release", "diff", release.release_id, release.release_id)
    yaml = treadle("release", "render", "k8s", release.release_id, "--image", "registry.test/support:v1")

    assert f"build it with: docker build -t NAME {folder}" in exported.output
    assert (2, True) == (again.exit_code, "is not empty" in again.output)
    assert "oras cp --from-oci-layout" in layout.output
    assert release.release_id == json.loads(made.output)["release_id"]
    assert "model_version_id: " in differ.output
    assert "the same parts\n" == same.output
    assert "kind: Deployment" in yaml.output
    assert "readOnlyRootFilesystem: true" in yaml.output


def test_release_with_more_parts_from_a_file(studio: Studio, treadle: Run, tmp_path: Path) -> None:
    """
    What is more than a handful of options becomes a file; without a name and a model there is nothing to bundle.
    """
    parts = tmp_path / "parts.json"
    parts.write_text(json.dumps({"guards": [{"name": "personal", "check": "pii", "action": "mask"}]}))
    model = studio.model_version("base")

    made = treadle("release", "create", "support", "--model", model, "--parts", str(parts))
    nothing = treadle("release", "create", "support")

    assert "guard personal: pii on input, mask" in made.output
    assert (2, True) == (nothing.exit_code, "give NAME and --model" in nothing.output)


def test_environment_and_standing_in_words(studio: Studio, treadle: Run) -> None:
    """
    set, show, list, and what a release lacks there.
    """
    release = studio.release("base")
    set_ = treadle("environment", "set", "production", "--approvals", "2", "--not-author", "--expires-days", "30")
    shown = treadle("environment", "show", "production")
    listed = treadle("environment", "list")
    standing = treadle("release", "show", release.release_id, "--environment", "production")

    words = "2 approvals, not its author's, anew every 30 days"
    assert words in set_.output
    assert set_.output == shown.output
    assert words in listed.output
    assert "it lacks 2 more of 2 approvals, not its author's" in standing.output


def test_endpoint_settings_and_kill_switch_as_typed(studio: Studio, treadle: Run) -> None:
    """
    set one thing after the other keeps the first; disable says so in show, enable takes it back.
    """
    studio.endpoint("support", studio.release("base"))

    treadle("endpoint", "set", "support", "--strategy", "latency", "--region", "eu", "--sticky")
    both = treadle("endpoint", "set", "support", "--cache", "exact", "--json")
    wrong = treadle("endpoint", "set", "support", "--guard", "personal")
    off = treadle("endpoint", "disable", "support", "--reason", "a drill")
    listed = treadle("endpoint", "list")
    on = treadle("endpoint", "enable", "support")

    settings = json.loads(both.output)["settings"]
    assert ("latency", ["eu"], True, "exact") == (
        settings["routing"]["strategy"],
        settings["routing"]["regions"],
        settings["routing"]["sticky"],
        settings["cache"]["mode"],
    )
    assert "should be NAME=allow" in wrong.output
    assert "endpoint 'support' is SWITCHED OFF and answers nothing: a drill" in off.output
    assert "serves rel_" not in off.output
    assert "switched off" in listed.output
    assert "SWITCHED OFF" not in on.output
    assert "environment 'production'" in on.output
    assert "routing latency, in eu, sticky by session; cache exact for 3600 s" in on.output


def test_forecast_and_readout_in_a_shell(studio: Studio, treadle: Run, tmp_path: Path) -> None:
    """
    plan prints a line per step and guard and starts nothing; status of several arms prints them side by side.
    """
    stable, candidate = studio.release("base"), studio.release("tuned")
    studio.endpoint("support", stable)
    ask(studio, "support", range(100), score="correct", value=lambda _, unit: float(unit % 5 > 0))
    plan = tmp_path / "plan.json"
    arms = {"arms": [{"release_id": candidate.release_id, "weight": 0.5}]}
    plan.write_text(json.dumps({"kind": "ab", "arms": arms}))

    forecast = treadle("rollout", "plan", "--endpoint", "support", "--release", candidate.release_id)
    started = treadle("rollout", "start", "support", "--plan", str(plan), "--json")
    rollout_id = json.loads(started.output)["rollout_id"]
    studio.tick()
    ask(studio, "support", range(1_000, 1_050))
    studio.tick(1)
    status = treadle("rollout", "status", rollout_id)
    promoted = treadle("rollout", "promote", rollout_id, "--release", candidate.release_id)

    assert "guard 'bad_answers' (20.00% bad)" in forecast.output
    assert "(100 in about 60 s)" in forecast.output
    assert "units to catch twice as bad" in forecast.output
    assert 0 == status.exit_code, status.output
    assert f"'bad_answers' of {candidate.release_id} against stable: too early" in status.output
    assert "is promoted" in promoted.output


def test_advice_about_approval_leads_on(studio: Studio, treadle: Run) -> None:
    """
    What an endpoint says to do about a release that no gate has judged is a command that works as it stands.
    """
    release = studio.release("base", approved=False)

    refused = treadle("endpoint", "create", "support", "--release", release.release_id)
    advice = str(refused.exception).split("takes a reason: treadle ")[1]
    approved = treadle(*shlex.split(advice))
    made = treadle("endpoint", "create", "support", "--release", release.release_id)
    studio.client.environments.set_policy("staging", ApprovalPolicy(gates=["safety"]))
    gated = treadle("endpoint", "create", "other", "--release", release.release_id, "--environment", "staging")

    assert isinstance(refused.exception, Conflict)
    assert (0, 0) == (approved.exit_code, made.exit_code)
    assert f"treadle release gate {release.release_id}" in str(gated.exception)
    assert "--name safety" in str(gated.exception)


def test_endpoint_shows_what_it_does_to_guards(studio: Studio, treadle: Run) -> None:
    """
    Where the endpoint sets a guard's action aside, it says so.
    """
    guard = ManifestGuard(name="personal", check="pii", action="mask", options={"kinds": ["email"]})
    new = NewRelease(name="support", model_version_id=studio.model_version("base"), guards=[guard])
    release = studio.releases.approve(studio.releases.create(new).release_id, override_reason="a rehearsal")
    studio.endpoint("support", release)

    treadle("endpoint", "set", "support", "--guard", "personal=allow")
    shown = treadle("endpoint", "show", "support")

    assert "guard 'personal': allow here, whatever its release says" in shown.output


def test_held_rollout_and_all_arms_are_in_the_list(studio: Studio, treadle: Run) -> None:
    """
    A held rollout says that it needs attention wherever it is looked at; a rollout of several names each of them.
    """
    stable, first, second = (studio.release(name) for name in ("base", "tuned", "other"))
    studio.endpoint("support", stable)
    plan = Plan(steps=[Step(weight=0.5)], guards=[Guard(name="errors", signals=["error"])], max_units=30)
    held = studio.rollouts.start("support", first.release_id, plan=plan).rollout_id
    studio.tick()
    ask(studio, "support", range(40))
    studio.tick(2)

    seen = [
        treadle("rollout", "list", "--needs-attention"),
        treadle("rollout", "status", held),
        treadle("endpoint", "show", "support"),
    ]
    treadle("rollout", "rollback", held)
    arms = [ArmPlan(release_id=release.release_id, weight=0.2) for release in (first, second)]
    studio.rollouts.start("support", plan=Plan(kind="ab", arms=ArmsPlan(arms=arms)))
    listed = treadle("rollout", "list")

    assert [True] * 3 == ["attention" in one.output.lower() for one in seen]
    assert "undecided after" in seen[1].output
    assert f"{first.release_id}, {second.release_id}" in listed.output
    assert "none needs attention" in treadle("rollout", "list", "--needs-attention").output

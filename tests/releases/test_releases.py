"""Releases through the HTTP contract: bundling, the gate, approval."""

from __future__ import annotations

import pytest

from tests.releases.studio import Studio
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.lineage import service as lineage
from treadle.models import service as models
from treadle.models.types import Description, File
from treadle.releases import service
from treadle.releases.approvals.types import NewApproval
from treadle.releases.endpoints import service as endpoints
from treadle.releases.types import GatePolicy, NewRelease

BASELINE = [False] * 80 + [True] * 20
BETTER = [False] * 20 + [True] * 80


def test_same_parts_are_the_same_release(studio: Studio) -> None:
    """
    A release is its parts: bundling them again makes nothing new, other parameters make version 2.
    """
    model, prompt = studio.model_version("base"), studio.prompt_version()
    first = studio.releases.create(NewRelease(name="support", model_version_id=model, prompt_version_id=prompt))

    again = studio.releases.create(NewRelease(name="support", model_version_id=model, prompt_version_id=prompt))
    other = studio.releases.create(
        NewRelease(name="support", model_version_id=model, prompt_version_id=prompt, parameters={"temperature": 0.7})
    )

    assert first == again
    assert ["Classify: {{input}}"] == [part.template for part in first.manifest.messages]
    assert (1, 2) == (first.version, other.version)
    assert [other, first] == studio.releases.list_(name="support").items


def test_lineage_leads_from_the_release_to_its_parts(studio: Studio) -> None:
    """
    What a release is made of are its ancestors.
    """
    release = studio.release("base")

    graph = studio.run(lineage.get_graph(studio.ctx, release.release_id))

    assert {"model version", "prompt version"} <= {node.kind for node in graph.nodes if node.distance < 0}


def test_model_without_weights_cannot_be_released(studio: Studio) -> None:
    """
    A version that no engine can serve is refused when it is bundled, not when it should answer.
    """
    blob = studio.platform.blobs.put_bytes(b"an adapter")
    adapter = File(path="adapter/adapter.safetensors", digest=blob.digest, size_bytes=blob.size_bytes)
    version = studio.run(models.register_version(studio.ctx, "tuned", Description(kind="adapter", files=[adapter])))

    with pytest.raises(InvalidInput) as caught:
        studio.releases.create(NewRelease(name="support", model_version_id=version.model_version_id))

    assert "releases.model_not_servable" == caught.value.error_code


def test_unknown_parts_and_releases_are_not_found(studio: Studio) -> None:
    """
    An id that names nothing is told as such.
    """
    with pytest.raises(NotFound):
        studio.releases.create(NewRelease(name="support", model_version_id="mdv_none"))
    with pytest.raises(NotFound) as caught:
        studio.releases.get("rel_none")

    assert "releases.not_found" == caught.value.error_code


def test_gate_passes_on_a_better_experiment_and_approval_needs_no_reason(studio: Studio) -> None:
    """
    80 of 100 against 20 of 100 on the same rows passes; the evidence and the approving actor stay on the release.
    """
    release = studio.release("tuned", approved=False)
    baseline, candidate = studio.experiment(None, BASELINE), studio.experiment(release, BETTER)

    judged = studio.releases.evaluate_gate(release.release_id, baseline_id=baseline, candidate_id=candidate)
    approved = studio.releases.approve(release.release_id)

    assert judged.gate is not None
    assert "passed" == judged.gate.result
    assert judged.gate.checks[0].words.startswith("better: 80.0 % against 20.0 % on the same 100 rows")
    assert approved.approval is not None
    assert ("local", None) == (approved.approval.actor_name, approved.approval.override_reason)


def test_failed_gate_needs_a_reason_to_approve(studio: Studio) -> None:
    """
    A release that was not shown to be better is approved only with a reason, which is kept and audited.
    """
    release = studio.release("tuned", approved=False)
    baseline, candidate = studio.experiment(None, BASELINE), studio.experiment(release, BASELINE)
    judged = studio.releases.evaluate_gate(release.release_id, baseline_id=baseline, candidate_id=candidate)

    with pytest.raises(Conflict) as caught:
        studio.releases.approve(release.release_id)
    approved = studio.releases.approve(release.release_id, override_reason="cheaper by half and as good")

    assert judged.gate is not None
    assert "failed" == judged.gate.result
    assert "releases.override_needed" == caught.value.error_code
    assert "--override-reason 'why it may serve all the same'" in caught.value.message
    assert approved.approval is not None
    assert "cheaper by half and as good" == approved.approval.override_reason
    assert "cheaper by half" in str(_audit(studio, "releases.approve"))


def test_not_worse_is_enough_where_the_policy_says_so(studio: Studio) -> None:
    """
    'not worse' looks at the lower end of the interval, and a minimum score is a check of its own.
    """
    release = studio.release("tuned", approved=False)
    baseline, candidate = studio.experiment(None, [True] * 400), studio.experiment(release, [True] * 400)
    policy = GatePolicy(require="not worse", margin=0.02, minimum_score=0.9)

    judged = studio.releases.evaluate_gate(
        release.release_id, baseline_id=baseline, candidate_id=candidate, policy=policy
    )

    assert judged.gate is not None
    assert ["passed", True, True, True] == [judged.gate.result, *(check.passed for check in judged.gate.checks)]


def test_gate_refuses_an_experiment_of_other_parts(studio: Studio) -> None:
    """
    A release cannot pass on the merits of another model.
    """
    release, other = studio.release("tuned", approved=False), studio.release("other", approved=False)
    baseline, foreign = studio.experiment(None, BASELINE), studio.experiment(other, BETTER)

    with pytest.raises(InvalidInput) as caught:
        studio.releases.evaluate_gate(release.release_id, baseline_id=baseline, candidate_id=foreign)

    assert "releases.wrong_experiment" == caught.value.error_code


def test_gate_says_whether_its_baseline_serves(studio: Studio) -> None:
    """
    A gate names the endpoints that serve what it was compared with, and none where it was compared with something else.
    """
    stable, tuned = studio.release("stable"), studio.release("tuned", approved=False)
    studio.endpoint("support", stable)
    candidate = studio.experiment(tuned, BETTER)
    told = []

    for baseline in (studio.experiment(stable, BASELINE), studio.experiment(None, BASELINE)):
        judged = studio.releases.evaluate_gate(tuned.release_id, baseline_id=baseline, candidate_id=candidate)
        assert judged.gate is not None
        told.append(judged.gate.baseline_serves)

    assert [["support"], []] == told
    assert "baseline_serves" in str(_audit(studio, "releases.evaluate_gate"))


def test_evidence_of_an_approved_release_stays(studio: Studio) -> None:
    """
    After approval a gate can be asked again with the same question, and not with another.
    """
    release = studio.release("tuned", approved=False)
    baseline, candidate = studio.experiment(None, BASELINE), studio.experiment(release, BETTER)
    studio.releases.evaluate_gate(release.release_id, baseline_id=baseline, candidate_id=candidate)
    approved = studio.releases.approve(release.release_id)

    again = studio.releases.evaluate_gate(release.release_id, baseline_id=baseline, candidate_id=candidate)
    other = studio.experiment(None, [False] * 100)
    with pytest.raises(Conflict) as caught:
        studio.releases.evaluate_gate(release.release_id, baseline_id=other, candidate_id=candidate)

    assert approved == again
    assert "releases.already_approved" == caught.value.error_code


def test_editor_builds_and_cannot_approve(studio: Studio) -> None:
    """
    Who builds does not approve: that takes 'releases.approve'.
    """
    release = studio.release("tuned", approved=False)

    with pytest.raises(Denied):
        studio.run(
            service.approve(
                studio.as_role("editor"), release.release_id, NewApproval(override_reason="trust me please")
            )
        )
    approved = studio.run(
        service.approve(studio.as_role("reviewer"), release.release_id, NewApproval(override_reason="I looked at it"))
    )

    assert approved.approval is not None


def _audit(studio: Studio, action: str) -> list[object]:
    page = studio.client.audit.list_()
    return [entry for entry in page.items if entry.action == action]


def test_another_project_sees_nothing(studio: Studio) -> None:
    """
    A release of one project does not exist in another: not found, not denied.
    """
    release = studio.release("base")
    stranger = studio.platform.gatekeeper.context_for("prj_other", studio.ctx.actor)

    with pytest.raises(NotFound):
        studio.run(service.get_release(stranger, release.release_id))
    with pytest.raises(NotFound):
        studio.run(endpoints.get_endpoint(stranger, "support"))
    assert [] == studio.run(service.list_releases(stranger)).items

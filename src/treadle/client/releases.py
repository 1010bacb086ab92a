"""SDK: releases with their gates and approvals, endpoints, rollouts with their evidence."""

from __future__ import annotations

from pathlib import Path
from types import NoneType

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.releases.approvals.types import EVALUATION, PRODUCTION, ApprovalPolicy, Environment, NewApproval, Standing
from treadle.releases.endpoints.types import ChangeEndpoint, Endpoint, NewDisabling, NewEndpoint, NewStable
from treadle.releases.packaging.types import KubernetesOptions, ReleaseDiff
from treadle.releases.reports.types import ReleaseReport
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.types import EvidencePoint, Forecast, NewRollout, Promotion, Rollout, RolloutStatus
from treadle.releases.types import (
    GatePolicy,
    GateReport,
    ManifestFile,
    NewGate,
    NewGateReport,
    NewRelease,
    Release,
)


class Releases:
    """`client.releases`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(self, new: NewRelease) -> Release:
        """Bundle a prompt version, a model version and parameters; the same parts again are the same release."""
        return self._send(Call("POST", "/releases", Release, body=new))

    def create_from_manifest(self, file: ManifestFile) -> Release:
        """Bundle what a manifest names; the same digest is the same release. Raises NotFound, Conflict."""
        return self._send(Call("POST", "/releases/from-manifest", Release, body=file))

    def diff(self, before_id: str, after_id: str) -> ReleaseDiff:
        """Return how the second release differs from the first. Raises NotFound."""
        return self._send(Call("GET", f"/releases/{before_id}/diff/{after_id}", ReleaseDiff))

    def export(self, release_id: str, folder: Path, *, oci: bool = False, base_image: str | None = None) -> None:
        """Write a release into a folder: weights, manifest, card, prompt, Dockerfile; or an OCI image layout."""
        query = {"layout": "oci" if oci else "folder", "base_image": base_image}
        self._send(Call("GET", f"/releases/{release_id}/export", NoneType, query=query, unpack_to=folder))

    def get_report(self, release_id: str) -> ReleaseReport:
        """Return the responsible-AI report of a release: what is known, and what nobody has measured. Raises NotFound."""
        return self._send(Call("GET", f"/releases/{release_id}/report", ReleaseReport))

    def get_report_page(self, release_id: str) -> str:
        """Return the same as one HTML page to send around. Raises NotFound."""
        return self._send(Call("GET", f"/releases/{release_id}/report.html", str))

    def render_kubernetes(self, release_id: str, options: KubernetesOptions) -> str:
        """Return what runs a release's weights on Kubernetes, as YAML. Raises InvalidInput without weights."""
        return self._send(Call("POST", f"/releases/{release_id}/kubernetes", str, body=options))

    def list_(
        self, *, name: str | None = None, q: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Release]:
        """Return releases, newest first. `q`: part of the name."""
        query = {"name": name, "q": q, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/releases", Page[Release], query=query))

    def get(self, release_id: str) -> Release:
        """Return a release with its gate and approval. Raises NotFound."""
        return self._send(Call("GET", f"/releases/{release_id}", Release))

    def evaluate_gate(
        self,
        release_id: str,
        *,
        baseline_id: str,
        candidate_id: str,
        policy: GatePolicy | None = None,
        name: str = EVALUATION,
    ) -> Release:
        """Judge a release by two experiments over the same rows; the evidence stays on it. Raises NotFound."""
        new = NewGate(
            baseline_experiment_id=baseline_id,
            candidate_experiment_id=candidate_id,
            policy=policy or GatePolicy(),
            name=name,
        )
        return self._send(Call("POST", f"/releases/{release_id}/gate", Release, body=new))

    def approve(self, release_id: str, *, override_reason: str | None = None, renew: bool = False) -> Release:
        """Record that one lets a release serve. Safe to repeat. Raises Conflict without a passed gate or a reason."""
        new = NewApproval(override_reason=override_reason, renew=renew)
        return self._send(Call("POST", f"/releases/{release_id}/approve", Release, body=new))

    def report_gate(self, baseline_id: str, candidate_id: str, *, policy: GatePolicy | None = None) -> GateReport:
        """Return whether one experiment passes a gate against another; nothing is kept. Raises NotFound."""
        new = NewGateReport(
            baseline_experiment_id=baseline_id, candidate_experiment_id=candidate_id, policy=policy or GatePolicy()
        )
        return self._send(Call("POST", "/gates", GateReport, body=new))


class Endpoints:
    """`client.endpoints`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(self, name: str, *, release_id: str | None = None, environment: str = PRODUCTION) -> Endpoint:
        """Make a name that applications call. Raises Conflict when it is taken or the release is not approved."""
        new = NewEndpoint(name=name, release_id=release_id, environment=environment)
        return self._send(Call("POST", "/endpoints", Endpoint, body=new))

    def list_(self, *, q: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[Endpoint]:
        """Return endpoints by name. `q`: part of the name."""
        query = {"q": q, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/endpoints", Page[Endpoint], query=query))

    def get(self, name: str) -> Endpoint:
        """Return an endpoint and what stands behind it. Raises NotFound."""
        return self._send(Call("GET", f"/endpoints/{name}", Endpoint))

    def set_stable(self, name: str, release_id: str) -> Endpoint:
        """Point an endpoint at an approved release; it serves as soon as its engine answers. Safe to repeat."""
        return self._send(Call("PUT", f"/endpoints/{name}/stable", Endpoint, body=NewStable(release_id=release_id)))

    def change(self, name: str, change: ChangeEndpoint, *, if_revision: str | None = None) -> Endpoint:
        """Change routing, cache, guard actions or the environment; what is None stays.

        if_revision: what was read, so that nothing that others changed meanwhile is lost. Raises NotFound, Conflict, Outdated.
        """
        return self._send(Call("PATCH", f"/endpoints/{name}", Endpoint, body=change, headers=only(if_revision)))

    def disable(self, name: str, reason: str) -> Endpoint:
        """Answer nothing there from now on, and say why. Safe to repeat. Raises NotFound."""
        return self._send(Call("POST", f"/endpoints/{name}/disable", Endpoint, body=NewDisabling(reason=reason)))

    def enable(self, name: str) -> Endpoint:
        """Serve an endpoint again. Safe to repeat. Raises NotFound."""
        return self._send(Call("POST", f"/endpoints/{name}/enable", Endpoint))


class Environments:
    """`client.environments`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self) -> list[Environment]:
        """Return environments with their policies and endpoints, by name."""
        return self._send(Call("GET", "/environments", list[Environment]))

    def get(self, name: str) -> Environment:
        """Return one environment; one that nobody has set has the default policy."""
        return self._send(Call("GET", f"/environments/{name}", Environment))

    def set_policy(
        self, name: str, policy: ApprovalPolicy, *, if_revision: str | None = None, if_new: bool = False
    ) -> Environment:
        """Say what a release needs to begin to serve there. Safe to repeat. Raises Outdated."""
        headers = only(if_revision, if_new=if_new)
        return self._send(Call("PUT", f"/environments/{name}", Environment, body=policy, headers=headers))

    def get_standing(self, name: str, release_id: str) -> Standing:
        """Return whether a release may begin to serve there, and what it lacks. Raises NotFound."""
        return self._send(Call("GET", f"/environments/{name}/releases/{release_id}", Standing))


class Rollouts:
    """`client.rollouts`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def forecast(self, endpoint: str, release_id: str | None = None, *, plan: Plan | None = None) -> Forecast:
        """Return how long a rollout is likely to take at the traffic of late, and start nothing."""
        new = NewRollout(endpoint=endpoint, release_id=release_id, plan=plan or Plan())
        return self._send(Call("POST", "/rollouts/plan", Forecast, body=new))

    def start(
        self, endpoint: str, release_id: str | None = None, *, plan: Plan | None = None, key: str | None = None
    ) -> Rollout:
        """Move an endpoint's traffic to a candidate, or to the plan's arms. Safe to repeat with a key."""
        new = NewRollout(endpoint=endpoint, release_id=release_id, plan=plan or Plan(), key=key)
        return self._send(Call("POST", "/rollouts", Rollout, body=new))

    def list_(
        self,
        *,
        endpoint: str | None = None,
        status: RolloutStatus | None = None,
        needs_attention: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Rollout]:
        """Return rollouts, newest first; only those that wait for a person when asked for."""
        query = {
            "endpoint": endpoint,
            "status": status,
            "needs_attention": needs_attention or None,
            "limit": limit,
            "cursor": cursor,
        }
        return self._send(Call("GET", "/rollouts", Page[Rollout], query=query))

    def get(self, rollout_id: str) -> Rollout:
        """Return a rollout with its newest evidence. Raises NotFound."""
        return self._send(Call("GET", f"/rollouts/{rollout_id}", Rollout))

    def list_evidence(self, rollout_id: str, *, after: int = 0) -> list[EvidencePoint]:
        """Return the evidence over time, after a sequence number. Raises NotFound."""
        return self._send(Call("GET", f"/rollouts/{rollout_id}/evidence", list[EvidencePoint], query={"after": after}))

    def pause(self, rollout_id: str) -> Rollout:
        """Stay at this step; evidence may still roll back. Raises Conflict unless it is running."""
        return self._send(Call("POST", f"/rollouts/{rollout_id}/pause", Rollout))

    def resume(self, rollout_id: str) -> Rollout:
        """Go on from where it was paused or held. Raises Conflict otherwise."""
        return self._send(Call("POST", f"/rollouts/{rollout_id}/resume", Rollout))

    def promote(self, rollout_id: str, *, release_id: str | None = None) -> Rollout:
        """Give the candidate, or one of several arms, all traffic now. Raises Conflict when it has ended."""
        body = None if release_id is None else Promotion(release_id=release_id)
        return self._send(Call("POST", f"/rollouts/{rollout_id}/promote", Rollout, body=body))

    def roll_back(self, rollout_id: str) -> Rollout:
        """Give the stable release all traffic again, also after the promotion. Raises Conflict when that is too late."""
        return self._send(Call("POST", f"/rollouts/{rollout_id}/rollback", Rollout))

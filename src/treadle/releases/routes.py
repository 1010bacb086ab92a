"""HTTP: releases, their gates and approvals, endpoints, rollouts and their evidence."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse

from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT, MAX_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.releases import service
from treadle.releases.approvals import service as environments
from treadle.releases.approvals.types import ApprovalPolicy, Environment, EnvironmentName, NewApproval, Standing
from treadle.releases.endpoints import service as endpoints
from treadle.releases.endpoints.types import ChangeEndpoint, Endpoint, NewDisabling, NewEndpoint, NewStable
from treadle.releases.packaging import exporting
from treadle.releases.packaging.diff import diff_of
from treadle.releases.packaging.entries import iter_tar, tar_size
from treadle.releases.packaging.folder import BASE_IMAGE
from treadle.releases.packaging.types import KubernetesOptions, ReleaseDiff
from treadle.releases.reports import service as reports
from treadle.releases.reports.rendering import CONTENT_SECURITY_POLICY
from treadle.releases.reports.types import ReleaseReport
from treadle.releases.rollouts import service as rollouts
from treadle.releases.rollouts.types import EvidencePoint, Forecast, NewRollout, Promotion, Rollout, RolloutStatus
from treadle.releases.types import GateReport, ManifestFile, NewGate, NewGateReport, NewRelease, Release

router = APIRouter(prefix="/api/v1", tags=["releases"], route_class=Tagged)
Reader = Annotated[Context, policy("releases.read")]
Writer = Annotated[Context, policy("releases.write")]


@router.post("/releases", status_code=201)
async def create_release(ctx: Writer, new: Annotated[NewRelease, Body()]) -> Release:
    """Bundle a prompt version, a model version and parameters."""
    return await service.create_release(ctx, new)


@router.post("/releases/from-manifest", status_code=201)
async def create_from_manifest(ctx: Writer, file: Annotated[ManifestFile, Body()]) -> Release:
    """Bundle what a manifest names; the same digest is the same release."""
    return await service.create_from_manifest(ctx, file)


@router.post("/gates")
async def report_gate(
    ctx: Annotated[Context, policy("evals.read")], new: Annotated[NewGateReport, Body()]
) -> GateReport:
    """Whether one experiment passes a gate against another; kept on nothing."""
    return await service.report_gate(ctx, new)


@router.get("/releases")
async def list_releases(
    ctx: Reader,
    name: str | None = None,
    q: PartOfName = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Release]:
    """Releases, newest first."""
    return await service.list_releases(ctx, name=name, text=q, limit=limit, cursor=cursor)


@router.get("/releases/{release_id}")
async def get_release(ctx: Reader, release_id: str) -> Release:
    """One release with its gate and approval."""
    return await service.get_release(ctx, release_id)


@router.get("/releases/{release_id}/diff/{other_id}")
async def diff_releases(ctx: Reader, release_id: str, other_id: str) -> ReleaseDiff:
    """How another release differs from this one, field by field."""
    return diff_of(await service.get_release(ctx, release_id), await service.get_release(ctx, other_id))


@router.get("/releases/{release_id}/export", response_class=StreamingResponse)
async def export_release(
    ctx: Reader,
    release_id: str,
    layout: Annotated[exporting.Layout, Query(description="a folder, or an OCI image layout")] = "folder",
    base_image: Annotated[str, Query(max_length=300, pattern=r"^[^\s]+$")] = BASE_IMAGE,
) -> StreamingResponse:
    """The release with its weights, card, prompt and Dockerfile, as a tar stream; the same release gives the same bytes."""
    release, entries = await exporting.list_export(ctx, release_id, layout, base_image=base_image)
    headers = {
        "content-length": str(tar_size(entries)),
        "content-disposition": f'attachment; filename="{release.release_id}.tar"',
    }
    return StreamingResponse(iter_tar(entries, ctx.blobs), media_type="application/x-tar", headers=headers)


@router.get("/releases/{release_id}/report")
async def make_report(ctx: Reader, release_id: str) -> ReleaseReport:
    """The responsible-AI report of a release: what is known of it, and what nobody has measured."""
    return await reports.make_report(ctx, release_id)


@router.get("/releases/{release_id}/report.html", response_class=HTMLResponse)
async def make_report_page(ctx: Reader, release_id: str) -> HTMLResponse:
    """The same as one page to send around."""
    headers = {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return HTMLResponse(await reports.make_page(ctx, release_id), headers=headers)


@router.post("/releases/{release_id}/kubernetes", response_class=PlainTextResponse)
async def render_kubernetes(
    ctx: Reader, release_id: str, options: Annotated[KubernetesOptions, Body()]
) -> PlainTextResponse:
    """What runs the release's weights on Kubernetes, as YAML."""
    text = await exporting.render_kubernetes(ctx, release_id, options)
    return PlainTextResponse(text, media_type="application/yaml; charset=utf-8")


@router.post("/releases/{release_id}/gate")
async def evaluate_gate(ctx: Writer, release_id: str, new: Annotated[NewGate, Body()]) -> Release:
    """Judge a release by a comparison of experiments."""
    return await service.evaluate_gate(ctx, release_id, new)


@router.post("/releases/{release_id}/approve")
async def approve_release(
    ctx: Annotated[Context, policy("releases.approve")], release_id: str, new: Annotated[NewApproval, Body()]
) -> Release:
    """Record that one lets a release serve; its environment's policy says how many it takes."""
    return await service.approve(ctx, release_id, new)


@router.post("/endpoints", status_code=201)
async def create_endpoint(ctx: Writer, new: Annotated[NewEndpoint, Body()]) -> Endpoint:
    """Make a name that applications call."""
    return await endpoints.create_endpoint(ctx, new)


@router.get("/endpoints")
async def list_endpoints(
    ctx: Reader, q: PartOfName = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Endpoint]:
    """Endpoints by name."""
    return await endpoints.list_endpoints(ctx, text=q, limit=limit, cursor=cursor)


@router.get("/endpoints/{name}")
async def get_endpoint(ctx: Reader, name: str) -> Endpoint:
    """One endpoint and what stands behind it."""
    return await endpoints.get_endpoint(ctx, name)


@router.put("/endpoints/{name}/stable")
async def set_stable(ctx: Writer, name: str, new: Annotated[NewStable, Body()]) -> Endpoint:
    """Point an endpoint at an approved release, all at once."""
    return await endpoints.set_stable(ctx, name, new)


@router.patch("/endpoints/{name}")
async def change_endpoint(
    ctx: Writer, name: str, change: Annotated[ChangeEndpoint, Body()], when: Precondition
) -> Endpoint:
    """Change how an endpoint serves; what is left out stays."""
    return await endpoints.change_endpoint(ctx, name, change, when=when)


@router.post("/endpoints/{name}/disable")
async def disable_endpoint(ctx: Writer, name: str, new: Annotated[NewDisabling, Body()]) -> Endpoint:
    """Answer nothing there from now on, and say why."""
    return await endpoints.disable_endpoint(ctx, name, new)


@router.post("/endpoints/{name}/enable")
async def enable_endpoint(ctx: Writer, name: str) -> Endpoint:
    """Serve an endpoint again."""
    return await endpoints.enable_endpoint(ctx, name)


@router.get("/environments")
async def list_environments(ctx: Reader) -> list[Environment]:
    """Environments with their policies and endpoints."""
    return await environments.list_environments(ctx)


@router.get("/environments/{name}")
async def get_environment(ctx: Reader, name: EnvironmentName) -> Environment:
    """One environment with its policy and endpoints."""
    return await environments.get_environment(ctx, name)


@router.put("/environments/{name}")
async def set_policy(
    ctx: Annotated[Context, policy("releases.govern")],
    name: EnvironmentName,
    new: Annotated[ApprovalPolicy, Body()],
    when: Precondition,
) -> Environment:
    """Say what a release needs to begin to serve in an environment."""
    return await environments.set_policy(ctx, name, new, when=when)


@router.get("/environments/{name}/releases/{release_id}")
async def get_standing(ctx: Reader, name: EnvironmentName, release_id: str) -> Standing:
    """Whether a release may begin to serve in an environment, and what it lacks."""
    return await environments.get_standing(ctx, name, release_id)


@router.post("/rollouts", status_code=201)
async def start_rollout(ctx: Writer, new: Annotated[NewRollout, Body()]) -> Rollout:
    """Move an endpoint's traffic to a candidate, step by step."""
    return await rollouts.start_rollout(ctx, new)


@router.post("/rollouts/plan")
async def forecast_rollout(ctx: Reader, new: Annotated[NewRollout, Body()]) -> Forecast:
    """How long a rollout is likely to take at the traffic of late; starts nothing."""
    return await rollouts.forecast_rollout(ctx, new)


@router.get("/rollouts")
async def list_rollouts(
    ctx: Reader,
    endpoint: str | None = None,
    status: RolloutStatus | None = None,
    needs_attention: Annotated[bool, Query(description="only those that do not go on without a person")] = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Rollout]:
    """Rollouts, newest first."""
    return await rollouts.list_rollouts(
        ctx, endpoint=endpoint, status=status, needs_attention=needs_attention, limit=limit, cursor=cursor
    )


@router.get("/rollouts/{rollout_id}")
async def get_rollout(ctx: Reader, rollout_id: str) -> Rollout:
    """One rollout with its newest evidence, in words and numbers."""
    return await rollouts.get_rollout(ctx, rollout_id)


@router.get("/rollouts/{rollout_id}/evidence")
async def list_evidence(
    ctx: Reader,
    rollout_id: str,
    after: Annotated[int, Query(ge=0, description="sequence number to read on from")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT,
) -> list[EvidencePoint]:
    """The evidence over time, with what changed."""
    return await rollouts.list_evidence(ctx, rollout_id, after=after, limit=limit)


@router.post("/rollouts/{rollout_id}/pause")
async def pause_rollout(ctx: Writer, rollout_id: str) -> Rollout:
    """Stay at this step; evidence may still roll back."""
    return await rollouts.command_rollout(ctx, rollout_id, "pause")


@router.post("/rollouts/{rollout_id}/resume")
async def resume_rollout(ctx: Writer, rollout_id: str) -> Rollout:
    """Go on from where it was paused or held."""
    return await rollouts.command_rollout(ctx, rollout_id, "resume")


@router.post("/rollouts/{rollout_id}/promote")
async def promote_rollout(ctx: Writer, rollout_id: str, new: Annotated[Promotion | None, Body()] = None) -> Rollout:
    """Give the candidate, or one of several arms, all traffic now, by hand."""
    return await rollouts.command_rollout(ctx, rollout_id, "promote", release_id=new.release_id if new else None)


@router.post("/rollouts/{rollout_id}/rollback")
async def roll_back_rollout(ctx: Writer, rollout_id: str) -> Rollout:
    """Give the stable release all traffic again, by hand; also after the promotion, while nothing else has changed."""
    return await rollouts.command_rollout(ctx, rollout_id, "rollback")

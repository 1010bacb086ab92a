"""The one door to the data plane. Every path that gives a release traffic ends here, and here approval is checked.

Runs inside the caller's transaction, holding the releases it serves, so a release that is not approved at the commit
cannot be served by it. What serves already goes on when its approval runs out or the policy is tightened: nobody is
helped by an outage, and going back to it must always work. Whatever is to *begin* to serve must be approved now.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from treadle.core.errors import Conflict
from treadle.gateway import service as gateway
from treadle.gateway.filling import pool_of
from treadle.gateway.providers.service import find_served, find_target_price
from treadle.gateway.types import (
    Arm,
    CachePolicy,
    GuardAction,
    GuardRule,
    PromptMessage,
    Refinement,
    Role,
    Routing,
    Target,
)
from treadle.gateway.types import Endpoint as Published
from treadle.http.context import Context
from treadle.releases import store
from treadle.releases.approvals.advice import next_step
from treadle.releases.approvals.policy import standing_of
from treadle.releases.approvals.types import ApprovalPolicy, Standing
from treadle.releases.endpoints.types import STRICTNESS, Endpoint, EndpointSettings
from treadle.releases.packaging.types import ENGINE, ManifestGuard, ManifestTarget
from treadle.releases.rollouts.machine import candidate_share, shadow_share
from treadle.releases.rollouts.store import KeptRollout
from treadle.releases.rollouts.types import LIVE_STATUSES
from treadle.releases.types import Release
from treadle.storage.database import Connection
from treadle.traces.pricing import Price, stated_price


class NotApproved(Conflict):
    """A release that was about to serve where it is not approved."""

    code = "releases.not_approved"


def publish(db: Connection, ctx: Context, endpoint: Endpoint, rollout: KeptRollout | None) -> None:
    """Serve an endpoint as it stands from this transaction's commit on. rollout: the one under way, if any.

    Raises NotApproved when a release that would begin to get traffic is not approved in the endpoint's environment.
    """
    if endpoint.stable_release_id is None:
        gateway.withdraw_endpoint(db, endpoint.name)
        return
    arms = [_arm(db, require_served(db, endpoint.stable_release_id), "stable", 1.0)]
    moving = rollout is not None and endpoint.disabled is None and rollout.position.status in LIVE_STATUSES
    if rollout is not None and moving:
        arms = _arms(db, ctx, endpoint, rollout, arms[0])
    settings = endpoint.settings
    cache = msgspec.convert(settings.cache.model_dump(), CachePolicy)
    if rollout is not None and moving and rollout.plan.pause_cache:
        cache = CachePolicy()
    gateway.publish_endpoint(
        db,
        Published(
            project_id=ctx.project_id,
            name=endpoint.name,
            # A new salt for every rollout: who saw the last candidate first is not again the first.
            salt=rollout.rollout_id if rollout is not None and moving else endpoint.endpoint_id,
            arms=tuple(arms),
            rollout_id=rollout.rollout_id if rollout is not None and moving else None,
            disabled=endpoint.disabled,
            routing=msgspec.convert(settings.routing.model_dump(), Routing),
            cache=cache,
            guard_actions=guard_actions_of(settings, [guard for arm in arms for guard in arm.guards]),
        ),
    )


def guard_actions_of(settings: EndpointSettings, guards: Iterable[GuardRule | ManifestGuard]) -> dict[str, GuardAction]:
    """Return what guards do at an endpoint: less than their releases say only where somebody who may approve chose it."""
    actions: dict[str, GuardAction] = dict(settings.guard_actions)
    for guard in guards:
        chosen = actions.get(guard.name)
        if chosen is None or guard.name in settings.approved_actions:
            continue
        actions[guard.name] = max(chosen, guard.action, key=STRICTNESS.index)
    return actions


def require_approved(db: Connection, ctx: Context, release_id: str, environment: str) -> Release:
    """Return a release that may begin to serve in an environment, held for this transaction.

    Raises NotFound, NotApproved naming what it lacks.
    """
    release = store.require_release(db, release_id, lock=True)
    standing = standing_in(db, ctx, release, environment)
    if not standing.is_approved:
        policy = store.find_policy(db, environment) or ApprovalPolicy()
        raise NotApproved(
            f"{standing.words}, so nothing serves it there; {next_step(release, gates=policy.gates)}",
            release_id=release_id,
            environment=environment,
        )
    return release


def require_served(db: Connection, release_id: str) -> Release:
    """Return a release that serves or has served, held for this transaction: somebody must have approved it once.

    Raises NotFound, NotApproved.
    """
    release = store.require_release(db, release_id, lock=True)
    if not release.approvals:
        raise NotApproved(
            f"release '{release.name}' v{release.version} ({release_id}) is not approved, so nothing serves it; "
            f"{next_step(release)}",
            release_id=release_id,
        )
    return release


def require_startable(db: Connection, ctx: Context, endpoint: Endpoint, release_id: str) -> str | None:
    """Check that an endpoint may be pointed at a release; return what one should know about it.

    What serves there or did before may come back although its approval has expired, and the notice says so.
    Raises NotFound, NotApproved.
    """
    words: list[str] = []
    if release_id not in (endpoint.stable_release_id, endpoint.previous_release_id):
        release = require_approved(db, ctx, release_id, endpoint.environment)
    else:
        release = require_served(db, release_id)
        standing = standing_in(db, ctx, release, endpoint.environment)
        if not standing.is_approved:
            words.append(f"{standing.words}; it serves because it served here before")
    chosen = endpoint.settings.guard_actions
    holding = guard_actions_of(endpoint.settings, release.manifest.guards)
    words += [
        f"guard '{name}' does '{action}' as the release says, not '{chosen[name]}': doing less takes somebody who may approve "
        f"releases, with: treadle endpoint set {endpoint.name} --guard {name}={chosen[name]}"
        for name, action in holding.items()
        if action != chosen[name]
    ]
    return "; ".join(words) or None


def unpriced_targets(db: Connection, release_id: str) -> list[str]:
    """Return which targets of a release nobody knows the price of, as 'provider/model'."""
    manifest = store.require_release(db, release_id).manifest
    if not manifest.targets:
        return [f"{ENGINE}/{manifest.model_version_id}"]
    return [f"{target.provider}/{target.model}" for target in manifest.targets if _price(db, target) is None]


def standing_in(db: Connection, ctx: Context, release: Release, environment: str) -> Standing:
    """Return how a release stands in an environment now."""
    policy = store.find_policy(db, environment) or ApprovalPolicy()
    return standing_of(policy, release, environment, ctx.clock.now())


def _arms(db: Connection, ctx: Context, endpoint: Endpoint, rollout: KeptRollout, stable: Arm) -> list[Arm]:
    plan, position = rollout.plan, rollout.position
    if plan.arms is None:
        share = candidate_share(plan, position, approved=True)
        copied = shadow_share(plan, position, approved=True)
        if share == copied == 0:
            return [stable]
        candidate = require_approved(db, ctx, rollout.candidate_release_id, endpoint.environment)
        return [
            msgspec.structs.replace(stable, weight=1 - share),
            _arm(db, candidate, "candidate", share, shadow_share=copied),
        ]
    # An arm without traffic stays in the list: units of the others then keep their places.
    others = [
        _arm(
            db,
            require_approved(db, ctx, release_id, endpoint.environment)
            if weight > 0
            else store.require_release(db, release_id, lock=True),
            "candidate",
            weight,
        )
        for release_id, weight in position.weights.items()
    ]
    return [msgspec.structs.replace(stable, weight=1 - sum(arm.weight for arm in others)), *others]


def _arm(db: Connection, release: Release, role: Role, weight: float, *, shadow_share: float = 0.0) -> Arm:
    manifest = release.manifest
    return Arm(
        release_id=release.release_id,
        role=role,
        weight=weight,
        model_version_id=manifest.model_version_id,
        prompt=tuple(PromptMessage(role=part.role, template=part.template) for part in manifest.messages),
        prompt_engine=manifest.prompt_engine,
        examples=pool_of(manifest.examples),
        parameters=dict(manifest.parameters),
        targets=tuple(_target(db, target) for target in manifest.targets),
        guards=tuple(msgspec.convert(guard.model_dump(), GuardRule) for guard in manifest.guards),
        refinement=msgspec.convert(manifest.refinement.model_dump(), Refinement),
        shadow_share=shadow_share,
    )


def _target(db: Connection, target: ManifestTarget) -> Target:
    return Target(
        provider=target.provider,
        model=target.model,
        model_version_id=target.model_version_id,
        weight=target.weight,
        priority=target.priority,
        region=target.region,
        price=_price(db, target),
    )


def _price(db: Connection, target: ManifestTarget) -> Price | None:
    """Return what was stated, else what is listed today for its provider; None when nobody says."""
    if target.price is not None:
        return stated_price(**target.price.model_dump())
    return find_target_price(find_served(db, target.provider), target.model)

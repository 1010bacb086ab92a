"""Make endpoints, point them at releases, change how they serve, move one to another environment, and throw its kill switch. All of it within a second."""

from __future__ import annotations

from collections.abc import Mapping

from treadle.core.errors import Conflict, InvalidInput
from treadle.core.ids import new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject, Page
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.lineage import service as lineage
from treadle.releases import store
from treadle.releases.endpoints.types import (
    STRICTNESS,
    ChangeEndpoint,
    Endpoint,
    EndpointSettings,
    NewDisabling,
    NewEndpoint,
    NewStable,
)
from treadle.releases.publishing import publish, require_approved, require_startable, standing_in
from treadle.releases.rollouts import store as rollout_store
from treadle.releases.rollouts.store import KeptRollout
from treadle.releases.types import Release
from treadle.storage.database import Connection


class EndpointExists(Conflict):
    """The endpoint's name is taken."""

    code = "releases.endpoint_exists"


class RolloutUnderWay(Conflict):
    """An endpoint's traffic is moving already."""

    code = "releases.rollout_under_way"


class UnknownGuard(InvalidInput):
    """An action for a guard that no release behind the endpoint has."""

    code = "releases.unknown_guard"


async def create_endpoint(ctx: Context, new: NewEndpoint) -> Endpoint:
    """Make a name that applications call. Raises EndpointExists, NotApproved."""
    ctx.require("releases.write")

    def write(db: Connection) -> Endpoint:
        if new.release_id is not None:
            require_approved(db, ctx, new.release_id, new.environment)
        now = ctx.clock.now()
        endpoint = Endpoint(
            endpoint_id=new_id("end"),
            name=new.name,
            stable_release_id=None,
            previous_release_id=None,
            next_release_id=new.release_id,
            problem=None,
            rollout_id=None,
            created_at=now,
            changed_at=now,
            environment=new.environment,
        )
        if not store.insert_endpoint(db, endpoint):
            raise EndpointExists(
                f"there is an endpoint '{new.name}' already; look at it with: treadle endpoint show {new.name}"
            )
        lineage.describe(db, endpoint.endpoint_id, kind="endpoint", title=endpoint.name)
        detail: JsonObject = {"name": new.name, "release_id": new.release_id, "environment": new.environment}
        audit.record(db, ctx, action="releases.create_endpoint", object_id=endpoint.endpoint_id, detail=detail)
        return endpoint

    return await ctx.db.write(write)


async def set_stable(ctx: Context, name: str, new: NewStable) -> Endpoint:
    """Point an endpoint at an approved release, all at once; it serves as soon as its engine answers. Safe to repeat.

    Going back to what served before is possible when its approval has expired: the endpoint's `notice` says so.
    Raises EndpointNotFound, NotApproved, RolloutUnderWay.
    """
    ctx.require("releases.write")

    def write(db: Connection) -> Endpoint:
        endpoint = store.require_endpoint(db, name, lock=True)
        notice = require_startable(db, ctx, endpoint, new.release_id)
        if endpoint.rollout_id is not None:
            raise RolloutUnderWay(
                f"endpoint '{name}' has a rollout under way; end it first with: "
                f"treadle rollout rollback {endpoint.rollout_id}",
                rollout_id=endpoint.rollout_id,
            )
        wanted = None if new.release_id == endpoint.stable_release_id else new.release_id
        if wanted == endpoint.next_release_id:
            return endpoint
        changed = endpoint.model_copy(
            update={"next_release_id": wanted, "problem": None, "notice": notice, "changed_at": ctx.clock.now()}
        )
        store.save_endpoint(db, changed)
        detail: JsonObject = {"name": name, "release_id": new.release_id, "notice": notice}
        audit.record(db, ctx, action="releases.set_stable", object_id=endpoint.endpoint_id, detail=detail)
        return changed

    return await ctx.db.write(write)


async def change_endpoint(ctx: Context, name: str, change: ChangeEndpoint, *, when: When = ALWAYS) -> Endpoint:
    """Change routing, cache, guard actions or the environment; what is left out stays. Safe to repeat.

    Whatever has traffic or is about to must be approved in the new environment; what served before stays one command
    away where it is approved there too. Letting a guard do less needs the right to approve releases, and nothing that
    others chose lets a guard of a later release do less than that release says.
    Raises EndpointNotFound, UnknownGuard, NotApproved, Denied, Outdated (see `editing.check`).
    """
    ctx.require("releases.write")

    def write(db: Connection) -> Endpoint:
        endpoint = store.require_endpoint(db, name, lock=True)
        audited = Audited("releases.change_endpoint", endpoint.endpoint_id, "releases.read")
        editing.check(db, ctx, when, f"endpoint '{name}'", endpoint, lambda _: audited)
        rollout = _rollout_of(db, endpoint)
        behind = _releases_behind(endpoint, rollout)
        if change.guard_actions is not None:
            releases = [store.require_release(db, each) for each in behind]
            _require_guards(name, change.guard_actions, releases)
            if _loosened(endpoint.settings.guard_actions, change.guard_actions, releases):
                ctx.require("releases.approve")
        environment = change.environment or endpoint.environment
        if environment != endpoint.environment:
            for release_id in behind:
                require_approved(db, ctx, release_id, environment)
        given: dict[str, object] = {
            field: value
            for field in ("routing", "cache", "guard_actions")
            if (value := getattr(change, field)) is not None
        }
        if change.guard_actions is not None:
            given["approved_actions"] = _approved_actions(ctx, endpoint.settings, change.guard_actions)
        settings = endpoint.settings.model_copy(update=given)
        if (settings, environment) == (endpoint.settings, endpoint.environment):
            return endpoint
        update: dict[str, object] = {"settings": settings, "environment": environment, "changed_at": ctx.clock.now()}
        if environment != endpoint.environment:
            update["previous_release_id"] = _still_previous(db, ctx, endpoint, environment)
        changed = endpoint.model_copy(update=update)
        detail: JsonObject = change.model_dump(mode="json", exclude_none=True)
        return _keep(db, ctx, changed, rollout, "releases.change_endpoint", {"name": name, **detail})

    return await ctx.db.write(write)


async def disable_endpoint(ctx: Context, name: str, new: NewDisabling) -> Endpoint:
    """Answer nothing on an endpoint from now on, and say why. A rollout on it waits. Safe to repeat.

    Raises EndpointNotFound.
    """
    return await _switch(ctx, name, new.reason)


async def enable_endpoint(ctx: Context, name: str) -> Endpoint:
    """Serve an endpoint again, with what stood behind it. Safe to repeat. Raises EndpointNotFound."""
    return await _switch(ctx, name, None)


async def get_endpoint(ctx: Context, name: str) -> Endpoint:
    """Return an endpoint. Raises EndpointNotFound."""
    ctx.require("releases.read")
    return await ctx.db.read(lambda db: store.require_endpoint(db, name))


async def has_endpoint(ctx: Context, name: str) -> bool:
    """Tell whether a project has an endpoint; for the roof, which hands it to who makes keys for pages."""
    return await ctx.db.read(lambda db: store.find_endpoint(db, name)) is not None


async def list_endpoints(
    ctx: Context, *, text: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[Endpoint]:
    """Return endpoints by name; text: in the name."""
    ctx.require("releases.read")
    after = decode_cursor(cursor, str)
    start = str(after[0]) if after else None
    rows = await ctx.db.read(lambda db: store.list_endpoints(db, start, limit + 1, text=text))
    return page_of(rows, limit, lambda endpoint: (endpoint.name,))


async def _switch(ctx: Context, name: str, disabled: str | None) -> Endpoint:
    ctx.require("releases.write")

    def write(db: Connection) -> Endpoint:
        endpoint = store.require_endpoint(db, name, lock=True)
        if endpoint.disabled == disabled:
            return endpoint
        changed = endpoint.model_copy(update={"disabled": disabled, "changed_at": ctx.clock.now()})
        action = "releases.enable_endpoint" if disabled is None else "releases.disable_endpoint"
        detail: JsonObject = {"name": name, "reason": disabled}
        return _keep(db, ctx, changed, _rollout_of(db, endpoint), action, detail)

    return await ctx.db.write(write)


def _keep(
    db: Connection, ctx: Context, changed: Endpoint, rollout: KeptRollout | None, action: str, detail: JsonObject
) -> Endpoint:
    store.save_endpoint(db, changed)
    publish(db, ctx, changed, rollout)
    audit.record(db, ctx, action=action, object_id=changed.endpoint_id, detail=detail)
    return changed


def _rollout_of(db: Connection, endpoint: Endpoint) -> KeptRollout | None:
    return None if endpoint.rollout_id is None else rollout_store.require_rollout(db, endpoint.rollout_id)


def _releases_behind(endpoint: Endpoint, rollout: KeptRollout | None) -> list[str]:
    """Return the releases that have traffic or are about to."""
    behind = [endpoint.stable_release_id, endpoint.next_release_id]
    if rollout is not None:
        behind += [*rollout.position.weights] or [rollout.candidate_release_id]
    return [each for each in dict.fromkeys(behind) if each is not None]


def _still_previous(db: Connection, ctx: Context, endpoint: Endpoint, environment: str) -> str | None:
    """Return what served before, if it may serve in another environment too: going back must not let anything in."""
    if endpoint.previous_release_id is None:
        return None
    release = store.require_release(db, endpoint.previous_release_id)
    return release.release_id if standing_in(db, ctx, release, environment).is_approved else None


def _loosened(before: Mapping[str, str], after: Mapping[str, str], releases: list[Release]) -> bool:
    """Tell whether a guard of any release would do less than now."""
    return any(
        STRICTNESS.index(after.get(guard.name, guard.action)) < STRICTNESS.index(before.get(guard.name, guard.action))
        for release in releases
        for guard in release.manifest.guards
    )


def _approved_actions(ctx: Context, before: EndpointSettings, actions: Mapping[str, str]) -> list[str]:
    """Return whose actions may be less than what a release says: chosen by an approver, or stricter than what one chose."""
    if "releases.approve" in ctx.actor.permissions:
        return sorted(actions)
    return sorted(
        name
        for name, action in actions.items()
        if name in before.approved_actions and STRICTNESS.index(action) >= STRICTNESS.index(before.guard_actions[name])
    )


def _require_guards(name: str, actions: Mapping[str, str], releases: list[Release]) -> None:
    known = {guard.name for release in releases for guard in release.manifest.guards}
    unknown = sorted(set(actions) - known)
    if unknown:
        listed = ", ".join(f"'{each}'" for each in sorted(known)) or "none"
        raise UnknownGuard(
            f"no release behind endpoint '{name}' has a guard '{unknown[0]}' (there are: {listed}); "
            f"name one of those, or release one with it first",
            guards=unknown,
        )

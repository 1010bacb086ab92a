"""What it takes to serve in an environment: set its policy, read it, and see how a release stands there."""

from __future__ import annotations

from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.releases import store
from treadle.releases.approvals.types import ApprovalPolicy, Environment, Standing
from treadle.releases.publishing import standing_in
from treadle.storage.database import Connection


async def list_environments(ctx: Context) -> list[Environment]:
    """Return every environment that has a policy or an endpoint, by name."""
    ctx.require("releases.read")
    return await ctx.db.read(store.list_environments)


async def get_environment(ctx: Context, name: str) -> Environment:
    """Return an environment; one that nobody has set has the default policy and no endpoints."""
    ctx.require("releases.read")
    return await ctx.db.read(lambda db: _read(db, name))


async def set_policy(ctx: Context, name: str, policy: ApprovalPolicy, *, when: When = ALWAYS) -> Environment:
    """Say what a release needs to begin to serve in an environment. What serves there goes on. Safe to repeat.

    Raises Outdated (see `editing.check`); an environment is taken as soon as it has a policy or an endpoint.
    """
    ctx.require("releases.govern")

    def write(db: Connection) -> Environment:
        called = f"environment '{name}'"
        editing.hold(db, called)
        audited = Audited("releases.set_policy", f"environment:{name}", "releases.read")
        editing.check(db, ctx, when, called, _find(db, name), lambda _: audited)
        if store.find_policy(db, name) != policy:
            store.put_policy(db, name, policy, changed_by=ctx.actor.actor_id, changed_at=ctx.clock.now())
            detail: JsonObject = {"environment": name, **policy.model_dump(mode="json")}
            audit.record(db, ctx, action=audited.action, object_id=audited.object_id, detail=detail)
        return _read(db, name)

    return await ctx.db.write(write)


async def get_standing(ctx: Context, name: str, release_id: str) -> Standing:
    """Return whether a release may begin to serve in an environment now, and what it lacks. Raises ReleaseNotFound."""
    ctx.require("releases.read")
    return await ctx.db.read(lambda db: standing_in(db, ctx, store.require_release(db, release_id), name))


def _find(db: Connection, name: str) -> Environment | None:
    return next((one for one in store.list_environments(db) if one.name == name), None)


def _read(db: Connection, name: str) -> Environment:
    return _find(db, name) or Environment(
        name=name, policy=ApprovalPolicy(), endpoints=[], changed_by=None, changed_at=None
    )

"""What it takes to carry a label: who may move it, and whether a version must have passed a safety evaluation.

`production` needs a safety evaluation until a project says otherwise; every other label needs nothing. Which attacks must hold, how
often, and through which endpoints is the policy's: what an evaluation asked of itself does not matter. Whoever may 'prompts.govern' can
go past a policy with a reason, which the audit keeps beside what was in the way.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.core.errors import Denied
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import JsonObject
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.http.context import Context
from treadle.lineage import service as lineage
from treadle.prompts import store
from treadle.prompts.types import LabelPolicy, NewLabelPolicy, Safety, Version
from treadle.storage.database import Connection

GUARDED_LABEL = "production"


class LabelProtected(Denied):
    """The label's policy does not let this version, or this actor."""

    code = "prompts.label_protected"


def default_policy(label: str) -> LabelPolicy:
    """Return what holds while nobody has said."""
    return LabelPolicy(label=label, needs_safety=label == GUARDED_LABEL)


async def list_policies(ctx: Context) -> list[LabelPolicy]:
    """Return the policies that are set, and production's default where it is not."""
    ctx.require("prompts.read")
    found = await ctx.db.read(store.list_label_policies)
    if all(policy.label != GUARDED_LABEL for policy in found):
        found.append(default_policy(GUARDED_LABEL))
    return sorted(found, key=lambda policy: policy.label)


async def set_policy(ctx: Context, label: str, new: NewLabelPolicy, *, when: When = ALWAYS) -> LabelPolicy:
    """Say what it takes to carry a label. Versions that carry it now keep it. Audited. Safe to repeat.

    Raises Outdated (see `editing.check`); a default that holds counts as there.
    """
    ctx.require("prompts.govern")
    policy = LabelPolicy(label=label, **new.model_dump(), changed_by=ctx.actor.actor_id, changed_at=ctx.clock.now())

    def write(db: Connection) -> None:
        called, audited = (
            f"policy of label '{label}'",
            Audited("prompts.set_label_policy", f"label:{label}", "prompts.read"),
        )
        editing.hold(db, called)
        editing.check(
            db, ctx, when, called, store.find_label_policy(db, label) or default_policy(label), lambda _: audited
        )
        store.put_label_policy(db, policy)
        detail: JsonObject = {"label": label, **new.model_dump(mode="json")}
        audit.record(db, ctx, action="prompts.set_label_policy", object_id=f"label:{label}", detail=detail)

    await ctx.db.write(write)
    return policy


def require_allowed(db: Connection, ctx: Context, label: str, version: Version, override: str | None) -> str | None:
    """Return what was overridden, None when nothing stood in the way. Raises LabelProtected, Denied."""
    policy = store.find_label_policy(db, label) or default_policy(label)
    name, number = version.prompt_name, version.version
    in_the_way: list[str] = []
    if policy.roles is not None and ctx.actor.role not in policy.roles:
        in_the_way.append(
            f"label '{label}' is moved by {' or '.join(policy.roles) or 'nobody'}, and '{ctx.actor.name}' is {ctx.actor.role}"
        )
    if policy.needs_safety:
        lacks = _safety_lacks(policy, version, store.list_safety(db, version.prompt_version_id))
        in_the_way += [] if lacks is None else [lacks]
    if not in_the_way:
        return None
    told = "; ".join(in_the_way)
    if override is None:
        raise LabelProtected(
            f"{told}; who may 'prompts.govern' can go past it with a reason: treadle prompt publish {name} {number} "
            f"--label {label} --override REASON"
        )
    ctx.require("prompts.govern")
    return told


def _safety_lacks(policy: LabelPolicy, version: Version, found: Sequence[Safety]) -> str | None:
    """Return what the newest evaluation that counts does not show, None when it shows all. found: newest first."""
    endpoints = policy.safety_endpoints
    which = f"prompt '{version.prompt_name}' version {version.version}"
    again = f"treadle prompt safety {version.prompt_name} --version {version.version} --endpoint "
    counts = (each for each in found if endpoints is None or each.endpoint in endpoints)
    newest = next(counts, None)
    if newest is None:
        through = "" if endpoints is None else f" through {' or '.join(repr(each) for each in endpoints)}"
        return (
            f"{which} has had no safety evaluation{through}, which label '{policy.label}' needs; do one with: {again}"
            f"{'ENDPOINT' if endpoints is None else endpoints[0]}"
        )
    faults = []
    for pack in policy.safety_packs:
        share = newest.packs.get(pack)
        if pack not in newest.packs:
            faults.append(f"'{pack}' was not tried")
        elif share is None or any(each.held is None for each in newest.attacks if each.pack == pack):
            faults.append(f"not every attempt of '{pack}' was answered")
        elif share < policy.safety_least_held:
            faults.append(f"{100 * share:.0f} % of '{pack}' held")
    if not faults:
        return None
    return (
        f"the newest safety evaluation of {which}, '{newest.safety_id}', does not show what label '{policy.label}' needs, "
        f"{100 * policy.safety_least_held:.0f} % of {', '.join(repr(pack) for pack in policy.safety_packs)} held: "
        f"{', '.join(faults)}; try again with: {again}{newest.endpoint}"
    )


async def keep_safety(ctx: Context, safety: Safety) -> None:
    """Keep a safety evaluation with its lineage and audit entry. Safe to repeat."""
    ctx.require("evals.write")

    def write(db: Connection) -> None:
        store.put_safety(db, safety)
        lineage.describe(db, safety.safety_id, kind="safety evaluation", title="passed" if safety.passed else "failed")
        lineage.add_edge(
            db,
            source_id=safety.prompt_version_id,
            target_id=safety.safety_id,
            relation="evaluated in",
            run_id=safety.run_id,
        )
        detail: JsonObject = {"prompt_version_id": safety.prompt_version_id, "passed": safety.passed}
        audit.record(db, ctx, action="prompts.keep_safety", object_id=safety.safety_id, detail=detail)

    await ctx.db.write(write)


async def list_safety(ctx: Context, version: Version) -> list[Safety]:
    """Return the safety evaluations of a version, newest first; at most 20."""
    ctx.require("prompts.read")
    return await ctx.db.read(lambda db: store.list_safety(db, version.prompt_version_id))

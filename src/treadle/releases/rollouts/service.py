"""Start rollouts, command them, and read them. What moves them on is in `moving.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from treadle.core.errors import Conflict, InvalidInput
from treadle.core.ids import derive_id, new_id
from treadle.core.types import JsonObject, Page
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.lineage import service as lineage
from treadle.monitoring.channels import service as channels
from treadle.releases import store as releases
from treadle.releases.endpoints.service import RolloutUnderWay
from treadle.releases.endpoints.types import Endpoint
from treadle.releases.publishing import require_approved, unpriced_targets
from treadle.releases.rollouts import intake, machine, several, store
from treadle.releases.rollouts.forecast import forecast_of
from treadle.releases.rollouts.moving import LOOK_BACK_DAYS, apply, unapproved_of
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.shown import rollout_of
from treadle.releases.rollouts.state import Command
from treadle.releases.rollouts.store import KeptRollout
from treadle.releases.rollouts.types import EvidencePoint, Forecast, NewRollout, Rollout, RolloutStatus
from treadle.releases.rollouts.undo import undo
from treadle.storage.database import Connection
from treadle.traces import outcomes


class NothingToReplace(Conflict):
    """A rollout needs a stable release to start from, and another one to end at."""

    code = "releases.nothing_to_replace"


class KeyReused(Conflict):
    """A key that was used for another rollout."""

    code = "releases.key_reused"


class WhichArm(InvalidInput):
    """A promotion of a rollout with several arms that names none of them, or of a canary that names another release."""

    code = "releases.which_arm"


class JudgeUnfit(InvalidInput):
    """A judge that is the endpoint whose releases it would judge."""

    code = "releases.judge_unfit"


class PriceUnknown(Conflict):
    """A guard on cost over releases of which one has no known price: what is unknown would never count as dear."""

    code = "releases.price_unknown"


async def start_rollout(ctx: Context, new: NewRollout) -> Rollout:
    """Ask for a rollout; the candidate gets its first share as soon as its engine answers.

    Safe to repeat with a key. Raises EndpointNotFound, ReleaseNotFound, NotApproved, RolloutUnderWay,
    NothingToReplace, PriceUnknown, ChannelNotFound, KeyReused.
    """
    ctx.require("releases.write")

    def write(db: Connection) -> Rollout:
        endpoint = releases.require_endpoint(db, new.endpoint, lock=True)
        rollout_id = new_id("rol") if new.key is None else derive_id("rol", ctx.project_id, new.key)
        existing = store.find_rollout(db, rollout_id)
        if existing is not None:
            return _same_or_refuse(existing, new)
        candidates = _candidates_of(new)
        _require_judge(db, new)
        channels.require_channels(db, new.plan.channels or [])
        for release_id in candidates:
            require_approved(db, ctx, release_id, endpoint.environment)
        stable_release_id = _require_free(endpoint, candidates)
        _require_prices(db, new.plan, [stable_release_id, *candidates])
        now = ctx.clock.now()
        kept = KeptRollout(
            rollout_id=rollout_id,
            endpoint_id=endpoint.endpoint_id,
            endpoint=endpoint.name,
            stable_release_id=stable_release_id,
            candidate_release_id=candidates[0],
            plan=new.plan,
            position=machine.begin(new.plan, now),
            seen=intake.begin(new.plan),
            request_seq=0,
            feedback_seq=0,
            words="waiting until the candidate can answer",
            reason=None,
            created_by=ctx.actor.actor_id,
            created_at=now,
            started_at=None,
            ended_at=None,
        )
        store.insert_rollout(db, kept)
        releases.save_endpoint(db, endpoint.model_copy(update={"rollout_id": rollout_id, "changed_at": now}))
        lineage.describe(db, rollout_id, kind="rollout", title=f"rollout on {endpoint.name}")
        for release_id in candidates:
            lineage.add_edge(db, source_id=release_id, target_id=rollout_id, relation="tried in")
        detail: JsonObject = {
            "endpoint": new.endpoint,
            "candidates": candidates,
            "stable": stable_release_id,
            "kind": new.plan.kind,
        }
        audit.record(db, ctx, action="releases.create_rollout", object_id=rollout_id, detail=detail)
        return rollout_of(kept)

    return await ctx.db.write(write)


async def forecast_rollout(ctx: Context, new: NewRollout) -> Forecast:
    """Return how long a rollout is likely to take at the traffic of late; starts nothing.

    Raises EndpointNotFound, ReleaseNotFound, NothingToReplace, PriceUnknown.
    """
    ctx.require("releases.read")

    def read(db: Connection) -> str:
        endpoint = releases.require_endpoint(db, new.endpoint)
        candidates = _candidates_of(new)
        for release_id in candidates:
            releases.require_release(db, release_id)
        if endpoint.stable_release_id is None:
            raise NothingToReplace(
                f"endpoint '{endpoint.name}' serves no release yet, so there is no traffic to go by; "
                f"name one with: treadle endpoint set-stable {endpoint.name} RELEASE"
            )
        _require_prices(db, new.plan, [endpoint.stable_release_id, *candidates])
        return endpoint.stable_release_id

    stable_release_id = await ctx.db.read(read)
    now = ctx.clock.now()
    recent = await outcomes.list_recent_outcomes(
        ctx, new.endpoint, stable_release_id, since=now - timedelta(days=LOOK_BACK_DAYS)
    )
    return forecast_of(new.plan, recent, endpoint=new.endpoint, stable_release_id=stable_release_id, now=now)


async def command_rollout(ctx: Context, rollout_id: str, command: Command, *, release_id: str | None = None) -> Rollout:
    """Pause, resume, promote or roll back by hand. release_id: which of several arms to promote.

    A promotion is rolled back as long as the endpoint still serves what was promoted and nothing else is under way.
    Raises RolloutNotFound, WhichArm, CannotUndo, Conflict when it cannot be done now.
    """
    ctx.require("releases.write")
    return await ctx.db.write(lambda db: obey(db, ctx, rollout_id, command, release_id=release_id))


def obey(
    db: Connection,
    ctx: Context,
    rollout_id: str,
    command: Command,
    *,
    words: str | None = None,
    release_id: str | None = None,
) -> Rollout:
    """Carry out a command inside the caller's transaction. words: said instead of the machine's own."""
    kept = store.require_rollout(db, rollout_id, lock=True)
    if command == "promote":
        kept = _with_winner(kept, release_id)
    unapproved = unapproved_of(db, ctx, kept)
    if kept.position.winner is not None:
        unapproved = unapproved & {kept.position.winner}
    now = ctx.clock.now()
    undoes = command == "rollback" and kept.position.status == "promoted"
    transition = machine.obey(kept.plan, kept.position, command, approved=not unapproved, now=now)
    if words is not None:
        transition = transition._replace(words=words)
    if undoes:
        transition = transition._replace(words=f"{transition.words}{undo(db, ctx, kept, now)}")
    return rollout_of(apply(db, ctx, kept, transition, has_news=True))


async def get_rollout(ctx: Context, rollout_id: str) -> Rollout:
    """Return a rollout with its newest evidence. Raises RolloutNotFound."""
    ctx.require("releases.read")
    return await ctx.db.read(lambda db: rollout_of(store.require_rollout(db, rollout_id)))


async def list_rollouts(
    ctx: Context,
    *,
    endpoint: str | None = None,
    status: RolloutStatus | None = None,
    needs_attention: bool = False,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Rollout]:
    """Return rollouts, newest first; those of an endpoint, or those that wait for a person, when asked for."""
    ctx.require("releases.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    rows = await ctx.db.read(
        lambda db: store.list_rollouts(
            db,
            endpoint=endpoint,
            statuses=None if status is None else [status],
            needs_attention=needs_attention,
            before=before,
            limit=limit + 1,
        )
    )
    return page_of([rollout_of(row) for row in rows], limit, lambda one: (one.created_at.isoformat(), one.rollout_id))


async def list_evidence(ctx: Context, rollout_id: str, *, after: int = 0, limit: int = 500) -> list[EvidencePoint]:
    """Return a rollout's evidence over time, after a sequence number. Raises RolloutNotFound."""
    ctx.require("releases.read")

    def read(db: Connection) -> list[EvidencePoint]:
        store.require_rollout(db, rollout_id)
        return store.list_points(db, rollout_id, after=after, limit=limit)

    return await ctx.db.read(read)


def _with_winner(kept: KeptRollout, release_id: str | None) -> KeptRollout:
    """Return a rollout with the arm that is to be promoted. Raises WhichArm."""
    if kept.plan.arms is None:
        if release_id not in (None, kept.candidate_release_id):
            raise WhichArm(
                f"rollout '{kept.rollout_id}' tries release '{kept.candidate_release_id}', not '{release_id}'; "
                f"leave the release out, or start a rollout of that one"
            )
        return kept
    arms = several.active_arms(kept.position)
    if release_id not in arms:
        named = "names no arm" if release_id is None else f"has no arm '{release_id}' with traffic"
        raise WhichArm(
            f"rollout '{kept.rollout_id}' has several arms and this {named}; promote one of {', '.join(arms)} with: "
            f"treadle rollout promote {kept.rollout_id} --release ID"
        )
    return kept._replace(position=kept.position._replace(winner=release_id))


def _candidates_of(new: NewRollout) -> list[str]:
    if new.plan.arms is not None:
        return [arm.release_id for arm in new.plan.arms.arms]
    assert new.release_id is not None
    return [new.release_id]


def _require_judge(db: Connection, new: NewRollout) -> None:
    judge = new.plan.shadow.judge if new.plan.shadow is not None else None
    if judge is None:
        return
    if judge.endpoint == new.endpoint:
        raise JudgeUnfit(
            f"endpoint '{new.endpoint}' cannot judge its own releases: it would prefer what it says itself; "
            f"name another endpoint with a model that can compare answers",
            endpoint=new.endpoint,
        )
    releases.require_endpoint(db, judge.endpoint)


def _require_prices(db: Connection, plan: Plan, release_ids: Sequence[str]) -> None:
    guard = next((guard.name for guard in plan.guards if "cost" in guard.signals), None)
    for release_id in release_ids if guard is not None else ():
        if unpriced := unpriced_targets(db, release_id):
            raise PriceUnknown(
                f"guard '{guard}' watches the cost, and nobody knows the price of {', '.join(unpriced)} in release "
                f"'{release_id}', so nothing it does would count as dear; make a release whose targets state their price, "
                f"or leave the signal 'cost' out",
                release_id=release_id,
                guard=guard,
            )


def _require_free(endpoint: Endpoint, candidates: Sequence[str]) -> str:
    if endpoint.rollout_id is not None:
        raise RolloutUnderWay(
            f"endpoint '{endpoint.name}' has a rollout under way; look at it with: "
            f"treadle rollout status {endpoint.rollout_id}",
            rollout_id=endpoint.rollout_id,
        )
    if endpoint.stable_release_id is None or endpoint.next_release_id is not None:
        raise NothingToReplace(
            f"endpoint '{endpoint.name}' serves no stable release yet, so there is nothing to compare a candidate with; "
            f"wait for it, or name one with: treadle endpoint set-stable {endpoint.name} RELEASE"
        )
    if endpoint.stable_release_id in candidates:
        raise NothingToReplace(
            f"release '{endpoint.stable_release_id}' is what endpoint '{endpoint.name}' serves already; roll out another one"
        )
    return endpoint.stable_release_id


def _same_or_refuse(existing: KeptRollout, new: NewRollout) -> Rollout:
    same = (existing.endpoint, existing.plan)
    asked = _candidates_of(new)
    moved = existing.candidate_release_id not in asked
    if same != (new.endpoint, new.plan) or moved:
        raise KeyReused(
            f"the key '{new.key}' was used for rollout '{existing.rollout_id}' on '{existing.endpoint}'; "
            f"ask for another rollout under a new key",
            key=new.key,
        )
    return rollout_of(existing)

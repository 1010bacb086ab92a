"""Move rollouts on by the outcomes that came in, and serve accordingly.

Position, evidence and the cursors up to which outcomes are counted are one row, changed in one transaction together with
what the gateway serves, the audit entry and the point of the time series. So a kill at any moment loses nothing and
counts nothing twice, and two controllers at work on one rollout do no harm: who comes second sees the cursor moved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from treadle.core.types import JsonObject
from treadle.feedback import service as feedback_service
from treadle.feedback.types import Outcome as FeedbackOutcome
from treadle.governance import audit
from treadle.http.context import Context
from treadle.lineage import service as lineage
from treadle.releases import store as releases
from treadle.releases.endpoints.types import Endpoint
from treadle.releases.publishing import publish, standing_in
from treadle.releases.rollouts import intake, machine, several, signals, store
from treadle.releases.rollouts.shown import rollout_of
from treadle.releases.rollouts.state import Command, Transition
from treadle.releases.rollouts.store import KeptRollout
from treadle.releases.rollouts.telling import tell
from treadle.releases.rollouts.types import LIVE_STATUSES, EvidencePoint
from treadle.storage.database import Connection
from treadle.storage.notes import tell_change
from treadle.traces import outcomes
from treadle.traces.outcome_types import RolloutOutcome, ShadowPair

BATCH = 1_000
LOOK_BACK_DAYS = 7
"""Traffic before a rollout that its limits are learnt from."""
LOOK_BACK_REQUESTS = 2_000
POINT_GROWTH = 1.05
"""A point without news is kept when the units grew by so much: a long rollout has hundreds of points, not millions."""


class _Came(NamedTuple):
    """Outcomes that a rollout has not counted yet."""

    requests: Sequence[RolloutOutcome]
    judged: Sequence[FeedbackOutcome]
    pairs: Sequence[ShadowPair]
    pairs_by_answer: Mapping[tuple[str, str], ShadowPair]

    def __bool__(self) -> bool:
        return bool(self.requests or self.judged or self.pairs)


async def begin_rollout(ctx: Context, pending: KeptRollout) -> None:
    """Give the candidate its first share, or its first copies, with the limits that traffic until now gives.

    A rollout whose candidate is not approved any more ends here.
    """
    limits = signals.stated_limits(pending.plan)
    if signals.unknown_limits(pending.plan, limits):
        since = ctx.clock.now() - timedelta(days=LOOK_BACK_DAYS)
        recent = await outcomes.list_recent_outcomes(
            ctx, pending.endpoint, pending.stable_release_id, since=since, limit=LOOK_BACK_REQUESTS
        )
        limits = signals.learnt_limits(pending.plan, recent)

    def write(db: Connection) -> None:
        kept = store.require_rollout(db, pending.rollout_id, lock=True)
        if kept.position.status != "pending":
            return  # somebody was here first
        kept = kept._replace(seen=intake.begin(kept.plan, limits))
        unapproved = unapproved_of(db, ctx, kept)
        command: Command = "rollback" if unapproved else "start"
        transition = machine.obey(kept.plan, kept.position, command, approved=not unapproved, now=ctx.clock.now())
        if unapproved:
            transition = transition._replace(words="never started: an approval is gone")
        apply(db, ctx, kept, transition, has_news=True)

    await ctx.db.write(write)


async def advance_rollout(ctx: Context, rollout_id: str) -> bool:
    """Count the outcomes that came in and take at most one step. Returns whether there may be more to do at once."""
    before = await ctx.db.read(lambda db: store.require_rollout(db, rollout_id))
    if before.position.status not in LIVE_STATUSES:
        return False
    came = await _read_outcomes(ctx, before)
    if not came:
        # Nothing came in: only the clock or a withdrawn approval can ask for something, so look before writing.
        quiet = _decide(before, frozenset(), ctx.clock.now())
        unapproved = await ctx.db.read(lambda db: unapproved_of(db, ctx, before))
        if quiet.change == "none" and not unapproved & set(several.active_arms(before.position) or _alone(before)):
            return False
    changed = await ctx.db.write(lambda db: _count_and_step(db, ctx, before, came))
    return changed or BATCH in (len(came.requests), len(came.judged), len(came.pairs))


async def _read_outcomes(ctx: Context, kept: KeptRollout) -> _Came:
    requests = await outcomes.list_rollout_units(ctx, kept.rollout_id, after_seq=kept.request_seq, limit=BATCH)
    judged = await feedback_service.list_outcomes(
        ctx, rollout_id=kept.rollout_id, after_seq=kept.feedback_seq, limit=BATCH
    )
    if kept.plan.shadow is None:
        return _Came(requests, judged, (), {})
    pairs = await outcomes.list_shadow_pairs(ctx, kept.rollout_id, after_seq=kept.seen.shadow.seq, limit=BATCH)
    labelled = [one.trace_id for one in judged]
    known = await outcomes.list_shadow_pairs(ctx, kept.rollout_id, trace_ids=labelled) if labelled else []
    return _Came(requests, judged, pairs, {(pair.trace_id, pair.span_id): pair for pair in known})


def apply(db: Connection, ctx: Context, kept: KeptRollout, transition: Transition, *, has_news: bool) -> KeptRollout:
    """Keep where a rollout stands now, and serve accordingly."""
    now = ctx.clock.now()
    change, status = transition.change, transition.position.status
    ended = status in ("promoted", "rolled_back")
    after = kept._replace(
        position=transition.position,
        candidate_release_id=transition.position.winner or kept.candidate_release_id,
        words=transition.words,
        reason=transition.words if ended or status == "held" else None,
        started_at=now if change == "started" else kept.started_at,
        ended_at=now if ended and kept.ended_at is None else kept.ended_at,
    )
    store.save_rollout(db, after)
    if change != "none":
        endpoint = releases.require_endpoint(db, kept.endpoint, lock=True)
        if ended and endpoint.rollout_id == kept.rollout_id:
            endpoint = _end(db, endpoint, after, now)
        publish(db, ctx, endpoint, after)
        detail: JsonObject = {"endpoint": kept.endpoint, "status": status, "why": transition.words}
        audit.record(db, ctx, action=f"releases.rollout_{change}", object_id=kept.rollout_id, detail=detail)
    if change in ("held", "rolled_back"):
        tell(db, ctx, after, change, transition.words)
    _keep_point(db, after, now, event=transition.words if change != "none" else None, has_news=has_news)
    return after


def unapproved_of(db: Connection, ctx: Context, kept: KeptRollout) -> frozenset[str]:
    """Return the releases on trial that may not serve in the endpoint's environment now."""
    environment = releases.require_endpoint(db, kept.endpoint).environment
    candidates = several.active_arms(kept.position) if kept.plan.arms is not None else _alone(kept)
    standings = [standing_in(db, ctx, releases.require_release(db, each), environment) for each in candidates]
    return frozenset(standing.release_id for standing in standings if not standing.is_approved)


def _count_and_step(db: Connection, ctx: Context, before: KeptRollout, came: _Came) -> bool:
    kept = store.require_rollout(db, before.rollout_id, lock=True)
    if _cursors(kept) != _cursors(before):
        return True  # another controller was here first; look again with its cursors
    if kept.position.status not in LIVE_STATUSES:
        return False
    names = {request.unit for request in came.requests} | {one.unit for one in came.judged if one.unit is not None}
    known = store.load_units(db, kept.rollout_id, names | {pair.unit for pair in came.pairs})
    taken = intake.take_in(
        kept.plan, kept.seen, known, came.requests, came.judged, pairs=came.pairs, pairs_by_answer=came.pairs_by_answer
    )
    store.save_units(db, kept.rollout_id, taken.changed)
    position = kept.position._replace(
        units=kept.position.units + taken.new_units,
        step_units=kept.position.step_units + taken.new_candidate_units,
    )
    counted = kept._replace(
        position=position,
        seen=taken.seen,
        request_seq=came.requests[-1].seq if came.requests else kept.request_seq,
        feedback_seq=came.judged[-1].seq if came.judged else kept.feedback_seq,
    )
    transition = _decide(counted, unapproved_of(db, ctx, kept), ctx.clock.now())
    apply(db, ctx, counted, transition, has_news=taken.new_bad > 0)
    if came:
        tell_change(db, "rollout", kept.rollout_id)
    return transition.change != "none"


def _decide(kept: KeptRollout, unapproved: frozenset[str], now: datetime) -> Transition:
    if kept.plan.arms is not None:
        return several.next_step(kept.plan, kept.position, kept.seen, unapproved=unapproved, now=now)
    return machine.next_step(kept.plan, kept.position, kept.seen, approved=not unapproved, now=now)


def _end(db: Connection, endpoint: Endpoint, ended: KeptRollout, now: datetime) -> Endpoint:
    update: dict[str, object] = {"rollout_id": None, "problem": None, "changed_at": now}
    if ended.position.status == "promoted":
        update |= {
            "stable_release_id": ended.candidate_release_id,
            "previous_release_id": ended.stable_release_id,
        }
        lineage.add_edge(db, source_id=ended.candidate_release_id, target_id=endpoint.endpoint_id, relation="serves")
    endpoint = endpoint.model_copy(update=update)
    releases.save_endpoint(db, endpoint)
    store.forget_units(db, ended.rollout_id)
    return endpoint


def _keep_point(db: Connection, kept: KeptRollout, now: datetime, *, event: str | None, has_news: bool) -> None:
    last = store.newest_point(db, kept.rollout_id)
    grown = last is None or kept.position.units >= max(last.units + 1, math.ceil(last.units * POINT_GROWTH))
    if event is None and not has_news and not grown:
        return
    shown = rollout_of(kept)
    store.insert_point(
        db,
        EvidencePoint(
            rollout_id=kept.rollout_id,
            sequence=last.sequence + 1 if last else 1,
            at=now,
            status=shown.status,
            step=shown.step,
            weight=shown.weight,
            units=shown.units,
            evidence=shown.evidence,
            event=event,
            stage=shown.stage,
            target=shown.target,
            shadow=shown.shadow,
            readout=shown.readout,
        ),
    )


def _alone(kept: KeptRollout) -> list[str]:
    return [kept.candidate_release_id]


def _cursors(kept: KeptRollout) -> tuple[int, int, int]:
    return kept.request_seq, kept.feedback_seq, kept.seen.shadow.seq

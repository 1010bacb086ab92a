"""A rollout as people see it: where it stands, in words and numbers. Pure."""

from __future__ import annotations

import math

from treadle.releases.rollouts import machine, shadow, target
from treadle.releases.rollouts.evidence import in_words, units_left
from treadle.releases.rollouts.readings import GuardEvidence
from treadle.releases.rollouts.readout import readout_of
from treadle.releases.rollouts.store import KeptRollout
from treadle.releases.rollouts.types import LIVE_STATUSES, Rollout


def rollout_of(kept: KeptRollout) -> Rollout:
    """Return a rollout as people see it."""
    position = kept.position
    return Rollout(
        rollout_id=kept.rollout_id,
        endpoint_id=kept.endpoint_id,
        endpoint=kept.endpoint,
        stable_release_id=kept.stable_release_id,
        candidate_release_id=kept.candidate_release_id,
        plan=kept.plan,
        status=position.status,
        step=position.step,
        weight=machine.candidate_share(kept.plan, position, approved=True),
        units=position.units,
        step_units=position.step_units,
        words=kept.words,
        reason=kept.reason,
        evidence=_evidence(kept),
        created_by=kept.created_by,
        created_at=kept.created_at,
        started_at=kept.started_at,
        step_started_at=position.step_started_at,
        ended_at=kept.ended_at,
        stage=position.stage,
        limits=dict(kept.seen.limits),
        target=None
        if kept.plan.target is None or kept.plan.arms is not None
        else target.evidence_of(kept.plan.target, kept.seen.target, kept.plan.alpha),
        shadow=None if kept.plan.shadow is None else shadow.evidence_of(kept.seen.shadow),
        readout=readout_of(kept.plan, position, kept.seen, stable_release_id=kept.stable_release_id),
        needs_attention=attention_of(kept),
    )


def attention_of(kept: KeptRollout) -> str | None:
    """Return why a rollout does not go on without a person; None when it does, or has ended. As `store.NEEDS_ATTENTION`."""
    if kept.position.status == "held":
        return kept.reason
    problem = kept.seen.shadow.judge_problem
    if problem and kept.position.stage == "shadow" and kept.position.status in LIVE_STATUSES:
        return f"its judge cannot be asked: {problem}"
    return None


def _evidence(kept: KeptRollout) -> list[GuardEvidence]:
    plan, guards = kept.plan, kept.seen.guards
    rollback_at, promote_at = machine.rollback_threshold(plan), machine.promote_threshold(plan)
    weight = machine.candidate_share(plan, kept.position, approved=True)
    return [
        GuardEvidence(
            guard=guard.name,
            stable_units=state.stable_units,
            stable_bad=state.stable_bad,
            candidate_units=state.candidate_units,
            candidate_bad=state.candidate_bad,
            log10_e_bad=state.log_e_bad / math.log(10),
            log10_e_good=state.log_good / math.log(10),
            rollback_at=rollback_at,
            promote_at=promote_at,
            units_left=units_left(state, weight, needed_good=promote_at),
            words=in_words(state, needed_bad=rollback_at, needed_good=promote_at),
        )
        for guard in plan.guards
        if guard.name in guards
        for state in (guards[guard.name],)
    ]

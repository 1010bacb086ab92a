"""Whether a release may serve in an environment: its policy, the approvals it has, the gates it passed, the time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from treadle.releases.approvals.types import Approval, ApprovalPolicy, Standing
from treadle.releases.types import Release


def standing_of(policy: ApprovalPolicy, release: Release, environment: str, now: datetime) -> Standing:
    """Return how a release stands in an environment."""
    # The newest of each person: who approves with two keys, or has a program do so as well, is still one.
    newest = {approval.person_id: approval for approval in release.approvals if _fits(policy, release, approval)}
    fitting = sorted(newest.values(), key=lambda approval: approval.approved_at)
    valid = [approval for approval in fitting if (ends := _ends_at(policy, approval)) is None or ends > now]
    missing_gates = [name for name in policy.gates if not _has_passed(release, name)]
    is_approved = len(valid) >= policy.approvals and not missing_gates
    # Of more approvals than it takes, the newest decide how long it holds.
    deadlines = [end for approval in valid if (end := _ends_at(policy, approval)) is not None]
    deciding = sorted(deadlines, reverse=True)[: policy.approvals]
    expires_at = deciding[-1] if is_approved and deciding else None
    return Standing(
        release_id=release.release_id,
        environment=environment,
        is_approved=is_approved,
        expires_at=expires_at,
        has_expired=not is_approved and len(fitting) >= policy.approvals and not missing_gates,
        counted=valid,
        words=_in_words(policy, release, environment, fitting, valid, missing_gates, expires_at),
    )


def _fits(policy: ApprovalPolicy, release: Release, approval: Approval) -> bool:
    if policy.roles is not None and approval.role not in policy.roles:
        return False
    if approval.kind != "person" and not policy.programs_may_approve:
        return False
    return policy.author_may_approve or approval.person_id != (release.author_id or release.created_by)


def _ends_at(policy: ApprovalPolicy, approval: Approval) -> datetime | None:
    return None if policy.expires_days is None else approval.approved_at + timedelta(days=policy.expires_days)


def _has_passed(release: Release, name: str) -> bool:
    return any(gate.name == name and gate.result == "passed" for gate in release.gates)


def _in_words(
    policy: ApprovalPolicy,
    release: Release,
    environment: str,
    fitting: Sequence[Approval],
    valid: Sequence[Approval],
    missing_gates: Sequence[str],
    expires_at: datetime | None,
) -> str:
    title = f"release '{release.name}' v{release.version} ({release.release_id})"
    if len(valid) >= policy.approvals and not missing_gates:
        until = "" if expires_at is None else f" until {expires_at:%Y-%m-%d %H:%M} UTC"
        names = ", ".join(approval.actor_name for approval in valid)
        return f"{title} may serve in '{environment}'{until}, approved by {names}"
    wants = []
    if len(valid) < policy.approvals:
        lapsed = len(fitting) - len(valid)
        whose = f" of {' or '.join(policy.roles)}" if policy.roles else ""
        other = "" if policy.author_may_approve else ", not its author's"
        programs = sum(approval.kind != "person" for approval in release.approvals)
        if programs and not policy.programs_may_approve:
            other += f", by people ({programs} by a program's key)"
        wants.append(
            f"{policy.approvals - len(valid)} more of {policy.approvals} approvals{whose}{other}"
            + (f" ({lapsed} expired)" if lapsed else "")
        )
    wants += [f"gate '{name}' passed" for name in missing_gates]
    return f"{title} is not approved for '{environment}': it lacks {' and '.join(wants)}"

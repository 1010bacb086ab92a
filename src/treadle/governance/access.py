"""Roles and what they allow: one table, read by people and by code."""

from __future__ import annotations

from treadle.governance.types import Role
from treadle.http.actor import RoleName

READ = frozenset(
    f"{noun}.read"
    for noun in (
        "comments",
        "data",
        "evals",
        "feedback",
        "jobs",
        "limits",
        "lineage",
        "models",
        "monitors",
        "prompts",
        "providers",
        "releases",
        "traces",
        "training",
    )
)
SELF = frozenset({"access.self"})
PUBLISH = frozenset({"feedback.publish"})
"""All that a publishable key may do: send what its pages' readers say. It reads nothing."""
INVOKE = frozenset({"gateway.invoke", "feedback.write", "traces.write"}) | PUBLISH
REVIEW = frozenset({"feedback.review"})
"""Speaking as a person who reviews, whose word counts most where traffic becomes data: programs say what their users say."""
DISCUSS = frozenset({"comments.write"})
"""Saying something about an object where others read it."""
WRITE = frozenset(
    {
        "data.write",
        "evals.write",
        "models.write",
        "monitors.write",
        "prompts.write",
        "queues.write",
        "releases.write",
        "training.write",
        "jobs.write",
    }
)
RELEASE = frozenset({"releases.approve", "prompts.publish"})
GOVERN = frozenset(
    {
        "access.read",
        "access.write",
        "audit.read",
        "comments.govern",
        "limits.write",
        "prompts.govern",
        "providers.write",
        "releases.govern",
        "secrets.read",
        "secrets.write",
        "traces.govern",
    }
)
OWN = frozenset({"providers.private"})
"""What an admin cannot: let the gateway reach private addresses."""
INSTANCE = frozenset({"projects.write", "secrets.rotate"})
"""What reaches beyond one project: for the owner of the workspace alone, whatever roles and keys there are."""

PERMISSIONS: dict[RoleName, frozenset[str]] = {
    "viewer": SELF | READ,
    "reviewer": SELF | READ | INVOKE | REVIEW | DISCUSS | RELEASE,
    "editor": SELF | READ | INVOKE | REVIEW | DISCUSS | WRITE,
    "admin": SELF | READ | INVOKE | REVIEW | DISCUSS | WRITE | RELEASE | GOVERN,
    "owner": SELF | READ | INVOKE | REVIEW | DISCUSS | WRITE | RELEASE | GOVERN | OWN,
    "service": SELF | INVOKE,
}

MEANINGS: dict[RoleName, str] = {
    "owner": "answers for the project: may do what an admin may, in every part of it",
    "admin": "runs the project: everything, with keys, secrets and the audit log",
    "editor": "builds: data, prompts, models, releases, rollouts; cannot approve them",
    "reviewer": "judges: reads everything, gives feedback, approves releases; builds nothing",
    "viewer": "reads everything but access, secrets and audit",
    "service": "a program: calls endpoints, sends traces and what its users say",
}


def roles() -> list[Role]:
    """Return every role with its permissions."""
    return [Role(name=name, meaning=MEANINGS[name], permissions=sorted(PERMISSIONS[name])) for name in MEANINGS]


def permissions_of(role: RoleName, scopes: list[str] | None) -> frozenset[str]:
    """Return what a role allows, cut down to a key's scopes. A scope can only take away."""
    allowed = PERMISSIONS[role]
    return allowed if scopes is None else allowed & frozenset(scopes)

"""Approvals, the policies that ask for them, and how a release stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from treadle.core.revisions import Revised
from treadle.core.types import JsonObject, Record
from treadle.http.actor import ActorKind, RoleName

EnvironmentName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
GateName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
PRODUCTION = "production"
"""The environment of an endpoint that names none."""
EVALUATION = "evaluation"
"""The gate that names none."""


class Approval(Record):
    """Who let a release serve, and on what grounds."""

    actor_id: str
    """Who approved."""
    actor_name: str
    """That actor's name at the time."""
    approved_at: datetime
    """When."""
    override_reason: str | None
    """Why it was approved although its gate failed or is missing; None when the gate passed."""
    role: RoleName | None = None
    """That actor's role at the time; None for approvals from before roles were written down."""
    kind: ActorKind = "person"
    """Whether a person approved, or a program where a policy lets programs approve."""
    owner_id: str | None = None
    """For a program: the person who answers for it, as whose approval it counts."""
    key_id: str | None = None
    """The key that it came by; None without one, and for approvals from before that was kept."""
    key_made_by: str | None = None
    """Who made that key, where that is neither its person nor the owner of the workspace: it counts as theirs."""

    @property
    def person_id(self) -> str:
        """Whose approval it is: however many keys and programs, also those made for others, a person counts once."""
        return self.key_made_by or self.owner_id or self.actor_id


class NewApproval(Record):
    """A request to approve a release."""

    override_reason: str | None = Field(default=None, min_length=10, max_length=2000)
    """Needed when the gate failed or is missing: why it may serve all the same. Kept on the release and audited."""
    renew: bool = False
    """Approve anew although one's approval is there already, so that it counts from now."""


class ApprovalPolicy(Record):
    """What a release needs before it serves in an environment. The default is what holds where nobody set one."""

    approvals: int = Field(default=1, ge=1, le=20)
    """Approvals of so many different people."""
    roles: list[RoleName] | None = Field(default=None, min_length=1)
    """Only approvals of these roles count, as they were when given; None counts all."""
    author_may_approve: bool = True
    """Whether the approval of the person who bundled the release counts, by whichever key or program they did."""
    programs_may_approve: bool = False
    """Whether an approval by a program's key counts, as that of the person who answers for it."""
    gates: list[GateName] = Field(default_factory=list, max_length=20)
    """Gates that must have passed, whatever reason an approval gives. The usual one is called 'evaluation'."""
    expires_days: float | None = Field(default=None, gt=0, le=3650)
    """Days for which an approval counts; None never expires."""


class Environment(Revised):
    """A label of endpoints, such as 'production', with what it takes to serve there."""

    name: EnvironmentName
    """1 to 40 of a-z, 0-9 and '-'."""
    policy: ApprovalPolicy
    """What a release needs."""
    endpoints: list[str]
    """Names of the endpoints there."""
    changed_by: str | None
    """Who set the policy; None when nobody has, and the default holds."""
    changed_at: datetime | None
    """When; None when nobody has."""

    def edited(self) -> JsonObject:
        """Return the policy: all that can be edited."""
        return self.policy.model_dump(mode="json")


class Standing(Record):
    """Whether a release may serve in an environment now, and what it lacks."""

    release_id: str
    """The release."""
    environment: EnvironmentName
    """Where."""
    is_approved: bool
    """Whether it may begin to serve."""
    expires_at: datetime | None
    """When that ends; None when it does not, or is not so."""
    has_expired: bool
    """Whether it was approved once and only time has run out: what serves already goes on, and one may go back to it."""
    counted: list[Approval]
    """The approvals that count, oldest first."""
    words: str
    """The same in words, with what is missing."""

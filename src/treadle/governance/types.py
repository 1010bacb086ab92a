"""Projects, actors, roles, keys and what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from treadle.core.types import JsonValue, Record
from treadle.http.actor import ActorKind, RoleName

ProjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""1 to 40 of a-z, 0-9 and '-', unique in the instance."""
KeyKind = Literal["secret", "publishable"]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$")]
"""Where a page comes from, as browsers say it: 'https://shop.example', without a path."""


class Project(Record):
    """The tenant boundary: every row belongs to one."""

    project_id: str
    """'prj_…'."""
    name: str
    """What people call it, unique in the instance."""
    created_at: datetime
    """Aware UTC."""


class NewProject(Record):
    """What a new project should be."""

    name: ProjectName
    """Unique in the instance."""


class Role(Record):
    """A named set of permissions."""

    name: RoleName
    """The role."""
    meaning: str
    """Who it is for."""
    permissions: list[str]
    """What it allows, sorted."""


class Identity(Record):
    """An actor as it is listed: who may act in this project."""

    actor_id: str
    """'act_…'."""
    name: str
    """Unique in the project."""
    kind: ActorKind
    """A person or a program."""
    role: RoleName
    """The role in this project."""
    created_at: datetime
    """Aware UTC."""
    owner_id: str | None = None
    """For a program: the person who answers for it, who made its key. None for a person."""


class Me(Record):
    """Who the caller is."""

    actor: Identity
    """The actor behind the key or session."""
    project: Project
    """The project that the key or session belongs to."""
    permissions: list[str]
    """What this key or session may do, sorted."""


class ApiKey(Record):
    """A key as it is listed; the key itself was shown once, when it was made."""

    key_id: str
    """The part of the key that may be shown: 12 characters."""
    kind: KeyKind = "secret"
    """'publishable' for one that may stand in a web page."""
    name: str
    """What it is for."""
    actor_id: str
    """On whose behalf it acts."""
    scopes: list[str] | None
    """Permissions that the key is cut down to; None means all of the role's."""
    endpoints: list[str] | None
    """Endpoints that the key may call; None means all of the project's."""
    origins: list[str] | None = None
    """Where the pages come from that may use a publishable key; None for a secret one."""
    per_minute: int | None = None
    """What a publishable key may send in a minute; None for a secret one."""
    created_at: datetime
    """Aware UTC."""
    expires_at: datetime
    """Aware UTC; refused from then on."""
    revoked_at: datetime | None
    """Aware UTC; None while it is good."""
    made_by: str | None = None
    """The person who made it; None for keys from before that was kept."""


class NewApiKey(Record):
    """What a new key should be."""

    name: str = Field(min_length=1, max_length=80)
    """What it is for; unique among the project's living keys."""
    person: str | None = Field(default=None, min_length=1, max_length=80)
    """Whose key it is: the name of a person, who is made with the first key; all of their keys are one actor. None makes
    a program's key, for which its maker answers."""
    kind: KeyKind = "secret"
    """'publishable' for one that may stand in a web page: it sends feedback about one endpoint's answers, and nothing else."""
    role: RoleName = "service"
    """The role of that person, or of the program that is made for it."""
    scopes: list[str] | None = None
    """Cut the role down to these permissions; None keeps all."""
    endpoints: list[str] | None = None
    """Endpoints that it may call; None allows all. A publishable key has exactly one, whose answers it may speak about."""
    origins: list[Origin] | None = Field(default=None, min_length=1, max_length=20)
    """Where the pages come from that may use a publishable key."""
    per_minute: int | None = Field(default=None, ge=1, le=6_000)
    """What a publishable key may send in a minute, all its pages together; None is 60."""
    days: int = Field(default=90, ge=1, le=3650)
    """Days until it expires."""

    @model_validator(mode="after")
    def _role_fits(self) -> Self:
        if self.person is not None and self.role == "service":
            raise ValueError("a person needs a role such as 'reviewer' or 'editor'; 'service' is for programs")
        return self

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.kind == "secret":
            if self.origins is not None or self.per_minute is not None:
                raise ValueError(
                    "origins and per_minute are a publishable key's; leave them out, or set kind to 'publishable'"
                )
            return self
        if self.endpoints is None or len(self.endpoints) != 1 or not self.origins:
            raise ValueError(
                "a publishable key speaks about one endpoint from known pages; give one endpoint and its origins"
            )
        if self.role != "service" or self.scopes is not None:
            raise ValueError("a publishable key only sends feedback; leave out its role and scopes")
        return self


class CreatedApiKey(Record):
    """A fresh key, shown this once."""

    key: str
    """The secret itself: keep it safe, it cannot be shown again."""
    api_key: ApiKey
    """What was made."""


class SignIn(Record):
    """How to start a browser session: with an API key, or with the token of a one-time link."""

    key: str | None = Field(default=None, max_length=200)
    """An API key."""
    token: str | None = Field(default=None, max_length=200)
    """The token of a link that `treadle up` printed; good once, for 15 minutes."""


class SignInLink(Record):
    """A link that signs its opener in, once."""

    token: str
    """The secret part."""
    url: str | None
    """The link at the server's public URL; None where it has none."""
    expires_at: datetime
    """Aware UTC."""

    def at(self, server_url: str) -> str:
        """Return what to open: the public URL, else the address that the server was reached by."""
        return self.url or f"{server_url}/#/sign-in?token={self.token}"


class AuditEntry(Record):
    """One thing that somebody did; never changed, each holds the hash of the one before."""

    sequence: int
    """1, 2, 3 … within the project, without gaps."""
    at: datetime
    """Aware UTC."""
    actor_id: str
    """Who."""
    action: str
    """What, as 'slice.verb'."""
    object_id: str
    """To what."""
    detail: dict[str, JsonValue]
    """Facts needed to understand it; never a secret, never content."""
    previous_hash: str
    """The hash of the entry before; 64 zeros for the first."""
    hash: str
    """SHA-256 over this entry and previous_hash (hex)."""


class ListedAuditEntry(AuditEntry):
    """An entry as it is listed: with a name for people, which is no part of what was hashed."""

    actor_name: str
    """Who; the id where nobody has it any more."""


class AuditReport(Record):
    """What a check of the whole audit log found."""

    is_intact: bool
    """Whether every entry is what was written and none is missing in between."""
    entries: int
    """Entries read."""
    head: str
    """The hash of the newest entry: keep it elsewhere, and a later check can tell whether the end was cut off."""
    first_fault: str | None = None
    """The first thing that is wrong, in words."""


class Secret(Record):
    """A stored secret as it is listed: never its value."""

    name: str
    """What it is called, such as 'openai'."""
    master_key_id: str
    """Which master key its envelope is closed with."""
    updated_at: datetime
    """Aware UTC."""

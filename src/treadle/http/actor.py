"""Who acts: plain values that the SDK reads too, so nothing of the server is imported here."""

from __future__ import annotations

from typing import Literal

from treadle.core.types import Record

ActorKind = Literal["person", "service"]
RoleName = Literal["owner", "admin", "editor", "reviewer", "viewer", "service"]


class Published(Record):
    """What a publishable key is cut down to: it stands in pages that anybody reads."""

    endpoint: str
    """The one endpoint whose answers it may speak about."""
    origins: frozenset[str]
    """Where the pages that hold it come from."""
    per_minute: int
    """What it may send in a minute, all its pages together."""


class Actor(Record):
    """Who acts, with what they may do resolved when they were recognised."""

    actor_id: str
    """'act_…'."""
    name: str
    """The name people gave it."""
    kind: ActorKind
    """A person, or a program with a key of its own."""
    role: RoleName
    """The role in this project."""
    permissions: frozenset[str]
    """What the role allows, cut down to the key's scopes: 'data.read', 'releases.approve' …"""
    published: Published | None = None
    """What a publishable key is cut down to; None for everybody else."""
    key_id: str | None = None
    """The key that they came with, or signed in with; None without one."""
    endpoints: frozenset[str] | None = None
    """Names of the endpoints that the key may call; None means every endpoint of the project."""
    owner_id: str | None = None
    """For a program: the person who answers for it. None for a person, and for programs from before that was kept."""
    key_made_by: str | None = None
    """For a person: who made the key that they came with, where that is somebody else, who has seen it. The owner of the
    workspace, who can read and write all of it anyway, is not named: a key from them is its person's own."""

    @property
    def person_id(self) -> str:
        """The person behind what is done: one person with two keys, or with a program of their own, is one, and so is who
        makes keys for others."""
        return self.key_made_by or self.owner_id or self.actor_id

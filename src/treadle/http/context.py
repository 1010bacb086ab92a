"""Who asks, for which project, with what at hand: handed to every service call, never global."""

from __future__ import annotations

from dataclasses import dataclass

from treadle.core.clock import Clock
from treadle.core.errors import Denied
from treadle.http.actor import Actor
from treadle.storage.blobs import Blobs
from treadle.storage.database import ProjectDatabase


@dataclass(frozen=True)
class Context:
    """What a service verb needs to know about its caller and its surroundings."""

    actor: Actor
    project_id: str
    db: ProjectDatabase
    blobs: Blobs
    clock: Clock

    def require(self, permission: str) -> None:
        """Raise Denied unless the actor holds the permission."""
        if permission not in self.actor.permissions:
            raise Denied(
                f"'{self.actor.name}' ({self.actor.role}) may not do '{permission}' here; ask an owner for a role that may, "
                f"see: treadle access role list",
                permission=permission,
                role=self.actor.role,
            )

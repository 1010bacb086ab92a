"""SDK: who I am, projects, keys, roles, secrets, the audit log."""

from __future__ import annotations

from types import NoneType
from urllib.parse import quote

from treadle.client.calls import Call, Send
from treadle.core.types import Page
from treadle.governance.types import (
    ApiKey,
    AuditReport,
    CreatedApiKey,
    Identity,
    ListedAuditEntry,
    Me,
    NewApiKey,
    NewProject,
    Project,
    Role,
    Secret,
    SignInLink,
)


class Access:
    """`client.access`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def me(self) -> Me:
        """Say who the caller is."""
        return self._send(Call("GET", "/me", Me))

    def list_roles(self) -> list[Role]:
        """Return every role and what it allows."""
        return self._send(Call("GET", "/access/roles", list[Role]))

    def list_actors(self) -> list[Identity]:
        """Return who may act in the project."""
        return self._send(Call("GET", "/access/actors", list[Identity]))

    def list_keys(self) -> list[ApiKey]:
        """Return the project's keys, newest first."""
        return self._send(Call("GET", "/access/keys", list[ApiKey]))

    def create_key(self, new: NewApiKey) -> CreatedApiKey:
        """Make a key; it is shown this once. Raises Conflict for a name in use."""
        return self._send(Call("POST", "/access/keys", CreatedApiKey, body=new))

    def revoke_key(self, name_or_id: str) -> ApiKey:
        """Refuse a key from now on. Safe to repeat. Raises NotFound."""
        return self._send(Call("DELETE", f"/access/keys/{quote(name_or_id, safe='')}", ApiKey))

    def create_sign_in_link(self) -> SignInLink:
        """Make a link that signs its opener in as you, once."""
        return self._send(Call("POST", "/session/links", SignInLink))


class Projects:
    """`client.projects`: a key belongs to one project, so calls in another are made with a key of that one."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Project]:
        """Return projects by name: every one for the owner of the workspace, your own for everybody else."""
        return self._send(Call("GET", "/projects", Page[Project], query={"limit": limit, "cursor": cursor}))

    def get(self, name_or_id: str) -> Project:
        """Return a project. Raises NotFound."""
        return self._send(Call("GET", f"/projects/{quote(name_or_id, safe='')}", Project))

    def create(self, name: str) -> Project:
        """Make a project. Raises Conflict for a name in use, Denied for anybody but the owner of the workspace."""
        return self._send(Call("POST", "/projects", Project, body=NewProject(name=name)))

    def create_key(self, name_or_id: str, new: NewApiKey) -> CreatedApiKey:
        """Make a key for a project, such as its first; it is shown this once. Raises NotFound, Conflict, Denied."""
        return self._send(Call("POST", f"/projects/{quote(name_or_id, safe='')}/keys", CreatedApiKey, body=new))


class Secrets:
    """`client.secrets`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self) -> list[Secret]:
        """Return the names of stored secrets."""
        return self._send(Call("GET", "/secrets", list[Secret]))

    def set_(self, name: str, value: str) -> Secret:
        """Store a secret, replacing an older one."""
        return self._send(Call("PUT", f"/secrets/{quote(name, safe='')}", Secret, body={"value": value}))

    def delete(self, name: str) -> None:
        """Forget a secret. Raises NotFound."""
        self._send(Call("DELETE", f"/secrets/{quote(name, safe='')}", NoneType))

    def rotate(self) -> int:
        """Add a master key and rewrap every secret of every project; returns how many. Raises Denied."""
        return int(str(self._send(Call("POST", "/secrets/rotations", dict))["rewrapped"]))


class Audit:
    """`client.audit`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(
        self,
        *,
        actor_id: str | None = None,
        action: str | None = None,
        object_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ListedAuditEntry]:
        """Return what was done, newest first. `action`: one such as 'releases.approve', or 'releases' for all of its."""
        query = {
            "actor_id": actor_id,
            "action": action,
            "object_id": object_id,
            "limit": limit,
            "cursor": cursor,
        }
        return self._send(Call("GET", "/audit", Page[ListedAuditEntry], query=query))

    def verify(self, *, expected_head: str | None = None) -> AuditReport:
        """Check the whole log."""
        return self._send(Call("GET", "/audit/verification", AuditReport, query={"expected_head": expected_head}))

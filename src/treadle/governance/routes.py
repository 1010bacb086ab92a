"""HTTP: sessions, keys, actors, roles, secrets, audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import Field

from treadle.core.types import Page, Record
from treadle.governance import access, projects, secrets, service
from treadle.governance.gatekeeper import SESSION_DAYS, Gatekeeper
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
    SignIn,
    SignInLink,
)
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy, public

router = APIRouter(prefix="/api/v1", tags=["governance"])


SecretName = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$", description="1 to 80 letters, digits, '.', '_' or '-'")
]
Sought = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Which = Annotated[str, Path(max_length=60, description="name or id")]


class SecretValue(Record):
    """A secret on its way in."""

    value: str = Field(min_length=1, max_length=20_000)
    """The secret itself; stored closed, never shown again."""


class Rotation(Record):
    """What a rotation of the master key did."""

    rewrapped: int
    """Secrets that are now closed with the new key."""


def _gatekeeper(request: Request) -> Gatekeeper:
    gatekeeper: Gatekeeper = request.app.state.authenticator
    return gatekeeper


@router.post("/session", status_code=204, dependencies=[public("signing in is how one stops being nobody")])
async def sign_in(request: Request, response: Response, given: SignIn) -> None:
    """Start a browser session; the answer sets the cookie."""
    keeper = _gatekeeper(request)
    token = await keeper.sign_in(given)
    response.set_cookie(
        keeper.session_cookie,
        token,
        max_age=SESSION_DAYS * 86_400,
        httponly=True,
        samesite="strict",
        secure=keeper.is_https,
    )


@router.delete("/session", status_code=204, dependencies=[public("signing out twice does no harm")])
async def sign_out(request: Request, response: Response) -> None:
    """End the browser session."""
    keeper = _gatekeeper(request)
    token = request.cookies.get(keeper.session_cookie)
    if token:
        await keeper.sign_out(token)
    response.delete_cookie(keeper.session_cookie, secure=keeper.is_https)


@router.post("/session/links")
async def create_sign_in_link(ctx: Annotated[Context, policy("access.write")], request: Request) -> SignInLink:
    """Make a link that signs its opener in as you, once."""
    return await _gatekeeper(request).create_sign_in_link(ctx)


@router.get("/me")
async def get_me(ctx: Annotated[Context, policy("access.self")]) -> Me:
    """Who you are, and what you may do."""
    return await service.me(ctx)


@router.get("/projects")
async def list_projects(
    ctx: Annotated[Context, policy("access.self")],
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Project]:
    """Projects by name: every one for the owner of the workspace, their own for everybody else."""
    return await projects.list_projects(ctx, _gatekeeper(request).database, limit=limit, cursor=cursor)


@router.post("/projects", status_code=201)
async def create_project(
    ctx: Annotated[Context, policy("projects.write")], request: Request, new: Annotated[NewProject, Body()]
) -> Project:
    """Make a project; for the owner of the workspace."""
    return await projects.create_project(ctx, new, _gatekeeper(request).database)


@router.get("/projects/{project}")
async def get_project(ctx: Annotated[Context, policy("access.self")], request: Request, project: Which) -> Project:
    """One project."""
    return await projects.get_project(ctx, project, _gatekeeper(request).database)


@router.post("/projects/{project}/keys", status_code=201)
async def create_project_key(
    ctx: Annotated[Context, policy("projects.write")],
    request: Request,
    project: Which,
    new: Annotated[NewApiKey, Body()],
) -> CreatedApiKey:
    """Make an API key for a project, such as its first; for the owner of the workspace."""
    keeper = _gatekeeper(request)
    return await projects.create_key(
        ctx, project, new, keeper.database, keeper.master_keys, has_endpoint=keeper.has_endpoint
    )


@router.get("/access/roles")
async def list_roles(ctx: Annotated[Context, policy("access.self")]) -> list[Role]:
    """Every role and what it allows."""
    return access.roles()


@router.get("/access/actors")
async def list_actors(ctx: Annotated[Context, policy("access.read")]) -> list[Identity]:
    """Who may act in this project."""
    return await service.list_actors(ctx)


@router.get("/access/keys")
async def list_keys(ctx: Annotated[Context, policy("access.read")]) -> list[ApiKey]:
    """The project's API keys, newest first."""
    return await service.list_keys(ctx)


@router.post("/access/keys", status_code=201)
async def create_key(
    ctx: Annotated[Context, policy("access.write")], request: Request, new: Annotated[NewApiKey, Body()]
) -> CreatedApiKey:
    """Make an API key; it is shown this once."""
    keeper = _gatekeeper(request)
    return await service.create_key(ctx, new, keeper.master_keys, has_endpoint=keeper.has_endpoint)


@router.delete("/access/keys/{name}")
async def revoke_key(ctx: Annotated[Context, policy("access.write")], name: str) -> ApiKey:
    """Refuse a key from now on; by name or key id."""
    return await service.revoke_key(ctx, name)


@router.get("/secrets")
async def list_secrets(ctx: Annotated[Context, policy("secrets.read")]) -> list[Secret]:
    """The names of stored secrets."""
    return await secrets.list_secrets(ctx)


@router.put("/secrets/{name}")
async def set_secret(
    ctx: Annotated[Context, policy("secrets.write")],
    request: Request,
    name: SecretName,
    given: Annotated[SecretValue, Body()],
) -> Secret:
    """Store a secret."""
    return await secrets.set_secret(ctx, name, given.value, _gatekeeper(request).master_keys)


@router.delete("/secrets/{name}", status_code=204)
async def delete_secret(ctx: Annotated[Context, policy("secrets.write")], name: str) -> None:
    """Forget a secret."""
    await secrets.delete_secret(ctx, name)


@router.post("/secrets/rotations", status_code=201)
async def rotate_master_key(ctx: Annotated[Context, policy("secrets.rotate")], request: Request) -> Rotation:
    """Add a master key and rewrap every secret of every project; for the owner of the workspace."""
    keeper = _gatekeeper(request)
    return Rotation(rewrapped=await secrets.rotate_master_key(ctx, keeper.database, keeper.master_keys))


@router.get("/audit")
async def list_audit(
    ctx: Annotated[Context, policy("audit.read")],
    actor_id: Sought = None,
    action: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="such as 'releases.approve', or 'releases' for all of them",
        ),
    ] = None,
    object_id: Sought = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[ListedAuditEntry]:
    """What was done, newest first."""
    return await service.list_audit(
        ctx, actor_id=actor_id, action=action, object_id=object_id, limit=limit, cursor=cursor
    )


@router.get("/audit/verification")
async def verify_audit(
    ctx: Annotated[Context, policy("audit.read")], expected_head: Annotated[str | None, Query(max_length=64)] = None
) -> AuditReport:
    """Check the whole log; with the hash you kept, also that its end was not cut off."""
    return await service.verify_audit(ctx, expected_head=expected_head)

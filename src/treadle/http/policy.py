"""Every route names its policy; an application with a route that has none does not start.

`Annotated[Context, policy("data.read")]` recognises the caller, checks the permission and hands over the context. `public(why)`
opens a route on purpose and says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, cast

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from treadle.http.context import Context


class Authenticator(Protocol):
    """Recognises the caller of a request. The roof hands one in as `app.state.authenticator`."""

    async def context_of(self, request: Request) -> Context:
        """Return who asks and for what project; raises Unauthenticated."""
        ...


class Policy:
    """The permission that one route asks for."""

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Context:
        """Recognise the caller and check the permission."""
        authenticator = cast(Authenticator, request.app.state.authenticator)
        context = await authenticator.context_of(request)
        context.require(self.permission)
        return context


class Public:
    """The reason why a route asks for nothing."""

    def __init__(self, why: str) -> None:
        self.why = why

    async def __call__(self) -> None:
        """Let everybody in."""


def policy(permission: str) -> Any:
    """Ask for a permission: `ctx: Annotated[Context, policy("data.read")]`."""
    return Depends(Policy(permission))


def public(why: str) -> Any:
    """Open a route to everybody: `@router.get(..., dependencies=[public("…")])`."""
    return Depends(Public(why))


def policy_of(route: APIRoute) -> Policy | Public | None:
    """Return the policy that guards a route, or None when it has none."""
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        if isinstance(dependant.call, (Policy, Public)):
            return dependant.call
        waiting.extend(dependant.dependencies)
    return None


def require_policies(app: FastAPI) -> None:
    """Raise RuntimeError naming every route without a policy. Called once, before the application serves."""
    bare = [
        f"{sorted(route.methods or [])} {route.path}"
        for route in walk_routes(app.routes)
        if (policy_of(route) is None if isinstance(route, APIRoute) else route.path not in _FRAMEWORK_PATHS)
    ]
    if bare:
        raise RuntimeError(f"routes without a policy: {', '.join(bare)}; give each one policy(...) or public(...)")


_FRAMEWORK_PATHS = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}


def walk_routes(routes: list[BaseRoute]) -> Iterator[Route]:
    """Yield every leaf route, through mounts and included routers."""
    for route in routes:
        if isinstance(route, Route):
            yield route
        elif isinstance(route, Mount):
            yield from walk_routes(list(route.routes))
        elif hasattr(route, "original_router"):
            yield from walk_routes(list(route.original_router.routes))

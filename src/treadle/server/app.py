"""The application: every slice's routes, the web pages, health; one ASGI callable."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.routing import APIRoute

from treadle import __version__
from treadle.core.errors import TreadleError
from treadle.core.types import Record
from treadle.gateway.addresses import private_hosts
from treadle.http.cors import CrossOrigin
from treadle.http.policy import public, require_policies, walk_routes
from treadle.http.problems import install_problem_handlers
from treadle.server.finders import FINDERS
from treadle.server.metrics import Requests, mount_metrics
from treadle.server.otlp_grpc import GrpcDoor
from treadle.server.platform import Platform
from treadle.server.shell import Shell
from treadle.server.slices import ROUTERS

log = logging.getLogger("treadle.server")


class Health(Record):
    """Whether the server answers."""

    status: Literal["ok"]
    """It does."""
    version: str
    """The release of Treadle."""


def build_api() -> FastAPI:
    """Return the HTTP contract without anything behind it: for its description and its tests."""
    app = FastAPI(
        title="Treadle",
        version=__version__,
        description="The whole life of a language-model application. Errors are RFC 9457 problems with a stable `code`.",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    install_problem_handlers(app)
    app.add_middleware(CrossOrigin)

    @app.get("/healthz", dependencies=[public("probes carry no key")], tags=["server"])
    async def get_health() -> Health:
        """Whether the server answers."""
        return Health(status="ok", version=__version__)

    for router in ROUTERS:
        # Including a router would prepare each of its routes once more, which the first request would wait for: half a second.
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.unique_id = _operation_id(route)
            app.router.routes.append(route)
    require_policies(app)
    return app


def build_app(platform: Platform) -> Any:
    """Return the whole application over an opened platform, as one ASGI callable."""
    api = build_api()
    api.state.authenticator = platform.gatekeeper
    api.state.platform = platform
    api.state.finders = FINDERS
    api.state.hub = lambda: platform.hub
    api.state.gateway = lambda: None if platform.data_plane is None else platform.data_plane.application
    api.state.jinja = platform.jinja
    api.state.private_hosts = private_hosts(platform.settings.host, platform.settings.private_hosts)

    requests = Requests()
    mount_metrics(api, platform, requests)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            try:
                await platform.start()
                running.push_async_callback(platform.stop)
                await running.enter_async_context(_grpc(platform))
            except TreadleError as error:
                platform.start_fault = error  # the server that runs us keeps it to its log
                raise
            yield

    api.router.lifespan_context = lifespan
    return Shell(api, platform, requests)


@asynccontextmanager
async def _grpc(platform: Platform) -> AsyncIterator[None]:
    """Take spans over gRPC too, where a port for it is set."""
    port = platform.settings.otlp_grpc_port
    if port is None or platform.data_plane is None:
        yield
        return
    door = GrpcDoor(platform.data_plane.traces, platform.settings.host, port)
    await door.start()
    log.info("OTLP over gRPC on port %d", door.port)
    try:
        yield
    finally:
        await door.stop()


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the contract."""
    return build_api().openapi()


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0] if route.tags else 'server'}-{route.name}"


__all__ = ["build_api", "build_app", "openapi", "walk_routes"]

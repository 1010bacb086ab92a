"""No route without a policy."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI

from treadle.http.policy import policy, public, require_policies
from treadle.server.app import build_api
from treadle.server.slices import ROUTERS


def test_bare_route_stops_the_application() -> None:
    """
    An application with a route that names no policy does not start, and says which route it is.
    """
    app = FastAPI(docs_url=None, redoc_url=None)
    router = APIRouter(prefix="/api/v1")

    @router.get("/guarded", dependencies=[policy("data.read")])
    async def guarded() -> None: ...

    @router.get("/open", dependencies=[public("anybody may")])
    async def opened() -> None: ...

    @router.delete("/forgotten")
    async def forgotten() -> None: ...

    app.include_router(router)

    with pytest.raises(RuntimeError, match=r"\['DELETE'\] /api/v1/forgotten") as caught:
        require_policies(app)

    assert "guarded" not in str(caught.value)
    assert "/open" not in str(caught.value)


def test_routes_are_prepared_once() -> None:
    """
    Every application serves the same routes, prepared when their slice was imported: no first request waits until they are again.
    """
    first, second = (
        [id(one) for one in build_api().routes if getattr(one, "path", "").startswith("/api/")] for _ in "12"
    )

    assert len(first) > 200
    assert first == second
    assert first == [id(one) for router in ROUTERS for one in router.routes if one.path.startswith("/api/")]  # type: ignore[attr-defined]

"""A server per module, a project per test, and endpoints that answer by script."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
import pytest

from tests.traces.home import Home, home, module_server
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.traces.pricing import Price

__all__ = ["ECHO", "endpoint", "home", "module_server"]

ECHO = Rule(match=r"(?s)(.*)", reply=r"\1")
"""Says what the last user message was."""

Serve = Callable[..., None]


@pytest.fixture
def endpoint(home: Home) -> Serve:
    """
    Publishes an endpoint that answers by rules, and waits until it is served.
    """

    def serve(name: str, *rules: Rule, price: Price | None = None) -> None:
        arm = Arm(
            release_id=f"rel_{name}", model_version_id="mdv_x", role="stable", weight=1.0, provider="scripted", script=rules,
            price=price,
        )  # fmt: skip
        made = Endpoint(project_id=home.ctx.project_id, name=name, salt="salt", arms=(arm,))
        anyio.run(home.ctx.db.write, lambda db: gateway.publish_endpoint(db, made))
        deadline = time.monotonic() + 60
        while True:
            table = home.platform.data_plane.live.table  # type: ignore[union-attr]
            if table is not None and (home.ctx.project_id, name) in table.snapshot.endpoints:
                return
            assert time.monotonic() < deadline, f"the gateway does not serve '{name}'"
            time.sleep(0.02)

    return serve

"""A real endpoint on the module's server that answers by script, and applications that ask it through HTTP."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import httpx2

from tests.monitoring.test_monitors import _wait
from tests.traces.home import Home
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.traces.pricing import Price


def publish(home: Home, name: str, *rules: Rule, release_id: str = "rel_a", usd_per_token: str | None = None) -> None:
    """Serve an endpoint, or serve it otherwise."""
    price = None
    if usd_per_token is not None:
        rate = Decimal(usd_per_token)
        price = Price(input_usd_per_token=rate, output_usd_per_token=rate, source="test")
    arm = Arm(
        release_id=release_id, model_version_id="mdv_a", role="stable", weight=1.0, provider="scripted", script=rules, price=price
    )  # fmt: skip
    endpoint = Endpoint(project_id=home.ctx.project_id, name=name, salt="salt", arms=(arm,))
    asyncio.run(home.ctx.db.write(lambda db: gateway.publish_endpoint(db, endpoint)))


def ask(home: Home, name: str, text: str, *, user: str | None = None) -> httpx2.Response:
    """Ask an endpoint, as soon as the gateway knows it and who asks."""
    body: dict[str, Any] = {"model": name, "messages": [{"role": "user", "content": text}]}
    body |= {} if user is None else {"user": user}

    def sent() -> httpx2.Response | None:
        answer = httpx2.post(
            f"{home.client.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {home.key}"}
        )
        # Both are new: on a busy machine the gateway may not have heard of the key (401), nor of the endpoint (404).
        return None if answer.status_code in (401, 404) else answer

    return _wait(sent)

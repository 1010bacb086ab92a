"""How targets stand over all workers: what is told of a failing one, by whom, and how a person closes its breaker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.cli.test_main import run
from tests.conftest import RunningServer
from tests.gateway.harness import Plane, endpoint, scripted, serving, wait_for
from treadle.core.errors import NotFound
from treadle.gateway import service as gateway
from treadle.gateway.standing import service
from treadle.gateway.standing.types import HealthFilter, TargetHealth
from treadle.gateway.types import Endpoint, Rule

TARGET = "scripted/mdv_a"
BROKEN = Rule(match="break", reply="no", status=500)
WELL = Rule(reply="yes")


def ask(client: openai.OpenAI, text: str) -> None:
    """Ask the endpoint once; an error is an answer."""
    try:
        client.chat.completions.create(model="support", messages=[{"role": "user", "content": text}])
    except openai.APIStatusError:
        return


def health(plane: Plane) -> TargetHealth:
    """Return how the target stands."""
    page = asyncio.run(service.list_health(plane.ctx, HealthFilter(), limit=50, cursor=None))
    (found,) = [each for each in page.items if each.target == TARGET]
    return found


def until(plane: Plane, holds: Callable[[TargetHealth], bool]) -> TargetHealth:
    """Wait until the target stands so; return how it stands."""
    wait_for(lambda: holds(health(plane)))
    return health(plane)


def break_it(plane: Plane, key: str) -> TargetHealth:
    """Ask until the breaker is open."""
    client = plane.openai(key)
    for _ in range(6):
        ask(client, "break")
    return until(plane, lambda found: found.state in ("open", "probing"))


def test_an_endpoint_that_nobody_called(plane: Plane) -> None:
    """
    A target that an endpoint names is listed before the first request, as unused.
    """
    plane.publish(endpoint(plane, scripted(WELL)))

    found = health(plane)

    assert ("unused", ["support"], []) == (found.state, found.endpoints, found.workers)


def test_a_target_that_fails(plane: Plane, key: str) -> None:
    """
    Of a target that failed too often one reads that its breaker is open, why, when it failed last and when it is tried again.
    """
    plane.publish(endpoint(plane, scripted(BROKEN, WELL)))

    found = break_it(plane, key)

    assert ("server_error", ["support"]) == (found.last_failure, found.endpoints)
    assert found.last_failed_at is not None
    assert found.probe_at is not None
    assert found.probe_at > found.last_failed_at
    assert 5 <= found.failures_lately == found.attempts_lately
    assert ["server_error"] == [worker.why for worker in found.workers]


def test_a_breaker_that_a_person_closes(plane: Plane, key: str) -> None:
    """
    Closing a breaker is heard by the worker within seconds, and the next request goes there.
    """
    plane.publish(endpoint(plane, scripted(BROKEN, WELL)))
    break_it(plane, key)

    asked = asyncio.run(service.reset_breaker(plane.ctx, TARGET))
    closed = until(plane, lambda found: found.state == "closed")

    assert [True] == [worker.is_reset_asked for worker in asked.workers]
    assert [False] == [worker.is_reset_asked for worker in closed.workers]
    assert (None, None) == (closed.probe_at, closed.workers[0].why)


def test_two_workers(plane: Plane, key: str, tmp_path: Path) -> None:
    """
    Each worker has its own breaker: the target stands as the worst of them, and one that ends is no longer heard of.
    """
    plane.publish(endpoint(plane, scripted(BROKEN, WELL)))
    other = plane.new_data_plane(tmp_path / "spool")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await other.application(scope, receive, send)
            return
        await receive()
        await other.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await other.close()
        await send({"type": "lifespan.shutdown.complete"})

    with serving(application, "on") as url:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20) as client:
            ask(client, "hello")
        break_it(plane, key)
        both = until(plane, lambda found: len(found.workers) == 2)
    one = until(plane, lambda found: len(found.workers) == 1)

    assert "closed" == both.workers[1].state
    assert both.state == both.workers[0].state != "closed"
    assert both.workers[0].worker_id == one.workers[0].worker_id


def test_targets_by_command(server: RunningServer) -> None:
    """
    The command lists targets by how they stand, tells what closing a closed breaker comes to, and refuses a name that nobody knows.
    """
    context = server.platform.local_context()
    made = Endpoint(project_id=context.project_id, name="support", salt="salt", arms=(scripted(WELL),))
    asyncio.run(context.db.write(lambda db: gateway.publish_endpoint(db, made)))
    shell = {"TREADLE_URL": server.url, "TREADLE_API_KEY": server.key}

    listed = run("gateway", "health", "--state", "unused", "--json", **shell)
    none = run("gateway", "health", "--state", "open", "--json", **shell)
    nothing = run("gateway", "reset", TARGET, **shell)

    assert [TARGET] == [each["target"] for each in json.loads(listed.stdout)["items"]]
    assert [] == json.loads(none.stdout)["items"]
    assert "nothing to close" in nothing.stdout
    with pytest.raises(NotFound, match="treadle gateway health"):
        server.client.gateway.reset("openai/gpt-9")

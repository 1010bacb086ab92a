"""A real gateway on loopback over a real database, and real upstreams that answer by script."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import openai
import uvicorn

from treadle.core.clock import SettableClock
from treadle.engines.types import Engine
from treadle.gateway import service
from treadle.gateway.limits.teller import Pace
from treadle.gateway.plane import DataPlane
from treadle.gateway.providers.scripted import scripted_server
from treadle.gateway.types import Arm, Endpoint, PromptMessage, Rule
from treadle.governance.envelope import MasterKeys
from treadle.governance.gatekeeper import Gatekeeper
from treadle.governance.projects import create_project
from treadle.governance.service import create_key, ensure_local_owner, revoke_key
from treadle.governance.types import CreatedApiKey, NewApiKey, NewProject
from treadle.http.context import Context
from treadle.server.slices import MIGRATIONS
from treadle.storage.blobs import Blobs
from treadle.storage.database import Database
from treadle.storage.migrations import migrate
from treadle.traces import service as traces
from treadle.traces.types import SpanNode, TraceFilter

PATIENT = Pace(take_seconds=60.0)
"""On a busy machine a second may pass unnoticed; a limiter that took it for a database that is away would count by itself."""


class Plane:
    """A data plane that serves, with what a test does to it."""

    def __init__(self, database_url: str, folder: Path, blobs: Blobs) -> None:
        migrate(database_url, MIGRATIONS)
        self.clock = SettableClock(datetime.now(UTC))
        self.database = Database(database_url)
        self.database.open()
        self.master_keys = MasterKeys(folder / "master.json")
        self._gatekeeper = Gatekeeper(self.database, blobs, self.clock, self.master_keys)
        self.ctx: Context = self._gatekeeper.local_context()
        asyncio.run(ensure_local_owner(self.database, self.clock))
        self.engines: dict[str, str] = {}
        """URL of the engine of each model version."""
        self.data_plane = self.new_data_plane(folder / "spool")
        self.url = ""
        self._clients: list[openai.OpenAI] = []

    def close_clients(self) -> None:
        """Close the connections of every client that was handed out."""
        while self._clients:
            self._clients.pop().close()

    def new_project(self) -> None:
        """Go on in a fresh project, with no engine."""
        local = self._gatekeeper.local_context()
        new = NewProject(name=f"test-{uuid.uuid4().hex[:12]}")
        project = asyncio.run(create_project(local, new, self.database))
        self.ctx = self._gatekeeper.context_for(project.project_id, local.actor)
        self.engines.clear()

    def new_data_plane(self, spool_folder: Path) -> DataPlane:
        """Build a data plane over the same database."""
        return DataPlane(
            self.database,
            master_keys=self.master_keys,
            spool_folder=spool_folder,
            find_engine=self._find_engine,
            clock=self.clock,
            pace=PATIENT,
        )

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the data plane with the lifespan of a server."""
        if scope["type"] != "lifespan":
            await self.data_plane.application(scope, receive, send)
            return
        await receive()
        await self.data_plane.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.data_plane.close()
        await send({"type": "lifespan.shutdown.complete"})

    def publish(self, endpoint: Endpoint) -> None:
        """Serve an endpoint and wait until the gateway does."""
        asyncio.run(self.ctx.db.write(lambda db: service.publish_endpoint(db, endpoint)))
        name = (self.ctx.project_id, endpoint.name)
        wait_for(lambda: self._served(name) == endpoint)

    def create_key(self, name: str = "app", **more: Any) -> CreatedApiKey:
        """Make a key and wait until the gateway knows it."""
        created = asyncio.run(create_key(self.ctx, NewApiKey(name=name, **more), self.master_keys))
        wait_for(lambda: created.api_key.key_id in self._keys())
        return created

    def revoke(self, name: str) -> None:
        """Revoke a key, without waiting."""
        asyncio.run(revoke_key(self.ctx, name))

    def openai(self, key: str) -> openai.OpenAI:
        """Return the official client, told to try nothing twice."""
        self._clients.append(openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60))
        return self._clients[-1]

    def spans(self, count: int = 1) -> list[SpanNode]:
        """Return the root spans, newest first, once there are so many."""
        found: list[SpanNode] = []

        def enough() -> bool:
            page = asyncio.run(traces.list_traces(self.ctx, TraceFilter(), limit=100))
            if len(page.items) < count:
                return False
            found[:] = [asyncio.run(traces.get_trace(self.ctx, trace.trace_id)).roots[0] for trace in page.items]
            return True

        wait_for(enough)
        return found

    def _find_engine(self, model_version_id: str) -> Engine | None:
        url = self.engines.get(model_version_id)
        if url is None:
            return None
        return Engine(model_version_id=model_version_id, url=url, pid=0, context_length=512)

    def _served(self, name: tuple[str, str]) -> Endpoint | None:
        table = self.data_plane.live.table
        return None if table is None else table.snapshot.endpoints.get(name)

    def _keys(self) -> Any:
        table = self.data_plane.live.table
        return {} if table is None else table.snapshot.keys


def arm(release_id: str = "rel_a", **more: Any) -> Arm:
    """Return a stable arm with all the traffic, its prompt a system and a user message."""
    facts: dict[str, Any] = {
        "role": "stable",
        "weight": 1.0,
        "model_version_id": "mdv_a",
        "prompt": (
            PromptMessage(role="system", template="Be brief."),
            PromptMessage(role="user", template="Q: {{input}}"),
        ),
    }
    return Arm(release_id=release_id, **{**facts, **more})


def endpoint(plane: Plane, *arms: Arm, name: str = "support", rollout_id: str | None = None) -> Endpoint:
    """Return an endpoint of the plane's project."""
    return Endpoint(project_id=plane.ctx.project_id, name=name, salt="salt", arms=arms, rollout_id=rollout_id)


def scripted(*rules: Rule, **more: Any) -> Arm:
    """Return an arm that answers by rules."""
    return arm(provider="scripted", script=rules, **more)


@contextmanager
def serving(application: Any, lifespan: Literal["on", "off"] = "off") -> Iterator[str]:
    """Serve an ASGI application on loopback in a thread; yields its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        application,
        interface="asgi3",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="served under test")
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        listener.close()


@contextmanager
def upstream(rules: Sequence[Rule], seen: list[bytes] | None = None) -> Iterator[str]:
    """Serve a scripted model as an engine would; `seen` gets the bodies that it was sent, and b'closed' per hang-up."""
    answering = scripted_server(rules)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        parts = [message := await receive()]
        while message.get("more_body"):
            parts.append(message := await receive())
        body = b"".join(part.get("body", b"") for part in parts)
        if seen is not None:
            seen.append(body)
        pending = iter([{"type": "http.request", "body": body, "more_body": False}])
        work = asyncio.ensure_future(answering(scope, _later(pending), send))
        gone = asyncio.ensure_future(receive())
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and seen is not None:
            seen.append(b"closed")
        for task in (work, gone):
            task.cancel()

    with serving(application) as url:
        yield url


def _later(messages: Iterator[dict[str, Any]]) -> Callable[[], Any]:
    async def receive() -> dict[str, Any]:
        return next(messages)

    return receive


def wait_for(done: Callable[[], Any], seconds: float = 60.0) -> float:
    """Wait until something holds; returns the seconds it took. What takes long is asked seldom: asking costs CPU, too."""
    began = time.monotonic()
    while not done():
        took = time.monotonic() - began
        assert took < seconds, f"not so within {seconds} s"
        time.sleep(min(max(0.01, took / 10), 0.2))
    return time.monotonic() - began


LATER = timedelta(days=3651)

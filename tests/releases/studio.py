"""The application without its background loops: real HTTP, real PostgreSQL, and a controller that ticks when told to.

What a rollout does between two looks is then the test's own doing: which outcomes came in, and when somebody looked.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn

from treadle.client.client import Client
from treadle.client.experiments import Experiments
from treadle.client.releases import Endpoints, Releases, Rollouts
from treadle.core.clock import SettableClock
from treadle.core.errors import Unavailable
from treadle.core.settings import Settings
from treadle.core.types import JsonObject
from treadle.data import keeping
from treadle.data.files import VersionWriter
from treadle.engines.running import EngineFailed
from treadle.engines.types import Engine
from treadle.evals import service as evals
from treadle.evals import store as evals_store
from treadle.evals.metrics import metrics_of
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import NewExperiment, Result, Target
from treadle.feedback import service as feedback
from treadle.feedback.types import NewFeedback
from treadle.gateway import service as gateway
from treadle.gateway.assign import choose_arm
from treadle.gateway.types import Endpoint as Published
from treadle.governance.access import permissions_of
from treadle.governance.service import ensure_local_key, ensure_local_owner
from treadle.http.actor import Actor, RoleName
from treadle.http.context import Context
from treadle.models import service as models
from treadle.models.types import Description, File
from treadle.prompts import service as prompts
from treadle.prompts.types import Message, NewVersion
from treadle.releases.controller import Controller
from treadle.releases.types import NewRelease, Release
from treadle.server.app import build_api
from treadle.server.platform import Platform
from treadle.storage.database import Connection
from treadle.traces import service as traces
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id

T = TypeVar("T")
Rows = list[tuple[str, str, str]]
"""Input, expected output, part."""


@dataclass
class ReadyEngines:
    """Engines that answer from the first asking on, but for those told not to."""

    started: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)

    async def ensure(self, model_version_id: str, place: Path, *_: object) -> Engine:
        """Start an engine at once."""
        if model_version_id in self.broken:
            raise EngineFailed(model_version_id, "its file is no model")
        if model_version_id in self.waiting:
            raise Unavailable("the database is away; it is tried again by itself")
        self.started.add(model_version_id)
        return self._engine(model_version_id)

    def find(self, model_version_id: str) -> Engine | None:
        """Return an engine that was started."""
        return self._engine(model_version_id) if model_version_id in self.started else None

    def _engine(self, model_version_id: str) -> Engine:
        return Engine(model_version_id=model_version_id, url="http://127.0.0.1:9", pid=1, context_length=256)


class AppTransport(httpx2.BaseTransport):
    """Calls an ASGI application, one event loop per request."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        async def call() -> httpx2.Response:
            answer = await httpx2.ASGITransport(app=self._app).handle_async_request(
                httpx2.Request(request.method, request.url, headers=request.headers, content=request.read())
            )
            body = await answer.aread()
            return httpx2.Response(answer.status_code, headers=answer.headers, content=body)

        return asyncio.run(call())


class Studio:
    """Everything a test of releases and experiments needs at hand."""

    def __init__(self, platform: Platform, api: Any, client: Client, key: str, clock: SettableClock) -> None:
        self.platform, self.api, self.client, self.key, self.clock = platform, api, client, key, clock
        self.experiments = Experiments(client.send)
        self.releases = Releases(client.send)
        self.endpoints = Endpoints(client.send)
        self.rollouts = Rollouts(client.send)
        self.engines = ReadyEngines()
        self.ctx = platform.local_context()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine."""
        return asyncio.run(work)

    def as_role(self, role: RoleName) -> Context:
        """Return the context of somebody with another role."""
        actor = Actor(
            actor_id="act_other", name="other", kind="person", role=role, permissions=permissions_of(role, None)
        )
        return self.platform.gatekeeper.context_for(self.ctx.project_id, actor)

    def tick(self, times: int = 2) -> None:
        """Let the controller look, with the engines that are wanted by then started, or not to be started."""

        async def look() -> None:
            controller = Controller(self.engines)
            for _ in range(times):
                await controller.warm_up(self.ctx, timeout_seconds=30)
                await controller.tick(self.ctx)
            await controller.close()

        asyncio.run(look())

    def model_version(self, name: str) -> str:
        """Register a model version with a file that an engine would serve."""
        blob = self.platform.blobs.put_bytes(f"weights of {name}".encode())
        file = File(path="model.gguf", digest=blob.digest, size_bytes=blob.size_bytes)
        description = Description(kind="weights", files=[file])
        return self.run(models.register_version(self.ctx, name, description)).model_version_id

    def prompt_version(self, text: str = "Classify: {{input}}") -> str:
        """Make a prompt version."""
        new = NewVersion(messages=[Message(role="user", template=text)])
        return self.run(prompts.create_version(self.ctx, "support", new)).prompt_version_id

    def dataset_version(self, rows: Rows) -> str:
        """Keep a dataset version."""
        return self.run(keep_rows(self.ctx, self.platform.settings.workspace, rows))

    def release(self, model: str, *, approved: bool = True) -> Release:
        """Bundle a release of a model, and approve it by override."""
        new = NewRelease(
            name="support", model_version_id=self.model_version(model), prompt_version_id=self.prompt_version()
        )
        made = self.releases.create(new)
        return self.releases.approve(made.release_id, override_reason="a rehearsal") if approved else made

    def endpoint(self, name: str, stable: Release) -> None:
        """Make an endpoint that serves a release."""
        self.endpoints.create(name, release_id=stable.release_id)
        self.tick()
        assert stable.release_id == self.endpoints.get(name).stable_release_id

    def published(self, name: str) -> Published | None:
        """Return what the gateway serves under a name."""
        return self.run(self.ctx.db.read(lambda db: gateway.find_published(db, name)))

    def send(self, name: str, units: range, bad: dict[str, float], *, judged: bool = True) -> None:
        """Send a request per unit through what is published, and tell which answers were wrong.

        bad: share of bad answers per release, spread evenly; judged: by feedback, else as failed requests.
        """
        endpoint = self.published(name)
        assert endpoint is not None
        spans, said, counts = [], [], dict.fromkeys(bad, 0)
        for unit in units:
            chosen = choose_arm(endpoint, f"unit {unit}")
            release_id = chosen.arm.release_id
            counts[release_id] += 1
            is_bad = int(counts[release_id] * bad[release_id]) > int((counts[release_id] - 1) * bad[release_id])
            trace_id = new_trace_id()
            spans.append(
                NewSpan(
                    project_id=self.ctx.project_id, trace_id=trace_id, span_id=new_span_id(), name=f"chat {name}", kind="llm",
                    status="error" if is_bad and not judged else "ok", error_code="upstream" if is_bad and not judged else None,
                    started_at=self.clock.now(), endpoint=name, release_id=release_id, rollout_id=endpoint.rollout_id,
                    arm=chosen.arm.role, arm_weight=chosen.probability, unit=f"unit {unit}",
                )
            )  # fmt: skip
            if judged:
                said.append(NewFeedback(trace_id=trace_id, name="correct", value=0 if is_bad else 1))
        self.run(traces.record(self.ctx.db, spans))
        if said:
            self.run(feedback.add_feedback(self.ctx, said))

    def experiment(self, release: Release | None, right: list[bool], *, dataset: str = "dsv_test") -> str:
        """Keep a finished experiment with these rows right and wrong; of a release's parts, or of others."""
        manifest = release.manifest if release else None
        new = NewExperiment(
            name="rehearsal",
            target=Target(
                model_version_id=manifest.model_version_id if manifest else "mdv_base",
                prompt_version_id=manifest.prompt_version_id if manifest else None,
            ),
            dataset_version_id=dataset,
            scorers=[ScorerChoice(name="exact_match")],
        )
        experiment_id = evals.experiment_id_of(new_trace_id())
        results = [_result(row, hit) for row, hit in enumerate(right, start=1)]

        def write(db: Connection) -> None:
            evals.keep_experiment(db, self.ctx, experiment_id, "run_none", new)
            evals_store.set_rows_total(db, experiment_id, len(results))
            evals_store.insert_results(db, experiment_id, results)
            evals_store.finish(db, experiment_id, metrics_of(new.scorers, results, None), self.clock.now())

        self.run(self.ctx.db.write(write))
        return experiment_id


async def keep_rows(ctx: Context, folder: Path, rows: Rows) -> str:
    """Keep rows as a version of the dataset 'support'."""
    writer = VersionWriter(folder)
    for text, expected, part in rows:
        writer.add(text, expected, part=part)
    written = writer.finish()
    made: JsonObject = {
        "digest": written.digest,
        "num_rows": written.num_rows,
        "parts": dict(Counter(part for _, _, part in rows)),
        "num_labels": len({expected for _, expected, _ in rows}),
        "recipe": {"operation": "import"},
        "examples": str(written.path),
    }
    version, _ = await keeping.keep_version(ctx, "support", made, run_id="run_test")
    return version.version_id


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve an ASGI application on loopback; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=60)


@contextmanager
def open_studio(settings: Settings) -> Iterator[Studio]:
    """Open a workspace and mount the contract over it, without starting anything that works by itself."""
    clock = SettableClock(datetime.now(UTC))
    platform = Platform(settings, clock=clock)
    platform.open()
    try:
        asyncio.run(ensure_local_owner(platform.database, clock))
        key = asyncio.run(
            ensure_local_key(
                platform.database, clock, platform.gatekeeper.master_keys, settings.keys_folder / "local.key"
            )
        )
        api = build_api()
        api.state.authenticator = platform.gatekeeper
        with Client("http://treadle.test", api_key=key, transport=AppTransport(api)) as client:
            yield Studio(platform, api, client, key, clock)
    finally:
        platform.close()


def later(studio: Studio, **by: float) -> None:
    """Let time pass."""
    studio.clock.advance(timedelta(**by))


def _result(row: int, hit: bool) -> Result:
    score = Score(name="exact_match", value=1.0 if hit else 0.0, label="match" if hit else "differs")
    output = "refund" if hit else "lost"
    return Result(
        row=row, input=f"message {row}", expected="refund", output=output, error=None, scores=[score], latency_ms=2.0
    )

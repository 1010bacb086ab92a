"""A project with scripted endpoints on a real server, and what its tests do with them."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from tests.releases.studio import Rows, keep_rows
from tests.traces.home import Home
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import Experiment, NewExperiment
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.jobs.types import Run
from treadle.traces.pricing import stated_price

PRICE = stated_price(Decimal(1), Decimal(2))


def serve_scripted(home: Home, name: str, rules: list[Rule], *, release_id: str | None = None) -> None:
    """Serve an endpoint that answers by rules, at 1 and 2 USD per million tokens; returns when the gateway knows it."""
    release_id = release_id or f"rel_{name}"
    arm = Arm(
        release_id=release_id, model_version_id="mdv_scripted", role="stable", weight=1.0, provider="scripted",
        script=tuple(rules), price=PRICE,
    )  # fmt: skip
    endpoint = Endpoint(project_id=home.ctx.project_id, name=name, salt="tests", arms=(arm,))
    asyncio.run(home.ctx.db.write(lambda db: gateway.publish_endpoint(db, endpoint)))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert home.platform.data_plane is not None
        table = home.platform.data_plane.live.table
        served = None if table is None else table.snapshot.endpoints.get((home.ctx.project_id, name))
        if served is not None and served.arms[0].release_id == release_id:
            return
        time.sleep(0.02)
    raise AssertionError(f"the gateway does not serve '{name}'")


def keep(home: Home, rows: Rows) -> str:
    """Keep rows as a dataset version."""
    folder = home.platform.settings.workspace / f"rows-{time.monotonic_ns()}"
    folder.mkdir()
    return asyncio.run(keep_rows(home.ctx, folder, rows))


def experiment(home: Home, **facts: object) -> Experiment:
    """Run an experiment to its end."""
    usual: dict[str, object] = {"name": "test", "scorers": [ScorerChoice(name="exact_match")]}
    started = home.client.experiments.start(NewExperiment.model_validate(usual | facts))
    done(home, started.run_id)
    return home.client.experiments.get(started.experiment_id)


def done(home: Home, run_id: str) -> Run:
    """Wait for a run that must end well."""
    return home.client.runs.wait(run_id)


def wait_for_traces(home: Home, number: int) -> None:
    """Wait until the gateway has stored so many traces: it does so a moment after the answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len(home.client.traces.list_(limit=number).items) >= number:
            return
        time.sleep(0.1)
    raise AssertionError(f"there are no {number} traces")

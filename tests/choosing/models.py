"""Models that answer by script with a quality, a latency and a price of their own, and rows to try them on."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

from tests.evals.serving import keep
from tests.traces.home import Home
from treadle.choosing.types import Choice, NewChoice
from treadle.data import service as data
from treadle.evals.scoring.types import ScorerChoice
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.traces.pricing import stated_price

ROWS = 40


def keep_rows(home: Home, count: int = ROWS) -> str:
    """Keep rows whose answer is their number; returns the dataset's name."""
    version_id = keep(home, [(f"say n{number:03d}", f"n{number:03d}", "test") for number in range(count)])
    return asyncio.run(data.get_version_by_id(home.ctx, version_id)).dataset


def rules(*, wrong_below: int = 0, delay_ms: float = 0) -> list[Rule]:
    """Return the rules of a model that answers the first so many rows wrong."""
    wrong = [Rule(match=rf"n{number:03d}", reply="no idea", delay_ms=delay_ms) for number in range(wrong_below)]
    return [*wrong, Rule(match=r"(n\d+)", reply=r"\1", delay_ms=delay_ms)]


def serve(
    home: Home, name: str, *, usd: str | None, wrong_below: int = 0, delay_ms: float = 0, max_tokens: int | None = 16
) -> None:
    """Serve a model as an endpoint, at so many USD for a million tokens read and as many written."""
    arm = Arm(
        release_id=f"rel_{name}", model_version_id="mdv_scripted", role="stable", weight=1.0, provider="scripted",
        script=tuple(rules(wrong_below=wrong_below, delay_ms=delay_ms)),
        parameters={} if max_tokens is None else {"max_tokens": max_tokens},
        price=None if usd is None else stated_price(Decimal(usd), Decimal(usd)),
    )  # fmt: skip
    made = Endpoint(project_id=home.ctx.project_id, name=name, salt="tests", arms=(arm,))
    asyncio.run(home.ctx.db.write(lambda db: gateway.publish_endpoint(db, made)))
    deadline = time.monotonic() + 60
    while True:
        table = home.platform.data_plane.live.table  # type: ignore[union-attr]
        if table is not None and (home.ctx.project_id, name) in table.snapshot.endpoints:
            return
        assert time.monotonic() < deadline, f"the gateway does not serve '{name}'"
        time.sleep(0.02)


def wish(dataset: str, *names: str, **more: Any) -> NewChoice:
    """Return a request to choose among endpoints or whatever else is named."""
    candidates = [name if "/" in name or "@" in name or ":" in name else f"endpoint:{name}" for name in names]
    facts = {
        "dataset": dataset,
        "part": "test",
        "candidates": candidates,
        "scorers": [ScorerChoice(name="exact_match")],
    }
    return NewChoice.model_validate({**facts, **more})


def choose(home: Home, new: NewChoice) -> Choice:
    """Choose, and return what came of it."""
    started = home.client.choices.start(new)
    home.client.runs.wait(started.run_id)
    return home.client.choices.get(started.choice_id)

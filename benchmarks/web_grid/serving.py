"""A whole server in a folder with experiments that have run over the same rows: one line of JSON with url, key and their ids.

python serving.py FOLDER ROWS EXPERIMENTS
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from treadle.core.ids import new_id
from treadle.core.settings import Settings
from treadle.evals import store
from treadle.evals.metrics import metrics_of
from treadle.evals.types import NewExperiment, Result, Score, ScorerChoice, Target
from treadle.server.platform import Platform
from treadle.server.serve import serve
from treadle.storage.database import Connection

SCORERS = [ScorerChoice(name="exact_match"), ScorerChoice(name="squad_f1")]
WORDS = [
    "the",
    "parcel",
    "will",
    "be",
    "there",
    "on",
    "Tuesday",
    "and",
    "costs",
    "nothing",
    "more",
    "than",
    "what",
    "was",
    "paid",
]
BATCH = 1_000


def main() -> None:
    """Fill, and serve until told to stop."""
    folder, rows, experiments = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

    def tell(platform: Platform, url: str) -> None:
        with ThreadPoolExecutor(1) as pool:  # the server's event loop has this thread
            ids = [pool.submit(fill, platform, number, rows).result() for number in range(experiments)]
        print(json.dumps({"url": url, "key": platform.local_key, "ids": ids}), flush=True)

    serve(Settings(workspace=folder / "workspace", port=0), on_ready=tell)


def fill(platform: Platform, number: int, rows: int) -> str:
    """Keep an experiment with answers of some 40 words, 7 in 10 of them right; returns its id."""
    ctx = platform.local_context()
    experiment_id = new_id("exp")
    new = NewExperiment(
        name=f"candidate {number}", target=Target(function="made"), dataset_version_id="dsv_made", scorers=SCORERS
    )
    results = [result(row, number) for row in range(1, rows + 1)]

    def write(db: Connection) -> None:
        store.ensure_experiment(db, experiment_id, new_id("run"), new, ctx.actor.actor_id, ctx.clock.now())
        store.set_rows_total(db, experiment_id, rows)
        for at in range(0, rows, BATCH):
            store.insert_results(db, experiment_id, results[at : at + BATCH])
        store.finish(db, experiment_id, metrics_of(SCORERS, results, None), ctx.clock.now())

    asyncio.run(ctx.db.write(write))
    return experiment_id


def result(row: int, number: int) -> Result:
    """Return one row's answer; the same every time."""
    expected = " ".join(random.Random(row).choices(WORDS, k=40))
    chance = random.Random(row * 100 + number)
    right = chance.random() < 0.7
    output = (
        expected
        if right
        else " ".join(word if chance.random() < 0.8 else chance.choice(WORDS) for word in expected.split())
    )
    scores = [
        Score(name="exact_match", value=float(output == expected)),
        Score(name="squad_f1", value=1.0 if right else 0.8),
    ]
    return Result(
        row=row, input=f"question {row}: {expected[:60]}?", expected=expected, output=output, error=None, scores=scores,
        latency_ms=50 + 400 * chance.random(), cost_usd=0.0002, metadata={"topic": WORDS[row % 7]},
    )  # fmt: skip


if __name__ == "__main__":
    main()

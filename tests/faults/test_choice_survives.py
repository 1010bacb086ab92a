"""kill -9 of the server in the middle of a choice: it goes on where it stopped, and what was answered is not asked again."""

from __future__ import annotations

import signal
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.faults.test_batch_survives import served, wait_until
from tests.gateway.harness import upstream
from treadle.choosing.types import NewChoice, NewEntry
from treadle.choosing.work import endpoint_name
from treadle.client.client import Client
from treadle.core.errors import NotFound
from treadle.evals.scoring.types import ScorerChoice
from treadle.gateway.providers.types import NewProvider
from treadle.gateway.types import Rule

ROWS = 60
UNDER_WAY = 2
"""Requests at once."""
KEPT_LATE = 30
"""Answers of half a second, which may not be kept yet when the server is killed."""


@pytest.mark.slow
def test_a_choice_survives_two_kills(tmp_path: Path, database_url: str) -> None:
    """
    Killed once with the first model and once with the second, a choice ends with every row judged once for both, asks again
    only what was under way or not kept yet, and leaves no endpoint behind.
    """
    seen: list[bytes] = []
    with upstream([Rule(match=r"say (\w+)", reply=r"\1", delay_ms=60)], seen) as url:
        with served(tmp_path, database_url) as (client, process):
            choice_id = start(client, f"{url}/v1", tmp_path)
            wait_until(lambda: len(seen) > ROWS / 2)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with served(tmp_path, database_url) as (client, process):
            wait_until(lambda: experiments(client) == 2 and len(seen) > ROWS * 1.5)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with served(tmp_path, database_url) as (client, _):
            client.runs.wait(client.choices.get(choice_id).run_id)
            choice = client.choices.get(choice_id)
            with pytest.raises(NotFound):
                client.catalogue.get(f"endpoint:{endpoint_name(choice_id, 0)}")

    assert choice.outcome is not None
    assert {"house/one", "house/two"} == {each.entry.name for each in choice.outcome.tried}
    assert [(ROWS, 1.0), (ROWS, 1.0)] == [
        (each.metrics[0].scored, each.metrics[0].mean) for each in choice.outcome.tried
    ]
    asked = [body for body in seen if body != b"closed"]
    assert 2 * ROWS <= len(asked) <= 2 * ROWS + 2 * (UNDER_WAY + KEPT_LATE)


def start(client: Client, url: str, folder: Path) -> str:
    """
    Start a choice between two models of one provider.
    """
    client.providers.create(NewProvider(name="house", kind="openai", base_url=url, private=True))
    for model in ("one", "two"):
        entry = NewEntry(
            source="our bill",
            as_of=date(2026, 5, 1),
            input_usd_per_million=Decimal(1),
            output_usd_per_million=Decimal(2),
        )
        client.catalogue.put(f"house/{model}", entry)
    file = folder / "rows.csv"
    file.write_text("input,expected_output\n" + "".join(f"say w{number},w{number}\n" for number in range(ROWS)))
    run = client.datasets.import_file("words", file)
    client.runs.wait(run.run_id)
    new = NewChoice(
        dataset="words", candidates=["house/one", "house/two"], scorers=[ScorerChoice(name="exact_match")],
        concurrency=UNDER_WAY, budget_usd=Decimal(1),
    )  # fmt: skip
    return client.choices.start(new).choice_id


def experiments(client: Client) -> int:
    """
    Return how many experiments there are.
    """
    return len(client.experiments.list_().items)

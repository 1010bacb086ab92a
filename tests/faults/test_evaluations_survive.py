"""kill -9 of the server in the middle of an optimisation and of a judged experiment: both go on, and nothing is paid twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.faults.test_batch_survives import publish, served, wait_until
from tests.gateway.harness import arm, upstream
from treadle.client.client import Client
from treadle.data.types import PrepareSettings
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.types import NewExperiment
from treadle.evals.types import Target as Tried
from treadle.gateway.providers.types import NewProvider
from treadle.gateway.types import Arm, Rule, Target
from treadle.optimize.types import NewOptimization
from treadle.prompts.types import Message

UNDER_WAY = 2
"""Requests at once."""
KEPT_LATE = 30
"""Answers of half a second, which an experiment may not have kept when the server is killed."""
ROWS = 40
SPLIT = PrepareSettings(
    shares={"train": 0.2, "validation": 0.25, "test": 0.55}, near_duplicate_threshold=None, group_threshold=1.0
)
WRITER = Rule(match="(?s)<prompt>", reply="<prompt>\nAnswer with one word.\n{{input}}\n</prompt>", delay_ms=60)
RIGHT = Rule(match=r"(?s)one word.*label (\w+)", reply=r"\1", delay_ms=60)
RAMBLE = Rule(match=".*", reply="Well, that depends.", delay_ms=60)


def test_an_optimisation_survives_two_kills(tmp_path: Path, database_url: str) -> None:
    """
    Killed in the search and in the comparison, it ends as one that nobody disturbed, asks again only what was under way, and
    its count of calls is of all that were made, give or take those.
    """
    seen: list[bytes] = []
    with upstream([WRITER, RIGHT, RAMBLE], seen) as url:
        with served(tmp_path, database_url) as (client, process):
            serve(client, tmp_path, database_url, f"{url}/v1")
            optimization_id = start_optimization(client, tmp_path)
            wait_until(lambda: asked(seen) > 15)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with served(tmp_path, database_url) as (client, process):
            publish(client, tmp_path, database_url, endpoint_arm())
            wait_until(lambda: asked(seen) > 50)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with served(tmp_path, database_url) as (client, _):
            client.runs.wait(client.optimizations.get(optimization_id).run_id)
            ended = client.optimizations.get(optimization_id)

    # The version to begin with and 2 candidates over 10 rows, 6 rows that the writer is shown, 2 askings of it, 30 rows twice.
    undisturbed = 3 * 10 + 6 + 2 + 2 * 30
    again = 2 * (UNDER_WAY + 1)
    assert ended.held_out is not None
    assert (30, 0.0, 1.0, "better") == (ended.held_out.rows, ended.held_out.baseline, ended.held_out.candidate, ended.held_out.verdict)  # fmt: skip
    assert undisturbed <= asked(seen) <= undisturbed + again
    assert undisturbed <= ended.calls <= undisturbed + again


def test_a_judged_experiment_survives_a_kill(tmp_path: Path, database_url: str) -> None:
    """
    Every row has one answer and one judgement at the end, and what was kept before the kill is not asked or judged again.
    """
    seen: list[bytes] = []
    verdict = Rule(match="(?s)answer", reply=json.dumps({"score": 3, "reason": "right"}), delay_ms=60)
    with upstream([Rule(match=r"^say (\w+)$", reply=r"\1", delay_ms=60), verdict], seen) as url:
        with served(tmp_path, database_url) as (client, process):
            serve(client, tmp_path, database_url, f"{url}/v1")
            experiment_id, run_id = start_experiment(client, tmp_path)
            wait_until(lambda: client.experiments.get(experiment_id).rows_done > 5)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with served(tmp_path, database_url) as (client, _):
            client.runs.wait(run_id)
            results = client.experiments.list_results(experiment_id, limit=200).items
            exact, rubric = client.experiments.get(experiment_id).metrics

    assert list(range(1, ROWS + 1)) == [result.row for result in results]
    assert (ROWS, 1.0) == (exact.scored, exact.mean)
    assert ROWS == rubric.scored + rubric.unscored
    judgements = [score.judgement for result in results for score in result.scores if score.judgement is not None]
    requests = sum(judgement.requests for judgement in judgements)
    assert ROWS + requests <= asked(seen) <= ROWS + requests + 2 * (UNDER_WAY + KEPT_LATE)


def asked(seen: list[bytes]) -> int:
    """
    Return how many requests came in.
    """
    return sum(body != b"closed" for body in seen)


def endpoint_arm() -> Arm:
    """
    Return the endpoint's one arm.
    """
    return arm(prompt=(), targets=(Target(provider="counting", model="m"),))


def serve(client: Client, folder: Path, database_url: str, url: str) -> None:
    """
    Serve 'support', answered by the upstream.
    """
    client.providers.create(NewProvider(name="counting", kind="openai", base_url=url, private=True))
    publish(client, folder, database_url, endpoint_arm())


def start_optimization(client: Client, folder: Path) -> str:
    """
    Start a search for a better prompt.
    """
    lines = [{"input": f"{number} label {('card', 'loan')[number % 2]}", "expected_output": ("card", "loan")[number % 2]} for number in range(80)]  # fmt: skip
    file = folder / "tickets.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    client.runs.wait(client.datasets.import_file("tickets", file).run_id)
    client.runs.wait(client.datasets.start_prepare("tickets", settings=SPLIT).run_id)
    client.prompts.create_version("triage", [Message(role="user", template="{{input}}")])
    new = NewOptimization(
        prompt="triage", dataset="tickets", endpoint="support", scorer=ScorerChoice(name="exact_match"),
        method="instructions", candidates=2, concurrency=UNDER_WAY, max_calls=200, train_rows=6, validation_rows=10,
        test_rows=30,
    )  # fmt: skip
    return client.optimizations.start(new).optimization_id


def start_experiment(client: Client, folder: Path) -> tuple[str, str]:
    """
    Start an experiment that a model judges too.
    """
    file = folder / "rows.csv"
    file.write_text("input,expected_output\n" + "".join(f"say w{number},w{number}\n" for number in range(ROWS)))
    imported = client.runs.wait(client.datasets.import_file("words", file).run_id)
    new = NewExperiment(
        name="judged", target=Tried(endpoint="support"), dataset_version_id=str(imported.outputs["version_id"]),
        scorers=[
            ScorerChoice(name="exact_match"),
            ScorerChoice(name="rubric", parameters={"endpoint": "support", "criteria": "it is right", "tries": 1}),
        ],
        concurrency=UNDER_WAY,
    )  # fmt: skip
    started = client.experiments.start(new)
    return started.experiment_id, started.run_id

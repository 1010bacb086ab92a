"""Optimise a prompt on a model of this machine: train or take one, serve it, search, read what held-out rows show.

    python docs/examples/optimize_local.py tickets.jsonl
    python docs/examples/optimize_local.py tickets.jsonl --model mdv_387hr1yjs9g9jcsqd6wce2wyvp

`tickets.jsonl` has `input` and `expected_output` on each line. Without --model a small one is trained on the rows that the
split gives to training, in some minutes. It needs a server (`treadle up`, or TREADLE_URL and TREADLE_API_KEY) and nothing
else: no key of a provider, no network. The search asks the same model for better wordings: one of some billion weights finds
some, a tiny one honestly does not, and the last line says which.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import treadle
from treadle.client.client import Client
from treadle.data.types import PrepareSettings
from treadle.evals.scoring.types import ScorerChoice
from treadle.optimize.types import NewOptimization
from treadle.prompts.types import Message
from treadle.releases.types import NewRelease

NAME = "local-tickets"


def main() -> None:
    """Do it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path, help="rows with input and expected_output")
    parser.add_argument("--model", help="id of a model version with weights; trained on the rows where none is named")
    parser.add_argument("--candidates", type=int, default=4, help="wordings to try")
    parser.add_argument("--calls", type=int, default=400, help="most requests to the model")
    told = parser.parse_args()
    with treadle.connect() as client:
        client.runs.wait(client.datasets.import_file(NAME, told.rows).run_id)
        split = client.runs.wait(client.datasets.start_prepare(NAME, settings=PrepareSettings()).run_id)
        serve(client, told.model or train(client, str(split.outputs["version_id"])))
        started = client.optimizations.start(
            NewOptimization(
                prompt=NAME,
                dataset=NAME,
                endpoint=NAME,
                scorer=ScorerChoice(name="exact_match", parameters={"trim": True}),
                method="instructions",
                candidates=told.candidates,
                parameters={"temperature": 0, "max_tokens": 16},
                max_calls=told.calls,
            )
        )
        client.runs.wait(started.run_id)
        ended = client.optimizations.get(started.optimization_id)
    print(f"{ended.calls} requests; {ended.words}")


def train(client: Client, dataset_version_id: str) -> str:
    """Train a small model on the rows; returns its version's id."""
    run = client.training.start_base(NAME, dataset_version_id=dataset_version_id)
    return str(client.runs.wait(run.run_id).outputs["model_version_id"])


def serve(client: Client, model_version_id: str) -> None:
    """Serve a model under a name, with a first prompt."""
    prompt = client.prompts.create_version(NAME, [Message(role="user", template="{{input}}")])
    release = client.releases.create(
        NewRelease(
            name=NAME,
            model_version_id=model_version_id,
            prompt_version_id=prompt.prompt_version_id,
        )
    )
    client.releases.approve(release.release_id, override_reason="an example on this machine")
    client.endpoints.create(NAME, release_id=release.release_id)
    while client.endpoints.get(NAME).stable_release_id is None:
        time.sleep(0.2)


if __name__ == "__main__":
    main()

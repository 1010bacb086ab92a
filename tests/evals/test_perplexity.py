"""Perplexity of a target's own answers: asked for, read from the answer, and added up over rows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.evals.test_experiment import OneEngine
from tests.releases.studio import Studio, serving
from treadle.core.types import JsonObject
from treadle.evals.experiment import run_experiment
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.service import experiment_id_of
from treadle.evals.target import logprobs_of
from treadle.evals.types import NewExperiment, Target
from treadle.jobs import service as jobs
from treadle.jobs.scope import RunScope


async def _engine(scope: Any, receive: Any, send: Any) -> None:
    """
    Answers in OpenAI's form: two tokens of probability 1/4, with their log-probabilities where they are asked for.
    """
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    asked = json.loads(body)
    tokens = [{"token": "re", "logprob": math.log(0.25)}, {"token": "fund", "logprob": math.log(0.25)}]
    choice: dict[str, Any] = {
        "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "refund"},
        "logprobs": {"content": tokens} if asked.get("logprobs") else None,
    }  # fmt: skip
    said = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


async def _no_steps(*_: object, **__: object) -> JsonObject:
    raise AssertionError("an experiment takes no steps")


def test_perplexity_of_answers_is_measured_where_the_engine_tells(studio: Studio, tmp_path: Path) -> None:
    """
    Two tokens of probability 1/4 are a perplexity of 4, and 4 bits over the 6 bytes of 'refund'.
    """
    new = NewExperiment(
        name="likelihood",
        target=Target(model_version_id=studio.model_version("base")),
        dataset_version_id=studio.dataset_version(
            [(f"pay me back {number}", "refund", "test") for number in range(12)]
        ),
        scorers=[ScorerChoice(name=name) for name in ("perplexity", "bits_per_byte", "brier", "exact_match")],
    )
    run = studio.run(jobs.start(studio.ctx, kind="evals.experiment", title="test", params=new.model_dump(mode="json")))

    with serving(_engine) as url:
        scope = RunScope(studio.ctx, run, tmp_path, {"engines": OneEngine(url)}, _no_steps)
        studio.run(run_experiment(scope))

    perplexity, bits, brier, exact = studio.experiments.get(experiment_id_of(scope.run_id)).metrics
    assert pytest.approx(4.0) == perplexity.mean
    assert ("ratio", False) == (perplexity.unit, perplexity.higher_is_better)
    assert pytest.approx(4 / 6) == bits.mean
    assert pytest.approx((1 / 16 - 1) ** 2) == brier.mean
    assert 1.0 == exact.mean


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"logprobs": null}]}',
        b'{"choices": [{"logprobs": {"content": []}}]}',
    ],
)
def test_answers_without_log_probabilities(data: bytes) -> None:
    """
    Whatever an engine leaves out is none, not a number.
    """
    assert None is logprobs_of(data)

"""Perplexity and bits per byte of texts that are given: by echo, token by token on our own engine, and refused in words."""

from __future__ import annotations

import asyncio
import json
import math
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.evals.echoing import HALF, QUARTER, completion, echoing
from tests.evals.serving import done, experiment, keep, serve_scripted
from tests.models.tiny import write_model_file
from tests.releases.studio import Studio, serving
from tests.traces.home import Home
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput, TreadleError
from treadle.core.types import JsonObject
from treadle.engines.llamacpp_process import start_llamacpp
from treadle.engines.types import Engine
from treadle.evals.bias.types import NewBiasRows
from treadle.evals.experiment import run_experiment
from treadle.evals.given import NoLikelihoods, read_by_steps, read_echo
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.service import experiment_id_of
from treadle.evals.types import NewExperiment, Target
from treadle.gateway import service as gateway
from treadle.gateway.providers.types import NewProvider
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.gateway.types import Target as Upstream
from treadle.jobs import service as jobs
from treadle.jobs.scope import RunScope

TEXT_SCORERS = [ScorerChoice(name="perplexity"), ScorerChoice(name="bits_per_byte")]
ROWS = [("xabc", "-", "test"), ("xaeb", "-", "test")]
"""Without their first letters 3 vowels and 3 others: 3 · 1 + 3 · 2 = 9 bits in 6 tokens of 1 byte."""


class Engines:
    """Every model version is answered by one server of a kind."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def ensure(self, model_version_id: str, place: Path, *_: object) -> Engine:
        """Return the engine."""
        return self.engine

    def find(self, model_version_id: str) -> Engine | None:
        """Return the engine."""
        return self.engine


async def _no_steps(*_: object, **__: object) -> JsonObject:
    raise AssertionError("an experiment takes no steps")


def _read(studio: Studio, rows: list[tuple[str, str, str]], engine: Engine, folder: Path) -> str:
    """
    Run an experiment whose target reads on an engine; returns its id.
    """
    target = Target(model_version_id=studio.model_version("base"), reads=True)
    dataset = studio.dataset_version(rows)
    new = NewExperiment(name="given", target=target, dataset_version_id=dataset, scorers=TEXT_SCORERS)
    run = studio.run(jobs.start(studio.ctx, kind="evals.experiment", title="test", params=new.model_dump(mode="json")))
    studio.run(run_experiment(RunScope(studio.ctx, run, folder, {"engines": Engines(engine)}, _no_steps)))
    return experiment_id_of(run.run_id)


def test_vllm_reads_given_texts_by_echo(studio: Studio, tmp_path: Path) -> None:
    """
    9 bits in 6 tokens of a byte each: a perplexity of 2^(9/6), 1.5 bits per byte; first letters, which nothing stands before,
    are in neither.
    """
    with serving(echoing) as url:
        engine = Engine(model_version_id="mdv_x", url=url, pid=1, context_length=256, kind="vllm")
        experiment_id = _read(studio, ROWS, engine, tmp_path)

    perplexity, bits = studio.experiments.get(experiment_id).metrics
    assert pytest.approx(2**1.5) == perplexity.mean
    assert pytest.approx(1.5) == bits.mean
    assert ["abc", "aeb"] == [each.output for each in studio.experiments.list_results(experiment_id).items]


def test_our_engine_reads_given_texts_as_transformers_does(studio: Studio, tmp_path: Path) -> None:
    """
    llama.cpp gives no probabilities of given texts, so each token is forced; what comes out is transformers' of the same
    weights, also where a character is several tokens and where the next one is the end of the text.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    texts = ["Kündigung zum Monatsende 🙂, where is my parcel?", "My card was charged twice, what now?"]
    gguf = write_model_file(tmp_path)

    async def read() -> str:
        child = await start_llamacpp("mdv_x", gguf, logs=tmp_path / "logs", max_context=128)
        try:
            rows = [(text, "-", "test") for text in texts]
            return await asyncio.to_thread(_read, studio, rows, child.engine, tmp_path)
        finally:
            await child.stop()

    experiment_id = asyncio.run(read())

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "weights").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "weights")
    for text, result in zip(texts, studio.experiments.list_results(experiment_id).items, strict=True):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            table = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
        expected = [float(table[place - 1, ids[place]]) for place in range(1, len(ids))]
        total, tokens, size = result.scores[0].parts or []
        assert pytest.approx(math.fsum(expected), abs=0.01 * len(expected)) == total
        assert (len(expected), len((result.output or "").encode())) == (tokens, size)
        assert text.endswith(result.output or "?")


def test_texts_longer_than_the_model_reads_are_refused(tmp_path: Path) -> None:
    """
    A text beyond the context is told with both numbers, not cut.
    """

    async def post(path: str, _: JsonObject) -> bytes:
        return json.dumps({"tokens": [{"id": number, "piece": "x"} for number in range(9)]}).encode()

    with pytest.raises(NoLikelihoods, match="9 tokens and the model reads at most 8"):
        asyncio.run(read_by_steps(post, "x" * 9, context_length=8, slot=0))


def test_an_endpoint_reads_given_texts_and_one_that_cannot_says_so(home: Home) -> None:
    """
    An endpoint that passes completions through to a server with echo is measured; one of a chat model fails with the reason.
    """
    version = keep(home, ROWS)
    serve_scripted(home, "chat", [Rule(match="", reply="hello")])

    with serving(echoing) as url:
        _serve_completions(home, "reader", url)
        read = experiment(home, target=Target(endpoint="reader", reads=True), dataset_version_id=version, scorers=TEXT_SCORERS)  # fmt: skip
        with pytest.raises(TreadleError, match=r"does not repeat its prompt|without the text's log-probabilities"):
            experiment(home, target=Target(endpoint="chat", reads=True), dataset_version_id=version, scorers=TEXT_SCORERS)  # fmt: skip

    assert [pytest.approx(2**1.5), pytest.approx(1.5)] == [metric.mean for metric in read.metrics]


def test_crows_pairs_are_read_by_an_endpoint(home: Home, tmp_path: Path) -> None:
    """
    Of three pairs the endpoint finds the sentence with more of the stereotype likelier in two: the one with more vowels.
    """
    pairs = (("xaa", "xab"), ("xai", "xbb"), ("xbb", "xab"))
    lines = [{"sent_more": more, "sent_less": less, "bias_type": "age"} for more, less in pairs]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    imported = done(home, home.client.datasets.import_file("pairs", path, mapping={"input": "sent_more"}).run_id)
    new = NewBiasRows(name="rows", form="crows_pairs", dataset_version_id=str(imported.outputs["version_id"]))
    version = str(done(home, home.client.bias.make_rows(new).run_id).outputs["version_id"])

    with serving(echoing) as url:
        _serve_completions(home, "reader", url)
        read = experiment(home, target=Target(endpoint="reader", reads=True), dataset_version_id=version, scorers=TEXT_SCORERS)  # fmt: skip
    report = home.client.bias.get_stereotypes(read.experiment_id)

    assert (2 / 3, 3, 0) == (report.figures[0].value, report.figures[0].rows, report.unreadable)


def test_texts_that_are_read_are_judged_as_texts(home: Home) -> None:
    """
    Scorers of answers mean nothing where none is written; the command line asks for the right ones by itself.
    """
    version = keep(home, ROWS)
    with pytest.raises(InvalidInput, match="'exact_match' judges answers"):
        experiment(home, target=Target(endpoint="x", reads=True), dataset_version_id=version)

    with serving(echoing) as url:
        _serve_completions(home, "reader", url)
        environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key}
        arguments = ["eval", "run", "--endpoint", "reader", "--reads", "--dataset"]
        (dataset,) = home.client.datasets.list_().items
        said = CliRunner().invoke(cli, [*arguments, f"{dataset.name}@1"], env=environment)
        unknown = CliRunner().invoke(cli, [*arguments, "nowhere"], env=environment)

    assert 0 == said.exit_code, said.output
    assert "perplexity: 2.828" in said.output
    assert "bits_per_byte: 1.5" in said.output
    assert "there is no dataset 'nowhere'" in str(unknown.exception)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [HALF, QUARTER]),
        ({"usage": None}, [HALF, QUARTER]),
        ({"model": "started"}, [QUARTER, HALF, QUARTER]),
    ],
)
def test_what_was_written_beyond_a_text_is_cut_off(change: dict[str, Any], expected: list[float]) -> None:
    """
    The token that had to be written counts for nothing, and a start token makes the first one count.
    """
    starts = change.get("model") == "started"
    said = {**completion("xab", start=starts), **({"usage": None} if "usage" in change else {})}

    given = read_echo(json.dumps(said).encode(), "xab")

    assert ("xab" if starts else "ab", expected) == (given.text, list(given.logprobs))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b'{"choices": []}',
        b'{"choices": [{"text": "xab!", "logprobs": null}]}',
        json.dumps(completion("framed: xab")).encode(),
    ],
)
def test_answers_that_say_nothing_of_the_text(said: bytes) -> None:
    """
    A server that ignores `echo`, and a prompt that frames the text, are refused rather than read wrongly.
    """
    with pytest.raises(NoLikelihoods):
        read_echo(said, "xab")


def _serve_completions(home: Home, name: str, url: str) -> None:
    """
    Serve an endpoint that passes what it is asked through to a server; returns when the gateway knows it.
    """
    known = {provider.name for provider in home.client.providers.list_()}
    if name not in known:
        home.client.providers.create(NewProvider(name=name, kind="openai", base_url=f"{url}/v1", private=True))
    arm = Arm(
        release_id=f"rel_{name}", model_version_id="mdv_read", role="stable", weight=1.0,
        targets=(Upstream(provider=name, model="m"),),
    )  # fmt: skip
    endpoint = Endpoint(project_id=home.ctx.project_id, name=name, salt="tests", arms=(arm,))
    asyncio.run(home.ctx.db.write(lambda db: gateway.publish_endpoint(db, endpoint)))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        request = urllib.request.Request(
            f"{home.client.url}/v1/completions",
            json.dumps({"model": name, "prompt": "x"}).encode(),
            {"authorization": f"Bearer {home.key}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the gateway does not serve '{name}'")

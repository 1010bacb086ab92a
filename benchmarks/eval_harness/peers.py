"""Other harnesses on the same rows, upstream and concurrency, from environments of their own below one folder.

    python -m venv PEERS/deepeval && PEERS/deepeval/bin/pip install deepeval openai
    python -m venv PEERS/inspect  && PEERS/inspect/bin/pip install inspect_ai openai
    python -m venv PEERS/mlflow   && PEERS/mlflow/bin/pip install mlflow openai
    mkdir PEERS/promptfoo && cd PEERS/promptfoo && npm install promptfoo
    python benchmarks/eval_harness/run.py --peers PEERS

Each is written as its own documentation would: its client or generator, its exact match, its own store of results where it
has one. The clock runs from before its first request until it has returned; imports are not counted, but for promptfoo, which
is a command. Telemetry is off. One that is not installed, or that fails, is told and left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LIMIT_SECONDS = 600.0

DEEPEVAL = """
import asyncio, json, sys, time
from openai import AsyncOpenAI
from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase
url, rows, concurrency = sys.argv[1], [json.loads(line) for line in open(sys.argv[2])], int(sys.argv[3])

async def answers():
    client, places = AsyncOpenAI(base_url=url, api_key="none"), asyncio.Semaphore(concurrency)
    async def one(row):
        async with places:
            said = await client.chat.completions.create(
                model="upstream", temperature=0, messages=[{"role": "user", "content": row["input"]}])
            return LLMTestCase(input=row["input"], actual_output=said.choices[0].message.content, expected_output=row["expected"])
    return await asyncio.gather(*map(one, rows))

began = time.perf_counter()
told = evaluate(asyncio.run(answers()), [ExactMatchMetric()],
    async_config=AsyncConfig(max_concurrent=concurrency, throttle_value=0),
    display_config=DisplayConfig(print_results=False, show_indicator=False), cache_config=CacheConfig(write_cache=False))
print(json.dumps({"seconds": time.perf_counter() - began, "right": sum(one.success for one in told.test_results)}))
"""

INSPECT = """
import json, sys, tempfile, time
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import exact
url, rows, concurrency = sys.argv[1], [json.loads(line) for line in open(sys.argv[2])], int(sys.argv[3])
task = Task(dataset=[Sample(input=row["input"], target=row["expected"]) for row in rows], scorer=exact())
began = time.perf_counter()
(log,) = eval(task, model=get_model("openai/upstream", base_url=url, api_key="none", responses_api=False), max_connections=concurrency,
    max_samples=concurrency, display="none", log_dir=tempfile.mkdtemp(), temperature=0)
took = time.perf_counter() - began
right = sum(next(iter(sample.scores.values())).value == "C" for sample in log.samples)
print(json.dumps({"seconds": took, "right": right}))
"""

MLFLOW = """
import json, logging, os, sys, tempfile, time
folder = tempfile.mkdtemp()
import mlflow
from mlflow.genai.scorers import scorer
from openai import OpenAI
url, rows, concurrency = sys.argv[1], [json.loads(line) for line in open(sys.argv[2])], int(sys.argv[3])
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
mlflow.set_experiment("bench")
client = OpenAI(base_url=url, api_key="none")

@scorer
def exact(outputs, expectations):
    return outputs == expectations["expected"]

def answer(question):
    said = client.chat.completions.create(model="upstream", temperature=0, messages=[{"role": "user", "content": question}])
    return said.choices[0].message.content

data = [{"inputs": {"question": row["input"]}, "expectations": {"expected": row["expected"]}} for row in rows]
began = time.perf_counter()
told = mlflow.genai.evaluate(data=data, predict_fn=answer, scorers=[exact])
took = time.perf_counter() - began
print(json.dumps({"seconds": took, "right": round(told.metrics["exact/mean"] * len(rows))}))
"""


class Ran(NamedTuple):
    """What one round of a peer came to."""

    rate: float
    """Cases a second."""
    right: int
    """Cases that it calls right; all are."""


class Peer(NamedTuple):
    """A harness that is installed."""

    name: str
    program: Path
    script: str | None
    """What its Python runs; None for promptfoo."""
    share: float = 1.0
    """The share of the cases that it gets: one that takes minutes gets fewer, and says so."""


def installed(folder: Path) -> Iterator[Peer]:
    """Yield the peers below a folder; tells which are not there."""
    for name, place, script, share in (
        ("deepeval", "deepeval/bin/python", DEEPEVAL, 1.0),
        ("promptfoo", "promptfoo/node_modules/.bin/promptfoo", None, 1.0),
        ("inspect_ai", "inspect/bin/python", INSPECT, 1.0),
        ("mlflow", "mlflow/bin/python", MLFLOW, 0.2),
    ):
        if (folder / place).exists():
            yield Peer(name, (folder / place).absolute(), script, share)
        else:
            print(f"{name:12} is not below {folder}", flush=True)


def run(peer: Peer, url: str, rows: list[dict[str, str]], concurrency: int) -> Ran:
    """Run a peer once. Raises SystemExit with its last words when it fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if peer.script is None:
            return _promptfoo(peer, url, rows, concurrency, folder)
        file = folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        told = _call([str(peer.program), "-c", peer.script, url, str(file), str(concurrency)], folder, concurrency)
        said = json.loads(told.strip().splitlines()[-1])
        return Ran(len(rows) / said["seconds"], said["right"])


def _promptfoo(peer: Peer, url: str, rows: list[dict[str, str]], concurrency: int, folder: Path) -> Ran:
    config = {
        "prompts": ["{{question}}"],
        "providers": [
            {"id": "openai:chat:upstream", "config": {"apiBaseUrl": url, "apiKey": "none", "temperature": 0}}
        ],
        "tests": [
            {"vars": {"question": row["input"]}, "assert": [{"type": "equals", "value": row["expected"]}]}
            for row in rows
        ],
    }
    (folder / "promptfooconfig.json").write_text(json.dumps(config))
    arguments = [
        "eval",
        "-c",
        "promptfooconfig.json",
        "-j",
        str(concurrency),
        "--no-cache",
        "--no-table",
        "--no-progress-bar",
    ]
    began = time.perf_counter()
    _call([str(peer.program), *arguments, "-o", "out.json"], folder, concurrency)
    took = time.perf_counter() - began
    stats = json.loads((folder / "out.json").read_text())["results"]["stats"]
    return Ran(len(rows) / took, stats["successes"])


def _call(command: list[str], folder: Path, concurrency: int) -> str:
    quiet = {
        "HOME": str(folder), "DEEPEVAL_TELEMETRY_OPT_OUT": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_CONFIG_DIR": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true",
        "OPENAI_API_KEY": "none", "MLFLOW_GENAI_EVAL_MAX_WORKERS": str(concurrency),
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(2 * concurrency),  # its own default starves at this concurrency
    }  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | quiet
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    if ended.returncode not in (0, 100):  # promptfoo ends with 100 when a case fails, which is counted anyway
        raise SystemExit(f"exit code {ended.returncode}: {(ended.stderr or ended.stdout)[-800:]}")
    return ended.stdout

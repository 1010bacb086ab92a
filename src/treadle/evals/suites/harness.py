"""lm-evaluation-harness from the outside: the command that runs its program, and what its results file says. Pure.

It is never imported: it runs from an environment of its own, which the user names, against our gateway as any OpenAI client
does. Chat is its `local-chat-completions`, which can do tasks that write (`generate_until`); tasks that compare likelihoods
(multiple choice, perplexity) need `local-completions` with a tokenizer, and a server behind the endpoint that echoes.

Intervals are ours: Wilson's for shares of rows right (`acc`, `exact_match` ...), else 1.96 of its standard errors either way.
Written for the results of 0.4.13 (`tests/evals/harness_recorded.json` is one).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.shares import Interval, wilson
from treadle.core.types import JsonObject, JsonValue
from treadle.evals.suites.types import HarnessFigure

SHARES = frozenset({"acc", "acc_norm", "exact_match", "pass@1"})
"""Metrics that are a share of rows right."""
NOT_FIGURES = frozenset({"alias", "name", "sample_len", "sample_count"})
SETTINGS = ("limit", "gen_kwargs", "random_seed", "numpy_seed", "fewshot_seed")
Z = 1.959964


class Asked(NamedTuple):
    """What the harness is to do."""

    tasks: Sequence[str]
    endpoint: str
    url: str
    """The server, such as http://127.0.0.1:8700."""
    output: Path
    """The folder that its files go to."""
    include_path: Path | None = None
    """A folder with further tasks."""
    limit: int | None = None
    num_fewshot: int | None = None
    concurrency: int = 8
    tokenizer: str | None = None
    """For likelihoods: the model's tokenizer, by name or path; asks text completions instead of chat."""


class BadResults(InvalidInput):
    """A results file is not what we know of lm-evaluation-harness."""

    code = "evals.harness_results"


def command(program: str, asked: Asked) -> list[str]:
    """Return the command line that runs tasks against an endpoint. Its key goes in the environment (`OPENAI_API_KEY`)."""
    path = "/v1/completions" if asked.tokenizer else "/v1/chat/completions"
    model = {
        "model": asked.endpoint, "base_url": asked.url + path, "num_concurrent": str(asked.concurrency), "max_retries": "5",
    }  # fmt: skip
    if asked.tokenizer:
        # Texts rather than tokens: guards and traces of the gateway can read them.
        model |= {"tokenizer": asked.tokenizer, "tokenizer_backend": "huggingface", "tokenized_requests": "False"}
    line = [program, "run", "--model", "local-completions" if asked.tokenizer else "local-chat-completions"]
    line += ["--model_args", ",".join(f"{name}={value}" for name, value in model.items())]
    line += ["--tasks", ",".join(asked.tasks), "--output_path", str(asked.output)]
    line += [] if asked.tokenizer else ["--apply_chat_template"]
    line += ["--include_path", str(asked.include_path)] if asked.include_path else []
    line += ["--limit", str(asked.limit)] if asked.limit is not None else []
    line += ["--num_fewshot", str(asked.num_fewshot)] if asked.num_fewshot is not None else []
    return line


def find_results(folder: Path) -> Path:
    """Return the newest results file below a folder. Raises BadResults when there is none."""
    found = sorted(folder.rglob("results_*.json"), key=lambda path: path.name)
    if not found:
        raise BadResults(f"the harness left no results_*.json below '{folder}'; read what it said above")
    return found[-1]


def read_results(path: Path) -> JsonObject:
    """Read a results file. Raises BadResults."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadResults(f"'{path}' cannot be read as JSON: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("results"), dict):
        raise BadResults(f"'{path}' has no 'results'; give the results_*.json that lm_eval writes with --output_path")
    return told


def harness_of(told: JsonObject) -> str:
    """Return the harness with its version."""
    return f"lm-evaluation-harness {told.get('lm_eval_version', '(version unknown)')}"


def settings_of(told: JsonObject) -> JsonObject:
    """Return what decides the figures."""
    config = _object(told.get("config"))
    kept: JsonObject = {name: config[name] for name in SETTINGS if config.get(name) is not None}
    return {**kept, "task_hashes": _object(told.get("task_hashes")), "model_source": told.get("model_source")}


def figures_of(told: JsonObject) -> list[HarnessFigure]:
    """Return every figure of a results file, by task. Raises BadResults when there is none."""
    counts, shots = _object(told.get("n-samples")), _object(told.get("n-shot"))
    versions, better = _object(told.get("versions")), _object(told.get("higher_is_better"))
    figures = []
    for task, values in sorted(_object(told["results"]).items()):
        of_task = _object(values)
        rows = int(_number(_object(counts.get(task)).get("effective")) or _number(of_task.get("sample_len")) or 0)
        for key, value in of_task.items():
            metric, _, picked = key.partition(",")
            number = _number(value)
            if metric in NOT_FIGURES or metric.endswith("_stderr") or number is None:
                continue
            error = _number(of_task.get(f"{metric}_stderr,{picked}" if picked else f"{metric}_stderr"))
            between = _between(metric, number, error, rows)
            direction = _object(better.get(task)).get(metric)
            figures.append(
                HarnessFigure(
                    task=task,
                    metric=metric,
                    filter=picked or "none",
                    value=number,
                    low=between.low if between else None,
                    high=between.high if between else None,
                    rows=rows,
                    num_fewshot=None if (shot := _number(shots.get(task))) is None else int(shot),
                    task_version=None if versions.get(task) is None else str(versions[task]),
                    higher_is_better=direction if isinstance(direction, bool) else None,
                )
            )
    if not figures:
        raise BadResults("the results file holds no figure; did a task run at all?")
    return figures


def in_words(figure: HarnessFigure) -> str:
    """Return a figure's name on a card: 'gsm8k exact_match (strict-match, 5-shot)'."""
    about = [figure.filter] if figure.filter != "none" else []
    about += [f"{figure.num_fewshot}-shot"] if figure.num_fewshot is not None else []
    return f"{figure.task} {figure.metric}" + (f" ({', '.join(about)})" if about else "")


def _between(metric: str, value: float, error: float | None, rows: int) -> Interval | None:
    if metric in SHARES and rows and 0 <= value <= 1:
        return wilson(round(value * rows), rows)
    return None if error is None or error == 0 else Interval(value - Z * error, value + Z * error)


def _object(value: object) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

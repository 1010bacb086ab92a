"""Published benchmarks: a suite of task files, and lm-evaluation-harness by its own program."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evals.serving import serve_scripted
from tests.traces.home import Home
from treadle.core.errors import NotFound
from treadle.evals.suites.harness import Asked, BadResults, command, figures_of, find_results, read_results
from treadle.gateway.types import Rule
from treadle.models import service as models
from treadle.models.types import Description, ProviderModel

RECORDED = Path(__file__).with_name("harness_recorded.json")
"""What lm-evaluation-harness 0.4.13 wrote of 12 rows of ours, 9 of them right."""
BLUE = [Rule(match="", reply="blue")]
TASK = """
task: colours
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: [], max_gen_toks: 16, temperature: 0}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""


def _treadle(home: Home, *arguments: str, seconds: int = 120, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key} | more
    command = [sys.executable, "-m", "treadle.cli.main", "eval", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds, check=False)


def _write_rows(path: Path) -> Path:
    lines = [{"question": f"colour {n} of the sky", "answer": "blue" if n < 9 else "red"} for n in range(12)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_suite_of_task_files_runs_as_experiments(home: Home, tmp_path: Path) -> None:
    """
    Each task is a dataset and an experiment; again, the same rows are the same dataset version.
    """
    serve_scripted(home, "sky", BLUE)
    _write_rows(tmp_path / "sky.jsonl")
    task = {"rows": "sky.jsonl", "mapping": {"input": "question", "expected_output": "answer"}}
    tasks = [
        {**task, "name": "whole", "scorers": [{"name": "exact_match"}, {"name": "squad_f1"}]},
        {**task, "name": "short", "scorers": [{"name": "exact_match"}], "limit": 9},
    ]
    suite = tmp_path / "suite.json"
    suite.write_text(json.dumps({"name": "colours", "source": "ours", "licence": "CC0-1.0", "tasks": tasks}))

    first, again = (_treadle(home, "suite", str(suite), "--endpoint", "sky", "--json") for _ in range(2))

    assert 0 == first.returncode == again.returncode, first.stderr + again.stderr
    ran = json.loads(first.stdout)
    assert [0.75, 0.75, 1.0] == [metric["mean"] for each in ran for metric in each["metrics"]]
    assert [each["dataset_version_id"] for each in ran] == [
        each["dataset_version_id"] for each in json.loads(again.stdout)
    ]


def test_a_suite_that_cannot_be_read_is_refused_in_words(home: Home, tmp_path: Path) -> None:
    """
    The message names what is missing and shows what a suite looks like.
    """
    suite = tmp_path / "suite.json"
    suite.write_text('{"name": "colours", "tasks": [{"name": "sky", "rows": "gone.jsonl"}]}')

    said = _treadle(home, "suite", str(suite), "--endpoint", "sky")

    assert 2 == said.returncode
    assert "tasks.0.scorers" in said.stderr


def test_recorded_results_become_figures_on_the_model_card(home: Home, tmp_path: Path) -> None:
    """
    9 of 12 rows right are 0.75 with Wilson's interval, 0.468 to 0.911; the card says which harness, task and examples.
    """
    description = Description(kind="provider", provider=ProviderModel(provider="openai", model="gpt-x"))
    version = asyncio.run(models.register_version(home.ctx, "blue", description))

    said = _treadle(home, "harness", "--endpoint", "sky", "--results", str(RECORDED), "--model", version.model_version_id, "--json")  # fmt: skip

    assert 0 == said.returncode, said.stderr
    (figure,) = json.loads(said.stdout)["figures"]
    assert ("colours", "exact_match", "none", 0.75, 12, 0, "1.0", True) == (
        figure["task"], figure["metric"], figure["filter"], figure["value"], figure["rows"], figure["num_fewshot"],
        figure["task_version"], figure["higher_is_better"],
    )  # fmt: skip
    assert (pytest.approx(0.4677, abs=1e-4), pytest.approx(0.9111, abs=1e-4)) == (figure["low"], figure["high"])
    (measured,) = home.client.models.get_card("blue", 1).measurements
    assert ("colours exact_match (0-shot)", 0.75, 12, "lm-evaluation-harness 0.4.13") == (
        measured.name, measured.value, measured.rows_count, measured.part,
    )  # fmt: skip
    (kept,) = home.client.experiments.list_harness_runs(endpoint="sky").items
    assert "lm-evaluation-harness 0.4.13" == kept.harness
    assert kept == home.client.experiments.get_harness_run(kept.harness_run_id)
    with pytest.raises(NotFound) as caught:
        home.client.experiments.get_harness_run("har_none")
    assert "evals.harness_run_not_found" == caught.value.error_code


def test_filters_errors_and_groups_of_results() -> None:
    """
    A filter stands with its figure, a standard error gives 1.96 of it either way, and what is no number is no figure.
    """
    told = {
        "results": {
            "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.1},
            "wiki": {"word_perplexity,none": 20.0, "word_perplexity_stderr,none": "N/A", "f1,none": 0.4, "f1_stderr,none": 0.05},
        },
        "n-samples": {"gsm8k": {"original": 100, "effective": 20}, "wiki": {"original": 5, "effective": 5}},
        "n-shot": {"gsm8k": 5},
        "higher_is_better": {"wiki": {"word_perplexity": False}},
    }  # fmt: skip

    exact, perplexity, f1 = figures_of(told)

    assert ("strict-match", 20, 5, True) == (exact.filter, exact.rows, exact.num_fewshot, exact.low is not None)
    assert (20.0, None, None, False) == (perplexity.value, perplexity.low, perplexity.high, perplexity.higher_is_better)
    assert [pytest.approx(0.302, abs=1e-3), pytest.approx(0.498, abs=1e-3)] == [f1.low, f1.high]


def test_what_is_no_results_file_is_refused(tmp_path: Path) -> None:
    """
    Another file, a run without figures and a folder without a file each say so.
    """
    other = tmp_path / "other.json"
    other.write_text("[]")

    with pytest.raises(BadResults, match="has no 'results'"):
        read_results(other)
    with pytest.raises(BadResults, match="holds no figure"):
        figures_of({"results": {"group": {"alias": "group"}}})
    with pytest.raises(BadResults, match=r"no results_\*.json"):
        find_results(tmp_path)


def test_the_command_line_is_chat_or_with_a_tokenizer_completions() -> None:
    """
    The key is in no argument; texts and not tokens are sent, so that guards can read them.
    """
    chat = command("lm_eval", Asked(["a", "b"], "support", "http://127.0.0.1:8700", Path("out"), limit=3))
    likelihoods = command("lm_eval", Asked(["a"], "base", "http://127.0.0.1:8700", Path("out"), tokenizer="gpt2", num_fewshot=5))  # fmt: skip

    assert [
        "lm_eval", "run", "--model", "local-chat-completions", "--model_args",
        "model=support,base_url=http://127.0.0.1:8700/v1/chat/completions,num_concurrent=8,max_retries=5",
        "--tasks", "a,b", "--output_path", "out", "--apply_chat_template", "--limit", "3",
    ] == chat  # fmt: skip
    assert "local-completions" == likelihoods[3]
    assert likelihoods[5].endswith("tokenizer=gpt2,tokenizer_backend=huggingface,tokenized_requests=False")
    assert ["--num_fewshot", "5"] == likelihoods[-2:]


def test_a_program_that_fails_leaves_no_key_behind(home: Home) -> None:
    """
    What it ends with is told with the command line, and its key is revoked all the same.
    """
    serve_scripted(home, "sky", BLUE)
    program = shutil.which("false") or "/bin/false"

    said = _treadle(home, "harness", "--endpoint", "sky", "--task", "colours", "--program", program)

    assert "ended with exit code 1" in said.stderr
    assert "local-chat-completions" in said.stderr
    keys = [key for key in home.client.access.list_keys() if key.name.startswith("harness_")]
    assert 1 == len(keys)
    assert keys[0].revoked_at is not None


@pytest.mark.skipif("TREADLE_LM_EVAL" not in os.environ, reason="lm_eval is not installed; name it in TREADLE_LM_EVAL")
def test_lm_evaluation_harness_itself_asks_our_endpoint(home: Home, tmp_path: Path) -> None:
    """
    The real program runs a task of ours through the gateway; its figure is kept, and every answer has a trace.
    """
    serve_scripted(home, "sky", BLUE)
    (tmp_path / "colours.yaml").write_text(TASK.format(rows=_write_rows(tmp_path / "sky.jsonl")))
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}

    said = _treadle(
        home, "harness", "--endpoint", "sky", "--task", "colours", "--include-path", str(tmp_path), "--json", seconds=600, **offline
    )  # fmt: skip

    assert 0 == said.returncode, said.stderr[-2_000:]
    (figure,) = json.loads(said.stdout)["figures"]
    assert ("exact_match", 0.75, 12) == (figure["metric"], figure["value"], figure["rows"])


@pytest.mark.parametrize("rows", ["../secrets.jsonl", "/etc/hostname", "inner/../../secrets.jsonl", "link.jsonl"])
def test_a_suite_names_no_file_outside_of_its_folder(home: Home, tmp_path: Path, rows: str) -> None:
    """
    A suite comes from somebody else: a file outside of its folder is refused before a task runs, links included.
    """
    folder = tmp_path / "suite"
    folder.mkdir()
    _write_rows(tmp_path / "secrets.jsonl")
    (folder / "link.jsonl").symlink_to(tmp_path / "secrets.jsonl")
    _write_rows(folder / "sky.jsonl")
    tasks = [
        {"name": name, "rows": file, "scorers": [{"name": "exact_match"}]}
        for name, file in (("fine", "sky.jsonl"), ("bad", rows))
    ]
    (folder / "suite.json").write_text(json.dumps({"name": "colours", "tasks": tasks}))

    done = _treadle(home, "suite", str(folder / "suite.json"), "--endpoint", "sky")

    assert 0 != done.returncode
    assert "outside of the suite's folder" in done.stderr
    assert [] == home.client.datasets.list_().items

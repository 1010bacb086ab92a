"""`treadle eval suite`, `harness`, `harness-runs` and `harness-run`: published benchmarks, by task files and by lm-evaluation-harness."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import click
from pydantic import ValidationError

from treadle.cli.eval_gate import of_release
from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say, wait
from treadle.client.client import Client
from treadle.core.errors import InvalidInput, Unavailable
from treadle.core.ids import new_id
from treadle.evals.suites import harness as lm_eval
from treadle.evals.suites.types import HarnessFigure, NewHarnessRun, Suite, TaskFile
from treadle.evals.types import Experiment, NewExperiment, Target
from treadle.governance.types import NewApiKey
from treadle.server.local import LOCAL_URL

INVOKE = "gateway.invoke"


@click.command("suite", epilog="\b\nExample: treadle eval suite colours/suite.json --endpoint support")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--endpoint", help="The endpoint that answers.")
@click.option("--model", "model_version_id", help="Id of the model version that answers; its card gets the figures.")
@click.option("--release", "release_id", help="The release whose model, prompt and parameters answer.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 64), help="Rows asked at once.")
@json_option
def suite(
    file: Path,
    endpoint: str | None,
    model_version_id: str | None,
    release_id: str | None,
    concurrency: int,
    as_json: bool,
) -> None:
    """Run a benchmark that is published as a JSON file beside its rows: each task is a dataset and an experiment."""
    told = _read_suite(file)
    for task in told.tasks:
        _rows_of(task, file.parent)
    with connected() as client:
        target = (
            of_release(client.releases.get(release_id), "name it as --endpoint instead of --release")
            if release_id is not None
            else Target(endpoint=endpoint, model_version_id=model_version_id)
        )
        ended = [_run_task(client, told, task, file.parent, target, concurrency, quiet=as_json) for task in told.tasks]
    if as_json:
        return emit_json(ended)
    rows = [
        (task.name, metric.name, metric.mean, metric.low, metric.high, metric.scored, each.experiment_id)
        for task, each in zip(told.tasks, ended, strict=True)
        for metric in each.metrics
    ]
    return emit_table(["task", "scorer", "figure", "low", "high", "rows", "experiment"], rows, empty="no tasks")


def _read_suite(file: Path) -> Suite:
    try:
        return Suite.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(
            f"'{file}' is no suite: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}; it is JSON such as "
            f'{{"name": "colours", "tasks": [{{"name": "sky", "rows": "sky.jsonl", "scorers": [{{"name": "exact_match"}}]}}]}}',
            code="cli.suite",
        ) from error


def _rows_of(task: TaskFile, folder: Path) -> Path:
    """Return the file with a task's rows, which lies in the suite's folder or below. Raises InvalidInput."""
    rows = (folder / task.rows).resolve()
    if not rows.is_relative_to(folder.resolve()):  # a suite is somebody else's file: it says what is sent to a model
        raise InvalidInput(
            f"task '{task.name}' names '{task.rows}', which is outside of the suite's folder; put the rows beside the suite",
            code="cli.suite",
        )
    if not rows.is_file():
        raise InvalidInput(f"task '{task.name}' has no file '{rows}'; `rows` is a path from the suite's folder", code="cli.suite")  # fmt: skip
    return rows


def _run_task(
    client: Client, suite: Suite, task: TaskFile, folder: Path, target: Target, concurrency: int, *, quiet: bool
) -> Experiment:
    rows = _rows_of(task, folder)
    about = {"description": f"{suite.name}: {suite.source}"} if suite.source else {}
    mapping = {**task.mapping, **about, **({"licence": suite.licence} if suite.licence else {})}
    imported = wait(client, client.datasets.import_file(task.name, rows, mapping=mapping), quiet=quiet)
    new = NewExperiment(
        name=f"{suite.name}: {task.name}"[:200],
        target=target.model_copy(update={"reads": task.reads}),
        dataset_version_id=str(imported.outputs["version_id"]),
        scorers=task.scorers,
        limit=task.limit,
        concurrency=concurrency,
    )
    started = client.experiments.start(new)
    wait(client, client.runs.get(started.run_id), quiet=quiet)
    return client.experiments.get(started.experiment_id)


@click.command(
    "harness",
    epilog="\b\nExample: treadle eval harness --endpoint support --task gsm8k --program lm-eval/bin/lm_eval --limit 100",
)
@click.option("--endpoint", required=True, help="The endpoint that answers.")
@click.option("--task", "tasks", multiple=True, help="A task of the harness. May be repeated.")
@click.option(
    "--program",
    envvar="TREADLE_LM_EVAL",
    default="lm_eval",
    show_default=True,
    help="lm_eval in an environment of its own: python -m venv lm-eval; lm-eval/bin/pip install 'lm-eval[api]'.",
)
@click.option("--include-path", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of further tasks.")  # fmt: skip
@click.option("--tokenizer", help="For tasks of likelihoods: the model's tokenizer; asks text completions, not chat.")
@click.option("--limit", type=click.IntRange(min=1), help="The first so many rows of each task only.")
@click.option("--num-fewshot", type=click.IntRange(min=0), help="Examples before each question.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 64), help="Requests at once.")
@click.option("--results", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Keep this results file of an earlier run, and run nothing.")  # fmt: skip
@click.option("--model", "model_version_id", help="Id of the model version behind it; its card gets the figures.")
@click.option("--release", "release_id", help="The release behind it, as a note.")
@json_option
def harness(
    endpoint: str,
    tasks: tuple[str, ...],
    program: str,
    include_path: Path | None,
    tokenizer: str | None,
    limit: int | None,
    num_fewshot: int | None,
    concurrency: int,
    results: Path | None,
    model_version_id: str | None,
    release_id: str | None,
    as_json: bool,
) -> None:
    """Run tasks of lm-evaluation-harness against an endpoint, by its own program, and keep what it finds."""
    with connected() as client, tempfile.TemporaryDirectory() as folder:
        if results is None:
            if not tasks:
                raise InvalidInput(
                    "there is nothing to run; name a --task, or the --results of a run",
                    code="cli.harness",
                )
            asked = lm_eval.Asked(
                tasks, endpoint, client.url, Path(folder), include_path, limit, num_fewshot, concurrency, tokenizer
            )
            _run_harness(client, program, asked)
            results = lm_eval.find_results(Path(folder))
        told = lm_eval.read_results(results)
        kept = client.experiments.keep_harness_run(
            NewHarnessRun(
                harness=lm_eval.harness_of(told),
                endpoint=endpoint,
                model_version_id=model_version_id,
                release_id=release_id,
                figures=lm_eval.figures_of(told),
                settings=lm_eval.settings_of(told),
            )
        )
    if as_json:
        return emit_json(kept)
    _show(kept.figures)
    return note(f"kept as {kept.harness_run_id}; list them with: treadle eval harness-runs")


@click.command("harness-runs", epilog="\b\nExample: treadle eval harness-runs --endpoint support")
@click.option("--endpoint", help="Only of this endpoint.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def harness_runs(endpoint: str | None, limit: int, as_json: bool) -> None:
    """List what harnesses found, newest first."""
    with connected() as client:
        page = client.experiments.list_harness_runs(endpoint=endpoint, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(run.harness_run_id, run.endpoint, run.harness, len(run.figures), run.created_at) for run in page.items]
    return emit_table(["run", "endpoint", "harness", "figures", "kept"], rows, empty="none yet; see: treadle eval harness --help")  # fmt: skip


@click.command("harness-run", epilog="\b\nExample: treadle eval harness-run har_01m7y100mm81qbatdgsrcya7aa")
@click.argument("harness_run_id")
@json_option
def harness_run(harness_run_id: str, as_json: bool) -> None:
    """Show what one run of a harness came to."""
    with connected() as client:
        found = client.experiments.get_harness_run(harness_run_id)
    if as_json:
        return emit_json(found)
    say(f"{found.harness} on {found.endpoint}")
    return _show(found.figures)


def _run_harness(client: Client, program: str, asked: lm_eval.Asked) -> None:
    """Run the program with a key of its own, which may ask this endpoint and is revoked afterwards."""
    if client.url == LOCAL_URL:
        raise Unavailable("the harness needs a server to ask; start one: treadle up", code="cli.harness")
    if shutil.which(program) is None:
        raise InvalidInput(
            f"there is no program '{program}'; install it into an environment of its own: python -m venv lm-eval; "
            f"lm-eval/bin/pip install 'lm-eval[api]', and name it with --program lm-eval/bin/lm_eval",
            code="cli.harness",
        )
    made = client.access.create_key(
        NewApiKey(name=new_id("harness"), role="service", scopes=[INVOKE], endpoints=[asked.endpoint], days=2)
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREADLE_")}
    line = lm_eval.command(program, asked)
    try:
        # What it says goes to the error stream, for the result alone belongs to a pipe.
        ended = subprocess.run(line, env={**kept, "OPENAI_API_KEY": made.key}, stdout=2, check=False)
    finally:
        client.access.revoke_key(made.api_key.key_id)
    if ended.returncode != 0:
        raise Unavailable(
            f"'{program}' ended with exit code {ended.returncode}; what it said stands above, and this is what was run: "
            f"{shlex.join(line)}",
            code="cli.harness",
        )


def _show(figures: list[HarnessFigure]) -> None:
    rows = [(one.task, one.metric, one.filter, one.value, one.low, one.high, one.rows) for one in figures]
    emit_table(["task", "metric", "filter", "figure", "low", "high", "rows"], rows, empty="")

"""`treadle eval`: run, list, show, compare; plan, slices and scorers are in `eval_statistics.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import get_args

import click

from treadle.cli import eval_gate, eval_people, eval_statistics, eval_suite
from treadle.cli.eval_gate import of_release
from treadle.cli.output import (
    connected,
    emit_json,
    emit_table,
    json_option,
    note,
    say,
    search_option,
    unless_sought,
    wait,
)
from treadle.cli.scorer_choice import choice_of, parameters_of
from treadle.cli.versions import HOW, dataset_version, model_version, prompt_version
from treadle.client.client import Client
from treadle.core.types import JsonValue
from treadle.evals.comparisons.types import ComparisonReport
from treadle.evals.comparisons.verdict import amount
from treadle.evals.types import Experiment, ExperimentStatus, NewExperiment, StopRule, Target
from treadle.evals.words import metric_in_words

_WIDTH = 48
ANSWERING = ("exact_match",)
READING = ("perplexity", "bits_per_byte")


@click.group("eval")
def eval_command() -> None:
    """Experiments: a prompt and a model tried over a dataset, judged by scorers."""


for command in (
    eval_statistics.plan,
    eval_statistics.slices,
    eval_statistics.grid,
    eval_statistics.scorers,
    eval_gate.gate,
    eval_people.export,
    eval_people.hand_over,
    eval_people.take_back,
    eval_suite.suite,
    eval_suite.harness,
    eval_suite.harness_runs,
    eval_suite.harness_run,
):
    eval_command.add_command(command)


@eval_command.command(
    "run",
    epilog="\b\nExample: treadle eval run --model mdv_387hr1yjs9g9jcsqd6wce2wyvp --dataset tickets --part test",
)
@click.option("--name", default="experiment", show_default=True, help="What to call it.")
@click.option("--model", help=f"The model version that answers. {HOW}")
@click.option("--endpoint", help="The endpoint that answers, through the gateway; instead of a model version.")
@click.option(
    "--release", "release_id", help="The release whose model, prompt and parameters answer; instead of those."
)
@click.option("--prompt", help=f"The prompt version; none sends inputs as they are. {HOW}")
@click.option("--dataset", required=True, help=f"The dataset version. {HOW}")
@click.option("--part", help="Part of the split, such as test; none takes every row.")
@click.option(
    "--scorer",
    "scorers",
    multiple=True,
    help='exact_match by default, of texts that are read perplexity and bits_per_byte. Name, or name=JSON of its parameters such as \'regex={"pattern": "^ok"}\'. May be repeated.',
)
@click.option("--cluster-by", help="Metadata column that says which rows belong together, such as a session.")
@click.option("--stop-against", help="End as soon as the first scorer is shown to differ from this experiment's.")
@click.option("--parameters", help="JSON of request fields, such as '{\"temperature\": 0}'.")
@click.option("--limit", type=click.IntRange(min=1), help="The first so many rows only.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 64), help="Rows asked at once.")
@click.option(
    "--repeats", default=1, show_default=True, type=click.IntRange(1, 100), help="How often each row is asked."
)
@click.option("--reads", is_flag=True, help="Read inputs instead of answering them: how likely given texts are.")
@click.option("--cache", is_flag=True, help="Take answers and judgements that were made before.")
@click.option("--no-wait", is_flag=True, help="Return when it is queued.")
@json_option
def run(
    name: str,
    model: str | None,
    endpoint: str | None,
    release_id: str | None,
    prompt: str | None,
    dataset: str,
    part: str | None,
    scorers: tuple[str, ...],
    cluster_by: str | None,
    stop_against: str | None,
    parameters: str | None,
    limit: int | None,
    concurrency: int,
    repeats: int,
    reads: bool,
    cache: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Run an experiment and print what it came to."""
    with connected() as client:
        target = (
            of_release(client.releases.get(release_id), "name it as --endpoint instead of --release")
            if release_id is not None
            else Target(
                model_version_id=model_version(client, model),
                endpoint=endpoint,
                prompt_version_id=prompt_version(client, prompt),
                parameters=parameters_of(parameters),
                reads=reads,
            )
        )
        new = NewExperiment(
            name=name,
            target=target,
            dataset_version_id=dataset_version(client, dataset),
            part=part,
            scorers=[choice_of(scorer) for scorer in scorers or (READING if reads else ANSWERING)],
            cluster_by=cluster_by,
            stop=None if stop_against is None else StopRule(against=stop_against),
            limit=limit,
            concurrency=concurrency,
            repeats=repeats,
            cache=cache,
        )
        experiment = client.experiments.start(new)
        if not no_wait:
            wait(client, client.runs.get(experiment.run_id), quiet=as_json)
            experiment = client.experiments.get(experiment.experiment_id)
        reasons = _reasons(client, experiment)
    return emit_json(experiment) if as_json else _print(experiment, reasons)


@eval_command.command("list", epilog="\b\nExample: treadle eval list --dataset dsv_3h2b1z9n1fp3kenypy37s0a7fw")
@click.option("--dataset", help=f"Only over this dataset version. {HOW}")
@click.option("--model", help=f"Only of this model version. {HOW}")
@click.option("--prompt", "prompts", multiple=True, help=f"Only of this prompt version; repeatable. {HOW}")
@search_option
@click.option("--status", type=click.Choice(get_args(ExperimentStatus)), help="Only those that stand so.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(
    dataset: str | None,
    model: str | None,
    prompts: tuple[str, ...],
    q: str | None,
    status: ExperimentStatus | None,
    limit: int,
    as_json: bool,
) -> None:
    """List experiments, newest first."""
    with connected() as client:
        page = client.experiments.list_(
            dataset_version_id=dataset_version(client, dataset),
            model_version_id=model_version(client, model),
            prompt_version_ids=[prompt_version(client, each) for each in prompts] or None,
            q=q,
            status=status,
            limit=limit,
        )
    if as_json:
        return emit_json(page)
    rows = [(e.experiment_id, e.name, e.status, e.rows, *_first(e), e.created_at) for e in page.items]
    return emit_table(
        ["experiment", "name", "status", "rows", "scorer", "mean", "created"],
        rows,
        empty=unless_sought(
            "no experiments yet; run one: treadle eval run --model ID --dataset ID", dataset, model, q, status
        ),
    )


@eval_command.command("show", epilog="\b\nExample: treadle eval show exp_15wxzzs6ckpz32trft6dkj90qw --wrong")
@click.argument("experiment_id")
@click.option("--wrong", is_flag=True, help="Also list rows whose first score is below 1.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def show(experiment_id: str, wrong: bool, limit: int, as_json: bool) -> None:
    """Print one experiment."""
    with connected() as client:
        experiment = client.experiments.get(experiment_id)
        results = client.experiments.list_results(experiment_id, below=1.0, limit=limit).items if wrong else []
        reasons = _reasons(client, experiment)
    if as_json:
        return emit_json({"experiment": experiment, "results": results})
    _print(experiment, reasons)
    if results:
        rows = [(r.row, _line(r.input), _line(r.expected), _line(r.output or r.error)) for r in results]
        emit_table(["row", "input", "expected", "output"], rows, empty="")
    return None


@eval_command.command(
    "compare", epilog="\b\nExample: treadle eval compare exp_3hv3wvy77pscgpganrqj5vtg72 exp_15wxzzs6ckpz32trft6dkj90qw"
)
@click.argument("baseline_id")
@click.argument("candidate_id")
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="Level of the test: how often equals may be called different.",
)
@click.option(
    "--limit", default=10, show_default=True, type=click.IntRange(0, 500), help="Rows of each kind of change."
)
@click.option(
    "--margin-points",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    help="Loss in points that would be accepted, for 'as good within'.",
)
@click.option(
    "--equivalence-points",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    help="Difference in points, either way, that would not matter, for 'equivalent within'.",
)
@json_option
def compare(
    baseline_id: str,
    candidate_id: str,
    alpha: float,
    limit: int,
    margin_points: float | None,
    equivalence_points: float | None,
    as_json: bool,
) -> None:
    """Say what changed from one experiment to another on the same rows."""
    with connected() as client:
        report = client.experiments.compare(
            baseline_id,
            candidate_id,
            alpha=alpha,
            limit=limit,
            margin=None if margin_points is None else margin_points / 100,
            equivalence=None if equivalence_points is None else equivalence_points / 100,
        )
    if as_json:
        return emit_json(report)
    for comparison in report.comparisons:
        say(f"{comparison.scorer}: {comparison.words}")
    for one in report.left_out:
        note(f"{one.scorer} is not compared: {one.reason}")
    rows = [
        (
            _direction(report, c.candidate_score - c.baseline_score),
            c.row,
            _line(c.input),
            _line(c.expected),
            _line(c.baseline_output),
            _line(c.candidate_output),
        )
        for c in report.changes
    ]
    return emit_table(
        ["", "row", "input", "expected", "baseline", "candidate"], rows, empty="no row's first score differs"
    )


def _direction(report: ComparisonReport, difference: float) -> str:
    is_gain = (difference > 0) == report.comparisons[0].higher_is_better
    return "improved" if is_gain else "regressed"


def _reasons(client: Client, experiment: Experiment) -> dict[str, str]:
    """Return why rows are unscored, by scorer: what was said most often among the first rows."""
    wanted = {metric.name for metric in experiment.metrics if metric.unscored}
    if not wanted:
        return {}
    said: dict[str, Counter[str]] = {}
    for result in client.experiments.list_results(experiment.experiment_id, limit=100).items:
        for score in result.scores:
            if score.name in wanted and score.value is None and (score.reason or score.label):
                said.setdefault(score.name, Counter())[str(score.reason or score.label)] += 1
    return {name: reasons.most_common(1)[0][0] for name, reasons in said.items()}


def _print(experiment: Experiment, reasons: Mapping[str, str]) -> None:
    say(f"{experiment.experiment_id} '{experiment.name}' is {experiment.status}")
    say(f"rows {experiment.rows_done} of {experiment.rows or '?'}, without an answer {experiment.errors}")
    for metric in experiment.metrics:
        say(f"{metric.name}: {metric_in_words(metric)}")
        if metric.unscored:
            why = reasons.get(metric.name)
            say(f"  {metric.unscored} not judged" + (f", such as: {why}" if why else ""))
    if experiment.latency_p50_ms is not None:
        say(f"answers took {experiment.latency_p50_ms:.1f} ms (median), {experiment.latency_p95_ms:.1f} ms (p95)")


def _first(experiment: Experiment) -> tuple[str, str]:
    metric = experiment.metrics[0] if experiment.metrics else None
    return ("-", "-") if metric is None or metric.mean is None else (metric.name, amount(metric.mean, metric.unit))


def _line(value: JsonValue) -> str:
    flat = " ".join(str("-" if value is None else value).split())
    return flat if len(flat) <= _WIDTH else flat[: _WIDTH - 1] + "…"

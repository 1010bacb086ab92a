"""`treadle eval gate`: a candidate against what serves now, as words, Markdown, JUnit XML and an exit code."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from treadle.cli.output import connected, emit_json, json_option, say, wait
from treadle.cli.scorer_choice import choice_of
from treadle.cli.versions import HOW, dataset_version, model_version
from treadle.client.client import Client
from treadle.core.errors import InvalidInput, TreadleError
from treadle.evals.types import Experiment, NewExperiment, Target
from treadle.releases.gate_report import to_junit, to_markdown, unjudged_junit, unjudged_markdown
from treadle.releases.types import GatePolicy, GateReport, Release

GATE_FAILED = 8
"""Exit code of a gate that failed."""


REQUIREMENTS = ("better", "not worse", "equivalent")
margin_option = click.option(
    "--margin-points", default=2.0, show_default=True, type=click.FloatRange(0, 100, min_open=True, max_open=True),
    help="Largest loss in points that 'not worse' accepts, or difference that 'equivalent' does.",
)  # fmt: skip
also_better_option = click.option(
    "--also-better", help="A further scorer that must be shown better, such as cost: cheaper, but as good."
)


def policy_of(require: str, margin_points: float, also_better: str | None, minimum_score: float | None) -> GatePolicy:
    """Return what a gate asks for, from its options."""
    return GatePolicy.model_validate(
        {"require": require, "margin": margin_points / 100, "also_better": also_better, "minimum_score": minimum_score}
    )


@click.command(
    "gate",
    epilog="\b\nExample: treadle eval gate --endpoint support --candidate rel_01m7y100mm81qbatdgsrcya7aa "
    "--dataset dsv_3h2b1z9n1fp3kenypy37s0a7fw --part test --markdown gate.md --junit gate.xml",
)
@click.option("--endpoint", help="The endpoint whose current release is to be beaten.")
@click.option("--prompt", help="The prompt whose labelled version is to be beaten; needs --model.")
@click.option("--label", default="production", show_default=True, help="Label of the prompt's version.")
@click.option("--model", help=f"The model version that answers, with --prompt. {HOW}")
@click.option("--baseline", help="Id of a finished experiment to beat, instead of what serves now.")
@click.option(
    "--candidate",
    required=True,
    help="A release (rel_…), a finished experiment (exp_…), another endpoint's name, or with --prompt a version's number.",
)
@click.option("--dataset", help=f"The dataset version; not needed for two experiments. {HOW}")
@click.option("--part", help="Part of the split, such as test; none takes every row.")
@click.option(
    "--scorer", "scorers", multiple=True, default=["exact_match"], show_default=True,
    help="Name, or name=JSON of its parameters. The first decides. May be repeated.",
)  # fmt: skip
@click.option(
    "--require", type=click.Choice(REQUIREMENTS), default="not worse", show_default=True,
    help="What the comparison must show.",
)  # fmt: skip
@margin_option
@also_better_option
@click.option("--minimum", "minimum_score", type=click.FloatRange(0, 1), help="Least mean score, 0 to 1.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 64), help="Rows asked at once.")
@click.option("--title", default="treadle gate", show_default=True, help="What the files call it.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write the outcome here.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write it here as JUnit XML.")
@json_option
def gate(
    endpoint: str | None,
    prompt: str | None,
    label: str,
    model: str | None,
    baseline: str | None,
    candidate: str,
    dataset: str | None,
    part: str | None,
    scorers: tuple[str, ...],
    require: str,
    margin_points: float,
    also_better: str | None,
    minimum_score: float | None,
    concurrency: int,
    title: str,
    markdown: Path | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Judge a candidate against what serves now; ends with exit code 8 when it fails."""
    policy = policy_of(require, margin_points, also_better, minimum_score)
    names = {scorer.partition("=")[0] for scorer in scorers}
    judges = scorers if also_better is None or also_better in names else (*scorers, also_better)

    def start(client: Client, name: str, target: Target) -> Experiment:
        if dataset is None:
            raise InvalidInput("there is nothing to try it on; give --dataset", code="cli.gate_dataset")
        new = NewExperiment(
            name=name, target=target, dataset_version_id=dataset_version(client, dataset), part=part, concurrency=concurrency,
            scorers=[choice_of(scorer) for scorer in judges], cache=True,
        )  # fmt: skip
        return client.experiments.start(new)

    with connected() as client:
        before, after = _targets(client, endpoint, prompt, label, model_version(client, model), candidate)
        started: list[Experiment] = []
        measured = candidate
        try:
            if baseline is None:
                if before is None:
                    raise InvalidInput(
                        "there is nothing to beat; name an --endpoint, a --prompt with its --model, or a --baseline experiment",
                        code="cli.gate_baseline",
                    )
                started.append(start(client, f"{title}: what serves now", before))
                baseline = started[0].experiment_id
            if after is not None:
                started.append(start(client, f"{title}: candidate", after))
                measured = started[-1].experiment_id
            for begun in started:
                wait(client, client.runs.get(begun.run_id), quiet=as_json)
        except BaseException as error:  # nobody pays for half a comparison, also when it was broken off by hand
            for begun in started:
                with suppress(TreadleError):
                    client.runs.cancel(begun.run_id)
            if isinstance(error, TreadleError):
                _write(markdown, unjudged_markdown(error.message, title=title))
                _write(junit, unjudged_junit(error.message, title=title))
            raise
        report = client.releases.report_gate(baseline, measured, policy=policy)
        if candidate.startswith("rel_") and client.releases.get(candidate).approval is None:
            client.releases.evaluate_gate(candidate, baseline_id=baseline, candidate_id=measured, policy=policy)
    _write(markdown, to_markdown(report, title=title))
    _write(junit, to_junit(report, title=title))
    emit_json(report) if as_json else _print(report)
    if report.result == "failed":
        sys.exit(GATE_FAILED)


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.write_text(text, encoding="utf-8")


def _targets(
    client: Client, endpoint: str | None, prompt: str | None, label: str, model_version_id: str | None, candidate: str
) -> tuple[Target | None, Target | None]:
    """Return what serves now and what is tried; None for what is no target: an experiment, or nothing named."""
    through = "give that endpoint's name as --candidate"
    if candidate.startswith("exp_"):
        after = None
    elif candidate.startswith("rel_"):
        after = of_release(client.releases.get(candidate), through)
    elif prompt is None:
        after = Target(endpoint=candidate)
    else:
        after = _of_prompt(client, prompt, int(candidate) if candidate.isdigit() else candidate, model_version_id)
    if prompt is not None:
        return _of_prompt(client, prompt, label, model_version_id), after
    if endpoint is None:
        return None, after
    if after is None or after.endpoint is not None:
        return Target(endpoint=endpoint), after
    serving = client.endpoints.get(endpoint).stable_release_id
    if serving is None:
        raise InvalidInput(
            f"endpoint '{endpoint}' serves no release yet, so there is nothing to beat", code="cli.gate_baseline"
        )
    return of_release(client.releases.get(serving), through), after


def of_release(release: Release, through: str) -> Target:
    """Return a release's own parts as a target; `through` says how an endpoint is named instead where it has none."""
    if release.manifest.targets:
        raise InvalidInput(
            f"release '{release.name}' v{release.version} is answered by providers, so it is tried through an endpoint that "
            f"serves it, in an environment of its own if you like; {through}",
            code="cli.gate_release",
        )
    return Target(
        model_version_id=release.manifest.model_version_id,
        prompt_version_id=release.manifest.prompt_version_id,
        parameters=release.manifest.parameters,
        release_id=release.release_id,
    )


def _of_prompt(client: Client, name: str, version: int | str, model_version_id: str | None) -> Target:
    if model_version_id is None:
        raise InvalidInput("a prompt is tried on a model; give its version's id as --model", code="cli.gate_model")
    found = client.prompts.get_version(name, version)
    return Target(model_version_id=model_version_id, prompt_version_id=found.prompt_version_id)


def _print(report: GateReport) -> None:
    say(f"gate {report.result}: candidate {report.candidate_experiment_id} against {report.baseline_experiment_id}")
    for check in report.checks:
        say(f"  {'held' if check.passed else 'FAILED'}: {check.name}; {check.words}")

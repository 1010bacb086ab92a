"""`treadle train`: base, finetune, preflight, show-preflight."""

from __future__ import annotations

import json

import click

from treadle.cli.output import Part, connected, emit_facts, emit_json, json_option, note, say, wait
from treadle.cli.versions import HOW, dataset_version, model_version, prompt_version
from treadle.client.client import Client
from treadle.core.errors import InvalidInput, NotFound
from treadle.core.types import JsonValue
from treadle.jobs.types import Run
from treadle.training.types import PreflightOfRun

set_option = click.option(
    "--set", "settings", multiple=True, help="A recipe field, such as --set epochs=4; may be repeated."
)
wait_option = click.option(
    "--wait/--no-wait", "to_the_end", default=True, help="Wait until the run has ended.", show_default=True
)
data_option = click.option("--data", required=True, help=f"The dataset version. {HOW}")
base_option = click.option("--base", required=True, help=f"The model version to begin with. {HOW}")
prompt_option = click.option("--prompt", help=f"The prompt version to render each row through. {HOW}")


@click.group("train")
def train_command() -> None:
    """Training runs: base models, fine-tunes, pre-flights."""


@train_command.command(
    "base", epilog="\b\nExample: treadle train base support-base --data dsv_3h2b1z9n1fp3kenypy37s0a7fw --set epochs=4"
)
@click.argument("model")
@data_option
@click.option("--from", "source", help="A transformers folder or hub id to take in instead of training from scratch.")
@click.option("--licence", help="Licence of the weights.")
@set_option
@wait_option
@json_option
def base(
    model: str,
    data: str,
    source: str | None,
    licence: str | None,
    settings: tuple[str, ...],
    to_the_end: bool,
    as_json: bool,
) -> None:
    """Train a base model from scratch on a dataset version's texts, without their labels."""
    with connected() as client:
        run = client.training.start_base(
            model,
            dataset_version_id=dataset_version(client, data),
            base=source,
            licence=licence,
            recipe=recipe_of(settings),
        )
        _finish(client, run, to_the_end=to_the_end, as_json=as_json)


@train_command.command(
    "finetune",
    epilog="\b\nExample: treadle train finetune support --data dsv_3h2b1z9n1fp3kenypy37s0a7fw --base mdv_387hr1yjs9g9jcsqd6wce2wyvp --method lora",
)
@click.argument("model")
@data_option
@base_option
@prompt_option
@click.option(
    "--method",
    type=click.Choice(["full", "lora"]),
    default="full",
    show_default=True,
    help="All weights, or a LoRA adapter that is merged in.",
)
@set_option
@wait_option
@json_option
def finetune(
    model: str,
    data: str,
    base: str,
    prompt: str | None,
    method: str,
    settings: tuple[str, ...],
    to_the_end: bool,
    as_json: bool,
) -> None:
    """Tune a model version on a dataset version's rows; a pre-flight comes first."""
    with connected() as client:
        run = client.training.start_finetune(
            model,
            dataset_version_id=dataset_version(client, data),
            base_version_id=model_version(client, base),
            prompt_version_id=prompt_version(client, prompt),
            recipe={"method": method, **recipe_of(settings)},
        )
        _finish(client, run, to_the_end=to_the_end, as_json=as_json)


@train_command.command(
    "preflight",
    epilog="\b\nExample: treadle train preflight --data dsv_3h2b1z9n1fp3kenypy37s0a7fw --base mdv_387hr1yjs9g9jcsqd6wce2wyvp",
)
@data_option
@base_option
@prompt_option
@set_option
@json_option
def preflight(
    data: str,
    base: str,
    prompt: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show exactly what a fine-tune would learn from three rows, and every problem; trains nothing."""
    with connected() as client:
        run = client.training.start_preflight(
            dataset_version_id=dataset_version(client, data),
            base_version_id=model_version(client, base),
            prompt_version_id=prompt_version(client, prompt),
            recipe=recipe_of(settings),
        )
        wait(client, run, quiet=as_json)
        _show(client.training.get_preflight(run.run_id), as_json=as_json)


@train_command.command(
    "show-preflight", epilog="\b\nExample: treadle train show-preflight run_5bjmsn07sm43m1s0rqpfy7bkpa"
)
@click.argument("run_id")
@json_option
def show_preflight(run_id: str, as_json: bool) -> None:
    """Print the pre-flight report of a run, refused or not."""
    with connected() as client:
        _show(client.training.get_preflight(run_id), as_json=as_json)


def recipe_of(settings: tuple[str, ...]) -> dict[str, JsonValue]:
    """Read `field=value` settings; values are JSON where they can be, else text. Raises InvalidInput."""
    recipe: dict[str, JsonValue] = {}
    for setting in settings:
        field, equals, value = setting.partition("=")
        if not equals or not field:
            raise InvalidInput(f"'{setting}' is no recipe setting; field=value would be right, such as --set epochs=4")
        try:
            recipe[field] = json.loads(value)
        except json.JSONDecodeError:
            recipe[field] = value
    return recipe


def _finish(client: Client, run: Run, *, to_the_end: bool, as_json: bool) -> None:
    if to_the_end:
        run = wait(client, run, quiet=as_json)
    if as_json:
        emit_json(run)
        return
    emit_facts([("run", run.run_id), ("status", run.status), *run.outputs.items()])


def _show(found: PreflightOfRun, *, as_json: bool) -> None:
    if as_json:
        emit_json(found)
        return
    if (report := found.report) is None:
        raise NotFound(
            f"run '{found.run_id}' has made no pre-flight report; look how far it came with: treadle run show {found.run_id}"
        )
    say(
        f"{report.rows_count:,} rows, {report.input_tokens:,} tokens read, {report.answer_tokens:,} learned, "
        f"longest row {report.longest_tokens}"
    )
    for shown in report.shown:
        parts: list[Part] = [f"row {shown.row}: "]
        for token in shown.tokens:
            parts += [(token.text, "reverse" if token.is_learned else ""), ("|", "dim")]
        say(*parts[:-1])
    for problem in report.problems:
        note(f"problem {problem.code}: {problem.message}")
    for warning in report.warnings:
        note(f"warning: {warning}")

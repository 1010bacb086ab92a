"""`treadle prompt lint`, `preview`, `examples`, `safety` and `try`: what a prompt is like before anybody is served by it."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import get_args

import click

from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say
from treadle.core.types import JsonObject
from treadle.playground.types import Cell, FillExamples, NewGrid, NewPreview, NewSafety, TriedPrompt
from treadle.prompts.types import PackName

FAILED = 8
"""Exit code of a gate that did not pass."""
NOTHING = 1
"""Exit code where no cell was answered."""
_version = click.option("--version", default="latest", show_default=True, help="A number or a label.")
_variables = click.option("--variables", type=JsonFile(), help="File with a JSON object of variables.")


@click.command("lint", epilog="\b\nExample: treadle prompt lint greeting")
@click.argument("name")
@_version
@json_option
def lint(name: str, version: str, as_json: bool) -> None:
    """Say what is likely wrong with a version. Ends with 8 where something is an error."""
    with connected() as client:
        found = client.prompts.lint(name, version)
    if as_json:
        emit_json(found)
    else:
        rows = [(each.level, each.rule, "" if each.message is None else each.message, each.words) for each in found]
        emit_table(["level", "rule", "message", "what"], rows, empty="nothing to say")
    if any(each.level == "error" for each in found):
        sys.exit(FAILED)


@click.command("preview", epilog="\b\nExample: treadle prompt preview greeting --model gpt-5-mini --requests 10000")
@click.argument("name")
@_version
@click.option(
    "--model", "models", multiple=True, required=True, help="A provider's model, or a model version's id; repeatable."
)
@click.option("--output-tokens", default=256, show_default=True, help="How long an answer to reckon with.")
@click.option("--requests", default=1, show_default=True, help="How many requests to reckon with.")
@_variables
@json_option
def preview(
    name: str,
    version: str,
    models: tuple[str, ...],
    output_tokens: int,
    requests: int,
    variables: JsonObject | None,
    as_json: bool,
) -> None:
    """Count a filled-in prompt's tokens for some models, and what requests with it cost."""
    new = NewPreview(models=list(models), output_tokens=output_tokens, requests=requests, variables=variables or {})
    with connected() as client:
        found = client.playground.preview(name, new, version=version)
    if as_json:
        return emit_json(found)
    rows = [
        (
            each.model,
            f"{'about ' if each.is_estimate else ''}{each.input_tokens}",
            each.tokenizer,
            "unknown" if each.cost_usd is None else f"{each.cost_usd:.6f}",
            each.price_source or "",
        )
        for each in found
    ]
    if found and found[0].without:
        note(f"counted without {', '.join(map(repr, found[0].without))}; give a usual value with --variables FILE")
    return emit_table(["model", "input tokens", "counted by", "USD", "price from"], rows, empty="no models")


@click.command(
    "examples", epilog="\b\nExample: treadle prompt examples triage --dataset tickets --count 4 --selection nearest"
)
@click.argument("name")
@_version
@click.option("--dataset", required=True, help="The dataset.")
@click.option("--dataset-version", default="latest", show_default=True, help="Which version of it.")
@click.option("--part", default="train", show_default=True, help="The part; 'all' takes every row.")
@click.option(
    "--selection",
    type=click.Choice(["fixed", "nearest"]),
    default="fixed",
    show_default=True,
    help="The same for everybody, or those nearest to each request.",
)
@click.option("--count", default=3, show_default=True, help="How many are shown.")
@click.option("--pool", default=200, show_default=True, help="How many rows 'nearest' chooses from.")
@click.option("--seed", default=0, show_default=True, help="The same seed takes the same rows.")
@click.option("--message", default="", help="Why, as in a commit.")
@json_option
def examples(name: str, part: str, as_json: bool, **given: object) -> None:
    """Add a version that shows rows of a dataset, where the prompt includes {{> treadle/examples}}."""
    wanted = FillExamples.model_validate({**given, "part": None if part == "all" else part})
    with connected() as client:
        made = client.playground.fill_examples(name, wanted)
    return emit_json(made) if as_json else say(f"prompt '{name}' version {made.version}")


@click.command("safety", epilog="\b\nExample: treadle prompt safety greeting --version 2 --endpoint plain")
@click.argument("name")
@_version
@click.option("--endpoint", help="Attack it through this endpoint; the newest evaluation is shown when not given.")
@click.option(
    "--pack", "packs", multiple=True, type=click.Choice(get_args(PackName)), help="Which attacks; all when not given."
)
@click.option("--attacked", default="input", show_default=True, help="The variable that holds text of others.")
@click.option("--least-held", default=0.9, show_default=True, help="Share of each pack that must hold, 0 to 1.")
@_variables
@json_option
def safety(
    name: str,
    version: str,
    endpoint: str | None,
    packs: tuple[PackName, ...],
    attacked: str,
    least_held: float,
    variables: JsonObject | None,
    as_json: bool,
) -> None:
    """Attack a version and say how it held. Ends with 8 where it did not pass."""
    with connected() as client:
        if endpoint is not None:
            chosen: list[PackName] = list(packs) or list(get_args(PackName))
            new = NewSafety(
                endpoint=endpoint, packs=chosen, attacked=attacked, least_held=least_held, variables=variables or {}
            )
            client.runs.wait(client.playground.start_safety(name, new, version=version).run_id)
        found = client.prompts.list_safety(name, version)
    if not found:
        note(
            f"no safety evaluation yet; do one with: treadle prompt safety {name} --version {version} --endpoint ENDPOINT"
        )
        return emit_json(None) if as_json else None
    newest = found[0]
    if as_json:
        emit_json(newest)
    else:
        for pack, share in newest.packs.items():
            say(f"{pack}: " + ("nothing could be judged" if share is None else f"{100 * share:.0f} % held"))
        rows = [(each.pack, each.name, each.why) for each in newest.attacks if each.held is not True]
        emit_table(["pack", "attempt", "what was seen"], rows, empty="every attempt held")
        say("passed" if newest.passed else "not passed")
    if not newest.passed:
        sys.exit(FAILED)
    return None


@click.command("try", epilog="\b\nExample: treadle prompt try greeting@1 greeting@2 --endpoint plain --rows rows.jsonl")
@click.argument("prompts", nargs=-1, required=True)
@click.option("--endpoint", "endpoints", multiple=True, required=True, help="Whom to ask; repeatable.")
@click.option(
    "--rows", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON Lines of variables."
)
@click.option("--concurrency", default=4, show_default=True, help="Cells that are asked at once.")
@click.option("--budget-usd", type=Decimal, help="No further cell is begun once so much is spent.")
@json_option
def try_(
    prompts: tuple[str, ...],
    endpoints: tuple[str, ...],
    path: Path | None,
    concurrency: int,
    budget_usd: Decimal | None,
    as_json: bool,
) -> None:
    """Ask prompts (NAME or NAME@VERSION) of endpoints with rows, and show the answers side by side. Ends with 1 where none came."""
    import json

    try:
        lines = ["{}"] if path is None else path.read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        raise click.UsageError(f"'{path}' is not JSON Lines: {error}") from error
    if not rows:
        raise click.UsageError(f"'{path}' has no rows; write one JSON object of variables on each line")
    tried = [
        TriedPrompt(name=name, version=version or "latest")
        for name, _, version in (each.partition("@") for each in prompts)
    ]
    new = NewGrid.model_validate(
        {
            "prompts": tried,
            "endpoints": list(endpoints),
            "rows": rows,
            "concurrency": concurrency,
            "budget_usd": budget_usd,
        }
    )
    with connected() as client:
        cells = client.playground.try_grid(new)
    emit_json(cells) if as_json else _show(prompts, cells)
    if not any(cell.status == "answered" for cell in cells):
        sys.exit(NOTHING)


def _show(prompts: tuple[str, ...], cells: list[Cell]) -> None:
    shown = [
        (
            prompts[cell.prompt],
            cell.endpoint,
            cell.row,
            cell.output if cell.error is None else f"{cell.status}: {cell.error}",
            f"{cell.latency_ms:.0f}",
            "" if cell.cost_usd is None else f"{cell.cost_usd:.6f}",
        )
        for cell in cells
    ]
    emit_table(["prompt", "endpoint", "row", "answer", "ms", "USD"], shown, empty="no cells")

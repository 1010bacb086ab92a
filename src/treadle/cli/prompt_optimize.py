"""`treadle prompt optimize`, `optimizations` and `optimization`: search for better prompts and see what came of it."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import click

from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.cli.scorer_choice import choice_of
from treadle.core.types import JsonObject
from treadle.optimize.types import Method, NewOptimization


@click.command(
    "optimize",
    epilog="\b\nExample: treadle prompt optimize triage --dataset tickets --endpoint plain --scorer exact_match "
    "--method instructions --max-calls 1000",
)
@click.argument("prompt")
@click.option("--version", default="latest", show_default=True, help="The version to begin with.")
@click.option("--dataset", required=True, help="Rows with expected outputs, split into train, validation and test.")
@click.option("--dataset-version", default="latest", show_default=True, help="Which version of it.")
@click.option("--endpoint", required=True, help="Who answers: an endpoint without a prompt of its own.")
@click.option("--writer", help="Who writes new wordings; the endpoint when not given.")
@click.option("--scorer", required=True, help="What judges an answer: a name, or name=JSON of parameters.")
@click.option("--method", required=True, type=click.Choice(get_args(Method)), help="How to search.")
@click.option("--frozen", multiple=True, help="A passage that must stay as it is; repeatable.")
@click.option(
    "--search", multiple=True, metavar="FIELD=LOW..HIGH", help="A field to search, for 'parameters'; repeatable."
)
@click.option("--candidates", default=8, show_default=True, help="Most candidates that are tried.")
@click.option("--max-calls", type=int, required=True, help="Requests in all; never exceeded.")
@click.option("--max-usd", type=Decimal, help="What may be spent in all.")
@click.option("--seed", default=0, show_default=True, help="The same seed searches the same way.")
@click.option("--more", type=JsonFile(), help="File with further fields of the request.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Whether to stay until it is over.")
@json_option
def optimize(
    scorer: str, search: tuple[str, ...], more: JsonObject | None, wait: bool, as_json: bool, **given: object
) -> None:
    """Search for a better version of a prompt and compare it on rows that the search never saw."""
    bounds = {}
    for each in search:
        name, _, span = each.partition("=")
        low, dots, high = span.partition("..")
        if not dots:
            raise click.UsageError(f"'{each}' is no field to search; write FIELD=LOW..HIGH, such as temperature=0..1")
        bounds[name] = {"low": low, "high": high}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    new = NewOptimization.model_validate({"scorer": choice_of(scorer), "search": bounds, **given, **(more or {})})
    with connected() as client:
        found = client.optimizations.start(new)
        if wait:
            client.runs.wait(found.run_id)
            found = client.optimizations.get(found.optimization_id)
    if as_json:
        return emit_json(found)
    say(f"{found.optimization_id}: {found.words or found.status}")
    return say(f"{found.calls} calls, {found.spent_usd:.6f} USD known to be spent") if found.words else None


@click.command("optimizations", epilog="\b\nExample: treadle prompt optimizations")
@json_option
def optimizations(as_json: bool) -> None:
    """List searches for better prompts, newest first."""
    with connected() as client:
        page = client.optimizations.list_()
    if as_json:
        return emit_json(page)
    rows = [
        (each.optimization_id, each.request.prompt, each.request.method, each.status, each.words or "", each.created_at)
        for each in page.items
    ]
    empty = "none yet; start one: treadle prompt optimize"
    return emit_table(["id", "prompt", "method", "status", "what came of it", "started"], rows, empty=empty)


@click.command("optimization", epilog="\b\nExample: treadle prompt optimization opt_01m7y100mm81qbatdgsrcya7aa")
@click.argument("optimization_id")
@json_option
def optimization(optimization_id: str, as_json: bool) -> None:
    """Show a search with everything that it tried."""
    with connected() as client:
        found = client.optimizations.get(optimization_id)
        page = client.optimizations.list_candidates(optimization_id, limit=200)
    if as_json:
        return emit_json({"optimization": found, "candidates": page.items})
    say(found.words or found.status)
    at = found.request.message
    rows = [
        (
            each.number,
            "" if each.score is None else f"{each.score:.3f}",
            each.refused or each.messages[at].template[:200],
        )
        for each in page.items
    ]
    return emit_table(["candidate", "validation", "what it says"], rows, empty="nothing was tried yet")

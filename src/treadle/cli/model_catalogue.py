"""`treadle model catalogue`, `facts`, `state` and `forget`: what is known of models, and what the project states of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import click

from treadle.choosing.types import Hosting, Modality, NewEntry
from treadle.cli.output import connected, emit_facts, emit_json, emit_table, json_option, say

_MODALITIES = click.Choice(get_args(Modality))


@click.command("catalogue", epilog="\b\nExample: treadle model catalogue")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500), help="At most so many models.")
@click.option("--cursor", help="next_cursor of the page before.")
@json_option
def catalogue(limit: int, cursor: str | None, as_json: bool) -> None:
    """List models with price, context, licence and whether they can be tuned; empty is not known."""
    with connected() as client:
        page = client.catalogue.list_(limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [
        (
            each.name,
            each.hosting,
            each.input_usd_per_million,
            each.output_usd_per_million,
            f"{each.context_length:,}" if each.context_length else None,
            each.licence,
            each.can_fine_tune,
            each.speed.latency_p95_ms if each.speed else None,
        )
        for each in page.items
    ]
    columns = ["model", "run by", "USD/M in", "USD/M out", "context", "licence", "tunable", "p95 ms"]
    emit_table(columns, rows, empty="the catalogue is empty")
    return say(f"more: treadle model catalogue --cursor {page.next_cursor}") if page.next_cursor else None


@click.command("facts", epilog="\b\nExample: treadle model facts anthropic/claude-haiku-4-5")
@click.argument("name")
@json_option
def facts(name: str, as_json: bool) -> None:
    """Show what is known of a model with its sources: provider/model, name@version, or endpoint:name."""
    with connected() as client:
        found = client.catalogue.get(name)
    if as_json:
        return emit_json(found)
    told = found.model_dump(mode="json")
    return emit_facts([(key, "not known" if value is None else value) for key, value in told.items()])


@click.command(
    "state",
    epilog="\b\nExample: treadle model state mistral/open-mistral-nemo --context-length 128000 "
    "--source https://docs.mistral.ai --as-of 2026-11-21",
)
@click.argument("name")
@click.option("--source", required=True, help="Where it is written.")
@click.option("--as-of", required=True, help="When it was read there, such as 2026-11-21.")
@click.option("--licence", help="SPDX identifier, or 'proprietary'.")
@click.option("--context-length", type=int, help="In tokens.")
@click.option("--hosting", type=click.Choice(get_args(Hosting)), help="Who may run it.")
@click.option("--tunable/--not-tunable", "can_fine_tune", default=None, help="Whether it can be fine-tuned.")
@click.option("--language", "languages", multiple=True, help="ISO 639-1 code; repeatable.")
@click.option("--reads", "input_modalities", multiple=True, type=_MODALITIES, help="Repeatable.")
@click.option("--writes", "output_modalities", multiple=True, type=_MODALITIES, help="Repeatable.")
@click.option("--note", help="Whatever else is good to know.")
@click.option("--input-usd-per-million", type=Decimal, help="Only for a model that the price book does not list.")
@click.option("--output-usd-per-million", type=Decimal, help="Goes with the price of input.")
@json_option
def state(name: str, as_json: bool, **given: Any) -> None:
    """State facts of a model: what is given wins over what ships, what is left out stays."""
    entry = NewEntry.model_validate(
        {key: (list(value) or None) if isinstance(value, tuple) else value for key, value in given.items()}
    )
    with connected() as client:
        found = client.catalogue.put(name, entry)
    return emit_json(found) if as_json else say(f"'{found.name}' is stated; see: treadle model facts {found.name}")


@click.command("forget", epilog="\b\nExample: treadle model forget mistral/open-mistral-nemo")
@click.argument("name")
@json_option
def forget(name: str, as_json: bool) -> None:
    """Forget what the project states of a model; what ships holds again."""
    with connected() as client:
        client.catalogue.remove(name)
    return emit_json({"forgotten": name}) if as_json else say(f"nothing is stated of '{name}' any more")

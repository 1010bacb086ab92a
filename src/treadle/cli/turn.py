"""`treadle turn`: start, list, show."""

from __future__ import annotations

from pathlib import Path

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.cli.turn_view import follow, print_turn
from treadle.pipelines.types import FileSource, NewTurn


@click.group("turn")
def turn_command() -> None:
    """Turns: once around the loop, from data to data."""


@turn_command.command("start", epilog="\b\nExample: treadle turn start --name support")
@click.option("--name", default="support", show_default=True, help="Names the dataset, models, releases and endpoint.")
@click.option("--data", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Start from a file.")
@click.option("--input", "input_column", help="Column with what the application is given.")
@click.option("--label", "label_column", help="Column with the right answer.")
@click.option("--licence", help="Licence of the rows as an SPDX id, such as CC-BY-4.0; models made from them say so.")
@click.option("--from-traffic", is_flag=True, help="First join what people corrected to the dataset.")
@click.option("--version", type=int, help="Version of the dataset to start from; the newest when not given.")
@click.option(
    "--method", type=click.Choice(["full", "lora"]), default="full", show_default=True, help="How to fine-tune."
)
@click.option("--ask", is_flag=True, help="Stop at the gate and wait for a person's approval.")
@click.option("--detach", is_flag=True, help="Return at once; the turn goes on in the server.")
@json_option
def start(
    name: str,
    path: Path | None,
    input_column: str | None,
    label_column: str | None,
    licence: str | None,
    from_traffic: bool,
    version: int | None,
    method: str,
    ask: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Go around the loop: from a file, or from the newest version of the dataset, such as one curated from traffic.

    The fine-tuned candidate is compared with what the endpoint serves now, and rolled out step by step on real traffic.
    """
    with connected() as client:
        facts: dict[str, object] = {"name": name, "method": method, "approve": not ask, "licence": licence}
        if path is not None:
            upload = client.turns.upload(path)
            file = FileSource(digest=upload.digest, file_name=upload.file_name, input=input_column, label=label_column)
            facts |= {"source": "file", "file": file}
        else:
            facts |= {"source": "dataset", "dataset_version": version, "from_traffic": from_traffic}
        run = client.turns.start(NewTurn.model_validate(facts))
        if detach:
            return (
                emit_json(run)
                if as_json
                else say(f"turn '{run.run_id}' is started; follow it with: treadle turn show {run.run_id}")
            )
        turn = follow(client, run.run_id, quiet=as_json)
    return emit_json(turn) if as_json else print_turn(turn)


@turn_command.command("list", epilog="\b\nExample: treadle turn list")
@json_option
def list_(as_json: bool) -> None:
    """List turns, newest first."""
    with connected() as client:
        page = client.turns.list_()
    if as_json:
        return emit_json(page)
    rows = [
        (r.run_id, r.title, r.status, r.outputs.get("candidate_score"), r.outputs.get("rollout"), r.created_at)
        for r in page.items
    ]
    return emit_table(
        ["turn", "title", "status", "score", "rollout", "created"], rows, empty="no turns yet; make one: treadle demo"
    )


@turn_command.command("show", epilog="\b\nExample: treadle turn show run_5bjmsn07sm43m1s0rqpfy7bkpa")
@click.argument("turn_id")
@json_option
def show(turn_id: str, as_json: bool) -> None:
    """Print a turn, station by station."""
    with connected() as client:
        turn = client.turns.get(turn_id)
    return emit_json(turn) if as_json else print_turn(turn)


@turn_command.command("refuse", epilog="\b\nExample: treadle turn refuse run_01jd --reason 'worse on refunds'")
@click.argument("run_id")
@click.option("--reason", required=True, help="Why, in words; kept with the turn.")
@json_option
def refuse(run_id: str, reason: str, as_json: bool) -> None:
    """Refuse what a turn asks to release: it ends at the gate. Approving is `treadle release approve`."""
    with connected() as client:
        kept = client.turns.refuse(run_id, reason=reason)
    return emit_json(kept) if as_json else say(f"refused by {kept.actor_name}; the turn ends and releases nothing")

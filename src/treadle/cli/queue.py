"""`treadle queue`: make queues, fill them, and see how far judges agree. What judges do is in queue_work.py."""

from __future__ import annotations

import json
from typing import IO

import click

from treadle.cli.output import (
    connected,
    emit_facts,
    emit_json,
    emit_table,
    json_option,
    note,
    say,
    search_option,
    unless_sought,
    wait,
)
from treadle.cli.queue_work import judge, next_, skip, undo, work
from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.feedback.labels.types import Field
from treadle.feedback.queues.types import CoefficientFigures, Fill, JudgeFigures, NewItem, NewQueue, Queue, asked_of

FIELD_FORMS = "NAME:boolean, NAME:number:1-5, NAME:category:good,bad, NAME:text or NAME:correction, with '?' at the end where it may be left out"


@click.group("queue")
def queue_command() -> None:
    """Queues of answers that wait for people to judge them."""


for command in (next_, judge, skip, undo, work):
    queue_command.add_command(command)


@queue_command.command(
    "create", epilog="\b\nExample: treadle queue create triage --field correct:boolean --field better:correction?"
)
@click.argument("name")
@click.option("--field", "fields", multiple=True, help=f"What is asked (repeatable): {FIELD_FORMS}.")
@click.option("--schema", type=click.File(), help="A JSON file with the whole list of fields, with help texts.")
@click.option("--pairwise", is_flag=True, help="Two answers side by side, of which the better is chosen.")
@click.option("--judges", "judges_per_item", default=1, show_default=True, help="People who judge each item.")
@click.option(
    "--minutes", "reserve_minutes", default=30, show_default=True, help="How long an opened item is reserved."
)
@click.option(
    "--gold-every", default=10, show_default=True, help="Every so manieth item has a known answer, if any do."
)
@click.option("--instructions", default="", help="What judges read before they begin.")
@click.option("--description", default="", help="What it is for.")
@json_option
def create(fields: tuple[str, ...], schema: IO[str] | None, pairwise: bool, as_json: bool, **wanted: object) -> None:
    """Make a queue."""
    asked: list[object] = [parse_field(text) for text in fields]
    if schema is not None:
        asked += json.load(schema)
    new = NewQueue.model_validate({**wanted, "fields": asked, "mode": "pairwise" if pairwise else "single"})
    with connected() as client:
        made = client.queues.create(new)
    return emit_json(made) if as_json else say(f"queue '{made.name}' asks for {', '.join(_asked(made))}")


@queue_command.command("list", epilog="\b\nExample: treadle queue list")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@search_option
@json_option
def list_(q: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List queues by name."""
    with connected() as client:
        page = client.queues.list_(q=q, limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [
        (one.name, one.mode, _asked(one), f"{one.num_done} of {one.num_items}", one.num_skipped) for one in page.items
    ]
    headers = ["name", "mode", "asks for", "done", "skipped"]
    empty = unless_sought("no queues yet; make one: treadle queue create NAME --field correct:boolean", q)
    return emit_table(headers, rows, empty=empty)


@queue_command.command("show", epilog="\b\nExample: treadle queue show triage")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a queue and how far it is."""
    with connected() as client:
        queue = client.queues.get(name)
    if as_json:
        return emit_json(queue)
    return emit_facts(
        [
            ("name", queue.name),
            ("description", queue.description or None),
            ("instructions", queue.instructions or None),
            ("asks for", _asked(queue)),
            ("judges per item", queue.judges_per_item),
            ("done", f"{queue.num_done} of {queue.num_items}"),
            ("judgements", queue.num_judgements),
            ("open right now", queue.num_reserved),
            ("skipped", queue.num_skipped),
            ("known answers", queue.num_gold),
        ]
    )


@queue_command.command("add", epilog="\b\nExample: treadle queue add triage 01a1fc101c1599530e9c47eea008804b")
@click.argument("name")
@click.argument("trace_ids", nargs=-1, required=True)
@click.option("--against", "other_trace_id", help="The answer to compare with, in a pairwise queue.")
@click.option("--priority", default=0, show_default=True, help="Higher ones come first.")
@click.option("--for", "assigned_to", help="The one actor who gets it (its id).")
@click.option("--gold", help="Answers that are known to be right, as JSON; judges do not see them.")
@json_option
def add(name: str, trace_ids: tuple[str, ...], gold: str | None, as_json: bool, **wanted: object) -> None:
    """Put answers into a queue by their trace ids."""
    known = None if gold is None else _json(gold, "--gold")
    items = [NewItem.model_validate({**wanted, "trace_id": trace_id, "gold": known}) for trace_id in trace_ids]
    with connected() as client:
        added = client.queues.add(name, items)
    return emit_json(added) if as_json else say(f"{added.num_added} added, {added.num_known} there already")


@queue_command.command(
    "fill", epilog="\b\nExample: treadle queue fill triage --strategy active --num 50 --endpoint support"
)
@click.argument("name")
@click.option(
    "--strategy",
    default="newest",
    show_default=True,
    type=click.Choice(["newest", "sample", "active"]),
    help="The newest that match, a random sample, or active learning.",
)
@click.option("--num", default=100, show_default=True, type=click.IntRange(1, 1_000), help="How many.")
@click.option("--seed", default=0, show_default=True, help="Decides the sample and the choice.")
@click.option("--mix", help="Active learning's shares: uncertainty=0.5,disagreement=0.1,diversity=0.3,drift=0.1.")
@click.option("--label", help="Whose judgements active learning goes by; the queue's first question by default.")
@click.option("--drift-since", help="Answers from before this moment are what drift is measured against.")
@click.option("--endpoint", help="Only answers of this endpoint.")
@click.option("--release", "release_id", help="Only answers of this release.")
@click.option("--status", type=click.Choice(["ok", "error", "cancelled"]), help="Only requests that ended so.")
@click.option("--text", help="Only with this in the question or the answer.")
@click.option("--query", "q", help="Only answers that this filter in words finds, such as 'status:error age<7d'.")
@click.option("--view", help="Only answers that this kept filter finds.")
@json_option
def fill(name: str, mix: str | None, as_json: bool, **wanted: object) -> None:
    """Put answers from traffic into a queue: the newest, a sample, or those that are worth most to judge."""
    facts = {key: wanted.pop(key) for key in ("endpoint", "release_id", "status", "text", "q")}
    shares = {} if mix is None else {"mix": dict(part.split("=", 1) for part in mix.split(","))}
    asked = Fill.model_validate({**wanted, **shares, "wanted": facts})
    with connected() as client:
        run = wait(client, client.queues.fill(name, asked), quiet=as_json)
    if as_json:
        return emit_json(run)
    say(str(run.outputs["words"]))
    return note(f"judge them: treadle queue next {name}") if run.outputs["num_added"] else None


@queue_command.command("agreement", epilog="\b\nExample: treadle queue agreement triage")
@click.argument("name")
@json_option
def agreement(name: str, as_json: bool) -> None:
    """Tell how far judges agree, with each other and with what is known."""
    with connected() as client:
        told = client.queues.get_agreement(name)
    if as_json:
        return emit_json(told)
    rows = [
        (f.name, f.num_items, f.observed, _coefficient(f.cohen), _coefficient(f.fleiss), _coefficient(f.alpha))
        for f in told.fields
    ]
    headers = ["question", "items", "the same", "Cohen", "Fleiss", "Krippendorff (95 %)"]
    emit_table(headers, rows, empty="nothing in this queue can be compared: it asks for words")
    judges = [(j.name, j.num_judged, j.num_skipped, j.median_seconds, _gold(j)) for j in told.judges]
    headers = ["judge", "judged", "skipped", "seconds", "known answers right (95 %)"]
    emit_table(headers, judges, empty="nobody has judged yet")
    if told.first_shown_preferred is not None:
        share = f"{told.first_shown_preferred:.0%}"
        say(f"the answer shown first was preferred in {share} of the decisions: far from 50 % the position decides")
    return None


@queue_command.command("items", epilog="\b\nExample: treadle queue items triage")
@click.argument("name")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def items(name: str, limit: int, cursor: str | None, as_json: bool) -> None:
    """List what is in a queue, why it is there, and how far it is; for whoever runs the queue."""
    with connected() as client:
        page = client.queues.list_items(name, limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [(i.item_id, i.trace_id, i.status, i.num_judged, i.reason, i.gold, i.assigned_to) for i in page.items]
    headers = ["item", "trace", "status", "judged", "why it is here", "known answers", "only for"]
    return emit_table(headers, rows, empty=f"nothing is in it; fill it: treadle queue fill {name}")


@queue_command.command("remove", epilog="\b\nExample: treadle queue remove triage")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget a queue with its items; the feedback that it gave stays."""
    with connected() as client:
        client.queues.delete(name)
    return emit_json({"name": name}) if as_json else say(f"queue '{name}' is gone; the feedback that it gave stays")


def parse_field(text: str) -> Field:
    """Read a field from its short form. Raises InvalidInput."""
    name, _, rest = text.removesuffix("?").partition(":")
    kind, _, more = rest.partition(":")
    facts: JsonObject = {"name": name, "kind": kind, "is_required": not text.endswith("?")}
    if kind == "category" and len({label.strip() for label in more.split(",")}) < 2:
        raise InvalidInput(
            f"'{text}' names no two options to choose from; write them with commas: {name}:category:good,bad",
            code="queues.field_form",
        )
    if kind == "category":
        facts["options"] = [{"label": label.strip()} for label in more.split(",")]
    elif kind == "number":
        low, _, high = more.rpartition("-")
        facts |= {"low": low, "high": high}
        if low.lstrip("-").isdigit() and high.isdigit():
            facts["step"] = 1
    elif more or kind not in ("boolean", "text", "correction"):
        raise InvalidInput(f"'{text}' says no field; write {FIELD_FORMS}", code="queues.field_form")
    return Field.model_validate(facts)


def _json(text: str, option: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(
            f'{option} is no JSON ({error}); write it as {{"field": value}}', code="queues.json"
        ) from None


def _asked(queue: Queue) -> list[str]:
    return [field.name for field in asked_of(queue)]


def _gold(judge: JudgeFigures) -> str | None:
    if judge.gold_low is None or judge.gold_high is None:
        return None
    return f"{judge.num_gold_right} of {judge.num_gold} ({judge.gold_low:.0%} to {judge.gold_high:.0%})"


def _coefficient(figures: CoefficientFigures | None) -> str | None:
    if figures is None or figures.value is None:
        return None
    ends = "" if figures.low is None or figures.high is None else f" ({figures.low:.2f} to {figures.high:.2f})"
    return f"{figures.value:.2f}{ends}"

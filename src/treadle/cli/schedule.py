"""`treadle schedule`: put, list, show, remove."""

from __future__ import annotations

import click

from treadle.cli.output import connected, emit_facts, emit_json, emit_table, json_option, say
from treadle.pipelines.schedules.types import NewSchedule, Schedule
from treadle.pipelines.types import Turn


@click.group("schedule")
def schedule_command() -> None:
    """When the loop goes around by itself."""


@schedule_command.command(
    "put", epilog="\b\nExample: treadle schedule put learn --turn support --corrected 500 --monitor drift"
)
@click.argument("name")
@click.option("--turn", required=True, help="The turn's name: of the dataset, endpoint, model and release.")
@click.option("--corrected", "corrected_answers", type=int, help="Go at so many corrected answers.")
@click.option("--monitor", help="Go when this monitor fires, such as one that watches for drift.")
@click.option("--hours", "at_most_every_hours", default=24.0, show_default=True, help="Least time between two turns.")
@click.option(
    "--release/--ask", default=False, help="Release what passed the gate; --ask, the default, waits for approval."
)
@click.option(
    "--method", type=click.Choice(["full", "lora"]), default="full", show_default=True, help="How to fine-tune."
)
@click.option("--off", is_flag=True, help="Keep it, but do not let it go.")
@json_option
def put(release: bool, off: bool, as_json: bool, **wanted: object) -> None:
    """Make a schedule, or change the one of this name. Its turns have your rights."""
    new = NewSchedule.model_validate({**wanted, "ask_before_release": not release, "is_on": not off})
    with connected() as client:
        made = client.schedules.put(new)
    return emit_json(made) if as_json else say(f"'{made.name}' goes {_when(made)}")


@schedule_command.command("list", epilog="\b\nExample: treadle schedule list")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@click.option("--cursor", help="Go on after a page: its next_cursor.")
@json_option
def list_(limit: int, cursor: str | None, as_json: bool) -> None:
    """List schedules by name."""
    with connected() as client:
        page = client.schedules.list_(limit=limit, cursor=cursor)
    if as_json:
        return emit_json(page)
    rows = [(s.name, s.turn, _when(s), s.num_corrected, s.last_fired_at, s.is_on) for s in page.items]
    empty = "no schedules yet; make one: treadle schedule put NAME --turn TURN --corrected 500"
    return emit_table(["name", "turn", "goes", "corrected so far", "last", "on"], rows, empty=empty)


@schedule_command.command("show", epilog="\b\nExample: treadle schedule show learn")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a schedule, how near it is, and the times that it went."""
    with connected() as client:
        schedule, firings = client.schedules.get(name), client.schedules.list_firings(name).items
        last = client.turns.get(firings[0].run_id) if firings else None
    if as_json:
        return emit_json({"schedule": schedule, "firings": firings})
    emit_facts(
        [
            ("name", schedule.name),
            ("turn", schedule.turn),
            ("goes", _when(schedule)),
            ("before release", "asks" if schedule.ask_before_release else "approves what passed the gate"),
            ("corrected so far", schedule.num_corrected),
            ("on", schedule.is_on),
            ("last turn", _state(last)),
        ]
    )
    rows = [(one.number, one.fired_at, one.words, one.run_id) for one in firings]
    return emit_table(["no.", "when", "why", "turn"], rows, empty="it has not gone yet")


@schedule_command.command("remove", epilog="\b\nExample: treadle schedule remove learn")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget a schedule; its turns stay."""
    with connected() as client:
        client.schedules.delete(name)
    return emit_json({"name": name}) if as_json else say(f"'{name}' goes no more")


def _state(turn: Turn | None) -> str | None:
    """Return how the last turn stands: what its station says while it works or asks, why it ended."""
    if turn is None:
        return None
    at = next((one for one in turn.steps if one.run and one.run.status not in ("succeeded", "pending")), None)
    said = (at.run.error.message if at.run.error else at.run.progress_text) if at and at.run else ""
    return f"{turn.run.status}{f' at {at.title!r}: {said}' if at else ''}"


def _when(schedule: Schedule) -> str:
    count = None if schedule.corrected_answers is None else f"at {schedule.corrected_answers:,} corrected answers"
    alert = None if schedule.monitor is None else f"when '{schedule.monitor}' fires"
    return " or ".join(part for part in (count, alert) if part)

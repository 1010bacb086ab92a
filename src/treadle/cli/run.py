"""`treadle run`: list, show, logs, cancel, retry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import click

from treadle.cli.output import (
    connected,
    emit_facts,
    emit_json,
    emit_table,
    json_option,
    say,
    unless_sought,
)
from treadle.jobs.types import Run, RunStatus


@click.group("run")
def run_command() -> None:
    """Runs: work that was or is being done."""


@run_command.command("list", epilog="\b\nExample: treadle run list --kind training.finetune")
@click.option("--kind", help="Only this kind, such as training.finetune.")
@click.option("--status", type=click.Choice(get_args(RunStatus)), help="Only those that stand so.")
@click.option("--steps-of", "parent_run_id", help="Only the steps of this run, in order.")
@click.option("--search", "q", metavar="TEXT", help="Only those with this in their title, or the run of this id.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(
    kind: str | None, status: RunStatus | None, parent_run_id: str | None, q: str | None, limit: int, as_json: bool
) -> None:
    """List runs, newest first."""
    with connected() as client:
        page = client.runs.list_(kind=kind, status=status, parent_run_id=parent_run_id, q=q, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(r.run_id, r.kind, r.title, r.status, f"{_seconds(r):.1f} s", r.created_at) for r in page.items]
    return emit_table(
        ["run", "kind", "title", "status", "took", "created"],
        rows,
        empty=unless_sought("no runs yet; make some: treadle demo", kind, status, parent_run_id, q),
    )


@run_command.command("show", epilog="\b\nExample: treadle run show run_5bjmsn07sm43m1s0rqpfy7bkpa")
@click.argument("run_id")
@json_option
def show(run_id: str, as_json: bool) -> None:
    """Print one run: what went in, what came out."""
    with connected() as client:
        run = client.runs.get(run_id)
    if as_json:
        return emit_json(run)
    facts: list[tuple[str, object]] = [
        ("run", run.run_id), ("title", run.title), ("kind", run.kind), ("status", run.status), ("took", f"{_seconds(run):.1f} s"),
        ("started by", run.actor_name), ("attempts", run.attempts), ("started", run.started_at), ("ended", run.ended_at),
        *((f"param {name}", value) for name, value in run.params.items()),
        *((f"output {name}", value) for name, value in run.outputs.items()),
    ]  # fmt: skip
    if run.error:
        facts.append(("error", run.error.message))
    return emit_facts(facts)


@run_command.command("logs", epilog="\b\nExample: treadle run logs run_5bjmsn07sm43m1s0rqpfy7bkpa")
@click.argument("run_id")
@json_option
def logs(run_id: str, as_json: bool) -> None:
    """Print what a run said."""
    with connected() as client:
        lines = client.runs.logs(run_id)
    if as_json:
        return emit_json(lines)
    for line in lines:
        say(f"{line.at:%H:%M:%S} {line.text}")
    return None


@run_command.command("cancel", epilog="\b\nExample: treadle run cancel run_5bjmsn07sm43m1s0rqpfy7bkpa")
@click.argument("run_id")
@json_option
def cancel(run_id: str, as_json: bool) -> None:
    """Stop a run and its steps."""
    with connected() as client:
        run = client.runs.cancel(run_id)
    return (
        emit_json(run)
        if as_json
        else say(
            f"run '{run.run_id}' is {run.status}{'' if run.status == 'cancelled' else ', so there was nothing to cancel'}"
        )
    )


@run_command.command("retry", epilog="\b\nExample: treadle run retry run_5bjmsn07sm43m1s0rqpfy7bkpa")
@click.argument("run_id")
@json_option
def retry(run_id: str, as_json: bool) -> None:
    """Have a run that failed or was cancelled go on where it stopped."""
    with connected() as client:
        run = client.runs.retry(run_id)
    return (
        emit_json(run) if as_json else say(f"run '{run.run_id}' goes on; follow it with: treadle run show {run.run_id}")
    )


def _seconds(run: Run) -> float:
    return ((run.ended_at or datetime.now(UTC)) - run.started_at).total_seconds() if run.started_at else 0.0

"""How a turn looks in a terminal: bars while it runs, a table when it is done."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from treadle.cli.output import Bars, emit_table, is_watched, note, say
from treadle.client.client import Client
from treadle.client.runs import error_of
from treadle.jobs.types import FINAL, Run
from treadle.pipelines.types import Turn, TurnStep

LOOK_EVERY_SECONDS = 0.4


def follow(client: Client, run_id: str, *, quiet: bool = False) -> Turn:
    """Show a turn until it ends, and return it. Raises the error that a station failed with."""
    if quiet or not is_watched():
        turn = _follow_in_lines(client, run_id, quiet=quiet)
    else:
        turn = _follow_in_bars(client, run_id)
    if turn.run.status != "succeeded":
        failed = next((one for one in turn.steps if one.run and one.run.status == "failed"), None)
        error = error_of(turn.run)
        if failed is not None:
            error.message = f"station '{failed.title}' failed: {error.message}"
        raise error
    return turn


def print_turn(turn: Turn) -> None:
    """Print every station with its time and result, and what the turn found."""
    rows = [
        (
            one.title,
            one.run.status if one.run else "to come",
            f"{_seconds(one.run):.1f} s" if one.run else "",
            result_of(one),
        )
        for one in turn.steps
    ]
    emit_table(["station", "state", "took", "result"], rows, empty="")
    say("")
    say((turn.run.title, "bold"), f" {turn.run.status} in {_seconds(turn.run):.0f} s")
    for line in summary(turn):
        say(line)


def summary(turn: Turn) -> list[str]:
    """Return what the turn found, in words."""
    found = turn.run.outputs
    lines = []
    if found.get("verdict"):
        lines.append(f"  candidate against baseline: {found['verdict']}")
    if found.get("rollout_words"):
        lines.append(f"  rollout: {found['rollout']}; {found['rollout_words']}")
    if found.get("drill_words"):
        lines.append(f"  drill: {found['drill_rollout']}; {found['drill_words']}")
    if found.get("next_dataset_version_id"):
        lines.append(
            f"  back to data: {found['rows_from_traffic']} rows from traffic in the dataset's next version; go on with: treadle turn start --name {found['endpoint']}"
        )
    if found.get("example_trace_id"):
        lines.append(f"  from an answer back to its rows: treadle lineage show {found['example_trace_id']}")
    return lines


def result_of(one: TurnStep) -> str:
    """Return what a station made, in a few words."""
    if one.run is None:
        return ""
    if one.run.error is not None:
        return one.run.error.message
    out = one.run.outputs
    match one.run.kind:
        case "pipelines.source":
            held_back = f", {_count(out, 'num_customers')} customers held back" if out.get("num_customers") else ""
            return f"{_count(out, 'num_rows')} rows{held_back}" if out.get("num_rows") else ""
        case "data.import" | "data.prepare" | "data.curate":
            return f"version {out.get('version')}: {_count(out, 'num_rows')} rows" if out.get("version") else ""
        case "data.profile":
            return f"{_count(out, 'num_rows')} rows explored" if out.get("num_rows") else ""
        case "training.base" | "training.finetune":
            return (
                f"{out.get('model_name')} v{out.get('version')}, {_count(out, 'parameters_count')} parameters"
                if out.get("version")
                else ""
            )
        case "evals.experiment":
            metrics = out.get("metrics")
            return (
                ", ".join(f"{name} {100 * value:.1f} %" for name, value in metrics.items())
                if isinstance(metrics, dict)
                else ""
            )
        case "pipelines.release":
            return f"{out.get('name')} v{out.get('version')}" if out.get("version") else ""
        case "pipelines.approve":
            return f"gate {out.get('gate')}: {out.get('words')}" if out.get("gate") else ""
        case "pipelines.ask":
            by = out.get("approved_by")
            return f"approved by {', '.join(map(str, by))}" if isinstance(by, list) else one.run.progress_text
        case "pipelines.serve":
            return f"endpoint '{out.get('endpoint')}' serves" if out.get("endpoint") else ""
        case "pipelines.rollout":
            asked = f" after {_count(out, 'num_requests')} requests" if out.get("num_requests") else ""
            return f"{out.get('status')}{asked}" if out.get("status") else one.run.progress_text
        case _:
            return ""


def _follow_in_lines(client: Client, run_id: str, *, quiet: bool) -> Turn:
    told: set[str] = set()
    while True:
        turn = client.turns.get(run_id)
        for one in turn.steps:
            if one.run and one.run.status in FINAL and one.step not in told:
                told.add(one.step)
                if not quiet:
                    note(f"{one.title:<26} {one.run.status:<10} {_seconds(one.run):7.1f} s  {result_of(one)}")
            elif one.run and one.run.kind == "pipelines.ask" and one.run.progress_text not in ("", *told):
                told.add(one.run.progress_text)
                if not quiet:
                    note(one.run.progress_text)
        if turn.run.status in FINAL:
            return turn
        time.sleep(LOOK_EVERY_SECONDS)


def _follow_in_bars(client: Client, run_id: str) -> Turn:
    with Bars() as bars:
        while True:
            turn = client.turns.get(run_id)
            for one in turn.steps:
                if one.run is not None:
                    bars.show_run(one.run, title=one.title, words=result_of(one))
            if turn.run.status in FINAL:
                return turn
            time.sleep(LOOK_EVERY_SECONDS)


def _seconds(run: Run | None) -> float:
    return ((run.ended_at or datetime.now(UTC)) - run.started_at).total_seconds() if run and run.started_at else 0.0


def _count(outputs: dict[str, object], name: str) -> str:
    value = outputs.get(name)
    return f"{value:,}" if isinstance(value, int) else "?"

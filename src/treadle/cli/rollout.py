"""`treadle rollout`: plan, start, list, status, pause, resume, promote, rollback."""

from __future__ import annotations

from typing import get_args

import click

from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, say, unless_sought
from treadle.client.client import Client
from treadle.core.errors import NotFound
from treadle.releases.rollouts.plans.types import Plan
from treadle.releases.rollouts.readings import Readout
from treadle.releases.rollouts.types import Forecast, Rollout, RolloutStatus


@click.group("rollout")
def rollout_command() -> None:
    """Rollouts: traffic on its way to a candidate, promoted or rolled back by evidence.

    ROLLOUT is a rollout's id, or the name of an endpoint for its newest one.
    """


@rollout_command.command(
    "plan", epilog="\b\nExample: treadle rollout plan --endpoint support --release rel_01m7y100mm81qbatdgsrcya7aa"
)
@click.option("--endpoint", required=True, help="The endpoint's name.")
@click.option("--release", "release_id", help="The candidate; leave it out where the plan names arms.")
@click.option("--plan", type=JsonFile(Plan), help="JSON file of a plan.")
@json_option
def plan_(endpoint: str, release_id: str | None, plan: Plan | None, as_json: bool) -> None:
    """Say how long a rollout is likely to take at the traffic of late, and start nothing."""
    with connected() as client:
        forecast = client.rollouts.forecast(endpoint, release_id, plan=plan or Plan())
    return emit_json(forecast) if as_json else _print_forecast(forecast)


@rollout_command.command(
    "start", epilog="\b\nExample: treadle rollout start support rel_01m7y100mm81qbatdgsrcya7aa --dry-run"
)
@click.argument("endpoint")
@click.argument("release_id", required=False)
@click.option("--plan", type=JsonFile(Plan), help="JSON file of a plan.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@json_option
def start(endpoint: str, release_id: str | None, plan: Plan | None, dry_run: bool, as_json: bool) -> None:
    """Move an endpoint's traffic to an approved release, step by step; or to the arms that the plan names."""
    plan = plan or Plan()
    if dry_run:
        return emit_json(plan)
    with connected() as client:
        rollout = client.rollouts.start(endpoint, release_id, plan=plan)
    return emit_json(rollout) if as_json else _print(rollout)


@rollout_command.command("list", epilog="\b\nExample: treadle rollout list --endpoint support")
@click.option("--endpoint", help="Only on this endpoint.")
@click.option("--status", type=click.Choice(get_args(RolloutStatus)), help="Only those that stand so.")
@click.option("--needs-attention", is_flag=True, help="Only those that do not go on without a person.")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(endpoint: str | None, status: RolloutStatus | None, needs_attention: bool, limit: int, as_json: bool) -> None:
    """List rollouts, newest first."""
    with connected() as client:
        page = client.rollouts.list_(endpoint=endpoint, status=status, needs_attention=needs_attention, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (r.rollout_id, r.endpoint, _state(r), f"{100 * r.weight:g} %", r.units, _tried(r), r.created_at)
        for r in page.items
    ]
    return emit_table(
        ["rollout", "endpoint", "status", "weight", "units", "tries", "created"],
        rows,
        empty="none needs attention"
        if needs_attention
        else unless_sought("no rollouts yet; start one: treadle rollout start ENDPOINT RELEASE", endpoint, status),
    )


@rollout_command.command("status", epilog="\b\nExample: treadle rollout status support")
@click.argument("rollout")
@json_option
def status(rollout: str, as_json: bool) -> None:
    """Print where a rollout stands and what its evidence says."""
    with connected() as client:
        found = client.rollouts.get(_find(client, rollout))
    return emit_json(found) if as_json else _print(found)


@rollout_command.command("pause", epilog="\b\nExample: treadle rollout pause support")
@click.argument("rollout")
@json_option
def pause(rollout: str, as_json: bool) -> None:
    """Stay at this step; evidence may still roll back."""
    with connected() as client:
        found = client.rollouts.pause(_find(client, rollout))
    return emit_json(found) if as_json else _print(found)


@rollout_command.command("resume", epilog="\b\nExample: treadle rollout resume support")
@click.argument("rollout")
@json_option
def resume(rollout: str, as_json: bool) -> None:
    """Go on from where it was paused or held."""
    with connected() as client:
        found = client.rollouts.resume(_find(client, rollout))
    return emit_json(found) if as_json else _print(found)


@rollout_command.command("promote", epilog="\b\nExample: treadle rollout promote support")
@click.argument("rollout")
@click.option("--release", "release_id", help="Which of several arms.")
@json_option
def promote(rollout: str, release_id: str | None, as_json: bool) -> None:
    """Give the candidate all traffic now."""
    with connected() as client:
        found = client.rollouts.promote(_find(client, rollout), release_id=release_id)
    return emit_json(found) if as_json else _print(found)


@rollout_command.command("rollback", epilog="\b\nExample: treadle rollout rollback support")
@click.argument("rollout")
@json_option
def rollback(rollout: str, as_json: bool) -> None:
    """Give the stable release all traffic again; also after the promotion, while nothing else has changed."""
    with connected() as client:
        found = client.rollouts.roll_back(_find(client, rollout))
    return emit_json(found) if as_json else _print(found)


def _find(client: Client, rollout: str) -> str:
    """Return the id of a rollout that was given by it, or by the name of the endpoint whose newest it is."""
    if rollout.startswith("rol_"):
        return rollout
    newest = client.rollouts.list_(endpoint=rollout, limit=1).items
    if not newest:
        raise NotFound(
            f"'{rollout}' is neither the id of a rollout nor an endpoint that has had one; list them with: treadle rollout list",
            code="cli.no_rollout",
        )
    return newest[0].rollout_id


def _state(rollout: Rollout) -> str:
    return f"{rollout.status}, needs attention" if rollout.needs_attention else rollout.status


def _tried(rollout: Rollout) -> str:
    """Return the candidate, or every arm, the one that was promoted marked."""
    if rollout.plan.arms is None:
        return rollout.candidate_release_id
    won = rollout.candidate_release_id if rollout.status == "promoted" else None
    ids = [arm.release_id for arm in rollout.plan.arms.arms]
    return ", ".join(f"{each} (promoted)" if each == won else each for each in ids)


def _print(rollout: Rollout) -> None:
    say(f"{rollout.rollout_id} on '{rollout.endpoint}' is {rollout.status}")
    if rollout.needs_attention:
        say(f"NEEDS ATTENTION: {rollout.needs_attention}")
    say(f"{rollout.stable_release_id} -> {_tried(rollout)}")
    if rollout.readout is not None:
        say(rollout.words)
        return _print_readout(rollout.readout)
    say(
        f"{rollout.stage} stage, step {rollout.step + 1} of {len(rollout.plan.steps)}, {100 * rollout.weight:g} % of units to the candidate, "
        f"{rollout.units} units so far"
    )
    say(rollout.words)
    if rollout.shadow is not None:
        say(f"shadow: {rollout.shadow.words}")
    if rollout.target is not None:
        say(f"target: {rollout.target.words}")
    rows = [
        (
            e.guard,
            f"{e.candidate_bad} of {e.candidate_units}",
            f"{e.stable_bad} of {e.stable_units}",
            f"{_number(e.log10_e_bad)} of {e.rollback_at:g}",
            f"{_number(e.log10_e_good)} of {e.promote_at:g}",
            e.units_left,
        )
        for e in rollout.evidence
    ]
    headers = [
        "guard",
        "candidate bad",
        "stable bad",
        "worse (rolls back at)",
        "good (promotes at)",
        "units left, about",
    ]
    return emit_table(headers, rows, empty="")


def _print_readout(readout: Readout) -> None:
    rows = [
        (one.arm, f"{100 * one.weight:.3g} %", one.units, one.best_chance, one.dropped or "-") for one in readout.arms
    ]
    emit_table(["arm", "weight", "units", "chance to be best", "dropped"], rows, empty="")
    metrics = [(one.metric, one.arm, one.units, one.estimate, _interval(one.low, one.high)) for one in readout.metrics]
    emit_table(["metric", "arm", "units", "estimate", "interval"], metrics, empty="")
    for pair in readout.pairs:
        say(pair.words)


def _print_forecast(forecast: Forecast) -> None:
    for part in forecast.words.split("; "):
        say(part)
    rows = [
        (
            f"{step.step} at {100 * step.weight:g} %",
            step.units,
            guard.guard,
            None if guard.bad_rate is None else f"{guard.bad_rate:.2%}",
            guard.units_to_promote,
            guard.units_to_catch_double,
        )
        for step in forecast.steps
        for guard in step.guards
    ]
    headers = ["step", "units", "guard", "bad of late", "units to show good", "units to catch twice as bad"]
    emit_table(headers, rows, empty="")


def _interval(low: float | None, high: float | None) -> str:
    return "too early" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _number(log10: float) -> str:
    return f"10^{log10:.0f}" if log10 > 6 else f"{10**log10:.3g}"

"""`treadle alert`: list, show."""

from __future__ import annotations

from typing import Literal, cast

import click

from treadle.cli.output import connected, emit_facts, emit_json, emit_table, json_option, note
from treadle.monitoring.types import AlertFilter


@click.group("alert")
def alert_command() -> None:
    """Alerts: what monitors found, and what explains it."""


@alert_command.command("list", epilog="\b\nExample: treadle alert list --status firing")
@click.option("--monitor", help="Only of this monitor.")
@click.option("--status", type=click.Choice(["firing", "resolved"]), help="Only those that go on, or are over.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(monitor: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """List alerts, newest first."""
    wanted = AlertFilter(monitor=monitor, status=cast(Literal["firing", "resolved"] | None, status))
    with connected() as client:
        page = client.alerts.list_(wanted, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(each.alert_id, each.monitor, each.status, each.opened_at, each.summary) for each in page.items]
    return emit_table(["alert", "monitor", "status", "since", "what"], rows, empty="no alerts")


@alert_command.command("show", epilog="\b\nExample: treadle alert show alt_6tz0qk3m9n4w1ycx8v5r2e7hjd")
@click.argument("alert_id")
@json_option
def show(alert_id: str, as_json: bool) -> None:
    """Show an alert: which spans and release explain it, and what changed just before."""
    with connected() as client:
        found = client.alerts.get(alert_id)
    if as_json:
        return emit_json(found)
    emit_facts(
        [
            ("monitor", found.monitor),
            ("status", found.status),
            ("what", found.summary),
            ("since", found.opened_at),
            ("until", found.resolved_at or "-"),
            ("release", f"{found.release} ({found.release_id})" if found.release else found.release_id or "-"),
            ("spans", f"{found.spans.since:%Y-%m-%d %H:%M} to {found.spans.until:%H:%M} UTC"),
        ]
    )
    rows = [(each.at, each.actor or "-", each.words or f"{each.action} {each.object_id}") for each in found.changes]
    emit_table(
        ["changed before", "by", "what"], rows, empty="nothing that may change answers was changed in the day before"
    )
    if found.spans.q:
        note(f"its traces: treadle trace list '{found.spans.q}'")
    return note("who was told: treadle channel deliveries --alert ", found.alert_id)

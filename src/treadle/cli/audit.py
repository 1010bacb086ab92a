"""`treadle audit`: what was done, and proof that the log is whole."""

from __future__ import annotations

import sys

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say


@click.group("audit")
def audit_command() -> None:
    """What was done, and proof that the log is whole."""


@audit_command.command("list", epilog="\b\nExample: treadle audit list --limit 10")
@click.option("--actor", "actor_id", help="Only what this actor did, by id.")
@click.option("--action", help="Only this, such as releases.approve, or releases for all of that slice's.")
@click.option("--object", "object_id", help="Only what was done to this id.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(actor_id: str | None, action: str | None, object_id: str | None, limit: int, as_json: bool) -> None:
    """List what was done, newest first."""
    with connected() as client:
        page = client.audit.list_(actor_id=actor_id, action=action, object_id=object_id, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            e.sequence,
            e.at,
            e.actor_name,
            e.action,
            e.object_id,
            [f"{k}={v}" for k, v in e.detail.items() if v is not None],
        )
        for e in page.items
    ]
    return emit_table(["#", "at", "actor", "action", "object", "detail"], rows, empty="nothing was done yet")


@audit_command.command("verify", epilog="\b\nExample: treadle audit verify")
@click.option(
    "--expect", "expected_head", help="The newest hash of an earlier check: proves that the end was not cut off."
)
@json_option
def verify(expected_head: str | None, as_json: bool) -> None:
    """Check every entry against the one before; ends with 1 when the log is not whole."""
    with connected() as client:
        report = client.audit.verify(expected_head=expected_head)
    if as_json:
        emit_json(report)
    elif report.is_intact:
        say(f"whole: {report.entries} entries, newest hash {report.head}")
    else:
        note(f"NOT whole: {report.first_fault}")
    if not report.is_intact:
        sys.exit(1)

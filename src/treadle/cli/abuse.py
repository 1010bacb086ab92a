"""`treadle abuse`: list, dismiss, policy."""

from __future__ import annotations

from typing import Literal, cast

import click

from treadle.cli.output import connected, emit_facts, emit_json, emit_table, json_option, say
from treadle.monitoring.abuse.types import AbuseFilter, AbusePolicy

NEVER = "never"


class _FromScore(click.ParamType[int | str]):
    """A score from 1 to 100, or 'never'."""

    name = "SCORE|never"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the score, or NEVER."""
        return NEVER if value == NEVER else int(click.IntRange(1, 100)(value, param, ctx))


FROM_SCORE = _FromScore()


@click.group("abuse")
def abuse_command() -> None:
    """Abuse: callers who attack, pry, flood or overspend, and what is done."""


@abuse_command.command("list", epilog="\b\nExample: treadle abuse list --status open")
@click.option("--status", type=click.Choice(["open", "dismissed", "over"]), help="Only those that stand so.")
@click.option("--caller", help="Only about this key or user.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(status: str | None, caller: str | None, limit: int, as_json: bool) -> None:
    """List callers that stood out, with the reasons."""
    wanted = AbuseFilter(status=cast(Literal["open", "dismissed", "over"] | None, status), caller=caller)
    with connected() as client:
        page = client.abuse.list_(wanted, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (each.finding_id, f"{each.caller_kind} {each.caller}", each.score, each.action, each.status, "; ".join(reason.words for reason in each.reasons))
        for each in page.items
    ]  # fmt: skip
    return emit_table(["finding", "caller", "score", "action", "status", "why"], rows, empty="no caller has stood out")


@abuse_command.command("dismiss", epilog="\b\nExample: treadle abuse dismiss abu_6tz0qk3m9n4w1ycx8v5r2e7hjd")
@click.argument("finding_id")
@json_option
def dismiss(finding_id: str, as_json: bool) -> None:
    """Say that a finding is none and undo what was done."""
    with connected() as client:
        found = client.abuse.dismiss(finding_id)
    return (
        emit_json(found)
        if as_json
        else say(f"{found.caller_kind} '{found.caller}' is left alone until {found.ends_at:%Y-%m-%d %H:%M} UTC")
    )


@abuse_command.command("policy", epilog="\b\nExample: treadle abuse policy --throttle-at 60 --block-at never")
@click.option("--flag-at", type=click.IntRange(1, 100), help="List callers from this score on.")
@click.option("--throttle-at", type=FROM_SCORE, help="Slow them down from this score on; 'never' to do so no more.")
@click.option("--requests-per-minute", type=click.IntRange(1, 10_000), help="What a slowed-down caller still gets.")
@click.option("--block-at", type=FROM_SCORE, help="Give them nothing from this score on; 'never' to do so no more.")
@click.option("--hours", type=click.IntRange(1, 720), help="How long that lasts.")
@click.option(
    "--exempt", multiple=True, help="A key's id or a user that nothing is done about; may be repeated, '' for nobody."
)
@click.option("--on/--off", "is_on", default=None, help="Whether callers are looked at.")
@json_option
def policy(
    flag_at: int | None, throttle_at: int | str | None, requests_per_minute: int | None, block_at: int | str | None,
    hours: int | None, exempt: tuple[str, ...], is_on: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Show the policy, or change what is given."""
    given = {
        "flag_at": flag_at, "throttle_at": throttle_at, "throttle_requests_per_minute": requests_per_minute,
        "block_at": block_at, "hours": hours, "exempt": [one for one in exempt if one] if exempt else None, "is_on": is_on,
    }  # fmt: skip
    changed = {name: None if value == NEVER else value for name, value in given.items() if value is not None}
    with connected() as client:
        found = client.abuse.get_policy()
        if changed:
            found = client.abuse.set_policy(
                AbusePolicy.model_validate({**found.edited(), **changed}), if_revision=found.revision
            )
    if as_json:
        return emit_json(found)
    return emit_facts(
        [
            ("looked at", "yes" if found.is_on else "no"),
            ("listed from", found.flag_at),
            ("slowed down from", found.throttle_at or "never"),
            ("then gets", f"{found.throttle_requests_per_minute} requests a minute"),
            ("blocked from", found.block_at or "never"),
            ("for", f"{found.hours} h"),
            ("exempt", ", ".join(found.exempt) or "-"),
        ]
    )

"""`treadle limit`: set, list, standing, usage, remove."""

from __future__ import annotations

from typing import cast, get_args

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, say
from treadle.gateway.limits.types import Limit, Outage, Scope, Unit, Unpriced, Window, usual_outage


@click.group("limit")
def limit_command() -> None:
    """Limits on requests, tokens, USD and concurrency."""


@limit_command.command("set", epilog="\b\nExample: treadle limit set 50 usd --per day --scope project")
@click.argument("amount", type=click.FloatRange(min=0))
@click.argument("unit", type=click.Choice(get_args(Unit)))
@click.option("--per", type=click.Choice(get_args(Window)), help="The window; none for 'concurrency'.")
@click.option(
    "--scope", type=click.Choice(get_args(Scope)), default="key", show_default=True, help="What is counted together."
)
@click.option("--subject", help="A key, an endpoint or a user, by name; left out, each one has the amount for itself.")
@click.option(
    "--unpriced",
    type=click.Choice(get_args(Unpriced)),
    default="allow",
    show_default=True,
    help="For usd: whether requests whose price nobody knows are served, and counted as such.",
)
@click.option(
    "--outage",
    type=click.Choice(get_args(Outage)),
    help="While the database is away: go on with each worker's share of what was free, or refuse (usd: refuse, else: share).",
)
@json_option
def set_(
    amount: float,
    unit: str,
    per: str | None,
    scope: str,
    subject: str | None,
    unpriced: str,
    outage: str | None,
    as_json: bool,
) -> None:
    """Bound use, or change the amount of the limit that does so already.

    \b
    treadle limit set 600 requests --per minute
    treadle limit set 8 concurrency --scope endpoint --subject support
    treadle limit set 50 usd --per day --scope project --unpriced refuse --outage share
    """
    with connected() as client:
        made = client.limits.set_(
            amount,
            cast(Unit, unit),
            per=cast(Window | None, per),
            scope=cast(Scope, scope),
            subject=subject,
            unpriced=cast(Unpriced, unpriced),
            outage=cast(Outage | None, outage),
        )
    return emit_json(made) if as_json else say(f"limit {made.limit_id}: {_words(made)}")


@limit_command.command("list", epilog="\b\nExample: treadle limit list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List the limits that hold."""
    with connected() as client:
        page = client.limits.list_(limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            each.limit_id,
            each.scope,
            _whose(each),
            _figure(each.amount),
            each.unit,
            each.window,
            each.unpriced if each.unit == "usd" else None,
            each.outage,
        )
        for each in page.items
    ]
    return emit_table(
        ["limit", "scope", "subject", "amount", "unit", "per", "unpriced", "outage"],
        rows,
        empty="no limits yet; set one: treadle limit set AMOUNT UNIT --per minute",
    )


@limit_command.command("standing", epilog="\b\nExample: treadle limit standing --at-least 80")
@click.option(
    "--at-least", type=click.FloatRange(0, 10_000), metavar="PERCENT", help="Only what is used up so far or more."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def standing(at_least: float | None, limit: int, as_json: bool) -> None:
    """List limits with how much of each is used in its window, and when that ends."""
    with connected() as client:
        page = client.limits.standing(at_least=None if at_least is None else at_least / 100, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            each.limit_id,
            _words(each),
            None if each.by is None else each.by_name or each.by or "(no user)",
            _figure(each.used),
            None if each.used_share is None else f"{each.used_share * 100:.0f} %",
            each.resets_at,
        )
        for each in page.items
    ]
    none = "no limits yet; set one: treadle limit set AMOUNT UNIT --per minute"
    return emit_table(
        ["limit", "bounds", "used by", "used", "share", "resets"],
        rows,
        empty=none if at_least is None else f"no limit is used up to {at_least:g} % now",
    )


@limit_command.command("usage", epilog="\b\nExample: treadle limit usage lim_6tz0qk3m9n4w1ycx8v5r2e7hjd")
@click.argument("limit_id")
@json_option
def usage(limit_id: str, as_json: bool) -> None:
    """Print what was used of a limit in the present window."""
    with connected() as client:
        page = client.limits.list_usage(limit_id)
    if as_json:
        return emit_json(page)
    rows = [
        (
            use.subject_name or use.subject or "(no user)",
            *map(_figure, (use.amount, use.used, use.reserved, use.remaining)),
            use.unpriced,
            use.resets_at,
        )
        for use in page.items
    ]
    return emit_table(
        ["subject", "amount", "used", "reserved", "remaining", "unpriced", "resets"],
        rows,
        empty="nothing was used in this window yet",
    )


@limit_command.command("remove", epilog="\b\nExample: treadle limit remove lim_6tz0qk3m9n4w1ycx8v5r2e7hjd")
@click.argument("limit_id")
@json_option
def remove(limit_id: str, as_json: bool) -> None:
    """Bound this use no longer."""
    with connected() as client:
        client.limits.remove(limit_id)
    return emit_json({"removed": limit_id}) if as_json else say(f"limit '{limit_id}' is removed")


def _words(limit: Limit) -> str:
    whose = (
        "the project"
        if limit.scope == "project"
        else f"{limit.scope} '{limit.subject_name or limit.subject}'"
        if limit.subject
        else f"each {limit.scope}"
    )
    window = f" per {limit.window}" if limit.window else " at once"
    unit = "requests" if limit.unit == "concurrency" else limit.unit
    refused = "; requests whose price nobody knows are refused" if limit.unpriced == "refuse" else ""
    in_outage = "refused" if limit.outage == "refuse" else "served by shares"
    away = f"; {in_outage} while the database is away" if limit.outage != usual_outage(limit.unit) else ""
    return f"{_figure(limit.amount)} {unit}{window} for {whose}{refused}{away}"


def _whose(limit: Limit) -> str:
    if limit.scope == "project":
        return "all of it"
    return limit.subject_name or limit.subject or "each"


def _figure(amount: float) -> str:
    """Return an amount in full: 1000000 and not 1e+06; what is left of USD to a hundredth of a cent."""
    return f"{amount:.4f}".rstrip("0").rstrip(".")

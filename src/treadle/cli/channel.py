"""`treadle channel`: webhook, slack, email, list, change, rotate, test, deliveries, remove. A secret is never an argument."""

from __future__ import annotations

import sys

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say, search_option, unless_sought
from treadle.monitoring.channels.types import CreatedChannel, Email, Slack, Webhook

_FAILED = 7
"""Exit code of a test that did not arrive: what we depend on does not answer."""
private_option = click.option("--private", is_flag=True, help="It may be at a private address (owners only).")


@click.group("channel")
def channel_command() -> None:
    """Channels: where alerts are told."""


@channel_command.command("webhook", epilog="\b\nExample: treadle channel webhook ops https://example.com/hooks/treadle")
@click.argument("name")
@click.argument("url")
@private_option
@json_option
def webhook(name: str, url: str, private: bool, as_json: bool) -> None:
    """Tell alerts by webhook, signed as Standard Webhooks says; prints the signing secret, once."""
    with connected() as client:
        made = client.channels.create(name, Webhook(url=url), private=private)
    _told(made, as_json)


@channel_command.command("slack", epilog="\b\nExample: treadle channel slack team < url.txt")
@click.argument("name")
@private_option
@json_option
def slack(name: str, private: bool, as_json: bool) -> None:
    """Tell alerts in Slack's form; the address, which is a secret, is read from standard input or typed unseen."""
    url = _secret("Address of the incoming webhook")
    with connected() as client:
        made = client.channels.create(name, Slack(url=url), private=private)
    _told(made, as_json)


@channel_command.command(
    "email",
    epilog="\b\nExample: treadle channel email mail --host smtp.example.com --from alerts@example.com --to team@example.com",
)
@click.argument("name")
@click.option("--host", required=True, help="The SMTP server.")
@click.option("--port", default=587, show_default=True, type=click.IntRange(1, 65535), help="Its port.")
@click.option("--from", "sender", required=True, help="Whom messages are from.")
@click.option("--to", "recipients", required=True, multiple=True, help="Whom they are to; may be repeated.")
@click.option(
    "--user", "username", help="Sign in with this name; the password is read from standard input or typed unseen."
)
@private_option
@json_option
def email(
    name: str, host: str, port: int, sender: str, recipients: tuple[str, ...], username: str | None, private: bool, as_json: bool
) -> None:  # fmt: skip
    """Tell alerts by e-mail."""
    password = _secret("Password") if username else None
    to = Email(host=host, port=port, sender=sender, recipients=list(recipients), username=username, password=password)
    with connected() as client:
        made = client.channels.create(name, to, private=private)
    _told(made, as_json)


@channel_command.command("list", epilog="\b\nExample: treadle channel list")
@search_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(q: str | None, limit: int, as_json: bool) -> None:
    """List channels; secrets are never shown."""
    with connected() as client:
        page = client.channels.list_(q=q, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(each.name, each.kind, each.place, "yes" if each.private else "no", each.waiting) for each in page.items]
    return emit_table(
        ["channel", "kind", "where", "private", "waiting"],
        rows,
        empty=unless_sought("no channels yet; make one: treadle channel webhook NAME URL", q),
    )


@channel_command.command(
    "change", epilog="\b\nExample: treadle channel change ops --rename on-call --url https://example.com/hooks/other"
)
@click.argument("name")
@click.option("--rename", help="What it is called from now on; monitors and waiting messages follow.")
@click.option("--url", help="Where a webhook is posted from now on; it keeps its signing secret.")
@click.option("--address", is_flag=True, help="Read a Slack channel's new address from standard input or typed unseen.")
@click.option("--host", help="E-mail from now on by this SMTP server; --from and --to are needed with it.")
@click.option("--port", default=587, show_default=True, type=click.IntRange(1, 65535), help="Its port.")
@click.option("--from", "sender", help="Whom messages are from.")
@click.option("--to", "recipients", multiple=True, help="Whom they are to; may be repeated.")
@click.option(
    "--user", "username", help="Sign in with this name; the password is read as `treadle channel email` does."
)
@click.option("--private/--public", default=None, help="Whether it may be at a private address (owners only).")
@json_option
def change(
    name: str, rename: str | None, url: str | None, address: bool, host: str | None, port: int, sender: str | None,
    recipients: tuple[str, ...], username: str | None, private: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Rename a channel, or send elsewhere; nothing that waits is lost."""
    to: Webhook | Slack | Email | None = None
    if url is not None:
        to = Webhook(url=url)
    elif address:
        to = Slack(url=_secret("Address of the incoming webhook"))
    elif host is not None or sender is not None or recipients:
        if host is None or sender is None or not recipients:
            raise click.UsageError("an e-mail channel is changed as a whole: give --host, --from and --to")
        password = _secret("Password") if username else None
        to = Email(
            host=host, port=port, sender=sender, recipients=list(recipients), username=username, password=password
        )
    elif rename is None and private is None:
        raise click.UsageError(
            "nothing is to be changed; give --rename, --url, --address, --host or --private/--public"
        )
    with connected() as client:
        made = client.channels.change(name, rename=rename, destination=to, private=private)
    return emit_json(made) if as_json else say(f"channel '{made.name}' tells {made.place}")


@channel_command.command("rotate", epilog="\b\nExample: treadle channel rotate ops --overlap-hours 48")
@click.argument("name")
@click.option(
    "--overlap-hours",
    default=24,
    show_default=True,
    type=click.IntRange(0, 720),
    help="So long messages carry the signatures of both secrets.",
)
@json_option
def rotate(name: str, overlap_hours: int, as_json: bool) -> None:
    """Give a webhook a fresh signing secret, printed once; until the overlap ends its receiver may know either."""
    with connected() as client:
        made = client.channels.rotate(name, overlap_hours=overlap_hours)
    if as_json:
        return emit_json(made)
    say(str(made.secret))
    until = made.channel.old_secret_until
    return note(
        "that is the new secret; it is not shown again. The old one is valid "
        + ("no longer" if until is None else f"until {until:%Y-%m-%d %H:%M} UTC")
    )


@channel_command.command("test", epilog="\b\nExample: treadle channel test ops")
@click.argument("name")
@json_option
def test(name: str, as_json: bool) -> None:
    """Send a message now and say what came of it; exits with 7 when it did not arrive."""
    with connected() as client:
        delivery = client.channels.test(name)
    if as_json:
        emit_json(delivery)
    elif delivery.status == "delivered":
        say(f"channel '{name}' took the message")
    else:
        note(f"channel '{name}': {delivery.error}")
    if delivery.status != "delivered":
        sys.exit(_FAILED)


@channel_command.command("deliveries", epilog="\b\nExample: treadle channel deliveries --channel ops")
@click.option("--channel", help="Only to this channel.")
@click.option("--alert", "alert_id", help="Only of this alert.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def deliveries(channel: str | None, alert_id: str | None, limit: int, as_json: bool) -> None:
    """List messages that were sent or wait to be, newest first."""
    with connected() as client:
        page = client.channels.list_deliveries(channel=channel, alert_id=alert_id, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (each.created_at, each.channel, each.event, each.status, each.attempts, each.error or "") for each in page.items
    ]
    return emit_table(["at", "channel", "event", "status", "attempts", "error"], rows, empty="no messages yet")


@channel_command.command("remove", epilog="\b\nExample: treadle channel remove ops")
@click.argument("name")
@click.option("--give-up", is_flag=True, help="Also where messages wait for it or monitors tell it.")
@json_option
def remove(name: str, give_up: bool, as_json: bool) -> None:
    """Forget a channel and its secret; refused while messages wait for it or monitors tell it."""
    with connected() as client:
        gone = client.channels.remove(name, give_up=give_up)
    if as_json:
        return emit_json(gone)
    say(f"channel '{name}' is gone")
    if gone.given_up:
        note(f"{gone.given_up} messages that waited for it were given up")
    if gone.monitors:
        note("no longer told by: ", ", ".join(gone.monitors))
    return None


def _secret(what: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True))
    return sys.stdin.readline().strip()


def _told(made: CreatedChannel, as_json: bool) -> None:
    if as_json:
        return emit_json(made)
    say(f"channel '{made.channel.name}' tells {made.channel.place}")
    if made.secret is not None:
        say(made.secret)
        note("that is the secret that its receiver verifies signatures by; it is not shown again")
    return note("try it with: treadle channel test ", made.channel.name)

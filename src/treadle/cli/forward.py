"""`treadle forward`: add, list, show, pause, resume, test, remove. The values of headers are never arguments."""

from __future__ import annotations

import sys

import click

from treadle.cli.output import connected, emit_facts, emit_json, emit_table, json_option, note, say
from treadle.core.types import JsonValue
from treadle.gateway.forwarding.types import Forward, NewForward

_FAILED = 7
"""Exit code of a test that did not work: what we depend on does not answer."""


@click.group("forward")
def forward_command() -> None:
    """Forwarding: spans sent on to other OTLP backends."""


@forward_command.command(
    "add",
    epilog="\b\nExample: treadle forward add honeycomb https://api.honeycomb.io --header x-honeycomb-team < key.txt",
)
@click.argument("name")
@click.argument("url")
@click.option("--header", "headers", multiple=True, help="Send this header; its value is read from standard input, a line each, or typed unseen.")  # fmt: skip
@click.option("--json-encoding", is_flag=True, help="Write spans as JSON; without it as protobuf.")
@click.option("--no-gzip", is_flag=True, help="Send bodies as they are.")
@click.option("--filter", "q", help="Only spans that match, such as 'kind:llm -endpoint:test'.")
@click.option(
    "--share", default=1.0, show_default=True, type=click.FloatRange(0, 1, min_open=True), help="Of traces, 0 to 1."
)
@click.option("--capture", type=click.Choice(["off", "masked", "on"]), default="on", show_default=True, help="How much content leaves.")  # fmt: skip
@click.option(
    "--keep-hours", default=72, show_default=True, type=click.IntRange(1, 720), help="Give up what has waited longer."
)
@click.option("--private", is_flag=True, help="It may be at a private address (owners only).")
@json_option
def add(
    name: str, url: str, headers: tuple[str, ...], json_encoding: bool, no_gzip: bool, q: str | None, share: float,
    capture: str, keep_hours: int, private: bool, as_json: bool,
) -> None:  # fmt: skip
    """Send on what is stored from now on; at least once, and again by itself where the destination was away."""
    new = NewForward.model_validate(
        {
            "name": name, "url": url, "headers": {header: _secret(header) for header in headers},
            "encoding": "json" if json_encoding else "protobuf", "compressed": not no_gzip, "q": q, "share": share,
            "capture": capture, "keep_hours": keep_hours, "private": private,
        }
    )  # fmt: skip
    with connected() as client:
        made = client.forwards.create(new)
    if as_json:
        return emit_json(made)
    say(f"what is stored from now on is sent on to {made.url}")
    return note("try it with: treadle forward test ", made.name)


@forward_command.command("list", epilog="\b\nExample: treadle forward list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List destinations with what was sent and what waits; headers' values are never shown."""
    with connected() as client:
        page = client.forwards.list_(limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (each.name, each.state, each.sent, each.waiting, each.refused + each.given_up, each.url) for each in page.items
    ]
    return emit_table(
        ["destination", "state", "sent", "waiting", "lost", "where"],
        rows,
        empty="no destinations yet; make one: treadle forward add NAME URL",
    )


@forward_command.command("show", epilog="\b\nExample: treadle forward show honeycomb")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one destination and how far it is."""
    with connected() as client:
        found = client.forwards.get(name)
    if as_json:
        return emit_json(found)
    return emit_facts(_facts(found))


@forward_command.command("pause", epilog="\b\nExample: treadle forward pause honeycomb")
@click.argument("name")
@json_option
def pause(name: str, as_json: bool) -> None:
    """Send nothing more for now; what is stored meanwhile waits, as long as it may."""
    with connected() as client:
        found = client.forwards.pause(name)
    return emit_json(found) if as_json else say(f"destination '{name}' is paused; {found.waiting} spans wait")


@forward_command.command("resume", epilog="\b\nExample: treadle forward resume honeycomb")
@click.argument("name")
@json_option
def resume(name: str, as_json: bool) -> None:
    """Go on sending, at once."""
    with connected() as client:
        found = client.forwards.resume(name)
    return emit_json(found) if as_json else say(f"destination '{name}' goes on; {found.waiting} spans wait")


@forward_command.command("test", epilog="\b\nExample: treadle forward test honeycomb")
@click.argument("name")
@json_option
def test(name: str, as_json: bool) -> None:
    """Send an export without spans now and say what came of it; exits with 7 when it was not taken."""
    with connected() as client:
        told = client.forwards.test(name)
    if as_json:
        emit_json(told)
    elif told.is_working:
        say(f"destination '{name}' takes spans")
    else:
        note(f"destination '{name}': {told.error}")
    if not told.is_working:
        sys.exit(_FAILED)


@forward_command.command("remove", epilog="\b\nExample: treadle forward remove honeycomb")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget a destination, its headers and what waits for it."""
    with connected() as client:
        client.forwards.remove(name)
    return emit_json({"removed": name}) if as_json else say(f"destination '{name}' is gone")


def _facts(found: Forward) -> list[tuple[str, JsonValue]]:
    return [
        ("where", found.url),
        ("state", found.state),
        ("headers", ", ".join(found.header_names) or "none"),
        ("written as", f"{found.encoding}{', gzip' if found.compressed else ''}"),
        ("only", found.q or "everything"),
        ("share of traces", f"{found.share:g}"),
        ("content", found.capture),
        ("sent", found.sent),
        ("left out", found.left_out),
        ("refused", found.refused),
        ("given up", found.given_up),
        ("waiting", found.waiting),
        ("waiting since", found.waiting_since or ""),
        ("last sent", found.last_sent_at or ""),
        ("next try", found.next_try_at or ""),
        ("last error", f"{found.error_at:%Y-%m-%d %H:%M:%S} UTC: {found.error}" if found.error_at else ""),
    ]


def _secret(header: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Value of {header}", hide_input=True))
    return sys.stdin.readline().strip()

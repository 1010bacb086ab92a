"""`treadle secret`: set (from standard input), list, delete, rotate. A secret is never an argument: arguments are public."""

from __future__ import annotations

import sys

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, say


@click.group("secret")
def secret_command() -> None:
    """Secrets that providers need."""


@secret_command.command("set", epilog="\b\nExample: treadle secret set openai < key.txt")
@click.argument("name")
@json_option
def set_(name: str, as_json: bool) -> None:
    """Store a secret read from standard input, or typed unseen."""
    value = click.prompt("secret", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    with connected() as client:
        stored = client.secrets.set_(name, value)
    return (
        emit_json(stored)
        if as_json
        else say(f"secret '{stored.name}' is stored, closed with master key '{stored.master_key_id}'")
    )


@secret_command.command("list", epilog="\b\nExample: treadle secret list")
@json_option
def list_(as_json: bool) -> None:
    """List the names of stored secrets."""
    with connected() as client:
        secrets = client.secrets.list_()
    if as_json:
        return emit_json(secrets)
    rows = [(s.name, s.master_key_id, s.updated_at) for s in secrets]
    return emit_table(
        ["name", "master key", "updated"], rows, empty="no secrets yet; store one: treadle secret set NAME < FILE"
    )


@secret_command.command("delete", epilog="\b\nExample: treadle secret delete openai")
@click.argument("name")
@json_option
def delete(name: str, as_json: bool) -> None:
    """Forget a secret."""
    with connected() as client:
        client.secrets.delete(name)
    return emit_json({"deleted": name}) if as_json else say(f"secret '{name}' is forgotten")


@secret_command.command("rotate", epilog="\b\nExample: treadle secret rotate")
@json_option
def rotate(as_json: bool) -> None:
    """Add a master key and rewrap every secret under it."""
    with connected() as client:
        count = client.secrets.rotate()
    return emit_json({"rewrapped": count}) if as_json else say(f"{count} secrets are closed with the new master key")

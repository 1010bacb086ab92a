"""`treadle access`: keys, roles, actors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say
from treadle.governance.types import CreatedApiKey, Identity, NewApiKey

F = TypeVar("F", bound=Callable[..., Any])

KEY_OPTIONS = [
    click.option("--name", required=True, help="What it is for."),
    click.option("--person", help="Whose it is; their keys are one actor. Left out, it is a program's."),
    click.option(
        "--role",
        default="service",
        show_default=True,
        type=click.Choice(["owner", "admin", "editor", "reviewer", "viewer", "service"]),
        help="What it may do; see `treadle access role list`.",
    ),
    click.option("--scope", "scopes", multiple=True, help="Cut the role down to this permission (repeatable)."),
    click.option("--endpoint", "endpoints", multiple=True, help="Allow only this endpoint (repeatable)."),
    click.option(
        "--publishable", is_flag=True, help="For web pages: it sends feedback about one endpoint, nothing else."
    ),
    click.option("--origin", "origins", multiple=True, help="Where a publishable key's pages come from (repeatable)."),
    click.option("--per-minute", type=int, help="What a publishable key may send in a minute; 60 by default."),
    click.option("--days", default=90, show_default=True, help="Days until it expires."),
]


@click.group("access")
def access_command() -> None:
    """API keys, roles and who may act."""


@access_command.group("key")
def key() -> None:
    """API keys."""


def key_options(command: F) -> F:
    """Give a command the options that say what a new key should be."""
    for option in reversed(KEY_OPTIONS):
        command = option(command)
    return command


def print_key(made: CreatedApiKey, *, as_json: bool) -> None:
    """Print a fresh key: it is shown this once."""
    if as_json:
        return emit_json({"key": made.key, **made.api_key.model_dump(mode="json")})
    say(made.key)
    return note(f"keep it safe, it is not shown again; it expires on {made.api_key.expires_at:%Y-%m-%d}")


def new_key(*, publishable: bool, **wanted: Any) -> NewApiKey:
    """Return the key that the options ask for."""
    lists = {name: list(wanted.pop(name)) or None for name in ("scopes", "endpoints", "origins")}
    return NewApiKey.model_validate({**wanted, **lists, "kind": "publishable" if publishable else "secret"})


@key.command("create", epilog="\b\nExample: treadle access key create --name my-app --endpoint support")
@key_options
@json_option
def create(as_json: bool, **wanted: Any) -> None:
    """Make a key; it is printed this once."""
    with connected() as client:
        made = client.access.create_key(new_key(**wanted))
    print_key(made, as_json=as_json)


@key.command("list", epilog="\b\nExample: treadle access key list")
@json_option
def list_(as_json: bool) -> None:
    """List keys, newest first."""
    with connected() as client:
        keys = client.access.list_keys()
        names = {actor.actor_id: actor.name for actor in client.access.list_actors()}
    if as_json:
        return emit_json(keys)
    rows = [
        (
            k.name,
            k.key_id,
            names.get(k.actor_id, k.actor_id),
            "unknown" if k.made_by is None else names.get(k.made_by, k.made_by),
            k.scopes or "all of the role",
            k.endpoints or "all",
            k.expires_at,
            k.revoked_at,
        )
        for k in keys
    ]
    return emit_table(
        ["name", "key id", "acts as", "made by", "scopes", "endpoints", "expires", "revoked"],
        rows,
        empty="no keys yet; make one: treadle access key create --name NAME",
    )


@key.command("revoke", epilog="\b\nExample: treadle access key revoke my-app")
@click.argument("name")
@json_option
def revoke(name: str, as_json: bool) -> None:
    """Refuse a key from now on; by name or key id."""
    with connected() as client:
        revoked = client.access.revoke_key(name)
    return emit_json(revoked) if as_json else say(f"key '{revoked.name}' is refused from now on")


@access_command.group("role")
def role() -> None:
    """Roles."""


@role.command("list", epilog="\b\nExample: treadle access role list")
@json_option
def list_roles(as_json: bool) -> None:
    """List roles and what they allow."""
    with connected() as client:
        roles = client.access.list_roles()
    if as_json:
        return emit_json(roles)
    return emit_table(
        ["role", "who it is for", "permissions"], [(r.name, r.meaning, r.permissions) for r in roles], empty="no roles"
    )


@access_command.group("actor")
def actor() -> None:
    """Actors."""


@actor.command("list", epilog="\b\nExample: treadle access actor list --json")
@json_option
def list_actors(as_json: bool) -> None:
    """List who may act in the project."""
    with connected() as client:
        actors = client.access.list_actors()
    if as_json:
        return emit_json(actors)
    names = {one.actor_id: one.name for one in actors}
    return emit_table(
        ["name", "kind", "role", "who answers for it", "created"],
        [(a.name, a.kind, a.role, _answers_for(a, names), a.created_at) for a in actors],
        empty="no actors",
    )


def _answers_for(actor: Identity, names: dict[str, str]) -> str:
    if actor.kind == "person":
        return "themselves"
    return "unknown" if actor.owner_id is None else names.get(actor.owner_id, actor.owner_id)

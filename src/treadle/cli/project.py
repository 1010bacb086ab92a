"""`treadle project`: create, list, key. Commands work in the project of their key (TREADLE_API_KEY)."""

from __future__ import annotations

from typing import Any

import click

from treadle.cli.access import key_options, new_key, print_key
from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say


@click.group("project")
def project_command() -> None:
    """Projects, kept apart from each other; a key belongs to one."""


@project_command.command("create", epilog="\b\nExample: treadle project create research")
@click.argument("name")
@json_option
def create(name: str, as_json: bool) -> None:
    """Make a project; for the owner of the workspace."""
    with connected() as client:
        made = client.projects.create(name)
    if as_json:
        return emit_json(made)
    say(f"project '{made.name}' is made ({made.project_id})")
    return note(
        f"work in it with a key of its own in TREADLE_API_KEY: treadle project key {made.name} --name NAME --role owner"
    )


@project_command.command("list", epilog="\b\nExample: treadle project list")
@json_option
def list_(as_json: bool) -> None:
    """List projects by name: those that you may see."""
    with connected() as client:
        page = client.projects.list_(limit=500)
    if as_json:
        return emit_json(page)
    rows = [(project.name, project.project_id, project.created_at) for project in page.items]
    return emit_table(
        ["name", "project id", "created"], rows, empty="no projects; make one: treadle project create NAME"
    )


@project_command.command("key", epilog="\b\nExample: treadle project key research --name ci --role editor")
@click.argument("project")
@key_options
@json_option
def key(project: str, as_json: bool, **wanted: Any) -> None:
    """Make a key for a project, by name or id; it is printed this once. For the owner of the workspace."""
    with connected() as client:
        made = client.projects.create_key(project, new_key(**wanted))
    print_key(made, as_json=as_json)

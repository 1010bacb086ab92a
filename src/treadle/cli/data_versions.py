"""`treadle data edit`, `diff`, `duplicates` and `map`: make the next version by hand, hold two against each other, see what is alike."""

from __future__ import annotations

import click

from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say, wait
from treadle.client.client import Client
from treadle.core.errors import InvalidInput
from treadle.data.types import Example, Version
from treadle.data.versions.types import DUPLICATES_FILE, DuplicateGroup, DuplicateRow, Edits, RowDifference, RowPlace

version_option = click.option("--version", default="latest", show_default=True, help="A number, or latest.")


@click.command("edit", epilog="\b\nExample: treadle data edit support --version 3 edits.json")
@click.argument("name")
@click.argument("edits", type=JsonFile(Edits))
@version_option
@json_option
def edit(name: str, edits: Edits, version: str, as_json: bool) -> None:
    """Lay the EDITS of a JSON file (see Edits in the API description) on a version; the result is the next version."""
    with connected() as client:
        run = wait(client, client.datasets.start_edit(name, edits, version=version), quiet=as_json)
    if as_json:
        return emit_json(run.outputs)
    made = run.outputs["version"]
    new = "" if run.outputs["is_new"] else " (such rows were there already: no new version)"
    say(f"dataset '{name}' version {made}: {run.outputs['num_rows']:,} rows{new}")
    return note(f"what differs: treadle data diff {name} --version {made} --against {version}")


@click.command("diff", epilog="\b\nExample: treadle data diff support --version 3 --against 2")
@click.argument("name")
@version_option
@click.option("--against", required=True, help="The version to hold it against: a number, or latest.")
@click.option("--kind", type=click.Choice(["added", "removed", "changed", "moved"]), help="Only these rows.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many rows.")
@json_option
def diff(name: str, version: str, against: str, kind: str | None, limit: int, as_json: bool) -> None:
    """Print how a version differs from another one of its dataset, row by row."""
    with connected() as client:
        found = client.datasets.get_difference(name, version, against=against, kind=kind, limit=limit)  # type: ignore[arg-type]
    if as_json:
        return emit_json(found)
    say(
        f"version {found.version} against {found.against}: {found.num_added:,} added, {found.num_removed:,} removed, "
        f"{found.num_changed:,} changed, {found.num_moved:,} in another part, {found.num_same:,} the same"
    )
    rows = [(each.kind, _number(each), _side(each.before), _side(each.after)) for each in found.items]
    return emit_table(["what", "row", "before", "after"], rows, empty="no row differs")


@click.command("duplicates", epilog="\b\nExample: treadle data duplicates support --remove 1 --remove 4")
@click.argument("name")
@version_option
@click.option(
    "--remove",
    "groups",
    type=click.IntRange(1),
    multiple=True,
    help="Of this group keep the first row only; repeatable.",
)
@click.option("--remove-all", is_flag=True, help="Of every group keep the first row only.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many groups.")
@json_option
def duplicates(name: str, version: str, groups: tuple[int, ...], remove_all: bool, limit: int, as_json: bool) -> None:
    """Print the rows of a version that say the same, or nearly, in groups; the rest of a group can be taken away, as the next version.

    Explores the version first, if that has not been done.
    """
    with connected() as client:
        held = client.datasets.get_version(name, version)
        if all(file.name != DUPLICATES_FILE for file in held.files):
            wait(client, client.datasets.start_profile(name, held.version), quiet=as_json)
        if groups or remove_all:
            return _take_away(client, held, groups, as_json)
        page = client.datasets.list_duplicates(name, held.version, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            group.group,
            row.row,
            row.part,
            row.like_row,
            None if row.similarity is None else f"{row.similarity:.2f}",
            _said(row),
        )
        for group in page.items
        for row in group.rows
    ]
    emit_table(["group", "row", "part", "like row", "similarity", "text"], rows, empty="no rows are alike")
    return note(f"take them away: treadle data duplicates {name} --remove GROUP") if rows else None


@click.command("map", epilog="\b\nExample: treadle data map support --version 3")
@click.argument("name")
@version_option
@json_option
def map_(name: str, version: str, as_json: bool) -> None:
    """Draw the texts of a version as a map, if that has not been done, and print its groups of like rows."""
    with connected() as client:
        if not client.datasets.get_version(name, version).has_map:
            wait(client, client.datasets.start_map(name, version), quiet=as_json)
        found = client.datasets.get_map(name, version)
    if as_json:
        return emit_json(found)
    rows = [(group.group, group.name, group.num_rows) for group in found.groups]
    emit_table(["group", "about", "rows"], rows, empty="no row has a text")
    return note("where each row lies: --json")


def _take_away(client: Client, held: Version, groups: tuple[int, ...], as_json: bool) -> None:
    """Make the next version of what is left when of each chosen group (all, where none is named) only the first row stays."""
    found, cursor = list[DuplicateGroup](), None
    while True:
        page = client.datasets.list_duplicates(held.dataset, held.version, limit=500, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    if unknown := set(groups) - {group.group for group in found}:
        raise InvalidInput(
            f"there is no group {min(unknown)} (there are {len(found)}); list them with: treadle data duplicates {held.dataset}",
            code="data.no_such_group",
        )
    chosen = [group for group in found if not groups or group.group in groups]
    places = [RowPlace(row=row.row, example_id=row.example_id) for group in chosen for row in group.rows[1:]]
    if not places:
        return note("no rows are alike, so there is nothing to take away")
    newest = client.datasets.get_version(held.dataset).version
    message = f"without {len(places):,} rows that say the same as others, or nearly"
    edits = Edits(message=message, newest_version=newest, deleted=places)
    run = wait(client, client.datasets.start_edit(held.dataset, edits, version=held.version), quiet=as_json)
    if as_json:
        return emit_json(run.outputs)
    return say(
        f"dataset '{held.dataset}' version {run.outputs['version']}: {run.outputs['num_rows']:,} rows, {message}"
    )


def _said(row: DuplicateRow) -> str:
    return row.input if row.expected_output is None else f"{row.input} -> {row.expected_output}"


def _number(each: RowDifference) -> int | None:
    shown = each.after or each.before
    return shown.row if shown else None


def _side(example: Example | None) -> str | None:
    if example is None:
        return None
    answer = "" if example.expected_output is None else f" -> {example.expected_output}"
    part = f" [{example.part}]" if example.part else ""
    return f"{example.input}{answer}{part}"

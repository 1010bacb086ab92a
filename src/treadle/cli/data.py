"""`treadle data`: import, list, versions, show, profile, prepare, examples, changes, curate, export; more in `data_versions.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import click

from treadle.cli import data_versions
from treadle.cli.asking import SURE_ID, full_id
from treadle.cli.files import JsonFile
from treadle.cli.output import (
    connected,
    emit_facts,
    emit_json,
    emit_table,
    json_option,
    note,
    say,
    search_option,
    unless_sought,
    wait,
)
from treadle.data.profile_types import Profile
from treadle.data.types import PARTS, Change, CurateRequest, Example, PrepareSettings, Version

version_option = click.option("--version", default="latest", show_default=True, help="A number, or latest.")
limit_option = click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="At most so many."
)

NO_ROW = {
    "no_training": "the application said that nothing may be learnt from them (treadle.no_training)",
    "no_input": "nothing says what was asked",
    "not_judged": "nobody said what is right",
    "failed": "the request failed: nothing of it is taken as right",
    "not_found": "no trace has the id",
}
"""Why a trace became no row, in words."""


@click.group("data")
def data_command() -> None:
    """Datasets: import, look at, prepare and export them."""


@data_command.command(
    "import",
    epilog="\b\nExample: treadle data import tickets.csv --name support --input text --label category --licence CC-BY-4.0",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="The dataset; made when it does not exist.")
@click.option("--input", "input_column", help="Column with the inputs. Default: the usual names.")
@click.option("--label", "label_column", help="Column with the right answers or labels.")
@click.option("--licence", help="Licence of the rows as an SPDX id, such as CC-BY-4.0; models made from them say so.")
@click.option("--messages", help="Column with conversations in OpenAI's shape.")
@click.option("--keep", "keep", multiple=True, help="Further column to keep; all by default. Repeatable.")
@click.option("--format", "file_format", type=click.Choice(["csv", "jsonl", "parquet"]), help="Default: by the suffix.")
@click.option("--delimiter", help="Of CSV; default: the header's most frequent one.")
@click.option("--max-line-bytes", type=int, help="Longest line that is read.  [default: 10000000]")
@json_option
def import_(
    file: Path,
    name: str,
    input_column: str | None,
    label_column: str | None,
    licence: str | None,
    messages: str | None,
    keep: tuple[str, ...],
    file_format: str | None,
    delimiter: str | None,
    max_line_bytes: int | None,
    as_json: bool,
) -> None:
    """Read a CSV, JSON Lines or Parquet FILE into a new version of a dataset."""
    mapping = {
        "input": input_column, "expected_output": label_column, "messages": messages, "file_format": file_format,
        "licence": licence, "delimiter": delimiter, "max_line_bytes": max_line_bytes, "keep_columns": json.dumps(keep) if keep else None,
    }  # fmt: skip
    with connected() as client:
        run = wait(client, client.datasets.import_file(name, file, mapping=mapping), quiet=as_json)
        version = client.datasets.get_version(name, str(run.outputs["version"]))
    if as_json:
        return emit_json(run.outputs)
    new = "" if run.outputs["is_new"] else " (the same rows were there already: no new version)"
    say(f"dataset '{name}' version {version.version}: {_in_words(version)}{new}")
    return note(f"look at it with: treadle data profile {name} --version {version.version}")


@data_command.command("list", epilog="\b\nExample: treadle data list")
@search_option
@json_option
def list_(q: str | None, as_json: bool) -> None:
    """List datasets."""
    with connected() as client:
        page = client.datasets.list_(q=q, limit=500)
    if as_json:
        return emit_json(page)
    rows = [(d.name, d.num_versions, d.num_rows, d.description, d.created_at) for d in page.items]
    empty = unless_sought("no datasets yet; make one: treadle data import FILE --name NAME", q)
    return emit_table(["name", "versions", "rows", "description", "created"], rows, empty=empty)


@data_command.command("versions", epilog="\b\nExample: treadle data versions support")
@click.argument("name")
@json_option
def versions(name: str, as_json: bool) -> None:
    """List the versions of a dataset, newest first."""
    with connected() as client:
        page = client.datasets.list_versions(name, limit=500)
    if as_json:
        return emit_json(page)
    rows = [
        (v.version, v.recipe.get("operation"), v.num_rows, [f"{part} {n}" for part, n in _parts(v)], v.num_labels,
         v.digest[7:19], v.created_at)
        for v in page.items
    ]  # fmt: skip
    empty = f"no versions yet; make one: treadle data import FILE --name {name}"
    return emit_table(["version", "made by", "rows", "parts", "labels", "digest", "created"], rows, empty=empty)


@data_command.command("show", epilog="\b\nExample: treadle data show support --version 2")
@click.argument("name")
@version_option
@json_option
def show(name: str, version: str, as_json: bool) -> None:
    """Print one version: what is in it and how it was made."""
    with connected() as client:
        found = client.datasets.get_version(name, version)
    if as_json:
        return emit_json(found)
    facts: list[tuple[str, object]] = [
        ("version", f"{found.dataset} v{found.version}"), ("id", found.version_id), ("digest", found.digest),
        ("content", _in_words(found)), ("parents", found.parents), ("run", found.run_id), ("created", found.created_at),
        *((f"recipe {key}", value) for key, value in found.recipe.items()),
        *((f"file {file.name}", f"{file.digest} ({file.size_bytes:,} bytes)") for file in found.files),
    ]  # fmt: skip
    return emit_facts(facts)


@data_command.command("profile", epilog="\b\nExample: treadle data profile support --html support.html")
@click.argument("name")
@version_option
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the profile's page to this file.")
@json_option
def profile(name: str, version: str, html: Path | None, as_json: bool) -> None:
    """Explore a version, if that has not been done, and print what it is like."""
    with connected() as client:
        if not client.datasets.get_version(name, version).has_profile:
            wait(client, client.datasets.start_profile(name, version), quiet=as_json)
        found = client.datasets.get_profile(name, version)
        if html is not None:
            html.write_text(client.datasets.get_report(name, version), encoding="utf-8")
    if as_json:
        return emit_json(found)
    _print_profile(found)
    return note(f"the page is in {html}") if html is not None else None


@data_command.command("prepare", epilog="\b\nExample: treadle data prepare support --seed 3")
@click.argument("name")
@version_option
@click.option(
    "--settings",
    type=JsonFile(PrepareSettings),
    help="JSON file of settings; see PrepareSettings in the API description.",
)
@click.option("--seed", type=int, help="Decides who falls into which part.")
@json_option
def prepare(name: str, version: str, settings: PrepareSettings | None, seed: int | None, as_json: bool) -> None:
    """Repair, mask, remove duplicates, check and split a version; the result is the next version."""
    asked = settings or PrepareSettings()
    if seed is not None:
        asked = PrepareSettings.model_validate(asked.model_dump() | {"seed": seed})
    with connected() as client:
        run = wait(client, client.datasets.start_prepare(name, version, asked), quiet=as_json)
        made = client.datasets.get_version(name, str(run.outputs["version"]))
    if as_json:
        return emit_json(run.outputs)
    say(f"dataset '{name}' version {made.version}: {_in_words(made)}")
    return note(f"why rows were dropped or changed: treadle data changes {name} --version {made.version}")


@data_command.command(
    "examples", epilog="\b\nExample: treadle data examples support --part test --label refund_request"
)
@click.argument("name")
@version_option
@click.option("--part", type=click.Choice(["train", "validation", "test"]), help="Only this part of the split.")
@click.option("--label", help="Only this expected output.")
@click.option("--text", help="Only rows with this in the input or expected output.")
@limit_option
@json_option
def examples(
    name: str, version: str, part: str | None, label: str | None, text: str | None, limit: int, as_json: bool
) -> None:
    """List rows of a version."""
    with connected() as client:
        page = client.datasets.list_examples(name, version, part=part, label=label, text=text, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(e.row, e.input, e.expected_output, e.part) for e in page.items]
    return emit_table(["row", "input", "expected output", "part"], rows, empty="no rows match")


@data_command.command(
    "changes", epilog="\b\nExample: treadle data changes support --action dropped --reason near_duplicate"
)
@click.argument("name")
@version_option
@click.option("--action", type=click.Choice(["dropped", "changed", "flagged"]), help="Only what happened so.")
@click.option("--reason", help="Only this reason, such as near_duplicate.")
@limit_option
@json_option
def changes(name: str, version: str, action: str | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List why rows were dropped, changed or flagged on the way to a version."""
    with connected() as client:
        page = client.datasets.list_changes(name, version, action=action, reason=reason, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(_place(c), c.action, c.reason, c.detail, c.before or c.after) for c in page.items]
    return emit_table(["row before", "what", "why", "detail", "text"], rows, empty="nothing was changed")


@data_command.command("curate", epilog="\b\nExample: treadle data curate support --endpoint support")
@click.argument("name")
@click.option("--endpoint", help="Only answers of this endpoint.")
@click.option("--parent-version", type=int, help="The version to extend; default: the newest.")
@click.option("--trace", "trace_ids", multiple=True, help="Take this trace (repeatable), corrected or not.")
@click.option("--all", "all_", is_flag=True, help="Take every trace that matches, corrected or not; 10,000 at most.")
@click.option("--release", "release_id", help="With --all: only answers of this release.")
@click.option(
    "--status", type=click.Choice(["ok", "error", "cancelled"]), help="With --all: only requests that ended so."
)
@click.option("--text", help="With --all: only with this in the question or the answer.")
@click.option("--query", "q", help="Take every trace that this filter in words finds, such as 'status:error age<7d'.")
@click.option("--view", help="Take every trace that this kept filter finds.")
@click.option("--queue", help="Take the traces of this queue's items.")
@click.option(
    "--leave-personal-data", is_flag=True, help="Do not mask personal data and secrets, where the project allows it."
)
@click.option(
    "--unjudged",
    default="keep",
    show_default=True,
    type=click.Choice(["leave_out", "keep", "answer"]),
    help="Selected answers that nobody corrected: not taken, taken without an expected output, or taken as right.",
)
@json_option
def curate(
    name: str, endpoint: str | None, trace_ids: tuple[str, ...], all_: bool, as_json: bool, **more: object
) -> None:
    """Add answers from traffic as the dataset's next version: those that people corrected, or a selection of traces."""
    narrowed = {key: more.pop(key) for key in ("release_id", "status", "text", "q")}
    is_filter = all_ or narrowed["q"] is not None or more["view"] is not None
    wanted = {"endpoint": endpoint, **narrowed} if is_filter else None
    more["mask_personal_data"] = not more.pop("leave_personal_data")
    with connected() as client:
        request = CurateRequest.model_validate(
            {
                "endpoint": endpoint,
                "trace_ids": [full_id(client, each, shortest=SURE_ID) for each in trace_ids] or None,
                "wanted": wanted,
                **more,
            }
        )
        run = wait(client, client.datasets.start_curate(name, request), quiet=as_json)
    if as_json:
        return emit_json(run.outputs)
    out = run.outputs
    say(
        f"dataset '{name}' version {out['version']}: {out['num_added']} rows from traffic added, "
        f"{out.get('num_judged', 0)} of them with a right answer that somebody gave; {out['num_corrected']} earlier rows gave way; "
        f"{out['num_rows']} in all"
    )
    for line in _what_happened(out):
        note(line)
    return note(f"row by row: treadle data changes {name}")


@data_command.command("export", epilog="\b\nExample: treadle data export support --part test --to test.jsonl")
@click.argument("name")
@version_option
@click.option("--part", type=click.Choice(["train", "validation", "test"]), help="Only this part of the split.")
@click.option(
    "--to", "target", type=click.File("w", encoding="utf-8"), default="-", help="A file; default: standard output."
)
def export(name: str, version: str, part: str | None, target: IO[str]) -> None:
    """Write the rows of a version as JSON Lines."""
    with connected() as client:
        for example in client.datasets.iter_examples(name, version, part=part):
            target.write(json.dumps(_line(example), ensure_ascii=False) + "\n")


for command in (data_versions.edit, data_versions.diff, data_versions.duplicates, data_versions.map_):
    data_command.add_command(command)


def _what_happened(out: Mapping[str, Any]) -> list[str]:
    """Return, with counts, which selected traces did not become rows, and what became of those that did."""
    left_out = (out.get("selection") or {}).get("left_out") or {}
    lines = [f"{count:,} traces left out: {NO_ROW.get(reason, reason)}" for reason, count in left_out.items()]
    for action, reasons in (out.get("counts") or {}).items():
        lines += [f"{count:,} rows {action}: {reason.replace('_', ' ')}" for reason, count in reasons.items()]
    return lines


def _line(example: Example) -> dict[str, object]:
    return example.model_dump(mode="json", exclude={"row", "parent_row"}, exclude_none=True)


def _parts(version: Version) -> list[tuple[str, int]]:
    return [(part, version.parts[part]) for part in PARTS if part in version.parts]


def _in_words(version: Version) -> str:
    parts = ", ".join(f"{count:,} {part}" for part, count in _parts(version))
    labels = f", {version.num_labels} labels" if version.num_labels else ""
    return f"{version.num_rows:,} rows{f' ({parts})' if parts else ''}{labels}"


def _place(change: Change) -> str:
    return f"trace {change.trace_id[:16]}" if change.trace_id else str(change.row)


def _print_profile(found: Profile) -> None:
    rows: list[tuple[str, object]] = [
        ("rows", found.num_rows), ("task", found.task), ("labels", found.num_labels or None),
        ("label balance (1 is even)", found.label_balance), ("exact duplicates", found.num_exact_duplicates),
        ("near-duplicates", found.num_near_duplicates), ("rows with conflicting labels", found.num_conflicting_rows),
        ("outliers", found.num_outliers), ("missing inputs", found.num_missing_inputs),
        ("missing expected outputs", found.num_missing_expected_outputs),
        ("languages", [f"{count.name} {count.share:.1%}" for count in found.languages[:5]]),
        ("personal data and secrets", [f"{one.kind} {one.num_rows}" for one in (*found.personal_data, *found.secrets)]),
        ("broken Unicode", [f"{fault.name} {fault.num_rows}" for fault in found.unicode_faults]),
    ]  # fmt: skip
    if found.input_characters is not None:
        spread = found.input_characters
        rows.append(("characters", f"median {spread.median:g}, 95 % up to {spread.p95:g}, longest {spread.maximum:g}"))
    emit_facts(rows)

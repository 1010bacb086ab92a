"""What making rows does in a child process: read a version's Parquet, make the rows, write the Parquet of a new version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject, JsonValue
from treadle.data.files import Row, VersionWriter, metadata_json, read_rows
from treadle.data.manifest import describe_version, write_manifest
from treadle.evals.bias import bbq, crows
from treadle.evals.bias.terms import choose
from treadle.evals.bias.types import NewBiasRows
from treadle.evals.bias.variants import Counts, Variant, from_rows, from_templates
from treadle.jobs.child import Report


def make_rows(spec: JsonObject, report: Report) -> JsonObject:
    """Make the rows of a version that measures bias.

    spec: `new` (NewBiasRows), `examples` (path of the Parquet file, or None), `parent_digest` (or None), `folder`.
    Returns what `data.keeping.keep_version` takes, and `counts`. Safe to repeat. Raises InvalidInput where no row comes of it.
    """
    new, folder = NewBiasRows.model_validate(spec["new"]), Path(str(spec["folder"]))
    rows = read_rows(Path(str(spec["examples"]))) if spec.get("examples") else []
    writer, counts = VersionWriter(folder), Counts()
    for made in _variants(new, rows, counts):
        if writer.num_rows >= new.limit:
            raise InvalidInput(
                f"more than {new.limit:,} rows would be made; raise limit, take fewer attributes, or a smaller version",
                code="evals.too_many_bias_rows",
            )
        writer.add(
            made.input,
            made.expected_output,
            messages=made.messages,
            metadata=metadata_json(made.metadata),
            part=made.part,
            parent_row=made.parent_row,
        )
    if not writer.num_rows:
        raise InvalidInput(
            f"no row came of it: {_why(counts)}; use templates, such as 'Is {{name.feminine}} fit for the job?', or rows "
            f"that speak of people",
            code="evals.no_bias_rows",
        )
    written = writer.finish()
    recipe: dict[str, JsonValue] = {"operation": new.form, **_recipe(new), **counts.facts()}
    parents = [str(spec["parent_digest"])] if spec.get("parent_digest") else []
    manifest = describe_version(written, parents=parents, recipe=recipe, files=[])
    path = write_manifest(folder, manifest)
    report.log(f"{written.num_rows:,} rows made; {_why(counts)}")
    told = {name: manifest[name] for name in ("digest", "num_rows", "task", "num_labels", "parts", "recipe")}
    return told | {"examples": str(written.path), "manifest": str(path), "counts": counts.facts()}


def _variants(new: NewBiasRows, rows: list[Row], counts: Counts) -> Iterator[Variant]:
    if new.form == "bbq":
        yield from bbq.rows_of(rows, counts)
    elif new.form == "crows_pairs":
        yield from crows.rows_of(rows, counts)
    else:
        lists = choose(new.attributes, new.lists)
        yield from from_rows(rows, lists, counts)
        yield from from_templates(new.templates, lists, counts)


def _recipe(new: NewBiasRows) -> dict[str, JsonValue]:
    if new.form != "counterfactuals":
        return {}
    lists = choose(new.attributes, new.lists)
    about: dict[str, JsonValue] = {
        name: {"groups": list(one.groups), "source": one.source, "licence": one.licence, "note": one.note}
        for name, one in lists.items()
    }
    return {"lists": about, "templates": len(new.templates)}


def _why(counts: Counts) -> str:
    said = [
        f"{name}: {count:,} x {reason}"
        for name, reasons in counts.left_out.items()
        for reason, count in reasons.items()
    ]
    return f"left out {', '.join(said)}" if said else "nothing was left out"

"""The heavy work on data, done in a child process: JSON in, JSON out, files by their paths.

Each function reads files, calls the pure rooms and writes what they made into the folder that it was given. Doing it
again writes the same. What it returns names the files; storing them is the service's work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from treadle.core.errors import MissingExtra
from treadle.core.types import JsonObject, JsonValue
from treadle.data.curate import CuratedRow, curate_rows
from treadle.data.duplicates import find_similar, write_duplicates
from treadle.data.edit import apply_edits
from treadle.data.files import VersionWriter, WrittenVersion, metadata_json, read_rows, told_when_full, write_changes
from treadle.data.manifest import describe_version, file_digest, write_manifest
from treadle.data.mapping import choose_columns, iter_mapped
from treadle.data.prepare import prepare_rows
from treadle.data.profile import profile_rows
from treadle.data.readers import open_source
from treadle.data.report import render_report
from treadle.data.types import Change, FeedbackRow, Mapping, PrepareSettings
from treadle.data.versions.types import DUPLICATES_FILE, Edits

ROWS_PER_PROGRESS = 5_000


class Report(Protocol):
    """How a worker says what it is doing; the child process hands one in."""

    def log(self, text: str) -> None:
        """Say something."""
        ...

    def progress(self, fraction: float, text: str = "") -> None:
        """Say how far the work is, 0-1."""
        ...


def import_file(spec: JsonObject, report: Report) -> JsonObject:
    """Read a file into the Parquet of a first version.

    spec: source (path), file_name (as people know it), mapping (Mapping), folder (to write to).
    Returns examples, manifest (paths), digest, num_rows, task, num_labels, parts, mapping (completed), recipe.
    Raises what readers.py and mapping.py raise; DiskFull.
    """
    path, folder = Path(str(spec["source"])), Path(str(spec["folder"]))
    file_name = str(spec.get("file_name") or path.name)
    wanted = Mapping.model_validate(spec.get("mapping") or {})
    report.progress(0.05, f"reading {file_name}")
    source = open_source(
        path,
        file_name=file_name,
        file_format=wanted.file_format,
        delimiter=wanted.delimiter,
        max_line_bytes=wanted.max_line_bytes,
    )
    mapping = choose_columns(source.columns, wanted)
    writer = VersionWriter(folder)
    for mapped in iter_mapped(source, mapping, file_name):
        writer.add(
            mapped.input, mapped.expected_output, messages=mapped.messages, metadata=metadata_json(mapped.metadata)
        )
        if mapped.row % ROWS_PER_PROGRESS == 0:
            report.progress(0.5, f"{mapped.row:,} rows read")
    written = writer.finish()
    report.log(f"{written.num_rows:,} rows from {file_name} ({source.file_format}); {_mapping_in_words(mapping)}")
    recipe: dict[str, JsonValue] = {
        "operation": "import",
        "format": source.file_format,
        "columns": mapping.model_dump(include={"input", "expected_output", "messages", "keep_columns"}),
        "source": {"name": file_name, "digest": file_digest(path), "size_bytes": path.stat().st_size},
    }
    return _finish(folder, written, parents=[], recipe=recipe, files=[]) | {"mapping": mapping.model_dump()}


def profile(spec: JsonObject, report: Report) -> JsonObject:
    """Describe a version as JSON and as a page.

    spec: examples (path), folder, title, subtitle, near_threshold (0.8), tokenizer (path of tokenizer.json, or None).
    Returns profile, html, duplicates (paths), num_rows. Raises DiskFull.
    """
    folder = Path(str(spec["folder"]))
    rows = read_rows(Path(str(spec["examples"])))
    report.progress(0.1, f"exploring {len(rows):,} rows")
    tokenizer = spec.get("tokenizer")
    near_threshold = float(str(spec.get("near_threshold") or 0.8))
    similar = find_similar(rows, near_threshold)
    described = profile_rows(
        rows,
        near_threshold=near_threshold,
        similar=similar,
        count_tokens=_token_counter(str(tokenizer)) if tokenizer else None,
    )
    page = render_report(described, title=str(spec["title"]), subtitle=str(spec.get("subtitle") or ""))
    with told_when_full(folder):
        (folder / "profile.json").write_text(described.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (folder / "profile.html").write_text(page, encoding="utf-8")
        write_duplicates(folder / DUPLICATES_FILE, similar.groups)
    report.log(
        f"{described.num_rows:,} rows, {described.num_labels} labels, {described.num_exact_duplicates:,} exact and "
        f"{described.num_near_duplicates:,} near-duplicates, {described.num_conflicting_rows:,} rows in conflict"
    )
    return {
        "profile": str(folder / "profile.json"),
        "html": str(folder / "profile.html"),
        "duplicates": str(folder / DUPLICATES_FILE),
        "num_rows": described.num_rows,
    }


def prepare(spec: JsonObject, report: Report) -> JsonObject:
    """Make a prepared version of a version.

    spec: examples (path), parent_digest, settings (PrepareSettings), folder.
    Returns examples, changes, manifest (paths), digest, num_rows, task, num_labels, parts, counts, recipe.
    Raises what prepare.py raises; DiskFull.
    """
    folder = Path(str(spec["folder"]))
    settings = PrepareSettings.model_validate(spec.get("settings") or {})
    rows = read_rows(Path(str(spec["examples"])))
    report.progress(0.1, f"preparing {len(rows):,} rows")
    prepared = prepare_rows(rows, settings)
    report.progress(0.8, f"writing {len(prepared.rows):,} rows")
    writer = VersionWriter(folder)
    for row in prepared.rows:
        writer.add(
            row.text,
            row.expected_output,
            messages=row.messages,
            metadata=row.metadata,
            part=row.part,
            parent_row=row.parent_row,
        )
    written = writer.finish()
    changes = write_changes(folder, prepared.changes)
    counts = _count_changes(prepared.changes)
    report.log(f"{len(prepared.rows):,} of {len(rows):,} rows kept; {_counts_in_words(counts)}")
    recipe: dict[str, JsonValue] = {
        "operation": "prepare",
        "settings": settings.model_dump(mode="json"),
        "changes": counts,
    }
    parents = [str(spec["parent_digest"])] if spec.get("parent_digest") else []
    return _finish(folder, written, parents=parents, recipe=recipe, files=[changes]) | {"counts": counts}


def curate(spec: JsonObject, report: Report) -> JsonObject:
    """Join rows from traffic to a version.

    spec: examples (path of the parent, or None), parent_digest, feedback (list of FeedbackRow), selection (how they
    were found and what was left out, for the recipe; or None), mask_personal_data, settings (PrepareSettings: its two thresholds are used), folder.
    Returns as `prepare`, and num_added, num_corrected (rows of the parent that gave way), trace_ids (of the rows that were
    added); the recipe says besides how many of those hold what people said is right ('judged'). Raises DiskFull.
    """
    folder = Path(str(spec["folder"]))
    settings = PrepareSettings.model_validate(spec.get("settings") or {})
    parent = read_rows(Path(str(spec["examples"]))) if spec.get("examples") else []
    handed_in = spec["feedback"]
    assert isinstance(handed_in, list)
    feedback = [FeedbackRow.model_validate(row) for row in handed_in]
    report.progress(0.1, f"joining {len(feedback):,} rows from traffic to {len(parent):,} rows")
    curated = curate_rows(
        parent,
        feedback,
        near_threshold=settings.near_duplicate_threshold or 1.0,
        group_threshold=settings.group_threshold,
        mask_personal_data=bool(spec.get("mask_personal_data", True)),
    )
    written = _write(folder, curated.rows)
    changes = write_changes(folder, curated.changes)
    counts = _count_changes(curated.changes)
    report.log(
        f"{curated.num_added:,} of {len(feedback):,} rows from traffic added, {curated.num_corrected:,} rows corrected; "
        f"{_counts_in_words(counts)}"
    )
    said = {row.trace_id for row in feedback if "feedback_id" in row.metadata}
    recipe: dict[str, JsonValue] = {
        "operation": "curate",
        **({"selection": spec["selection"]} if spec.get("selection") else {}),
        "offered": len(feedback),
        "added": curated.num_added,
        "judged": sum(trace_id in said for trace_id in curated.trace_ids),
        "corrected": curated.num_corrected,
        **({} if spec.get("mask_personal_data", True) else {"mask_personal_data": False}),
        "changes": counts,
    }
    parents = [str(spec["parent_digest"])] if spec.get("parent_digest") else []
    made = _finish(folder, written, parents=parents, recipe=recipe, files=[changes])
    figures: JsonObject = {"counts": counts, "num_added": curated.num_added, "num_corrected": curated.num_corrected}
    return made | figures | {"trace_ids": curated.trace_ids}


def edit(spec: JsonObject, report: Report) -> JsonObject:
    """Lay a person's edits on a version.

    spec: examples (path of the parent), parent_digest, edits (path of an Edits as JSON), folder.
    Returns as `prepare`. Raises EditsLost, DiskFull.
    """
    folder = Path(str(spec["folder"]))
    edits = Edits.model_validate_json(Path(str(spec["edits"])).read_bytes())
    parent = read_rows(Path(str(spec["examples"])))
    report.progress(0.2, f"laying edits on {len(parent):,} rows")
    edited = apply_edits(parent, edits)
    written = _write(folder, edited.rows)
    changes = write_changes(folder, edited.changes)
    counts = _count_changes(edited.changes)
    told: JsonObject = {"changed": len(edits.changed), "deleted": len(edits.deleted), "added": len(edits.added)}
    report.log(f"{len(edits.changed):,} rows changed, {len(edits.deleted):,} taken away, {len(edits.added):,} added")
    recipe = {"operation": "edit", "message": edits.message, **told, "changes": counts}
    made = _finish(folder, written, parents=[str(spec["parent_digest"])], recipe=recipe, files=[changes])
    return made | {"counts": counts}


def draw_map(spec: JsonObject, report: Report) -> JsonObject:
    """Draw a version's texts as a map.

    spec: examples (path), folder. Returns map (path), num_drawn. Raises EmbedderMissing, WeightsChanged, DiskFull.
    """
    from treadle.data.embedding_map import choose_rows
    from treadle.data.embedding_map import draw_map as draw
    from treadle.embeddings.minilm import load_minilm

    folder = Path(str(spec["folder"]))
    rows = read_rows(Path(str(spec["examples"])))
    chosen = choose_rows(rows)
    embedder = load_minilm(needed_for="a map of a dataset")
    drawn = draw(chosen, embedder, num_rows=len(rows), on_progress=report.progress)
    with told_when_full(folder):
        (folder / "map.json").write_text(drawn.model_dump_json() + "\n", encoding="utf-8")
    report.log(f"{drawn.num_drawn:,} of {len(rows):,} rows drawn in {len(drawn.groups)} groups")
    return {"map": str(folder / "map.json"), "num_drawn": drawn.num_drawn}


def _write(folder: Path, rows: Sequence[CuratedRow]) -> WrittenVersion:
    writer = VersionWriter(folder)
    for row in rows:
        writer.add(
            row.text,
            row.expected_output,
            messages=row.messages,
            metadata=row.metadata,
            part=row.part,
            parent_row=row.parent_row,
        )
    return writer.finish()


def _finish(
    folder: Path,
    written: WrittenVersion,
    *,
    parents: Sequence[str],
    recipe: dict[str, JsonValue],
    files: Sequence[Path],
) -> JsonObject:
    """Write the manifest and say what was made."""
    manifest = describe_version(written, parents=parents, recipe=recipe, files=files)
    path = write_manifest(folder, manifest)
    told = {name: manifest[name] for name in ("digest", "num_rows", "task", "num_labels", "parts", "recipe")}
    return told | {
        "examples": str(written.path),
        "manifest": str(path),
        "changes": next((str(file) for file in files if file.name == "changes.parquet"), None),
    }


def _count_changes(changes: Sequence[Change]) -> dict[str, JsonValue]:
    """Count rows per action and reason: {"dropped": {"exact_duplicate": 4}, ...}."""
    counts: dict[str, dict[str, int]] = {}
    for (action, reason), count in sorted(Counter((change.action, change.reason) for change in changes).items()):
        counts.setdefault(action, {})[reason] = count
    return dict(counts)


def _counts_in_words(counts: dict[str, JsonValue]) -> str:
    said = [
        f"{action} {count:,} x {reason}"
        for action, reasons in counts.items()
        if isinstance(reasons, dict)
        for reason, count in reasons.items()
    ]
    return ", ".join(said) or "nothing had to be changed"


def _mapping_in_words(mapping: Mapping) -> str:
    if mapping.messages:
        return f"conversations from '{mapping.messages}'"
    expected = f"expected output from '{mapping.expected_output}'" if mapping.expected_output else "no expected output"
    return f"input from '{mapping.input}', {expected}"


def _token_counter(path: str) -> Callable[[str], int]:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("train", needed_for="counting tokens") from error
    tokenizer = Tokenizer.from_file(path)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)

"""The manifest of a version: what is in it, how it was made and from what, as JSON without a time or a machine in it.

`digest` names the content (see files.py); the rest tells its story. Two imports of the same rows have the same digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from treadle.core.types import JsonValue
from treadle.data.files import VERSION_FORMAT, WrittenVersion, write_json
from treadle.data.labels import Task, task_of_counts
from treadle.data.types import PARTS

COLUMNS: dict[str, JsonValue] = {
    "row": "int64, from 1", "example_id": "string", "input": "string", "expected_output": "string or null",
    "messages": "JSON string or null", "metadata": "JSON string or null", "part": "train, validation, test or null",
    "parent_row": "int64 or null",
}  # fmt: skip
TOOLS = ("polars", "ftfy", "rensa", "py3langid")


def file_digest(path: Path) -> str:
    """Compute 'sha256:...' of a file, a megabyte at a time."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def describe_version(
    written: WrittenVersion,
    *,
    parents: Sequence[str],
    recipe: dict[str, JsonValue],
    files: Sequence[Path],
) -> dict[str, JsonValue]:
    """Build the manifest. parents: digests of the versions it was made from. files: what is stored beside the rows.

    Cost: two columns of the written file are read, as a stream.
    """
    counts = _count(written.path)
    return {
        "format": VERSION_FORMAT,
        "digest": written.digest,
        "num_rows": written.num_rows,
        "columns": COLUMNS,
        "task": counts.task,
        "num_labels": counts.num_distinct if counts.task == "classification" else 0,
        "parts": counts.parts,
        "parents": list(parents),
        "recipe": recipe | {"tools": {name: version(name) for name in TOOLS}},
        "files": [
            {"name": path.name, "digest": file_digest(path), "size_bytes": path.stat().st_size}
            for path in (written.path, *files)
        ],
    }


class _Counts(NamedTuple):
    task: Task
    num_distinct: int
    parts: dict[str, JsonValue]


def _count(path: Path) -> _Counts:
    import polars

    scan = polars.scan_parquet(path)
    expected = scan.select(polars.col("expected_output")).filter(polars.col("expected_output").str.len_chars() > 0)
    facts = expected.select(
        given=polars.len(),
        distinct=polars.col("expected_output").n_unique(),
        longest=polars.col("expected_output").str.len_chars().max().fill_null(0),
    ).collect(engine="streaming")
    given, distinct, longest = facts.row(0)
    by_part = dict(scan.group_by("part").len().collect(engine="streaming").iter_rows())
    parts: dict[str, JsonValue] = {part: by_part[part] for part in PARTS if part in by_part}
    return _Counts(task_of_counts(given, distinct, longest), distinct, parts)


def write_manifest(folder: Path, manifest: dict[str, JsonValue]) -> Path:
    """Write the manifest as `manifest.json`. Raises DiskFull."""
    return write_json(folder / "manifest.json", manifest)

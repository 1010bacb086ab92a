"""The Parquet files of a version: written as a stream, named by their content.

A version's digest is made of its rows (input, expected output, messages, metadata, part), not of the Parquet bytes, so
another compression or library version changes nothing. Memory: 20,000 rows at a time while writing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from treadle.core.canonical import canonical_json, digest_of
from treadle.core.types import JsonValue
from treadle.data.types import Change
from treadle.storage.errors import DiskFull

if TYPE_CHECKING:
    import polars

VERSION_FORMAT = "treadle.dataset-version/1"
ROWS_AT_ONCE = 20_000


class Row(NamedTuple):
    """One example as it is stored; the order of the fields is the order of the columns."""

    row: int
    example_id: str
    input: str
    expected_output: str | None
    messages: str | None
    metadata: str | None
    part: str | None
    parent_row: int | None


class WrittenVersion(NamedTuple):
    """What a writer made."""

    path: Path
    digest: str
    num_rows: int


def example_id_of(text: str, expected_output: str | None, messages: str | None = None) -> str:
    """Name an example by its content: each field with its length before it, absent fields told from empty ones."""
    digest = hashlib.sha256()
    for field in (text, expected_output, messages):
        data = b"-" if field is None else field.encode("utf-8")
        digest.update(f"{'-' if field is None else len(data)}:".encode() + data)
    return f"ex_{digest.hexdigest()[:32]}"


def metadata_json(metadata: dict[str, JsonValue]) -> str | None:
    """Write metadata in its one form; None when there is none."""
    return canonical_json(metadata).decode("utf-8") if metadata else None


class VersionWriter:
    """Writes the rows of one version to a folder, numbering them from 1, and learns its digest on the way."""

    def __init__(self, folder: Path, name: str = "examples") -> None:
        self._folder, self._name = folder, name
        self._waiting: list[Row] = []
        self._chunks: list[Path] = []
        self._digest = hashlib.sha256()
        self.num_rows = 0

    def add(
        self,
        text: str,
        expected_output: str | None,
        *,
        messages: str | None = None,
        metadata: str | None = None,
        part: str | None = None,
        parent_row: int | None = None,
    ) -> None:
        """Add a row behind the others."""
        self.num_rows += 1
        example_id = example_id_of(text, expected_output, messages)
        self._digest.update(f"{example_id}\x1f{metadata or ''}\x1f{part or ''}\n".encode())
        self._waiting.append(
            Row(self.num_rows, example_id, text, expected_output, messages, metadata, part, parent_row)
        )
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def finish(self) -> WrittenVersion:
        """Write what is left and join it to one file. Raises DiskFull."""
        import polars

        self._flush()
        path = self._folder / f"{self._name}.parquet"
        with told_when_full(self._folder):
            if self._chunks:
                polars.scan_ipc(self._chunks).sink_parquet(path, compression="zstd", row_group_size=ROWS_AT_ONCE)
            else:
                rows_frame([]).write_parquet(path)
        for chunk in self._chunks:
            chunk.unlink()
        content: dict[str, JsonValue] = {
            "format": VERSION_FORMAT, "rows": self._digest.hexdigest(), "num_rows": self.num_rows,
        }  # fmt: skip
        return WrittenVersion(path, digest_of(content), self.num_rows)

    def _flush(self) -> None:
        if not self._waiting:
            return
        path = self._folder / f".{self._name}-{len(self._chunks)}.arrow"
        with told_when_full(self._folder):
            rows_frame(self._waiting).write_ipc(path)
        self._chunks.append(path)
        self._waiting = []


def rows_frame(rows: list[Row]) -> polars.DataFrame:
    """Make the table of some rows."""
    import polars

    whole, text = polars.Int64, polars.String
    kinds = dict(zip(Row._fields, (whole, text, text, text, text, text, text, whole), strict=True))
    return polars.DataFrame(rows, schema=kinds, orient="row")


def read_rows(path: Path) -> list[Row]:
    """Read all rows of a version. Cost: the whole version in memory."""
    import polars

    return [Row(*values) for values in polars.read_parquet(path, columns=list(Row._fields)).iter_rows()]


def write_changes(folder: Path, changes: list[Change]) -> Path:
    """Write why rows were dropped, changed or flagged. Raises DiskFull."""
    import polars

    kinds = {
        "row": polars.Int64, "example_id": polars.String, "action": polars.String, "reason": polars.String,
        "detail": polars.String, "other_row": polars.Int64, "trace_id": polars.String, "similarity": polars.Float64, "before": polars.String,
        "after": polars.String,
    }  # fmt: skip
    path = folder / "changes.parquet"
    with told_when_full(folder):
        polars.DataFrame([change.model_dump() for change in changes], schema=kinds).write_parquet(path)
    return path


def write_json(path: Path, value: JsonValue) -> Path:
    """Write a value as readable JSON. Raises DiskFull."""
    with told_when_full(path.parent):
        path.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return path


@contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Turn a full disk, however a library words it, into DiskFull."""
    try:
        yield
    except Exception as error:  # polars wraps the operating system's error in kinds of its own, by text
        if "os error 28" in str(error) or "os error 122" in str(error) or getattr(error, "errno", None) in (28, 122):
            raise DiskFull(
                f"no room left in '{folder}', so no version was made and nothing else was changed; free some space and "
                "start the run again; see how much is left with: treadle doctor",
                folder=str(folder),
            ) from error
        raise

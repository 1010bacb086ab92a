"""A file of archived spans: a row per span with the columns of the table, its text for search, and the packed span as it was.

Blocks are added one by one; pieces of some megabytes go to disk and are put together by DuckDB within a bounded memory.
Times are UTC without saying so, costs are text (exact), `text` is what a search compares, `data` loses nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from treadle.core.errors import Unavailable
from treadle.traces.archive.bloom import filter_of
from treadle.traces.blocks import position
from treadle.traces.rows import COLUMNS, Facts, Floats, Integers, Times, facts_of
from treadle.traces.words import text_of

if TYPE_CHECKING:
    import duckdb
    import polars as pl

Summary = dict[str, Any]
"""What a row says that its span does not: the columns `LEARNT`."""
LEARNT = (
    "input_text", "output_text", "stands_for_root", "counted_in", "session_id", "user_id", "endpoint", "release_id", "rollout_id",
    "arm", "input_tokens", "output_tokens", "cost_usd",
)  # fmt: skip
"""Columns that change behind ingestion: texts and names that a root has of its parts, and what `heads` and `answers` find."""
ADDED = {"stands_for_root": "boolean", "counted_in": "varchar"}
"""Of those, what no span has and older files lack."""
PIECE_BYTES = 16 * 1024 * 1024
FILE_BYTES = 128 * 1024 * 1024
"""Of packed spans, before compression; a file of ordinary ones is an eighth of it."""
GROUP_ROWS = 8192
MEMORY = "256MB"
_FETCHED = 512
_MODULUS = 1 << 128


class ArchiveDamaged(Unavailable):
    """A stored file does not hold what was written."""

    code = "traces.archive_damaged"


class Content(NamedTuple):
    """What tells whether a file holds what it should, whatever the order."""

    span_count: int
    digest: int
    """Sum of the hashes of positions and packed spans."""


class Written(NamedTuple):
    """A finished file."""

    path: Path
    content: Content
    blocks: list[int]
    first_at: datetime
    last_at: datetime
    traces: bytes
    """Bloom filter of its traces."""


class Part:
    """A file in the making."""

    def __init__(self, folder: Path, day: date) -> None:
        """folder: an empty one, for pieces and for the file."""
        self._folder = folder
        self._day = day
        self._rows: list[dict[str, Any]] = []
        self._rows_bytes = 0
        self._pieces: list[Path] = []
        self._trace_ids: set[str] = set()
        self._times: list[datetime] = []
        self._content = Content(0, 0)
        self.blocks: list[int] = []
        self.size_bytes = 0
        """Of the packed spans so far."""

    def add(self, block_id: int, spans: Sequence[bytes | None], summaries: Mapping[int, Summary]) -> None:
        """Add a block's spans. summaries: what the rows of roots say, by position. Raises ValueError for a damaged one."""
        self.blocks.append(block_id)
        for place, data in enumerate(spans):
            if data is None:
                continue
            facts, seq = facts_of(data), position(block_id, place)
            row = _row(facts) | summaries.get(seq, {})
            self._rows.append(row | {"day": self._day, "seq": seq, "text": text_of(data), "data": data})
            self._trace_ids.add(facts.trace_id)
            self._times.append(row["started_at"])
            self._content = _with(self._content, seq, data)
            self._rows_bytes += len(data)
            self.size_bytes += len(data)
        self._times = [min(self._times), max(self._times)] if self._times else []
        if self._rows_bytes >= PIECE_BYTES:
            self._write_piece()

    def finish(self) -> Written:
        """Put the pieces together."""
        self._write_piece()
        path = self._folder / "spans.parquet"
        with connect(self._folder) as duck:
            duck.execute(
                f"copy (select * from read_parquet(?)) to '{_quoted(path)}'"
                f" (format parquet, compression zstd, row_group_size {GROUP_ROWS})",
                [[str(piece) for piece in self._pieces]],
            )
        first_at, last_at = (moment.replace(tzinfo=UTC) for moment in self._times)
        return Written(path, self._content, self.blocks, first_at, last_at, filter_of(self._trace_ids))

    def _write_piece(self) -> None:
        import polars as pl

        if not self._rows and self._pieces:
            return
        path = self._folder / f"piece-{len(self._pieces)}.parquet"
        pl.DataFrame(self._rows, schema=_schema()).write_parquet(path, compression="lz4")
        self._pieces.append(path)
        self._rows, self._rows_bytes = [], 0


def content_of(path: Path) -> Content:
    """Return what a file holds, read from end to end."""
    found = Content(0, 0)
    with connect(path.parent) as duck:
        rows = duck.execute("select seq, data from read_parquet(?)", [str(path)])
        while batch := rows.fetchmany(_FETCHED):
            for seq, data in batch:
                found = _with(found, seq, data)
    return found


def connect(folder: Path, *, memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory that stays within it, takes one processor and fetches nothing from elsewhere."""
    import duckdb

    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": 1,
            "temp_directory": str(folder),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )


def _row(facts: Facts) -> dict[str, Any]:
    row = {column.name: column.of(facts) for column in COLUMNS}
    started_at: datetime = row["started_at"]
    row["started_at"] = started_at.astimezone(UTC).replace(tzinfo=None) if started_at.tzinfo is not None else started_at
    row["cost_usd"] = None if facts.cost_usd is None else str(facts.cost_usd)
    row["signals"] = facts.signals or None
    return row | dict.fromkeys(ADDED)


def _schema() -> dict[str, pl.DataType | type[pl.DataType]]:
    import polars as pl

    kinds: dict[Any, Any] = {Times: pl.Datetime("us"), Floats: pl.Float64, Integers: pl.Int64}
    own: dict[str, Any] = {"signals": pl.List(pl.String)}
    columns = {column.name: own.get(column.name, kinds.get(column.array, pl.String)) for column in COLUMNS}
    columns |= {"stands_for_root": pl.Boolean, "counted_in": pl.String}
    return columns | {"day": pl.Date, "seq": pl.Int64, "text": pl.String, "data": pl.Binary}


def _with(content: Content, seq: int, data: bytes) -> Content:
    told = hashlib.blake2b(seq.to_bytes(8) + data, digest_size=16).digest()
    return Content(content.span_count + 1, (content.digest + int.from_bytes(told)) % _MODULUS)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

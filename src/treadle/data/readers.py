"""CSV, JSON Lines and Parquet files as a stream of rows, read strictly: what is wrong is refused with its row and byte.

A line is never read past the limit, so a file that is one line of a gigabyte costs ten megabytes and a moment. Memory
is bounded by the limit for text files and by 20,000 rows for Parquet. The encoding is not guessed: UTF-8 or refused.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, NoReturn, TypeAlias

from treadle.core.types import JsonValue
from treadle.data.errors import (
    ColumnRepeated,
    EmptyFile,
    FileUnreadable,
    InvalidEncoding,
    LineTooLong,
    RowInvalid,
    list_names,
)

FileFormat: TypeAlias = Literal["csv", "jsonl", "parquet"]

MAX_LINE_BYTES = 10_000_000
PARQUET_ROWS_AT_ONCE = 20_000
FORMAT_BY_SUFFIX: dict[str, FileFormat] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
DELIMITERS = (",", "\t", ";", "|")
_MAGIC = {
    b"\x1f\x8b": "is compressed with gzip; unpack it first with: gunzip FILE",
    b"PK\x03\x04": "is a ZIP archive (an Excel workbook is one too); unpack it, or export the sheet as CSV",
    b"\xff\xfe": "is UTF-16 text; save it again as UTF-8, for example with: iconv -f UTF-16 -t UTF-8 FILE",
    b"\xfe\xff": "is UTF-16 text; save it again as UTF-8, for example with: iconv -f UTF-16 -t UTF-8 FILE",
    b"SQLi": "is an SQLite database; export the table as CSV first",
}
_UTF8_MARK = b"\xef\xbb\xbf"


class RawRow(NamedTuple):
    """One row as the file has it."""

    row: int
    """From 1, the header not counted."""
    values: dict[str, JsonValue]
    """Column to value; an empty CSV field is None."""


class Source(NamedTuple):
    """An opened file: what it is, its columns, and its records as a stream."""

    file_format: FileFormat
    columns: tuple[str, ...]
    """Of CSV the header, of Parquet the schema, of JSON Lines the keys of the first row."""
    records: Iterator[RawRow]


class _File(NamedTuple):
    path: Path
    name: str


class _Line(NamedTuple):
    number: int
    text: str


def open_source(
    path: Path,
    *,
    file_name: str | None = None,
    file_format: FileFormat | None = None,
    delimiter: str | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Source:
    """Open a file and read its columns; the records follow as they are asked for.

    file_name: how people know the file; it stands in messages and its suffix tells the format. None takes the path's.
    file_format: None goes by the suffix, then by the first bytes. delimiter: None takes the header's most frequent one.
    Raises EmptyFile, FileUnreadable, ColumnRepeated, LineTooLong, InvalidEncoding, RowInvalid; the last three while
    the rows are read, too.
    """
    file = _File(path, file_name or path.name)
    with path.open("rb") as opened:
        start = opened.read(4096)
    if not start:
        raise EmptyFile(
            f"the file '{file.name}' is empty (0 bytes); it needs at least one row, and a header if it is CSV"
        )
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            raise FileUnreadable(f"the file '{file.name}' {what}")
    chosen = file_format or FORMAT_BY_SUFFIX.get(Path(file.name).suffix.lower()) or _sniff(start)
    if chosen == "parquet" or start.startswith(b"PAR1"):
        return _open_parquet(file)
    if chosen == "jsonl":
        return _open_jsonl(file, max_line_bytes)
    return _open_csv(file, delimiter, max_line_bytes)


def _sniff(start: bytes) -> FileFormat:
    text = start.removeprefix(_UTF8_MARK).lstrip()
    return "jsonl" if text.startswith((b"{", b"[")) else "csv"


def _iter_lines(file: _File, limit: int) -> Iterator[_Line]:
    """Read lines as text; a line over the limit, bytes that are not UTF-8 and NUL are refused with their place."""
    with file.path.open("rb") as opened:
        offset, number = 0, 0
        while raw := _read_line(opened, limit, number + 1, file):
            number += 1
            body = raw.removeprefix(_UTF8_MARK) if number == 1 else raw
            try:
                text = body.decode("utf-8")
            except UnicodeDecodeError as error:
                at = offset + len(raw) - len(body) + error.start
                raise InvalidEncoding(
                    f"line {number} of '{file.name}' is not UTF-8: byte 0x{body[error.start]:02x} at offset {at} "
                    "of the file; save the file as UTF-8, for example with: iconv -f WINDOWS-1252 -t UTF-8 FILE",
                    line=number,
                    byte_offset=at,
                ) from error
            if "\0" in text:
                at = offset + raw.index(b"\0")
                raise InvalidEncoding(
                    f"line {number} of '{file.name}' holds a NUL byte at offset {at} of the file; text has none, "
                    "so the file is damaged or not text; export it again",
                    line=number,
                    byte_offset=at,
                )
            yield _Line(number, text)
            offset += len(raw)


def _read_line(opened: BinaryIO, limit: int, number: int, file: _File) -> bytes:
    raw = opened.readline(limit + 1)
    if len(raw) > limit and not raw.endswith(b"\n"):
        raise LineTooLong(
            f"line {number} of '{file.name}' is longer than {limit:,} bytes; a row of text is far shorter, so line "
            "ends are probably missing; write one row per line, or raise the limit with --max-line-bytes",
            line=number,
            limit_bytes=limit,
        )
    return raw


def _open_jsonl(file: _File, limit: int) -> Source:
    records = _iter_jsonl(file, limit)
    first = next(records, None)
    if first is None:
        raise EmptyFile(f"the file '{file.name}' holds only blank lines; it needs one JSON object per line")
    return Source("jsonl", tuple(first.values), chain([first], records))


def _iter_jsonl(file: _File, limit: int) -> Iterator[RawRow]:
    row = 0
    for line in _iter_lines(file, limit):
        if not line.text.strip():
            continue
        row += 1
        try:
            value = json.loads(line.text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            why = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
            if row == 1 and line.text.lstrip().startswith("["):
                why = "the file is one JSON array; write one object per line, for example with: jq -c '.[]' FILE"
            raise RowInvalid(
                f"row {row} (line {line.number}) of '{file.name}' is not JSON: {why}; "
                "each line must be one JSON object",
                row=row,
                line=line.number,
            ) from error
        if not isinstance(value, dict):
            hint = "; turn an array into lines with: jq -c '.[]' FILE" if isinstance(value, list) else ""
            raise RowInvalid(
                f"row {row} (line {line.number}) of '{file.name}' is a JSON {_json_name(value)}, not an object such as "
                f'{{"input": "...", "expected_output": "..."}}{hint}',
                row=row,
                line=line.number,
            )
        yield RawRow(row, value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; write null for a missing number")


def _json_name(value: JsonValue) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "value")


def _open_csv(file: _File, delimiter: str | None, limit: int) -> Source:
    lines = _RecordLines(file, limit)
    header_line = next(lines, None)
    if header_line is None or not header_line.strip():
        raise EmptyFile(f"the file '{file.name}' has no header; the first line must name the columns")
    chosen = delimiter or max(DELIMITERS, key=header_line.count)
    # The module's own limit on fields is global and lower than ours; lines are limited already.
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    rows = csv.reader(chain([header_line], lines), delimiter=chosen, strict=True)
    columns = tuple(name.strip() or f"column_{place}" for place, name in enumerate(_next_row(rows, 0, lines), start=1))
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise ColumnRepeated(
            f"the header of '{file.name}' names {list_names(repeated)} more than once; every column needs a name "
            "of its own; rename them in the first line",
            columns=repeated,
        )
    records = _iter_csv(rows, columns, lines)
    first = next(records, None)
    if first is None:
        raise EmptyFile(f"the file '{file.name}' has a header but no row; it needs at least one row below the header")
    return Source("csv", columns, chain([first], records))


class _RecordLines:
    """The lines of a CSV file, with a limit on how much one record may take over several lines."""

    def __init__(self, file: _File, limit: int) -> None:
        self.file = file
        self.number = 0
        self._lines = _iter_lines(file, limit)
        self._limit = limit
        self._taken = 0

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken += len(line.text)
        if self._taken > self._limit:
            raise LineTooLong(
                f"a record of '{self.file.name}' that is still open at line {line.number} is longer than "
                f"{self._limit:,} characters; a quotation mark was probably never closed; close it, or raise the limit "
                "with --max-line-bytes",
                line=line.number,
                limit_bytes=self._limit,
            )
        self.number = line.number
        return line.text

    def begin_record(self) -> None:
        """Start counting anew."""
        self._taken = 0


def _next_row(rows: Iterator[list[str]], row: int, lines: _RecordLines) -> list[str]:
    lines.begin_record()
    try:
        return next(rows)
    except csv.Error as error:
        raise RowInvalid(
            f"row {row} (line {lines.number}) of '{lines.file.name}' is not CSV: {error}; a field with quotation "
            'marks in it must be quoted as a whole and double each of them: "say ""hello"""',
            row=row,
            line=lines.number,
        ) from error


def _iter_csv(rows: Iterator[list[str]], columns: tuple[str, ...], lines: _RecordLines) -> Iterator[RawRow]:
    row = 0
    while True:
        try:
            fields = _next_row(rows, row + 1, lines)
        except StopIteration:
            return
        if not fields:
            continue
        row += 1
        if len(fields) != len(columns):
            raise RowInvalid(
                f"row {row} (line {lines.number}) of '{lines.file.name}' has {len(fields)} fields, the header "
                f"has {len(columns)}; quote fields that hold the delimiter, or choose it with --delimiter",
                row=row,
                line=lines.number,
                fields=len(fields),
                columns=len(columns),
            )
        yield RawRow(row, {name: field if field else None for name, field in zip(columns, fields, strict=True)})


def _open_parquet(file: _File) -> Source:
    import polars
    from polars.exceptions import PolarsError

    try:
        scan = polars.scan_parquet(file.path, glob=False)
        columns = tuple(scan.collect_schema().names())
        num_rows = scan.select(polars.len()).collect().item()
    except (PolarsError, OSError) as error:
        raise FileUnreadable(
            f"the file '{file.name}' is not a complete Parquet file ({str(error).splitlines()[0][:160]}); "
            "write it again, or name its format with --format csv or --format jsonl"
        ) from error
    if num_rows == 0:
        raise EmptyFile(f"the Parquet file '{file.name}' has columns but no row; it needs at least one row")

    def records() -> Iterator[RawRow]:
        row = 0
        for start in range(0, num_rows, PARQUET_ROWS_AT_ONCE):
            try:
                part = scan.slice(start, PARQUET_ROWS_AT_ONCE).collect()
            except (PolarsError, OSError) as error:
                raise FileUnreadable(
                    f"the Parquet file '{file.name}' is damaged near row {start + 1}: "
                    f"{str(error).splitlines()[0][:160]}; write it again from its source",
                    row=start + 1,
                ) from error
            for values in part.iter_rows(named=True):
                row += 1
                yield RawRow(row, values)

    return Source("parquet", columns, records())

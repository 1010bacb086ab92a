"""Files are read strictly: what is wrong is refused with its row, line or byte, and cheaply."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import polars
import pytest

from treadle.core.errors import TreadleError
from treadle.data.errors import (
    ColumnMissing,
    ColumnRepeated,
    ColumnsUnclear,
    EmptyFile,
    FileUnreadable,
    InvalidEncoding,
    LineTooLong,
    RowInvalid,
)
from treadle.data.mapping import MappedRow, choose_columns, iter_mapped
from treadle.data.readers import open_source
from treadle.data.types import Mapping


def read(path: Path, **mapping: object) -> list[MappedRow]:
    wanted = Mapping.model_validate(mapping)
    source = open_source(path, file_format=wanted.file_format, max_line_bytes=wanted.max_line_bytes)
    return list(iter_mapped(source, choose_columns(source.columns, wanted), path.name))


def file_of(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_with_quotes_commas_and_line_ends_in_fields(tmp_path: Path) -> None:
    """
    RFC 4180: a quoted field may hold the delimiter, doubled quotes and line ends.
    """
    path = file_of(tmp_path, "a.csv", 'text,label\r\n"say ""hi"", now",x\r\n"two\nlines",y\r\n')

    rows = read(path)

    assert [('say "hi", now', "x"), ("two\nlines", "y")] == [(row.input, row.expected_output) for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_comes_from_the_header(tmp_path: Path, delimiter: str) -> None:
    """
    The delimiter that the header uses most is taken.
    """
    path = file_of(tmp_path, "a.csv", f"text{delimiter}label\nhi{delimiter}x\n")

    assert [("hi", "x")] == [(row.input, row.expected_output) for row in read(path)]


def test_further_columns_become_metadata(tmp_path: Path) -> None:
    """
    Columns that are not mapped are kept with their values; empty ones are left out.
    """
    path = file_of(tmp_path, "a.csv", "question,answer,region,note\nwhy,so,EU,\n")

    assert {"region": "EU"} == read(path)[0].metadata
    assert {} == read(path, keep_columns=[])[0].metadata


def test_all_three_formats_give_the_same_rows(tmp_path: Path) -> None:
    """
    The format of a file does not change what is in it.
    """
    values = [{"text": "héllo", "label": "a"}, {"text": "hi\nthere", "label": None}]
    polars.DataFrame(values).write_parquet(tmp_path / "a.parquet")
    polars.DataFrame(values).write_csv(tmp_path / "a.csv")
    file_of(tmp_path, "a.jsonl", "\n".join(json.dumps(row) for row in values))

    csv_rows, json_rows, parquet_rows = (read(tmp_path / f"a.{kind}") for kind in ("csv", "jsonl", "parquet"))

    assert csv_rows == json_rows == parquet_rows
    assert [("héllo", "a"), ("hi\nthere", None)] == [(row.input, row.expected_output) for row in csv_rows]


def test_conversation_in_openai_shape(tmp_path: Path) -> None:
    """
    The last assistant message is the expected output, the turns before it the input; everything is kept.
    """
    turns = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yo"},
    ]
    single = [{"role": "user", "content": [{"type": "text", "text": "hm"}], "name": "ana"}]
    path = file_of(tmp_path, "a.jsonl", "\n".join(json.dumps({"messages": one}) for one in (turns, single)))

    first, second = read(path)

    assert ("system: be kind\nuser: hi", "yo") == (first.input, first.expected_output)
    assert ("hm", None) == (second.input, second.expected_output)
    assert "ana" == json.loads(second.messages or "")[0]["extra"]["name"]


def test_numbers_and_truth_values_are_labels_too(tmp_path: Path) -> None:
    """
    A JSON number or boolean becomes its text.
    """
    path = file_of(tmp_path, "a.jsonl", '{"text": "a", "label": 3}\n{"text": "b", "label": true}\n')

    assert ["3", "true"] == [row.expected_output for row in read(path)]


def test_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    """
    Spreadsheets write a mark before the header; it is skipped.
    """
    path = file_of(tmp_path, "a.csv", b"\xef\xbb\xbftext,label\nhi,x\n")

    assert "hi" == read(path)[0].input


BAD_FILES: list[tuple[str, bytes, type[TreadleError], str]] = [
    ("empty.csv", b"", EmptyFile, "the file 'empty.csv' is empty (0 bytes)"),
    ("head.csv", b"text,label\n", EmptyFile, "has a header but no row"),
    ("blank.jsonl", b"\n  \n", EmptyFile, "holds only blank lines"),
    ("void.csv", b"text,label\n,x\n,y\n", EmptyFile, "the column 'text' of 'void.csv' is empty in every row"),
    ("utf16.csv", "text\nhi".encode("utf-16"), FileUnreadable, "is UTF-16 text; save it again as UTF-8"),
    ("a.csv", b"\x1f\x8b\x08\x00", FileUnreadable, "is compressed with gzip"),
    ("a.parquet", b"not parquet at all", FileUnreadable, "is not a complete Parquet file"),
    ("twice.csv", b"text,text\na,b\n", ColumnRepeated, "names 'text' more than once"),
    ("latin.csv", b"text,label\nok,x\ncaf\xe9,y\n", InvalidEncoding, "line 3 of 'latin.csv' is not UTF-8: byte 0xe9 at offset 19"),
    ("nul.csv", b"text,label\na\x00b,x\n", InvalidEncoding, "line 2 of 'nul.csv' holds a NUL byte at offset 12"),
    ("short.csv", b"text,label\na,x\nb\n", RowInvalid, "row 2 (line 3) of 'short.csv' has 1 fields, the header has 2"),
    ("quote.csv", b'text,label\n"a"b,x\n', RowInvalid, "row 1 (line 2) of 'quote.csv' is not CSV"),
    ("open.csv", b'text,label\na,x\n"never closed,y\nz,z\n', RowInvalid, "row 2 (line 4) of 'open.csv' is not CSV"),
    ("cut.jsonl", b'{"text": "a"}\n{"text": \n', RowInvalid, "row 2 (line 2) of 'cut.jsonl' is not JSON"),
    ("nan.jsonl", b'{"text": NaN}\n', RowInvalid, "NaN is not JSON"),
    ("list.jsonl", b'[{"text": "a"}]\n', RowInvalid, "row 1 (line 1) of 'list.jsonl' is a JSON array"),
    ("pretty.jsonl", b'[\n {"text": "a"}\n]\n', RowInvalid, "the file is one JSON array; write one object per line"),
    ("deep.jsonl", b"[" * 100_000 + b"\n", RowInvalid, "row 1 (line 1) of 'deep.jsonl' is not JSON"),
    ("key.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', RowInvalid, "row 2 of 'key.jsonl' has no 'text' (it has 'txt')"),
    ("type.jsonl", b'{"text": {"a": 1}}\n', RowInvalid, "'text' in row 1 of 'type.jsonl' is an object, not text"),
    ("half.jsonl", b'{"text": "a\\ud83d"}\n', RowInvalid, "holds half of a surrogate pair (\\ud83d)"),
    ("role.jsonl", b'{"messages": [{"role": "boss", "content": "x"}]}\n', RowInvalid, "'messages' in row 1 of 'role.jsonl' is not a"),
    ("talk.jsonl", b'{"messages": "hello"}\n', RowInvalid, "'messages' in row 1 of 'talk.jsonl' is not a conversation"),
    ("what.csv", b"foo,bar\n1,2\n", ColumnsUnclear, "none of the columns 'foo', 'bar' is called 'input'"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "kind", "message"), BAD_FILES, ids=[case[0] for case in BAD_FILES])
def test_bad_file_is_refused_with_its_place(
    tmp_path: Path, name: str, content: bytes, kind: type[TreadleError], message: str
) -> None:
    """
    Every refusal says what is wrong and where, has its own code and a next step.
    """
    path = file_of(tmp_path, name, content)

    with pytest.raises(kind) as caught:
        read(path)

    assert message in caught.value.message
    assert kind.code == caught.value.error_code
    assert ";" in caught.value.message


def test_wrong_column_names_the_right_one(tmp_path: Path) -> None:
    """
    A column that is not there is answered with the one that was probably meant, and with all of them.
    """
    path = file_of(tmp_path, "a.csv", "Text,category\nhi,x\n")

    with pytest.raises(ColumnMissing) as caught:
        read(path, input="text", expected_output="category")

    assert (
        "the file has no column 'text' (did you mean 'Text'?); it has 'Text', 'category'; "
        "name the right ones with --input and --label" == caught.value.message
    )
    assert ["Text", "category"] == caught.value.values["found"]


@pytest.mark.parametrize("name", ["one_line.csv", "one_line.jsonl"])
def test_line_of_a_gigabyte_is_refused_cheaply(tmp_path: Path, name: str) -> None:
    """
    A file that is one line of 1 GB is refused after reading no more than the limit: little memory, little time.
    """
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(b"text,label\n" if name.endswith("csv") else b"")
        file.seek(1_000_000_000)
        file.write(b"x")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()

    with pytest.raises(LineTooLong) as caught:
        read(path)

    assert time.process_time() - started < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
    assert "is longer than 10,000,000 bytes" in caught.value.message


def test_quote_that_never_closes_is_refused_at_the_limit(tmp_path: Path) -> None:
    """
    A record over many lines counts as one; it cannot swallow the rest of a large file.
    """
    path = file_of(tmp_path, "a.csv", 'text,label\n"open,x\n' + "line\n" * 1_000)

    with pytest.raises(LineTooLong) as caught:
        read(path, max_line_bytes=1_000)

    assert "a quotation mark was probably never closed" in caught.value.message

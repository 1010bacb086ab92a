"""Where a turn's rows come from: the project's sample or a file; and the customers' messages, which never enter the dataset.

Where customers are played, a file is split in two by a hash of each row's content: most rows are imported, a small share is held back
to be the customers who write tomorrow. The sample needs no splitting: its customers come from another seed. Runs in a child process.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.data.mapping import choose_columns, iter_mapped
from treadle.data.readers import Source, open_source
from treadle.data.sample import make_sample
from treadle.data.types import Mapping
from treadle.jobs.child import Report

SAMPLE_ROWS = 2400
SAMPLE_LICENCE = "Apache-2.0"
SAMPLE_CUSTOMERS = 400
CUSTOMERS_SEED_OFFSET = 1_000_003
HASH_SPACE = 2**64


class Customer(NamedTuple):
    """A message that somebody will write, with the answer that is right."""

    input: str
    expected_output: str


def collect_sample(spec: JsonObject, report: Report) -> JsonObject:
    """Write the project's sample and its customers. spec: folder, seed, play_customers.

    Returns data, customers (paths), num_rows, num_customers.
    """
    folder, seed = Path(str(spec["folder"])), int(str(spec["seed"]))
    sample = make_sample(seed=seed, num_rows=SAMPLE_ROWS)
    rows = [Customer(row.text, row.label) for row in sample.rows]
    tomorrow = make_sample(seed=seed + CUSTOMERS_SEED_OFFSET, num_rows=SAMPLE_CUSTOMERS)
    wrong = set(tomorrow.planted.wrong_labels)
    customers = [
        Customer(row.text, row.label)
        for number, row in enumerate(tomorrow.rows, start=1)
        if number not in wrong and spec["play_customers"]
    ]
    report.log(f"{len(rows):,} messages of the sample, {len(customers):,} customers of tomorrow")
    return _written(folder, rows, customers)


def collect_file(spec: JsonObject, report: Report) -> JsonObject:
    """Split a file into rows to import and customers, of whom there are none unless they are to be played.

    spec: folder, path, file_name, input, label, held_back_share, seed, play_customers.

    Returns as `collect_sample`. Raises what reading the file raises, with the file's own row numbers.
    """
    path, name = Path(str(spec["path"])), str(spec["file_name"])
    share = float(str(spec["held_back_share"])) if spec["play_customers"] else 0.0
    source, mapping = open_labelled(
        path, name, input_column=_text(spec.get("input")), label_column=_text(spec.get("label"))
    )
    rows: list[Customer] = []
    customers: list[Customer] = []
    for mapped in iter_mapped(source, mapping, name):
        row = Customer(mapped.input or "", mapped.expected_output or "")
        is_held_back = bool(row.input and row.expected_output) and _place(row, str(spec["seed"])) < share
        (customers if is_held_back else rows).append(row)
    if not any(row.expected_output for row in rows + customers):
        raise _label_needed(name, source)
    report.log(f"{len(rows):,} rows to import, {len(customers):,} held back to play tomorrow's customers")
    return _written(Path(str(spec["folder"])), rows, customers)


def open_labelled(
    path: Path, name: str, *, input_column: str | None, label_column: str | None
) -> tuple[Source, Mapping]:
    """Open a file and choose its columns. Reads no more than its beginning. Raises what opening it raises, and `pipelines.label_needed`."""
    source = open_source(path, file_name=name)
    mapping = choose_columns(source.columns, Mapping(input=input_column, expected_output=label_column))
    if mapping.expected_output is None and mapping.messages is None:
        raise _label_needed(name, source)
    return source, mapping


def mislabel(spec: JsonObject, report: Report) -> JsonObject:
    """Shift every label to the next one, as a sorted column beside an unsorted one does. spec: examples (Parquet paths), folder.

    Returns data (path), num_rows.
    """
    import polars as pl

    frame = pl.concat([pl.read_parquet(str(path)) for path in _paths(spec["examples"])], how="diagonal")
    labels = sorted(set(frame["expected_output"].drop_nulls()))
    following = dict(zip(labels, labels[1:] + labels[:1], strict=True))
    rows = [
        Customer(text, following[label])
        for text, label in frame.select("input", "expected_output").iter_rows()
        if label
    ]
    report.log(f"shifted the labels of {len(rows):,} rows: '{labels[0]}' is now '{following[labels[0]]}', and so on")
    path = Path(str(spec["folder"])) / "mislabelled.csv"
    _write_csv(path, rows)
    return {"data": str(path), "num_rows": len(rows)}


def read_customers(path: Path) -> list[Customer]:
    """Return the customers that were written."""
    # Lines end at \n alone: messages may hold the other characters that `splitlines` would split at.
    return [Customer(**json.loads(line)) for line in path.read_bytes().split(b"\n") if line]


def _label_needed(name: str, source: Source) -> InvalidInput:
    return InvalidInput(
        f"'{name}' was read without a column of right answers, so there is nothing to learn; "
        f"name it with --label (columns: {', '.join(source.columns)})",
        code="pipelines.label_needed",
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _written(folder: Path, rows: list[Customer], customers: list[Customer]) -> JsonObject:
    folder.mkdir(parents=True, exist_ok=True)
    data, tomorrow = folder / "rows.csv", folder / "customers.jsonl"
    _write_csv(data, rows)
    tomorrow.write_text(
        "".join(json.dumps(customer._asdict(), ensure_ascii=False) + "\n" for customer in customers), "utf-8"
    )
    return {"data": str(data), "customers": str(tomorrow), "num_rows": len(rows), "num_customers": len(customers)}


def _write_csv(path: Path, rows: list[Customer]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Customer._fields)
        writer.writerows(rows)


def _place(row: Customer, seed: str) -> float:
    """Return where between 0 and 1 a row falls: the same for the same content and seed."""
    digest = hashlib.blake2b("\x1f".join((seed, *row)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / HASH_SPACE


def _paths(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(path) for path in value]

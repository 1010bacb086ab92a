"""The child's side of an export: packed spans in lines become JSON lines or Parquet. Memory: 2,000 spans and polars' batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from treadle.core.types import JsonObject
from treadle.jobs.child import Report
from treadle.traces.reading import span_of
from treadle.traces.types import Span

NICE = 10
ROWS_AT_ONCE = 2_000
_NESTED = ("input_messages", "output_messages", "variables", "documents", "events", "links", "attributes", "resource")


def convert(spec: JsonObject, report: Report) -> JsonObject:
    """Write the file. spec: packed, made, format ('jsonl' or 'parquet')."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    packed, made = Path(str(spec["packed"])), Path(str(spec["made"]))
    if spec["format"] == "jsonl":
        with made.open("wb") as file:
            for number, span in enumerate(_spans(packed), start=1):
                file.write(span.model_dump_json().encode() + b"\n")
                if number % ROWS_AT_ONCE == 0:
                    report.progress(0.8, f"{number:,} spans written")
        return {}
    flat = made.with_suffix(".flat")
    with flat.open("wb") as file:
        for number, span in enumerate(_spans(packed), start=1):
            row = span.model_dump(mode="json")
            file.write(msgspec.json.encode({name: _flat(name, value) for name, value in row.items()}) + b"\n")
            if number % ROWS_AT_ONCE == 0:
                report.progress(0.8, f"{number:,} spans flattened")
    _to_parquet(flat, made)
    flat.unlink()
    return {}


def _to_parquet(flat: Path, made: Path) -> None:
    import polars

    kinds: dict[str, type[polars.DataType]] = dict.fromkeys(Span.model_fields, polars.String)
    kinds |= dict.fromkeys(("latency_ms", "time_to_first_token_ms", "arm_weight"), polars.Float64)
    kinds |= dict.fromkeys(("input_tokens", "output_tokens"), polars.Int64)
    if flat.stat().st_size == 0:
        polars.DataFrame(schema=kinds).write_parquet(made)
        return
    told = polars.scan_ndjson(flat, schema=kinds, batch_size=ROWS_AT_ONCE)
    told = told.with_columns(
        polars.col("started_at").str.to_datetime(time_unit="us", time_zone="UTC"),
        polars.col("cost_usd").cast(polars.Float64),
    )
    told.sink_parquet(made, row_group_size=ROWS_AT_ONCE * 10)


def _flat(name: str, value: object) -> object:
    if name in _NESTED:
        return None if value is None else msgspec.json.encode(value).decode()
    return value


def _spans(packed: Path) -> Iterator[Span]:
    with packed.open("rb") as file:
        for line in file:
            yield span_of(line)

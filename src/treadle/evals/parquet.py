"""The results of an experiment as one Parquet file: a row per answer, a column per scorer. Loads Polars (40 MB) at first use.

Columns: row, repeat, input, expected, output, error, latency_ms, cost_usd, trace_id, cached, metadata (JSON), then for each
scorer `score.NAME`, `label.NAME`, `reason.NAME`. Plain functions: call them from a thread.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from treadle.evals.types import Result

_PLAIN = ("row", "repeat", "expected", "output", "error", "latency_ms", "cost_usd", "trace_id", "cached")


def to_parquet(results: Sequence[Result]) -> bytes:
    """Return results as a Parquet file, compressed with zstd; equal results give equal content."""
    import polars

    names = list(dict.fromkeys(score.name for result in results for score in result.scores))
    columns: dict[str, list[Any]] = {name: [getattr(each, name) for each in results] for name in _PLAIN}
    columns["input"] = [each.input if isinstance(each.input, str) else _json(each.input) for each in results]
    columns["metadata"] = [_json(each.metadata) for each in results]
    for name in names:
        scores = [next((score for score in each.scores if score.name == name), None) for each in results]
        for fact in ("value", "label", "reason"):
            column = f"{'score' if fact == 'value' else fact}.{name}"
            columns[column] = [None if score is None else getattr(score, fact) for score in scores]
    schema: dict[str, Any] = {
        "row": polars.Int64,
        "repeat": polars.Int64,
        "latency_ms": polars.Float64,
        "cost_usd": polars.Float64,
        "cached": polars.Boolean,
    }
    typed = {name: schema.get(name, polars.Float64 if name.startswith("score.") else polars.String) for name in columns}
    file = io.BytesIO()
    polars.DataFrame(columns, schema=typed).write_parquet(file, compression="zstd")
    return file.getvalue()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

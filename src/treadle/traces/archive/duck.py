"""Archived files as the table `spans` of a DuckDB in memory, asked by conditions that were compiled for PostgreSQL."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.traces.archive.parquet import ADDED, connect

if TYPE_CHECKING:
    import duckdb


@contextmanager
def opened(paths: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Have some files as the table `spans`."""
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    added = ", ".join(f"null::{kind} as {name}" for name, kind in ADDED.items())
    with tempfile.TemporaryDirectory(prefix="treadle-archive-") as folder, connect(Path(folder)) as duck:
        duck.execute(
            f"""create temp view spans as select * replace (cost_usd::double as cost_usd), cost_usd as cost_text,
                trace_id as trace_key
            from (select {added} where false union all by name from read_parquet([{names}], union_by_name = true))"""
        )
        duck.execute("create temp macro treadle_trace_key(project_id, trace_id) as trace_id")
        yield duck


def in_duckdb(sql: str) -> str:
    """Return a condition that was compiled for PostgreSQL as DuckDB reads it; values are not in it."""
    told = sql.replace("%s", "?").replace("::numeric", "::double")
    return told.replace("current_setting('treadle.project')", "''")


def naive(value: Any) -> Any:
    """Return a value as it is compared there: moments are UTC without saying so."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value

"""A Langfuse export: observations as JSON or in lines, as the web page, the API or the blob storage write them.

Names come in camelCase or snake_case, times with a zone or in UTC. An observation without a parent becomes a root; a
trace's own row becomes the root above its observations, which come after it, inside it, or in the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from treadle.traces.importers.export import ImportRefused, JsonDict, documents, hex_id, nanoseconds, span, text_of

_OWN = "langfuse.observation."


def read_langfuse(path: Path) -> Iterator[JsonDict]:
    """Yield an export's spans. Raises ImportRefused when the file holds something else."""
    traces = {_get(row, "id") for row in _rows(path) if _is_trace(row)}
    for row in _rows(path):
        if _is_trace(row):
            yield from _of_trace(row)
        elif _get(row, "trace_id") is not None and _get(row, "start_time") is not None:
            yield _observation(row, traces)
        else:
            raise ImportRefused(
                f"'{path}' holds a row that is neither a trace nor an observation of Langfuse; export either as JSON lines"
            )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows, those that stand within an API page's `data` too."""
    for row in documents(path):
        inner = row.get("data") if isinstance(row, dict) else None
        for one in inner if isinstance(inner, list) else [row]:
            if not isinstance(one, dict):
                raise ImportRefused(
                    f"'{path}' holds {str(one)[:40]!r} where a trace or an observation is; export it again"
                )
            yield one


def _is_trace(row: dict[str, Any]) -> bool:
    return _get(row, "trace_id") is None and _get(row, "timestamp") is not None and "id" in row


def _of_trace(row: dict[str, Any]) -> Iterator[JsonDict]:
    """Yield a trace's root, and the observations that stand within it."""
    observations = [one for one in row.get("observations") or () if isinstance(one, dict)]
    start_ns = nanoseconds(_get(row, "timestamp"))
    ends = [nanoseconds(_get(one, "end_time") or _get(one, "start_time")) for one in observations]
    seconds = _get(row, "latency")
    if isinstance(seconds, int | float):
        ends.append(start_ns + int(seconds * 1e9))
    yield span(
        trace_id=hex_id(row["id"], 32),
        span_id=hex_id(f"trace {row['id']}", 16),
        parent_span_id=None,
        name=str(_get(row, "name") or "trace"),
        start_ns=start_ns,
        end_ns=max(ends, default=start_ns),
        attributes={_OWN + "type": "span", **_about(row)},
    )
    for one in observations:
        yield _observation({"traceId": row["id"], **one}, {row["id"]})


def _observation(row: dict[str, Any], traces: set[Any]) -> JsonDict:
    trace_id, start_ns = _get(row, "trace_id"), nanoseconds(_get(row, "start_time"))
    parent = _get(row, "parent_observation_id")
    above = hex_id(f"trace {trace_id}", 16) if trace_id in traces else None
    level = _get(row, "level")
    return span(
        trace_id=hex_id(trace_id, 32),
        span_id=hex_id(row.get("id"), 16),
        parent_span_id=hex_id(parent, 16) if parent else above,
        name=str(_get(row, "name") or _get(row, "type") or "observation"),
        start_ns=start_ns,
        end_ns=nanoseconds(_get(row, "end_time")) or start_ns,
        attributes={
            _OWN + "type": str(_get(row, "type") or "span").lower(),
            _OWN + "model.name": _get(row, "provided_model_name") or _get(row, "model"),
            _OWN + "model.parameters": text_of(_get(row, "model_parameters")),
            _OWN + "usage_details": text_of(_get(row, "usage_details") or _get(row, "usage")),
            _OWN + "cost_details": text_of(_get(row, "cost_details")),
            _OWN + "completion_start_time": text_of(_get(row, "completion_start_time")),
            _OWN + "level": level,
            _OWN + "status_message": text_of(_get(row, "status_message")),
            _OWN + "version": _get(row, "version"),
            _OWN + "prompt.name": _get(row, "prompt_name"),
            **_about(row),
        },
        status="ERROR" if level == "ERROR" else "UNSET",
        status_message=text_of(_get(row, "status_message")) or "",
    )


def _about(row: dict[str, Any]) -> JsonDict:
    """Return what traces and observations both may say."""
    return {
        _OWN + "input": text_of(row.get("input")),
        _OWN + "output": text_of(row.get("output")),
        _OWN + "metadata": text_of(row.get("metadata")),
        "langfuse.session.id": _get(row, "session_id"),
        "langfuse.user.id": _get(row, "user_id"),
        "langfuse.trace.name": _get(row, "trace_name"),
        "langfuse.trace.tags": text_of(row.get("tags")),
        "langfuse.release": row.get("release"),
        "langfuse.environment": row.get("environment"),
    }


def _get(row: dict[str, Any], name: str) -> Any:
    """Return a field in either way of writing; empty texts are none."""
    first, *rest = name.split("_")
    found = row.get(name, row.get(first + "".join(word.capitalize() for word in rest)))
    return None if found == "" else found

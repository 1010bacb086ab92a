"""A Phoenix database: the SQLite file of an Arize Phoenix server, opened for reading only.

Phoenix keeps OpenInference's attributes as nested JSON; they become flat names again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from treadle.traces.importers.export import ImportRefused, JsonDict, event, hex_id, nanoseconds, span

_SPANS = """select t.trace_id, s.span_id, s.parent_id, s.name, s.span_kind, s.start_time, s.end_time, s.attributes,
    s.events, s.status_code, s.status_message from spans s join traces t on t.id = s.trace_rowid order by s.id"""
_AS_JSON = ("document.metadata", "llm.prompt_template.variables", "metadata", "tool.parameters")
"""What was JSON in one attribute, and is read by Phoenix when it comes in."""


def read_phoenix(path: Path) -> Iterator[JsonDict]:
    """Yield a database's spans, those of all projects. Raises ImportRefused when the file is something else."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            for row in db.execute(_SPANS):
                yield _span(*row)
    except sqlite3.Error as error:
        raise ImportRefused(
            f"'{path}' cannot be read as the database of Phoenix ({error}); give its phoenix.db, not a copy of half of it"
        ) from None


def _span(
    trace_id: str,
    span_id: str,
    parent_id: str | None,
    name: str,
    kind: str,
    start: str,
    end: str,
    attributes: str,
    events: str,
    status: str,
    message: str,
) -> JsonDict:
    told = [one for one in json.loads(events or "[]") if isinstance(one, dict)]
    return span(
        trace_id=hex_id(trace_id, 32),
        span_id=hex_id(span_id, 16),
        parent_span_id=hex_id(parent_id, 16) if parent_id else None,
        name=name,
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(end),
        attributes={**flat(json.loads(attributes or "{}")), "openinference.span.kind": kind},
        status=status,
        status_message=message or "",
        events=[
            event(str(one.get("name")), nanoseconds(one.get("timestamp")), flat(one.get("attributes") or {}))
            for one in told
        ],
    )


def flat(nested: dict[str, Any]) -> JsonDict:
    """Return nested attributes under flat names, lists of objects with their indexes. No recursion."""
    found: JsonDict = {}
    waiting: list[tuple[str, Any]] = list(nested.items())[::-1]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict) and value and not name.endswith(_AS_JSON):
            waiting += [(f"{name}.{key}", inner) for key, inner in value.items()][::-1]
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            waiting += [(f"{name}.{index}", inner) for index, inner in enumerate(value)][::-1]
        else:
            found[name] = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
    return found

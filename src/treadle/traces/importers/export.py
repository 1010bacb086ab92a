"""Spans of any origin as OTLP's JSON, with nothing but the standard library, so that the command line can write them.

A file is sent in requests of some hundred spans. Ids that are no OpenTelemetry ids become some, always the same, so
that a file that is imported twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from treadle.core.errors import InvalidInput

SPANS_PER_REQUEST = 300
BYTES_PER_REQUEST = 4 * 1024 * 1024
"""At which a request is sent even if it holds fewer spans."""
_STATUS = {"OK": 1, "ERROR": 2}
_HEX = frozenset("0123456789abcdef")
_INT64 = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JsonDict = dict[str, Any]


class ImportRefused(InvalidInput):
    """A file that is not what it is said to be."""

    code = "traces.import_refused"


def span(
    *,
    trace_id: str,
    span_id: str,
    parent_span_id: str | None,
    name: str,
    start_ns: int,
    end_ns: int,
    attributes: Mapping[str, Any],
    status: str = "UNSET",
    status_message: str = "",
    events: Iterable[JsonDict] = (),
) -> JsonDict:
    """Return a span as OTLP's JSON has it; attributes that are None are left out."""
    made: JsonDict = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": name,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(max(start_ns, end_ns)),
        "attributes": pairs(attributes),
        "status": {"code": _STATUS.get(status, 0), "message": status_message},
        "events": list(events),
    }
    if parent_span_id:
        made["parentSpanId"] = parent_span_id
    return made


def event(name: str, time_ns: int, attributes: Mapping[str, Any]) -> JsonDict:
    """Return something that happened, as OTLP's JSON has it."""
    return {"name": name, "timeUnixNano": str(time_ns), "attributes": pairs(attributes)}


def pairs(attributes: Mapping[str, Any]) -> list[JsonDict]:
    """Return attributes as OTLP's list of names and values."""
    return [{"key": name, "value": _value(value)} for name, value in attributes.items() if value is not None]


def requests(spans: Iterable[JsonDict], source: str) -> Iterator[JsonDict]:
    """Gather spans into export requests."""
    held: list[JsonDict] = []
    size = 0
    for one in spans:
        held.append(one)
        size += len(json.dumps(one))
        if len(held) >= SPANS_PER_REQUEST or size >= BYTES_PER_REQUEST:
            yield _request(held, source)
            held, size = [], 0
    if held:
        yield _request(held, source)


def hex_id(stated: object, digits: int) -> str:
    """Return an id as OpenTelemetry wants it: as it is, a UUID without its dashes, or a digest of anything else."""
    text = str(stated).removeprefix("0x").replace("-", "").lower()
    if len(text) == digits and set(text) <= _HEX and text.strip("0"):
        return text
    return hashlib.sha256(str(stated).encode()).hexdigest()[:digits]


def nanoseconds(stated: object) -> int:
    """Return a moment in nanoseconds since 1970; times without a zone are UTC. 0 for what is no time."""
    if not isinstance(stated, str):
        return 0
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return 0
    since = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def text_of(value: Any) -> str | None:
    """Return a value as an attribute's text: texts as they are, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def documents(path: Path) -> Iterator[Any]:
    """Yield the JSON values of a file: one per line, the items of one list, or one value over many lines."""
    with path.open(encoding="utf-8-sig") as file:
        try:
            first = file.readline()
            file.seek(0)
            is_lines = not first.strip().startswith("[") and bool(first.strip())
            if is_lines:
                json.loads(first)
        except UnicodeDecodeError:
            raise ImportRefused(
                f"'{path}' is no text in UTF-8; unpack what is compressed, and save it as UTF-8"
            ) from None
        except ValueError:
            is_lines = False
        try:
            if not is_lines:
                whole = json.load(file)
                yield from whole if isinstance(whole, list) else [whole]
                return
            for line in file:
                if line.strip():
                    yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ImportRefused(f"'{path}' is no JSON, and no JSON in each line ({error}); export it again") from None


def _request(spans: list[JsonDict], source: str) -> JsonDict:
    scope = {"name": f"treadle.import.{source}"}
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _value(value: Any) -> JsonDict:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"stringValue": str(value)}

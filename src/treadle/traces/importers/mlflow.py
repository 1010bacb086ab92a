"""MLflow traces as JSON: what `Trace.to_json()` writes, a list of them or one in each line, of MLflow 2 and 3."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from treadle.traces.importers.export import ImportRefused, JsonDict, documents, event, hex_id, span, text_of

_SESSION, _USER = "mlflow.trace.session", "mlflow.trace.user"


def read_mlflow(path: Path) -> Iterator[JsonDict]:
    """Yield the spans of a file's traces. Raises ImportRefused when it holds something else."""
    for trace in documents(path):
        data = trace.get("data") if isinstance(trace, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get("spans"), list):
            raise ImportRefused(
                f"'{path}' holds something that is no trace of MLflow; write each one with trace.to_json(), in a line"
            )
        about = _about(trace.get("info") or {})
        for one in data["spans"]:
            if isinstance(one, dict):
                yield _span(one, about)


def _span(one: dict[str, Any], about: JsonDict) -> JsonDict:
    context, status = one.get("context") or {}, one.get("status") or {}
    parent = one.get("parent_span_id") or one.get("parent_id")
    code = str(status.get("code") if isinstance(status, dict) else one.get("status_code"))
    message = status.get("message") if isinstance(status, dict) else one.get("status_message")
    start_ns = _whole(one.get("start_time_unix_nano") or one.get("start_time"))
    return span(
        trace_id=_id(one.get("trace_id") or context.get("trace_id"), 32),
        span_id=_id(one.get("span_id") or context.get("span_id"), 16),
        parent_span_id=_id(parent, 16) if parent else None,
        name=str(one.get("name") or "span"),
        start_ns=start_ns,
        end_ns=_whole(one.get("end_time_unix_nano") or one.get("end_time")) or start_ns,
        attributes={**{name: text_of(value) for name, value in (one.get("attributes") or {}).items()}, **about},
        status=code.removeprefix("STATUS_CODE_"),
        status_message=text_of(message) or "",
        events=[
            event(str(told.get("name")), _whole(told.get("time_unix_nano") or told.get("timestamp")), _plain(told))
            for told in one.get("events") or ()
            if isinstance(told, dict)
        ],
    )


def _about(info: dict[str, Any]) -> JsonDict:
    """Return who asked in which session, which MLflow says of the whole trace."""
    stated = info.get("trace_metadata") or info.get("request_metadata")
    found = stated if isinstance(stated, dict) else {}
    return {"session.id": found.get(_SESSION), "user.id": found.get(_USER)}


def _plain(told: dict[str, Any]) -> JsonDict:
    return {name: text_of(value) for name, value in (told.get("attributes") or {}).items()}


def _id(stated: object, digits: int) -> str:
    """Return an id, which MLflow 3 writes in base64 and MLflow 2 in hex."""
    if isinstance(stated, str) and not stated.startswith("0x") and len(stated) != digits:
        try:
            plain = base64.b64decode(stated, validate=True)
        except (binascii.Error, ValueError):
            plain = b""
        if len(plain) * 2 == digits:
            return plain.hex()
    return hex_id(stated, digits)


def _whole(stated: object) -> int:
    if isinstance(stated, str) and stated.isascii() and stated.isdigit() and len(stated) <= 19:
        return int(stated)
    return stated if isinstance(stated, int) else 0

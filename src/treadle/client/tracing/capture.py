"""What an application sends, reduced to what may leave it: spans in OTLP's JSON, by the rules of `guards.capture`."""

from __future__ import annotations

from typing import Any

from treadle.guards.capture import Capture, is_id, is_word, masked, masked_id, stays


def reduce_span(span: dict[str, Any], level: Capture) -> dict[str, Any]:
    """Return a span, as OTLP's JSON has it, with no more than a level lets out. Doing it twice is doing it once."""
    if level == "on":
        return span
    kept = dict(span, attributes=_attributes(span.get("attributes", ()), level), name=masked(span.get("name", "")))
    if "events" in span:
        kept["events"] = [_event(one, level) for one in span["events"]]
    if "links" in span:
        kept["links"] = [dict(one, attributes=_attributes(one.get("attributes", ()), level)) for one in span["links"]]
    status = span.get("status")
    if status and "message" in status:
        told = {name: value for name, value in status.items() if name != "message"}
        kept["status"] = told if level == "off" else {**told, "message": masked(status["message"])}
    return kept


def _event(event: dict[str, Any], level: Capture) -> dict[str, Any]:
    return dict(event, name=masked(event.get("name", "")), attributes=_attributes(event.get("attributes", ()), level))


def _attributes(pairs: Any, level: Capture) -> list[dict[str, Any]]:
    return [
        pair if is_word(pair["key"]) else {"key": pair["key"], "value": _reduced(pair["key"], pair["value"])}
        for pair in pairs
        if stays(pair["key"], level)
    ]


def _reduced(name: str, value: Any) -> Any:
    if is_id(name):
        return {"stringValue": masked_id(value["stringValue"])} if "stringValue" in value else value
    return _value(value)


def _value(value: Any) -> Any:
    if "stringValue" in value:
        return {"stringValue": masked(value["stringValue"])}
    if "arrayValue" in value:
        return {"arrayValue": {"values": [_value(one) for one in value["arrayValue"].get("values", ())]}}
    if "kvlistValue" in value:
        inner = value["kvlistValue"].get("values", ())
        return {"kvlistValue": {"values": [{"key": one["key"], "value": _value(one["value"])} for one in inner]}}
    return value

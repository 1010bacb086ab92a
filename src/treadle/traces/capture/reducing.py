"""Spans reduced to what their project keeps: those that came by OTLP before anybody asks what they mean, and before they are
sent on; the gateway's own before they are stored. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from treadle.guards.capture import Capture, masked, masked_id, masked_value, reduce_attributes
from treadle.traces.intake import NewSpan, PackedSpan, pack, unpack
from treadle.traces.otlp.raw import RawScope, RawSpan

_SAID = ("input_messages", "output_messages", "variables", "documents")
_encode, _decode = msgspec.json.encode, msgspec.json.decode


def reduce_all(spans: Sequence[RawSpan], level: Capture) -> Sequence[RawSpan]:
    """Return spans with no more than a level allows, raw attributes, events, links, resource and scope included.

    Doing it twice is doing it once. Costs nothing when the level is 'on', and some 100 us per 2 kB of text otherwise.
    """
    if level == "on":
        return spans
    shared = dict[int, Any]()
    """What many spans have in common, by identity: it is reduced once."""
    return [_reduced(span, level, shared) for span in spans]


def reduce_own(spans: Sequence[PackedSpan], level: Capture) -> list[PackedSpan]:
    """Return the gateway's own spans with no more than a level below 'on' allows. Costs as much as `reduce_all`."""
    return [pack(_reduced_own(unpack(span), level)) for span in spans]


def _reduced_own(span: NewSpan, level: Capture) -> NewSpan:
    def text(said: str | None) -> str:
        return masked(said) if said and level != "off" else ""

    told: dict[str, Any] = dict.fromkeys(_SAID)
    if level != "off":
        for name in _SAID:
            if (raw := getattr(span, name)) is not None:
                told[name] = msgspec.Raw(_encode(masked_value(_decode(raw))))
    for name in ("session_id", "user_id", "unit"):
        told[name] = None if (found := getattr(span, name)) is None else masked_id(found)
    return msgspec.structs.replace(
        span,
        **told,
        input_text=text(span.input_text),
        output_text=text(span.output_text),
        error_message=text(span.error_message) or None,
        attributes=reduce_attributes(span.attributes, level),
    )


def _reduced(span: RawSpan, level: Capture, shared: dict[int, Any]) -> RawSpan:
    resource, scope = shared.get(id(span.resource)), shared.get(id(span.scope))
    if resource is None:
        resource = shared[id(span.resource)] = reduce_attributes(span.resource, level)
    if scope is None:
        scope = shared[id(span.scope)] = _scope(span.scope, level)
    return msgspec.structs.replace(
        span,
        name=masked(span.name),
        status_message="" if level == "off" else masked(span.status_message),
        attributes=reduce_attributes(span.attributes, level),
        events=[
            msgspec.structs.replace(one, name=masked(one.name), attributes=reduce_attributes(one.attributes, level))
            for one in span.events
        ],
        links=[msgspec.structs.replace(one, attributes=reduce_attributes(one.attributes, level)) for one in span.links],
        trace_state=masked(span.trace_state),
        resource=resource,
        scope=scope,
    )


def _scope(scope: RawScope, level: Capture) -> RawScope:
    return msgspec.structs.replace(scope, attributes=reduce_attributes(scope.attributes, level))

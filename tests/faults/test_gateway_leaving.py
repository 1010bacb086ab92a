"""Callers that leave: the upstream's work stops within a second, every slot is free again, and what was said is charged."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.gateway.harness import Plane, wait_for
from tests.gateway.upstreams import (
    PATHS,
    QUESTION,
    ask_once,
    body_of,
    provide,
    publish,
    served_by,
    served_limits,
    trace,
)
from tests.gateway.wall import FOREVER, Fault, Wall
from treadle.gateway.counting import estimate_tokens
from treadle.gateway.limits.service import set_limit
from treadle.gateway.limits.types import SetLimit
from treadle.gateway.types import Clocks, ProtocolName, Retries, Routing, Target
from treadle.traces import service as traces
from treadle.traces.types import SpanNode, TraceFilter

LANES: dict[str, tuple[ProtocolName, str]] = {
    "chat": ("chat", "open"),
    "responses": ("responses", "open"),
    "messages": ("messages", "claude"),
    "messages by chat": ("messages", "open"),
    "chat by gemini": ("chat", "gemini"),
    "chat by bedrock": ("chat", "bedrock"),
}
MOMENTS = {
    "before the head, whole": (Fault(before_head=FOREVER), False),
    "before the body, whole": (Fault(before_first=FOREVER), False),
    "before the head, stream": (Fault(before_head=FOREVER), True),
    "before the first token": (Fault(before_first=FOREVER), True),
    "in the middle": (Fault(stall_at=6), True),
}


PROMISED = 1.0
"""Within so many seconds of the caller's leaving nobody works for it upstream."""
CHANCES = 3
"""A machine that was busy for a second once is not so three times; a gateway that keeps to no promise is."""


class Site(NamedTuple):
    """A gateway with one endpoint for every lane, where a key may ask once at a time."""

    plane: Plane
    wall: Wall
    key: str


@pytest.fixture
def site(plane: Plane) -> Iterator[Site]:
    """
    The endpoints, and a limit of one request at once.
    """
    with Wall() as wall:
        provide(plane, wall, "open")
        provide(plane, wall, "claude", "anthropic")
        provide(plane, wall, "gemini", "gemini")
        provide(plane, wall, "bedrock", "bedrock")
        publish(plane, [served_by(plane, lane, Target(provider=name, model=lane)) for lane, (_, name) in LANES.items()])
        asyncio.run(set_limit(plane.ctx, SetLimit(scope="key", unit="concurrency", amount=1)))
        wait_for(lambda: served_limits(plane))
        yield Site(plane, wall, plane.create_key().key)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_caller_leaves(site: Site, moment: str) -> None:
    """
    Whatever the protocol, and whether before the first token or after it: soon nobody works for nobody.
    """
    fault, stream = MOMENTS[moment]
    count = 0
    for lane, (protocol, _) in LANES.items():
        site.wall.behave(lane, fault)

        took = [_leave(site, lane, stream=stream, reads=fault.stall_at is not None)]
        while took[-1] > PROMISED and len(took) < CHANCES:
            took.append(_leave(site, lane, stream=stream, reads=fault.stall_at is not None))

        count += len(took)
        assert min(took) < PROMISED, lane
        site.wall.behave(lane, Fault())
        assert 200 == ask_once(site.plane, site.key, protocol, lane).status, lane
    spans = _cancelled(site.plane, count)
    assert [fault.stall_at is not None] * count == [bool(span.span.output_tokens) for span in spans]
    assert all(span.span.attributes["treadle.usage.estimated"] for span in spans)
    assert all(span.span.input_tokens for span in spans)
    if fault.stall_at is not None:
        assert all(span.span.output_messages for span in spans)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_who_leaves_has_used_what_was_sent(site: Site, stream: bool) -> None:
    """
    A limit on tokens is not passed by hanging up before the answer: what was sent counts, 1,000 of 10,000 tokens each time.
    """
    month = SetLimit(scope="project", unit="tokens", amount=10_000, window="month")
    asyncio.run(set_limit(site.plane.ctx, month))
    wait_for(lambda: 10_000 in [limit.amount for limit in served_limits(site.plane)])
    site.wall.behave("chat", Fault(before_head=FOREVER))
    words = "fox " * 1_000
    for _ in range(9):
        _leave(site, "chat", stream=stream, text=words, max_tokens=20)
    site.wall.behave("chat", Fault())

    got = ask_once(site.plane, site.key, "chat", "chat", text=words)

    assert (429, "rate_limit_exceeded") == (got.status, got.code)
    assert 9 == len(site.wall.requests)


def test_who_leaves_before_anything_was_sent(site: Site) -> None:
    """
    Nobody pays for a request that waited for a connection and was sent nowhere.
    """
    provide(site.plane, site.wall, "narrow", max_connections=1)
    clocks = Clocks(connect_seconds=FOREVER, first_token_seconds=FOREVER, total_seconds=FOREVER)
    target = Target(provider="narrow", model="narrow")
    publish(site.plane, [served_by(site.plane, "narrow", target, routing=Routing(clocks=clocks))])
    site.wall.behave("narrow", Fault(before_head=FOREVER))
    key = site.plane.create_key("other").key
    first = _send(site, "chat", "narrow", stream=False)
    wait_for(lambda: len(site.wall.requests) == 1)
    second = _send(site._replace(key=key), "chat", "narrow", stream=False)
    fleet = site.plane.data_plane.fleet
    wait_for(lambda: [2] == [each.in_flight for each in fleet.view(time.monotonic()) if each.key == "narrow/narrow"])

    second.close()

    (span,) = _cancelled(site.plane, 1)
    first.close()
    assert (None, 1) == (span.span.input_tokens, len(site.wall.requests))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_attempts_that_took_too_long(site: Site, stream: bool) -> None:
    """
    A request that was sent and timed out is charged by its provider as well, each time that it was sent.
    """
    clocks = Clocks(first_token_seconds=0.2)
    routing = Routing(clocks=clocks, retries=Retries(attempts=2, base_seconds=0.001))
    publish(site.plane, [served_by(site.plane, "late", Target(provider="open", model="late"), routing=routing)])
    site.wall.behave("late", Fault(before_first=FOREVER))

    got = ask_once(site.plane, site.key, "chat", "late", stream=stream)

    span = trace(site.plane, got.trace_id).span
    assert (504, "upstream_timeout", 2) == (got.status, got.code, len(site.wall.requests))
    assert 2 * estimate_tokens(QUESTION) == span.input_tokens
    assert ["open/late"] * 2 == span.attributes["treadle.attempts.lost"]


def test_the_next_one_waits_for_the_slot(site: Site) -> None:
    """
    While a request is being answered a second one of the key is refused; a caller that leaves makes room for it.
    """
    site.wall.behave("chat", Fault(stall_at=6))
    connection = _send(site, "chat", "chat", stream=True)
    _read_until_text(connection)

    refused = ask_once(site.plane, site.key, "chat", "chat")
    site.wall.behave("chat", Fault())
    connection.close()
    wait_for(lambda: ask_once(site.plane, site.key, "chat", "chat").status == 200)

    assert (429, "concurrency_limit_exceeded", False) == refused.short


def test_a_slot_after_an_error(site: Site) -> None:
    """
    Whatever becomes of a request, its slot is free before its caller can see the end: the next one never meets it.
    """
    for fault in (Fault(status=500), Fault(cut_at=6), Fault(status=400), Fault(bomb=True)):
        for stream in (False, True):
            site.wall.behave("chat", fault)
            ask_once(site.plane, site.key, "chat", "chat", stream=stream)

            site.wall.behave("chat", Fault())
            assert 200 == ask_once(site.plane, site.key, "chat", "chat").status, (fault, stream)


def test_many_leave_at_once(site: Site) -> None:
    """
    Fifty callers that leave in the same moment are fifty connections that are closed.
    """
    plane, wall = site.plane, site.wall
    wall.behave("chat", Fault(before_first=FOREVER))
    keys = [plane.create_key(f"app-{number}").key for number in range(5)]
    asyncio.run(set_limit(plane.ctx, SetLimit(scope="key", unit="concurrency", amount=10)))
    wait_for(lambda: 10 in [limit.amount for limit in served_limits(plane)])
    callers = [_send(site._replace(key=key), "chat", "chat", stream=True) for key in keys for _ in range(10)]
    wait_for(lambda: len(wall.requests) == 50)

    for each in callers:
        each.close()
    wait_for(lambda: len(wall.disconnects) == 50)

    wait_for(lambda: plane.data_plane.application.in_flight == 0)
    wait_for(lambda: wall.open == 0)


def _leave(site: Site, lane: str, *, stream: bool, reads: bool = False, **more: Any) -> float:
    """Ask and close the connection; return how long the upstream's connection outlived it, in seconds. reads: some words first."""
    asked, left = len(site.wall.requests), len(site.wall.disconnects)
    connection = _send(site, LANES[lane][0], lane, stream=stream, **more)
    wait_for(lambda: len(site.wall.requests) > asked)
    if reads:
        _read_until_text(connection)
    gone = time.monotonic()
    connection.close()
    wait_for(lambda: len(site.wall.disconnects) > left)
    wait_for(lambda: site.plane.data_plane.application.in_flight == 0)
    return site.wall.disconnects[-1] - gone


def _send(site: Site, protocol: ProtocolName, model: str, *, stream: bool, **more: Any) -> socket.socket:
    """Send a request and return the connection. more: `text`, and further fields of the body."""
    where = urlsplit(site.plane.url)
    said = {"text": more.pop("text")} if "text" in more else {}
    body = json.dumps({**body_of(protocol, model, stream=stream, **said), **more}).encode()
    head = (
        f"POST {PATHS[protocol]} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {site.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=60)
    connection.sendall(head.encode() + body)
    return connection


def _read_until_text(connection: socket.socket) -> None:
    """Read until some of the answer's words have come."""
    got = b""
    while b"quick" not in got:
        part = connection.recv(65536)
        assert part, got
        got += part


def _cancelled(plane: Plane, count: int) -> list[SpanNode]:
    """Return the traces of callers that left, once there are so many."""

    def listed() -> list[str]:
        page = asyncio.run(traces.list_traces(plane.ctx, TraceFilter(status="cancelled"), limit=100))
        return [each.trace_id for each in page.items]

    wait_for(lambda: len(listed()) == count)
    return [asyncio.run(traces.get_trace(plane.ctx, each)).roots[0] for each in listed()]

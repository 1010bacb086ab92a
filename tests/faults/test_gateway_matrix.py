"""What upstreams can do wrong, in six pairs of protocol and dialect, streaming and not: what callers get of it.

Every row goes through a real gateway against the wall, by endpoints that try nothing twice; what retries, fallbacks,
hedges and breakers make of faults stands in test_gateway_rescues.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import pytest

from tests.gateway.harness import Plane, wait_for
from tests.gateway.upstreams import Heard, ask_all, provide, publish, served_by, trace
from tests.gateway.wall import FOREVER, Fault, Wall
from tests.ports import free_port
from treadle.gateway.types import Clocks, Endpoint, ProtocolName, Retries, Routing, Target

LANES: dict[str, tuple[ProtocolName, str]] = {
    "chat": ("chat", "open"),
    "responses": ("responses", "open"),
    "messages": ("messages", "claude"),
    "messages by chat": ("messages", "open"),
    "chat by gemini": ("chat", "gemini"),
    "chat by bedrock": ("chat", "bedrock"),
}
"""Protocol of the caller, and the provider."""
PATIENT = Clocks(connect_seconds=10, first_token_seconds=20, between_seconds=20, total_seconds=30)
LATE = 6
"""An event by which every dialect has said something and none has said all."""
LONG = " ".join(["word"] * 400)

Short = tuple[int, str | None, bool]
CUT: Short = (200, "stream_cut", False)
BROKEN_OFF: Short = (200, "upstream_failed", False)
STALLED: Short = (200, "upstream_timeout", False)
FAILED: Short = (502, "upstream_failed", False)
LATE_ALTOGETHER: Short = (504, "upstream_timeout", False)
WHOLE: Short = (200, None, True)


class Row(NamedTuple):
    """One fault."""

    fault: Fault
    whole: Short | None = FAILED
    """What a caller gets that does not stream: status, code, whether it is complete; None where it makes no sense."""
    stream: Short | None = FAILED
    """What one gets that does."""
    clocks: Clocks = PATIENT
    stream_clocks: Clocks | None = None
    """Where they differ."""
    headers: dict[str, str] = {}
    """What the answer carries."""


def _clocks(**more: float) -> Clocks:
    return Clocks(**{name: getattr(PATIENT, name) for name in PATIENT.__struct_fields__} | more)


def _row(whole: Short | None = FAILED, stream: Short | None = FAILED, **fault: object) -> Row:
    return Row(Fault(**fault), whole, stream)  # type: ignore[arg-type]


def _good(**fault: object) -> Row:
    return _row(WHOLE, WHOLE, **fault)


FIRST, BETWEEN = _clocks(first_token_seconds=0.25), _clocks(between_seconds=1.5)
SAID_NO = {"x-treadle-limit-source": "upstream"}

ROWS: dict[str, Row] = {
    # nothing comes
    "the head stalls": Row(Fault(before_head=FOREVER), LATE_ALTOGETHER, LATE_ALTOGETHER, FIRST),
    "the first token stalls": Row(Fault(before_first=FOREVER), LATE_ALTOGETHER, LATE_ALTOGETHER, FIRST),
    "it stalls between chunks": Row(Fault(stall_at=LATE), LATE_ALTOGETHER, STALLED, FIRST, BETWEEN),
    "it stalls before its first content": Row(Fault(stall_at=0), None, LATE_ALTOGETHER, FIRST),
    "the whole takes too long": Row(
        Fault(text=LONG, between=0.02), None, STALLED, _clocks(total_seconds=3.0), _clocks(total_seconds=3.0)
    ),
    "it drips too long": Row(Fault(text=LONG, drip=0.01), LATE_ALTOGETHER, None, _clocks(total_seconds=0.4)),
    # it breaks off
    "it closes without an answer": _row(close=True),
    "its body is cut": _row(cut_at=0),
    "its stream is cut in an event": _row(None, CUT, cut_at=LATE),
    "its stream ends without an end": _row(None, CUT, ends_at=LATE),
    "its stream ends before its first content": _row(None, FAILED, ends_at=0),
    # it talks nonsense
    "not HTTP": _row(garbage=True),
    "headers without end": _row(huge_headers=70_000),
    "a body that is no JSON": _row(FAILED, None, body="{oh"),
    "an event that is no JSON": _row(None, BROKEN_OFF, malformed_at=LATE),
    "a first event that is no JSON": _row(None, FAILED, malformed_at=0),
    "HTML": _row(body="<html>we are updating</html>", content_type="text/html"),
    "an error with status 200": _row(body='{"error": {"message": "no", "type": "server_error"}}'),
    "JSON for a stream": _row(None, FAILED, body="{}"),
    "an unknown encoding of the answer": _row(None, FAILED, content_type="application/x-tar"),
    "an error in the stream": _row(None, BROKEN_OFF, error_at=LATE),
    "an error before the first content": _row(None, FAILED, error_at=0),
    "a redirect": _row(redirect="http://127.0.0.1:1/v1/elsewhere"),
    # it is too much
    "an event without end": _row(None, BROKEN_OFF, oversize=25 * 1024 * 1024, oversize_at=LATE),
    "a body without end": _row(FAILED, None, oversize=33 * 1024 * 1024),
    "a bomb": _row(bomb=True),
    # it says no
    "429 with Retry-After": Row(
        Fault(status=429, retry_after="7"),
        (429, "upstream_rate_limited", False),
        (429, "upstream_rate_limited", False),
        headers={"retry-after": "7", **SAID_NO},
    ),
    "429 without": Row(
        Fault(status=429),
        (429, "upstream_rate_limited", False),
        (429, "upstream_rate_limited", False),
        headers={"retry-after": "1", **SAID_NO},
    ),
    "401": _row((502, "upstream_denied", False), (502, "upstream_denied", False), status=401),
    "403": _row((502, "upstream_denied", False), (502, "upstream_denied", False), status=403),
    "500": _row(status=500),
    "502": _row(status=502),
    "503": Row(
        Fault(status=503, retry_after="3"),
        (503, "upstream_overloaded", False),
        (503, "upstream_overloaded", False),
        headers={"retry-after": "3"},
    ),
    "504": _row(status=504),
    "529": _row((503, "upstream_overloaded", False), (503, "upstream_overloaded", False), status=529),
    "500 that is cut": _row(status=500, cut_at=0),
    "500 that is HTML": _row(status=500, body="<html>", content_type="text/html"),
    # it is odd, and right
    "any pieces": _good(split=3),
    "CR LF": _good(crlf=True),
    "comments": _good(comments=True),
    "a byte order mark": _good(bom=True),
    "two end marks": _good(double_end_mark=True),
    "no end mark but a reason": _good(no_end_mark=True),
    "no usage": _good(no_usage=True),
    "compressed": _good(compressed=True),
    "interim answers": _good(interim=3),
    "until it closes": _good(no_length=True),
    "it hangs up afterwards": _good(hangs_up=True),
}


@contextmanager
def _full_backlog() -> Iterator[str]:
    """Listen where no connection is ever accepted and none more is taken; yields the base URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(4):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
            waiting.append(each)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            for each in waiting:
                each.close()


def _closed_port() -> str:
    return f"http://127.0.0.1:{free_port()}/v1"


class Site:
    """The gateway under test with its providers."""

    def __init__(self, plane: Plane, wall: Wall) -> None:
        self.plane = plane
        self.wall = wall
        self.key = plane.create_key().key

    def ask(self, name: str, *, stream: bool) -> dict[str, Heard]:
        """Ask by every lane at once."""
        asked = [(protocol, _name(name, lane, stream)) for lane, (protocol, _) in LANES.items()]
        spoken: list[None] = []

        def on_text() -> None:
            spoken.append(None)
            if len(spoken) == len(LANES):
                self.wall.gate.set()  # every caller has heard something: now the fault may come

        self.wall.gate.clear()
        return dict(zip(LANES, ask_all(self.plane, self.key, asked, stream=stream, on_text=on_text), strict=True))


def _name(row: str, lane: str, stream: bool) -> str:
    return f"{row}/{lane}/{'stream' if stream else 'whole'}".replace(" ", "-")


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    A gateway with an endpoint for every row, lane and mode, each by a target of its own.
    """
    with Wall() as wall, _full_backlog() as full:
        provide(module_plane, wall, "open")
        provide(module_plane, wall, "claude", "anthropic")
        provide(module_plane, wall, "gemini", "gemini")
        provide(module_plane, wall, "bedrock", "bedrock")
        provide(module_plane, _closed_port(), "nobody")
        provide(module_plane, full, "full")
        provide(module_plane, "http://no-such-host.invalid/v1", "nowhere")
        provide(module_plane, wall.url.replace("http", "https") + "/v1", "tls")
        endpoints: list[Endpoint] = []
        for name, row in ROWS.items():
            for lane, (_, provider) in LANES.items():
                for stream in (False, True):
                    model = _name(name, lane, stream)
                    is_late = stream and row.stream is not None and row.stream != WHOLE and row.stream[0] == 200
                    wall.behave(model, msgspec.structs.replace(row.fault, gate_at=LATE if is_late else None))
                    clocks = (row.stream_clocks if stream else None) or row.clocks
                    target = Target(provider=provider, model=model)
                    endpoints.append(served_by(module_plane, model, target, routing=_once(clocks)))
        for provider, seconds in (("nobody", 10.0), ("full", 0.4), ("nowhere", 10.0), ("tls", 0.4)):
            for stream in (False, True):
                model = _name("unconnected", provider, stream)
                target = Target(provider=provider, model=model)
                endpoints.append(
                    served_by(module_plane, model, target, routing=_once(_clocks(connect_seconds=seconds)))
                )
        publish(module_plane, endpoints)
        yield Site(module_plane, wall)


def _once(clocks: Clocks) -> Routing:
    return Routing(clocks=clocks, retries=Retries(attempts=1))


CASES = [
    (name, stream) for name, row in ROWS.items() for stream in (False, True) if (row.stream if stream else row.whole)
]


@pytest.mark.parametrize(
    ("name", "stream"), CASES, ids=[f"{name}, {'stream' if stream else 'whole'}" for name, stream in CASES]
)
def test_a_fault(site: Site, name: str, stream: bool) -> None:
    """
    Before the first content a fault is an error answer; after it an error event ends the stream, which never looks complete.
    """
    row = ROWS[name]
    expected = row.stream if stream else row.whole
    assert expected is not None

    got = site.ask(name, stream=stream)

    assert dict.fromkeys(LANES, expected) == {lane: each.short for lane, each in got.items()}
    for each in got.values():
        assert row.headers.items() <= each.headers.items()
        if expected == WHOLE:
            assert row.fault.text == each.text
        elif stream and expected[0] == 200:
            assert each.text
            assert row.fault.text != each.text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nobody", (503, "provider_unreachable", False)),
        ("nowhere", (503, "provider_unreachable", False)),
        ("tls", (504, "upstream_timeout", False)),
        ("full", (504, "upstream_timeout", False)),
    ],
)
def test_no_connection(site: Site, name: str, expected: Short, stream: bool) -> None:
    """
    Nobody listens, the name does not resolve, or the connection stalls, TLS included: said within the clock for it.
    """
    protocols: list[ProtocolName] = ["chat", "responses", "messages"]

    model = _name("unconnected", name, stream)

    got = ask_all(site.plane, site.key, [(each, model) for each in protocols], stream=stream)

    assert [expected] * 3 == [each.short for each in got]
    assert ("retry-after" in got[0].headers) == (expected[0] == 503)


@pytest.mark.parametrize(
    "name", ["its stream is cut in an event", "it stalls between chunks", "an error in the stream"]
)
def test_what_a_cut_stream_leaves(site: Site, name: str) -> None:
    """
    A stream that broke off is recorded as an error with what was said, without a reason to stop, its tokens estimated.
    """
    got = site.ask(name, stream=True)

    for lane, each in got.items():
        span = trace(site.plane, each.trace_id).span
        assert ("error", each.code, None) == (span.status, span.error_code, span.finish_reason), lane
        assert each.text == span.output_messages[0]["content"], lane  # type: ignore[index]
        assert span.output_tokens, lane
        assert span.time_to_first_token_ms is not None


def test_an_answer_without_usage(site: Site) -> None:
    """
    A whole answer whose upstream does not state its usage is counted by us, and says so.
    """
    for lane, each in site.ask("no usage", stream=True).items():
        span = trace(site.plane, each.trace_id).span
        assert span.attributes["treadle.usage.estimated"] is True, lane
        assert span.input_tokens, lane
        assert span.output_tokens, lane


def test_nothing_is_left_open(site: Site) -> None:
    """
    After all these faults no request is held, and no target has anything in flight.
    """
    plane = site.plane

    wait_for(lambda: plane.data_plane.application.in_flight == 0)

    assert [] == [each for each in plane.data_plane.fleet.view(time.monotonic()) if each.in_flight]

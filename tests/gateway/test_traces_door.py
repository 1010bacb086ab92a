"""The door for traces over real HTTP: what is taken, what is refused, and that an answer means kept."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterator

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.conftest import RunningServer
from tests.traces.conftest import home, module_server  # noqa: F401  fixtures
from tests.traces.home import Home
from treadle.governance.types import NewApiKey

PROTOBUF = {"content-type": "application/x-protobuf"}


def export(count: int, *, trace: int = 1, bad: int = 0) -> ExportTraceServiceRequest:
    """Return an export of one trace: a root and its parts, all chats; the bad ones have an id of zeros."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    now = time.time_ns()
    for number in range(count + bad):
        span = scope.spans.add()
        span.trace_id = trace.to_bytes(16, "big")
        span.span_id = (number + 1 if number < count else 0).to_bytes(8, "big")
        span.parent_span_id = b"" if number == 0 else (1).to_bytes(8, "big")
        span.name = f"chat {number}"
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + 5_000_000
        attribute = span.attributes.add()
        attribute.key, attribute.value.string_value = "gen_ai.operation.name", "chat"
    return request


@pytest.fixture
def door(home: Home, module_server: RunningServer) -> Iterator[httpx2.Client]:  # noqa: F811
    """
    An exporter's connection, once the gateway knows its key.
    """
    headers = {"authorization": f"Bearer {home.key}"}
    with httpx2.Client(base_url=module_server.url, headers=headers) as client:
        deadline = time.monotonic() + 60
        while client.post("/v1/traces", json={}).status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        yield client


def names(home: Home, trace: int = 1) -> list[str]:  # noqa: F811
    """Return the names of a trace's spans."""
    [root] = home.client.traces.get(f"{trace:032x}").roots
    return [root.span.name, *(child.span.name for child in root.children)]


def test_protobuf_packed(home: Home, door: httpx2.Client) -> None:  # noqa: F811
    """
    Spans that come as packed protobuf are there when the answer is, which is protobuf too; again they change nothing.
    """
    body = gzip.compress(export(3).SerializeToString())

    answers = [door.post("/v1/traces", content=body, headers=PROTOBUF | {"content-encoding": "gzip"}) for _ in range(2)]

    assert [(200, "application/x-protobuf", b"")] * 2 == [
        (answer.status_code, answer.headers["content-type"], answer.content) for answer in answers
    ]
    assert ["chat 0", "chat 1", "chat 2"] == names(home)


def test_json(home: Home, door: httpx2.Client) -> None:  # noqa: F811
    """
    Spans may come as JSON, and the answer is JSON then.
    """
    span = {
        "traceId": f"{7:032x}",
        "spanId": f"{1:016x}",
        "name": "chat",
        "startTimeUnixNano": str(time.time_ns()),
        "endTimeUnixNano": str(time.time_ns()),
    }

    answer = door.post("/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})

    assert (200, {}) == (answer.status_code, answer.json())
    assert ["chat"] == names(home, 7)


def test_some_spans_are_bad(home: Home, door: httpx2.Client) -> None:  # noqa: F811
    """
    A span that cannot be taken is counted and explained; its neighbours are kept.
    """
    answer = door.post("/v1/traces", content=export(2, bad=1).SerializeToString(), headers=PROTOBUF)

    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (200, 1) == (answer.status_code, told.rejected_spans)
    assert told.error_message
    assert ["chat 0", "chat 1"] == names(home)


BOMB = gzip.compress(bytes(80 * 1024 * 1024))
REFUSED: list[tuple[bytes, dict[str, str], int]] = [
    (BOMB, {"content-encoding": "gzip"}, 413),
    (bytes(17 * 1024 * 1024), {}, 413),
    (b"{}", {"content-encoding": "br"}, 415),
    (BOMB[:2000], {"content-encoding": "gzip"}, 400),
    (b"\xff\xff", {}, 400),
    (b"hello", {"content-type": "text/plain"}, 400),
]


def test_bodies_that_are_refused(door: httpx2.Client) -> None:
    """
    A body that is too large, unpacks to too much, or is no export is refused with words.
    """
    answers = [door.post("/v1/traces", content=body, headers=PROTOBUF | more) for body, more, _ in REFUSED]

    assert [status for *_, status in REFUSED] == [answer.status_code for answer in answers]
    assert all(len(answer.content) > 20 for answer in answers)


def test_whose_key(home: Home, door: httpx2.Client) -> None:  # noqa: F811
    """
    Without a key nothing is taken, and none with a key that may not write traces.
    """
    reader = home.client.access.create_key(NewApiKey(name="reader", role="viewer")).key

    def post(**headers: str) -> int:
        return httpx2.post(f"{door.base_url}/v1/traces", json={}, headers=headers).status_code

    deadline = time.monotonic() + 60
    while (status := post(authorization=f"Bearer {reader}")) == 401 and time.monotonic() < deadline:
        time.sleep(0.05)  # a key just made reaches the gateway in a moment

    assert (401, 401, 403) == (post(), post(authorization="Bearer tdl_x"), status)


def test_requests_at_once(home: Home, door: httpx2.Client) -> None:  # noqa: F811
    """
    Requests that arrive together are committed together, and each one's spans are there, once.
    """

    async def send() -> list[int]:
        async with httpx2.AsyncClient(base_url=door.base_url, headers=door.headers) as client:
            bodies = [export(4, trace=trace).SerializeToString() for trace in range(1, 21)]
            posts = [client.post("/v1/traces", content=body, headers=PROTOBUF) for body in [*bodies, *bodies]]
            return [answer.status_code for answer in await asyncio.gather(*posts)]

    statuses = asyncio.run(send())

    assert {200} == set(statuses)
    assert [4] * 20 == [len(names(home, trace)) for trace in range(1, 21)]

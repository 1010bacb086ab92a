"""Spans sent on to other backends, over real sockets: what arrives, what waits, what is refused, and what leads back."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.conftest import RunningServer
from tests.gateway.otlp_receiver import Answered, receiving
from tests.ports import free_port
from tests.traces.conftest import home, module_server  # noqa: F401  fixtures
from tests.traces.home import Home, new_home
from tests.traces.telling import as_protobuf, recorded
from treadle.cli.main import cli
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.gateway.forwarding.types import Forward, NewForward
from treadle.governance.types import NewApiKey
from treadle.storage.database import Connection

PATIENCE_SECONDS = 60
PROTOBUF = {"content-type": "application/x-protobuf"}


def wait_for(what: Callable[[], Any]) -> Any:
    """Return what something comes to once it is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
    return found


def export(names: list[str], *, trace: int | None = None, **attributes: str) -> ExportTraceServiceRequest:
    """Return an export of spans with these names, of one trace or of one each."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    pair = group.resource.attributes.add()
    pair.key, pair.value.string_value = "service.name", "shop"
    scope = group.scope_spans.add()
    scope.scope.name, scope.scope.version = "tests", "1"
    now = time.time_ns() // 1_000 * 1_000
    for name in names:
        span = scope.spans.add()
        span.trace_id = uuid.uuid4().bytes if trace is None else trace.to_bytes(16, "big")
        span.span_id = uuid.uuid4().bytes[:8]
        span.name, span.kind = name, 1
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + 5_000_000
        for key, value in attributes.items():
            pair = span.attributes.add()
            pair.key, pair.value.string_value = key, value
    return request


def send(home: Home, request: ExportTraceServiceRequest | bytes) -> None:  # noqa: F811
    """Have the project's door take an export, once it knows the project's key."""
    body = request if isinstance(request, bytes) else request.SerializeToString()

    def post() -> int:
        headers = {"authorization": f"Bearer {home.key}", **PROTOBUF}
        return httpx2.post(f"{home.client.url}/v1/traces", content=body, headers=headers).status_code

    wait_for(lambda: post() == 200)


def add(home: Home, url: str, name: str = "other", **more: Any) -> Forward:  # noqa: F811
    """Make a destination at a private address, for that is where tests listen."""
    return home.client.forwards.create(NewForward.model_validate({"name": name, "url": url, "private": True, **more}))


def sent(home: Home, count: int, name: str = "other") -> Forward:  # noqa: F811
    """Return the destination once it has taken so many spans."""

    def look() -> Forward | None:
        found = home.client.forwards.get(name)
        return found if found.sent >= count and not found.waiting else None

    told: Forward = wait_for(look)
    return told


def test_what_came_is_what_arrives(home: Home) -> None:  # noqa: F811
    """
    A plain OTLP receiver gets spans as they came: resource, scope, ids, attributes, events, links; with the stated headers.
    """
    scenes = [as_protobuf(recorded("openai-tools", "openinference")), as_protobuf(recorded("openai-chat", "langfuse"))]
    with receiving() as other:
        made = add(home, other.url, headers={"X-Api-Key": "k-123 secret"})
        for scene in scenes:
            send(home, scene)
        done = sent(home, sum(len(spans_of(scene)) for scene in scenes))

    expected = {span["spanId"]: span for scene in scenes for span in spans_of(scene)}
    found = {span["spanId"]: span for one in other.exports for span in spans_of(one.SerializeToString())}
    assert expected == found
    assert other.url + "/v1/traces" == made.url
    assert {"k-123 secret"} == {headers["x-api-key"] for headers in other.headers}
    assert {"gzip"} == {headers["content-encoding"] for headers in other.headers}
    assert ("sending", 0, 0, None, ["x-api-key"]) == (
        done.state, done.refused, done.given_up, done.error, done.header_names,
    )  # fmt: skip
    assert "k-123" not in done.model_dump_json()


def spans_of(body: bytes) -> list[dict[str, Any]]:
    """Return an export's spans with their resource and scope, as they are compared: times to the microsecond, no flags,
    counts that were added under OpenTelemetry's names left out."""
    found = []
    for group in MessageToDict(ExportTraceServiceRequest.FromString(body))["resourceSpans"]:
        for part in group["scopeSpans"]:
            for span in part["spans"]:
                span.pop("flags", None)
                if not span.get("status"):
                    span.pop("status", None)
                cut = int(span["startTimeUnixNano"]) % 1_000
                for one in (span, *span.get("events", ())):
                    one |= {name: int(one[name]) - cut for name in one if name.endswith("UnixNano")}
                span["attributes"] = sorted(
                    (pair for pair in span.get("attributes", ()) if ".usage." not in pair["key"]), key=lambda pair: pair["key"]
                )  # fmt: skip
                resource = sorted(group["resource"].get("attributes", ()), key=lambda pair: pair["key"])
                found.append({**span, "resource": resource, "scope": part["scope"]})
    return found


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_another_treadle(home: Home, module_server: RunningServer, encoding: str) -> None:  # noqa: F811
    """
    Another project of a Treadle server gets the same canonical rows, whichever encoding is used.
    """
    with new_home(module_server) as second:
        add(home, second.client.url, encoding=encoding, headers={"authorization": f"Bearer {second.key}"})
        send(home, as_protobuf(recorded("openai-tools", "openllmetry")))
        wait_for(lambda: len(second.client.traces.list_().items) == len(home.client.traces.list_().items))
        done = sent(home, 1)

        (first_trace, *_), (second_trace, *_) = home.client.traces.list_().items, second.client.traces.list_().items
        volatile = {"project_id", "attributes"}
        roots = [one.client.traces.get(first_trace.trace_id).model_dump(mode="json") for one in (home, second)]
        assert first_trace == second_trace
        assert _without(roots[0], volatile) == _without(roots[1], volatile)
        assert done.error is None


def _without(node: Any, names: set[str]) -> Any:
    if isinstance(node, dict):
        return {name: _without(value, names) for name, value in node.items() if name not in names}
    return [_without(one, names) for one in node] if isinstance(node, list) else node


def test_down_then_up(home: Home) -> None:  # noqa: F811
    """
    What a destination that is away misses waits and is told; it arrives once the destination is back, all of it once.
    """
    with receiving(port=free_port()) as other:
        add(home, other.url)
    for number in range(3):
        send(home, export([f"n{number}"]))
    failing = wait_for(lambda: (found := home.client.forwards.get("other")).state == "failing" and found)

    with receiving(port=other.port) as back:
        home.client.forwards.resume("other")
        done = sent(home, 3)

    assert ("failing", 3, 0) == (failing.state, failing.waiting, failing.sent)
    assert None not in (failing.error, failing.next_try_at, failing.waiting_since)
    assert ["n0", "n1", "n2"] == sorted(span.name for span in back.spans())
    assert ("sending", 0, None) == (done.state, done.refused, done.next_try_at)


def test_retry_after(home: Home) -> None:  # noqa: F811
    """
    A destination that asks to wait is not asked before then, and by itself afterwards.
    """
    times = list[float]()

    def decide(request: ExportTraceServiceRequest) -> Answered:
        if not request.resource_spans:
            return Answered()
        times.append(time.monotonic())
        return Answered(429, {"retry-after": "3"}) if len(times) == 1 else Answered()

    with receiving(decide) as other:
        add(home, other.url)
        send(home, export(["a"]))
        sent(home, 1)

    assert times[1] - times[0] >= 2.9


def test_one_span_that_is_refused(home: Home) -> None:  # noqa: F811
    """
    A span that a destination answers with 400 is found, counted and told; its neighbours and what comes later arrive.
    """

    def decide(request: ExportTraceServiceRequest) -> Answered:
        names = [span.name for group in request.resource_spans for part in group.scope_spans for span in part.spans]
        return Answered(400, {"content-type": "text/plain"}, b"bad name") if "bad" in names else Answered()

    with receiving(decide) as other:
        add(home, other.url)
        send(home, export([*(f"a{number}" for number in range(30)), "bad", *(f"b{number}" for number in range(30))]))
        send(home, export(["later"]))
        done = sent(home, 61)

    assert 61 == len(other.spans())
    assert (61, 1, 0, "sending") == (done.sent, done.refused, done.waiting, done.state)
    assert "the destination answered with status 400: bad name" == done.error


def test_a_destination_that_refuses_everything(home: Home) -> None:  # noqa: F811
    """
    It holds up nothing: a bounded number of requests per batch, everything counted as refused.
    """
    with receiving(lambda request: Answered(400 if request.resource_spans else 200)) as other:
        add(home, other.url)
        send(home, export([f"a{number}" for number in range(200)]))
        done = wait_for(lambda: (found := home.client.forwards.get("other")).refused and found)

    assert (0, 200, 0) == (done.sent, done.refused, done.waiting)
    assert len(other.bodies) <= 40


def test_a_partial_success(home: Home) -> None:  # noqa: F811
    """
    What a destination says it rejected is counted and told, and not sent again.
    """
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans, answer.partial_success.error_message = 1, "no such tenant"
    with receiving(lambda _: Answered(200, PROTOBUF, answer.SerializeToString())) as other:
        add(home, other.url)
        send(home, export(["a", "b", "c"]))
        done = wait_for(lambda: (found := home.client.forwards.get("other")).refused and found)

    assert (2, 1, 0) == (done.sent, done.refused, done.waiting)
    assert "no such tenant" in done.error


def test_a_slow_neighbour(home: Home) -> None:  # noqa: F811
    """
    A destination that takes for ever to answer holds up neither ingestion nor another destination.
    """
    release = threading.Event()

    def hang(request: ExportTraceServiceRequest) -> Answered:
        if request.resource_spans:
            release.wait(PATIENCE_SECONDS)
        return Answered()

    with receiving(hang) as slow, receiving() as quick:
        add(home, slow.url, "slow")
        add(home, quick.url, "quick")
        for number in range(5):
            send(home, export([f"n{number}"]))
        done = sent(home, 5, "quick")
        waiting = home.client.forwards.get("slow")
        release.set()

    assert 5 == done.sent
    assert (0, 5) == (waiting.sent, waiting.waiting)


def test_to_itself(home: Home) -> None:  # noqa: F811
    """
    A destination that is the project itself is refused when it is made.
    """
    send(home, export(["known"]))

    with pytest.raises(Conflict) as caught:
        add(home, home.client.url, headers={"authorization": f"Bearer {home.key}"})

    assert "forwards.loop" == caught.value.error_code
    assert [] == home.client.forwards.list_().items


def test_round_in_a_circle(home: Home, module_server: RunningServer) -> None:  # noqa: F811
    """
    Two projects that forward to each other end with each span once in both.
    """
    with new_home(module_server) as second:
        for one, other in ((home, second), (second, home)):
            send(other, export([]))
            add(one, other.client.url, headers={"authorization": f"Bearer {other.key}"})
        send(home, export(["round"]))
        sent(second, 1)
        sent(home, 1)
        time.sleep(2.5)  # two more looks, in which nothing may happen

        assert [1, 1] == [len(one.client.traces.list_().items) for one in (home, second)]
        assert [(1, 0), (1, 0)] == [
            (found.sent, found.waiting) for found in (one.client.forwards.get("other") for one in (home, second))
        ]


def test_some_of_it(home: Home) -> None:  # noqa: F811
    """
    Filter, share and capture say what leaves; what is left out is counted, and what is stored stays whole.
    """
    with receiving() as some, receiving() as masked:
        add(home, some.url, "some", q="name:keep* attr.env:live", share=0.5)
        add(home, masked.url, "masked", capture="off")
        for number in range(40):
            send(
                home,
                export(
                    [f"keep {number}", "drop"], trace=number + 1, env="live", **{"input.value": "I am ann@example.com"}
                ),
            )
        send(home, export(["keep not"], env="test"))
        done = wait_for(
            lambda: (found := home.client.forwards.get("some")).waiting == 0 and found.left_out > 40 and found
        )
        sent(home, 81, "masked")

    assert {True} == {name.startswith("keep ") for name in {span.name for span in some.spans()}}
    assert done.sent == len(some.spans()) == 81 - done.left_out
    assert 5 < done.sent < 35
    assert "input.value" not in {pair.key for span in masked.spans() for pair in span.attributes}
    assert "I am ann@example.com" == home.client.traces.get(f"{1:032x}").roots[0].span.attributes["input.value"]


def test_paused(home: Home) -> None:  # noqa: F811
    """
    Nothing is sent while a destination is paused; it is sent once it goes on, and a removed one is forgotten.
    """
    with receiving() as other:
        add(home, other.url)
        home.client.forwards.pause("other")
        send(home, export(["a"]))
        wait_for(lambda: home.client.forwards.get("other").waiting == 1)
        time.sleep(1.5)
        paused = home.client.forwards.get("other")
        home.client.forwards.resume("other")
        sent(home, 1)
        home.client.forwards.remove("other")
        send(home, export(["b"]))

    assert ("paused", 1, 0) == (paused.state, paused.waiting, paused.sent)
    assert ["a"] == [span.name for span in other.spans()]
    assert 0 == _count(home, "select count(*) as n from span_blocks_followed")
    assert 0 == _count(home, "select count(*) as n from secrets")
    with pytest.raises(NotFound):
        home.client.forwards.get("other")


def test_what_waits_too_long(home: Home) -> None:  # noqa: F811
    """
    What has waited longer than it may, and what was forgotten meanwhile, is given up and counted.
    """
    with receiving() as other:
        add(home, other.url, keep_hours=1)
        home.client.forwards.pause("other")
        for name in ("old", "forgotten", "new"):
            send(home, export([name]))
        _do(home, "update span_blocks_followed set created_at = now() - interval '2 hours' where block_id ="
            " (select min(block_id) from span_blocks_followed)")  # fmt: skip
        _do(home, "delete from span_blocks where block_id ="
            " (select block_id from span_blocks_followed order by block_id offset 1 limit 1)")  # fmt: skip
        home.client.forwards.resume("other")
        done = sent(home, 1)

    assert ["new"] == [span.name for span in other.spans()]
    assert (1, 2, 0) == (done.sent, done.given_up, done.waiting)


def test_duplicates(home: Home) -> None:  # noqa: F811
    """
    Spans that come again are not sent again, and those that are new beside them are.
    """
    first, more = export(["a", "b"]), export(["c"])
    with receiving() as other:
        add(home, other.url)
        for request in (first, first):
            send(home, request)
        more.MergeFrom(first)
        send(home, more)
        done = sent(home, 3)

    assert ["a", "b", "c"] == sorted(span.name for span in other.spans())
    assert (3, 0) == (done.sent, done.waiting)


REFUSED: list[dict[str, Any]] = [
    {"url": "ftp://example.com"},
    {"url": "https://ann:pw@example.com"},
    {"url": "http://169.254.169.254/v1/traces"},
    {"url": "http://127.0.0.1:4318", "private": False},
    {"url": "https://example.com", "headers": {"Host": "other"}},
    {"url": "https://example.com", "q": "score.good>1"},
    {"url": "https://example.com", "q": "root.name:a"},
    {"url": "https://example.com", "q": "colour:red"},
]


@pytest.mark.parametrize("stated", REFUSED)
def test_destinations_that_are_refused(home: Home, stated: dict[str, Any]) -> None:  # noqa: F811
    """
    An address that may not be reached, a header that is ours and a filter that cannot be asked are refused in words.
    """
    with pytest.raises(InvalidInput) as caught:
        home.client.forwards.create(NewForward.model_validate({"name": "other", "private": True} | stated))

    assert len(caught.value.message) > 40
    assert [] == home.client.forwards.list_().items


def test_who_may(home: Home) -> None:  # noqa: F811
    """
    Only who governs the project makes destinations, and only an owner private ones; names are taken once.
    """
    keys = {role: home.client.access.create_key(NewApiKey(name=role, role=role)).key for role in ("editor", "admin")}
    outcomes = list[str]()
    with receiving() as other:
        for role in ("editor", "admin"):
            with type(home.client)(home.client.url, api_key=keys[role]) as client:
                try:
                    client.forwards.create(NewForward(name="other", url=other.url, private=True))
                except Denied as error:
                    outcomes.append(error.message)
        add(home, other.url)
        with pytest.raises(Conflict) as caught:
            add(home, other.url)

    assert 2 == len(outcomes)
    assert ["traces.govern", "providers.private"] == [
        name for name, told in zip(("traces.govern", "providers.private"), outcomes, strict=True) if name in told
    ]
    assert "forwards.exists" == caught.value.error_code
    assert "forwards.create" in [entry.action for entry in home.client.audit.list_().items]


def test_figures(home: Home) -> None:  # noqa: F811
    """
    `/metrics` tells what was sent and what waits, with no name of a destination.
    """
    with receiving() as other:
        add(home, other.url, "hush-hush")
        send(home, export(["a"]))
        sent(home, 1, "hush-hush")
        told = httpx2.get(f"{home.client.url}/metrics").text

    lines = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    assert float(lines['treadle_forward_spans_total{outcome="sent"}']) >= 1
    assert "treadle_forward_lag_seconds" in lines
    assert 'treadle_forward_destinations{state="sending"}' in lines
    assert "hush-hush" not in told


def test_attributes_named_like_ours(home: Home) -> None:  # noqa: F811
    """
    What an emitter says under the names that we keep things by, and is of another kind, is its own and goes on as it came.
    """
    with receiving() as other:
        add(home, other.url)
        send(home, export(["odd"], **{"otel.dropped_count": "many"}))
        done = sent(home, 1)

    (span,) = other.spans()
    assert [0, 0] == [done.waiting, done.refused]
    assert ["many"] == [one.value.string_value for one in span.attributes if one.key == "otel.dropped_count"]


def test_span_that_cannot_be_written(home: Home) -> None:  # noqa: F811
    """
    A span that no export can carry is refused alone, and said so; those before and after it arrive.
    """
    odd = export(["odd"])
    pair = odd.resource_spans[0].scope_spans[0].spans[0].attributes.add()
    inner = pair.value.kvlist_value.values.add()
    pair.key, inner.key, inner.value.string_value = "file", "bytesValue", "abcde"
    with receiving() as other:
        add(home, other.url)
        for request in (export(["before"]), odd, export(["after"])):
            send(home, request)
        done = sent(home, 2)

    assert ["before", "after"] == [span.name for span in other.spans()]
    assert [0, 1] == [done.waiting, done.refused]
    assert "cannot be written" in (done.error or "")


def test_many_large_spans(home: Home) -> None:  # noqa: F811
    """
    What has waited goes in requests that receivers take, some 4 MiB, however large its spans are.
    """
    with receiving() as other:
        add(home, other.url)
        home.client.forwards.pause("other")
        for _ in range(4):
            send(home, export(["large"] * 10, text=random.Random(1).randbytes(150_000).hex()))
        home.client.forwards.resume("other")
        done = sent(home, 40)

    assert 0 == done.refused
    assert max(map(len, other.bodies)) < 6 * 1024 * 1024


def test_marks_of_an_earlier_destination(home: Home) -> None:  # noqa: F811
    """
    What was marked for a destination while it was removed is not sent to a later one of the same name.
    """
    _do(
        home,
        "insert into span_blocks_followed (follower, day, block_id, span_count) values ('forward:other', '2026-01-01', 1, 7)",
    )
    with receiving() as other:
        add(home, other.url)
        send(home, export(["new"]))
        done = sent(home, 1)

    assert [1, 0, 0] == [done.sent, done.given_up, done.waiting]


@pytest.fixture
def terminal(home: Home, monkeypatch: pytest.MonkeyPatch) -> CliRunner:  # noqa: F811
    """
    A terminal that is connected to the project.
    """
    monkeypatch.setenv("TREADLE_URL", home.client.url)
    monkeypatch.setenv("TREADLE_API_KEY", home.key)
    return CliRunner()


def test_from_the_terminal(home: Home, terminal: CliRunner) -> None:  # noqa: F811
    """
    `treadle forward` makes, lists, shows, tests, pauses, resumes and removes; a header's value comes on standard input.
    """

    def run(*words: str, given: str | None = None) -> Result:
        return terminal.invoke(cli, ["forward", *words], input=given)

    with receiving() as other:
        added = run("add", "lake", other.url, "--header", "x-key", "--private", "--json", given="s3cret\n")
        tested = run("test", "lake")
        shown = run("show", "lake")
        listed = run("list")
        paused = json.loads(run("pause", "lake", "--json").output)
        resumed = json.loads(run("resume", "lake", "--json").output)
    gone = run("test", "lake")
    removed = run("remove", "lake")

    assert 0 == added.exit_code, added.output
    assert ["x-key"] == json.loads(added.output)["header_names"]
    assert {"s3cret"} == {headers["x-key"] for headers in other.headers}
    assert "takes spans" in tested.output
    assert "s3cret" not in added.output + shown.output + listed.output
    assert "lake" in listed.output
    assert other.url in shown.output
    assert ("paused", "sending") == (paused["state"], resumed["state"])
    assert 7 == gone.exit_code
    assert 0 == removed.exit_code


def _count(home: Home, sql: str) -> int:  # noqa: F811
    def read(db: Connection) -> int:
        row = db.execute(sql).fetchone()
        return int(row["n"]) if row else 0

    return home.platform.database.transact(read, "treadle_app", home.ctx.project_id)


def _do(home: Home, sql: str) -> None:  # noqa: F811
    home.platform.database.transact(lambda db: db.execute(sql), "treadle_app", home.ctx.project_id)

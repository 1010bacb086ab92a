"""A client that is instrumented and calls our gateway: one trace, the gateway's answer within the caller's call, counted once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.client.test_instrument import serve_endpoint
from tests.traces.home import Home
from treadle.gateway.caller_trace import CallerTrace, read_caller_trace
from treadle.traces import outcomes
from treadle.traces.signals import SignalQuery
from treadle.traces.types import SpanNode

PATIENCE_SECONDS = 60
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
APPLICATION = """
import json, sys
import httpx, openai
import treadle
from opentelemetry.propagate import inject

url, key, spool, prefer = sys.argv[1:]
treadle.configure_tracing(url, api_key=key, spool=spool, service=prefer)
treadle.instrument(prefer=prefer)

with treadle.trace("turn") as turn:
    wire = httpx.Client(event_hooks={"request": [lambda request: inject(request.headers)]})
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=wire) as model:
        asked = [{"role": "user", "content": "where is my parcel"}]
        model.chat.completions.create(model="support", messages=asked, user="ann", extra_headers={"x-session-id": "s1"})
    trace_id = turn.trace_id
print(json.dumps([trace_id, treadle.flush(60).is_complete]))
"""

HEADERS = [
    (f"00-{TRACE}-{SPAN}-01", "a=1,b=2", CallerTrace(TRACE, SPAN, "a=1,b=2")),
    (f"00-{TRACE}-{SPAN}-00", "", CallerTrace(TRACE, SPAN, "")),
    (f" 00-{TRACE}-{SPAN}-ff ", "", CallerTrace(TRACE, SPAN, "")),
    (f"cc-{TRACE}-{SPAN}-01-what-comes", "", CallerTrace(TRACE, SPAN, "")),
    (f"cc-{TRACE}-{SPAN}-01.what", "", None),
    (f"00-{TRACE}-{SPAN}-01-more", "", None),
    (f"ff-{TRACE}-{SPAN}-01", "", None),
    (f"00-{'0' * 32}-{SPAN}-01", "", None),
    (f"00-{TRACE}-{'0' * 16}-01", "", None),
    (f"00-{TRACE.upper()}-{SPAN}-01", "", None),
    (f"00-{TRACE}-{SPAN}-1", "", None),
    (f"00-{TRACE}-{SPAN}", "", None),
    ("", "", None),
    (f"00-{TRACE}-{SPAN}-01", "a" * 513, CallerTrace(TRACE, SPAN, "")),
    (f"00-{TRACE}-{SPAN}-01", "a=\x07", CallerTrace(TRACE, SPAN, "")),
]


@pytest.mark.parametrize(("parent", "state", "read"), HEADERS)
def test_what_the_headers_say(parent: str, state: str, read: CallerTrace | None) -> None:
    """
    W3C Trace Context, sections 3.2 and 4.3: what is malformed is as if it were not there, and later versions may go on.
    """
    assert read == read_caller_trace(parent.encode(), state.encode())


@pytest.mark.parametrize("prefer", ["openinference", "opentelemetry"])
def test_an_instrumented_client(home: Home, tmp_path: Path, prefer: str) -> None:
    """
    The caller's turn, its call and the gateway's answer are one trace, each within the other; tokens and cost are the gateway's
    and count once, and so does the call.
    """
    serve_endpoint(home)
    done = subprocess.run(
        [sys.executable, "-c", APPLICATION, home.client.url, home.key, str(tmp_path / prefer), prefer],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    trace_id = json.loads(done.stdout.splitlines()[-1])[0]

    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(spans := _path(home, trace_id)) < 3 or home.client.traces.lag().signals_blocks:
        assert time.monotonic() < deadline, spans
        time.sleep(0.1)
    (line,) = [one for one in home.client.traces.list_().items if one.trace_id == trace_id]

    turn, call, answer = spans
    assert (trace_id, "turn", "support", "s1", True) == (
        line.trace_id, line.name, line.endpoint, line.session_id, line.has_root
    )  # fmt: skip
    assert ("turn", "llm", "chat support", "rel_1") == (
        turn.span.name, call.span.kind, answer.span.name, answer.span.release_id
    )  # fmt: skip
    assert (answer.span.input_tokens, answer.span.output_tokens) == (line.input_tokens, line.output_tokens)
    assert answer.span.cost_usd == line.cost_usd
    assert call.span.input_tokens == answer.span.input_tokens
    session, user = home.client.traces.get_session("s1"), home.client.traces.get_user("ann")
    assert [(1, 3, answer.span.input_tokens)] * 2 == [
        (one.trace_count, one.span_count, one.input_tokens) for one in (session, user)
    ]
    now = datetime.now(UTC)
    query = SignalQuery(since=now - timedelta(hours=1), until=now + timedelta(hours=1), as_one=True, user_id="ann")
    (point,) = asyncio.run(outcomes.list_signal(home.ctx, query)).items
    assert (1, answer.span.input_tokens) == (point.call_count, point.input_tokens)


def _path(home: Home, trace_id: str) -> list[SpanNode]:
    """Return the first span of each level."""
    if trace_id not in {line.trace_id for line in home.client.traces.list_().items}:
        return []
    nodes, level = list[SpanNode](), home.client.traces.get(trace_id).roots
    while level:
        nodes.append(level[0])
        level = level[0].children
    return nodes


def test_what_a_caller_cannot_choose(home: Home) -> None:
    """
    The caller's trace id is what it is told its answer by; its request id and who is assigned to what are the gateway's own; a
    malformed header changes nothing.
    """
    serve_endpoint(home)
    body = {"model": "support", "messages": [{"role": "user", "content": "hello"}]}
    sent = [f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-0x"]

    answers = [
        httpx2.post(
            f"{home.client.url}/v1/chat/completions", json=body,
            headers={"authorization": f"Bearer {home.key}", "traceparent": one, "tracestate": "shop=7"},
        )
        for one in sent
    ]  # fmt: skip

    traces = [answer.headers["x-treadle-trace-id"] for answer in answers]
    requests = [answer.headers["x-request-id"] for answer in answers]
    assert [TRACE, TRACE] == traces[:2]
    assert traces[2] not in (TRACE, "")
    assert 3 == len(set(requests))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found := home.client.traces.list_spans(f"trace:{TRACE}").items) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert {SPAN} == {span.parent_span_id for span in found}
    spans = [home.client.traces.get_span(TRACE, span.span_id) for span in found]
    assert {"shop=7"} == {span.attributes["otel.trace_state"] for span in spans}
    assert 2 == len({span.unit for span in spans} - {TRACE})
    assert requests[:2] == [span.span_id for span in reversed(found)]

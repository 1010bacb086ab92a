"""Talking to an endpoint as a signed-in person: words as they come, then what became of the answer."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.playground.conftest import ECHO, Serve
from tests.traces.home import Home
from treadle.client.client import Client
from treadle.core.errors import Denied
from treadle.core.types import JsonObject
from treadle.gateway.types import Rule
from treadle.governance.types import NewApiKey
from treadle.playground.types import NewChat, Said
from treadle.traces.types import TraceFilter

PATIENCE_SECONDS = 60


def test_an_answer_streams_and_leaves_a_trace(home: Home, endpoint: Serve) -> None:
    """
    What is said is told as it comes; the end names the trace, which belongs to the conversation and to no rollout.
    """
    endpoint("echo", ECHO)
    said = [
        Said(role="user", content="hello"),
        Said(role="assistant", content="hello"),
        Said(role="user", content="well {{then}}"),
    ]

    events = list(home.client.playground.iter_chat(NewChat(endpoint="echo", messages=said, session_id="try-1")))

    assert "well {{then}}" == "".join(str(data["text"]) for name, data in events if name == "delta")
    end = _end(events)
    assert (None, "rel_echo") == (end["error"], end["release_id"])
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := home.client.traces.list_(TraceFilter(session_id="try-1")).items):
        assert time.monotonic() < until, "the trace is not stored"
        time.sleep(0.1)
    assert [end["trace_id"]] == [trace.trace_id for trace in found]


def test_an_answer_that_fails_says_why(home: Home, endpoint: Serve) -> None:
    """
    A refusal of the gateway or of who answers is the end of the stream, in words, not a broken connection.
    """
    endpoint("broken", Rule(match=".*", status=503, reply="down for repairs"))
    said = [Said(role="user", content="hello")]

    nowhere = _end(list(home.client.playground.iter_chat(NewChat(endpoint="nowhere", messages=said))))
    broken = _end(list(home.client.playground.iter_chat(NewChat(endpoint="broken", messages=said))))

    assert "nowhere" in str(nowhere["error"])
    assert nowhere["trace_id"] is None
    assert str(broken["error"]).startswith("status 503")


def test_who_may_not_call_endpoints_may_not_chat(home: Home, endpoint: Serve) -> None:
    """
    A viewer reads; asking takes the permission that calling takes.
    """
    endpoint("echo", ECHO)
    key = home.client.access.create_key(NewApiKey(name="eve", person="eve", role="viewer")).key

    with Client(home.client.url, api_key=key) as eve, pytest.raises(Denied):
        list(eve.playground.iter_chat(NewChat(endpoint="echo", messages=[Said(role="user", content="hello")])))


def _end(events: Sequence[tuple[str, JsonObject]]) -> JsonObject:
    name, data = events[-1]
    assert "end" == name
    return data

"""Framing of server-sent events."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.gateway.sse import MAX_EVENT_BYTES, EventFramer, EventTooLarge, data_of

STREAM = b'data: {"a":"\xc3\xa4"}\n\n: ping\n\ndata: one\r\ndata: two\r\n\r\ndata: [DONE]\n\n'
EVENTS = [b'data: {"a":"\xc3\xa4"}\n\n', b": ping\n\n", b"data: one\r\ndata: two\r\n\r\n", b"data: [DONE]\n\n"]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_the_network_cuts_anywhere(cuts: list[int]) -> None:
    """
    However the bytes are cut, the joined events are the stream, and each data payload is read once.
    """
    framer, edges = EventFramer(), [0, *sorted(cuts), len(STREAM)]

    events = [event for a, b in itertools.pairwise(edges) for event in framer.feed(STREAM[a:b])]

    assert b"".join(events) == STREAM
    payloads = [data_of(event) for event in events]
    assert [b'{"a":"\xc3\xa4"}', b"one\ntwo", b"[DONE]"] == [payload for payload in payloads if payload]


def test_whole_stream_at_once() -> None:
    """
    Events keep their bytes, with whichever line ends the sender uses.
    """
    assert EVENTS == EventFramer().feed(STREAM)


def test_a_cut_stream_holds_its_half_event_back() -> None:
    """
    Bytes after the last blank line are not an event and are never passed on.
    """
    framer = EventFramer()

    events = framer.feed(b'data: {"a":1}\n\ndata: {"b"')

    assert [b'data: {"a":1}\n\n'] == events
    assert framer.unfinished


def test_an_event_that_never_ends() -> None:
    """
    Memory for one event is bounded.
    """
    framer = EventFramer()

    with pytest.raises(EventTooLarge):
        framer.feed(b"data: " + b"x" * MAX_EVENT_BYTES)

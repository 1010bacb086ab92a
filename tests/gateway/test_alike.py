"""Events known by their bytes say what they say when they are decoded, and what differs in more than its words is decoded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.gateway.alike import Alike
from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.protocols.registry import PROTOCOLS

CHAT, MESSAGES = PROTOCOLS["/v1/chat/completions"], PROTOCOLS["/v1/messages"]


def chunk(text: str, **more: Any) -> bytes:
    """
    Return a chat event as engines send it.
    """
    delta = {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    event = {"id": "c1", "model": "upstream", "choices": [choice], **more}
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def block(text: str) -> bytes:
    """
    Return an event of Anthropic's protocol.
    """
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return b"event: content_block_delta\ndata: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def payload_of(raw: bytes) -> bytes:
    """
    Return the data of an event.
    """
    return raw[raw.index(b"data: ") + 6 : -2]


def learnt(protocol: SpokenProtocol, raw: bytes) -> Alike:
    """
    Return what has decoded one event.
    """
    alike, payload = Alike(protocol, "support"), payload_of(raw)
    reading = protocol.read_event(payload)
    assert reading is not None
    alike.learn(raw, payload, reading)
    return alike


@given(text=st.text(max_size=20))
def test_an_event_like_the_last_one(text: str) -> None:
    """
    Whatever the words are, an event that is known by its bytes is read and named as one that is decoded.
    """
    alike, raw = learnt(CHAT, chunk("first")), chunk(text)

    heard = alike.find(raw)

    if heard is not None:
        assert CHAT.read_event(payload_of(raw)) == heard.reading
        assert CHAT.named(raw, "support") == heard.named
        assert (raw, payload_of(raw)) == (heard.raw, heard.payload)
    else:
        assert not text.isprintable() or '"' in text or "\\" in text


def test_an_event_of_another_protocol() -> None:
    """
    The shape is found in every protocol whose events say plain words.
    """
    alike, raw = learnt(MESSAGES, block("first")), block(" und läuft")

    heard = alike.find(raw)

    assert heard is not None
    assert MESSAGES.read_event(payload_of(raw)) == heard.reading
    assert raw == heard.named


@pytest.mark.parametrize(
    "raw",
    [
        chunk('say "no"'),
        chunk("a\nb"),
        chunk("words", usage={"prompt_tokens": 1}),
        chunk("words") + chunk("more"),
        chunk("words")[:-1],
        chunk("words").replace(b"words", b"w\xff"),
        chunk("words").replace(b'"words"', b'"words","role":"assistant"'),
        b"data: [DONE]\n\n",
        b"",
    ],
)
def test_an_event_that_differs_in_more(raw: bytes) -> None:
    """
    An event with escapes, other fields, no end, or another one behind it is not taken for more words.
    """
    assert learnt(CHAT, chunk("first")).find(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        chunk("support", id="support"),
        chunk("first", error="first"),
        chunk(""),
        chunk("upstream"),
        chunk("a\tb"),
    ],
)
def test_words_whose_place_is_not_sure(raw: bytes) -> None:
    """
    Where the words of an event stand in it twice or not at all, no shape is learnt.
    """
    payload = payload_of(raw)
    reading = CHAT.read_event(payload)
    assert reading is not None
    alike = Alike(CHAT, "support")

    alike.learn(raw, payload, reading)

    assert alike.find(raw) is None

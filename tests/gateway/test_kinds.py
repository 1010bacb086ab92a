"""How each kind of provider is spoken to, on the wire and against the wall."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.wall import Fault, Wall, understand
from tests.gateway.wall_shapes import Said, shape_of
from treadle.gateway.providers.base import Event, Framer, Kind
from treadle.gateway.providers.bedrock import BedrockKind
from treadle.gateway.providers.eventstream import BinaryEventFramer, encode_message
from treadle.gateway.providers.framing import MAX_EVENT_BYTES, EventStreamFramer
from treadle.gateway.providers.kinds import ALL, KINDS, dialects_of
from treadle.gateway.providers.sigv4 import Credentials, canonical_request, sign
from treadle.gateway.sse import EventTooLarge
from treadle.gateway.transport import Transport
from treadle.gateway.types import Clocks, Dialect, Provider, Target
from treadle.gateway.upstream import Broken, NotRunning

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "sigv4_vectors.json").read_text())
NAMES = sorted(name for name in VECTORS if not name.startswith("_"))
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
TARGET = Target(provider="p", model="some/model:1")


def _provider(kind: str, base_url: str = "https://api.example.com/v1", **more: Any) -> Provider:
    return Provider(project_id="prj", name="p", kind=kind, base_url=base_url, **{"secret": "sk-key", **more})


def _wire(kind: str, dialect: Dialect, provider: Provider, body: bytes = b"{}", *, stream: bool = False) -> Any:
    return KINDS[kind].wire(provider, TARGET, dialect, body, stream=stream)


def test_openai() -> None:
    """
    Paths below the base URL, the key as a bearer token; the provider's own headers go along.
    """
    provider = _provider("openai", headers={"openai-organization": "org-1"})

    request = _wire("openai", "responses", provider, b'{"model":"m"}', stream=True)

    assert "https://api.example.com/v1/responses" == request.url
    assert ("Bearer sk-key", "org-1", "text/event-stream", "identity") == (
        request.headers["authorization"],
        request.headers["openai-organization"],
        request.headers["accept"],
        request.headers["accept-encoding"],
    )
    assert b'{"model":"m"}' == request.body


def test_no_key() -> None:
    """
    A server without keys is sent none.
    """
    assert "authorization" not in _wire("openai", "chat", _provider("openai", secret="")).headers


@pytest.mark.parametrize(
    ("base_url", "options", "dialect", "url"),
    [
        ("https://r.openai.azure.com", {}, "chat",
         "https://r.openai.azure.com/openai/deployments/some%2Fmodel%3A1/chat/completions?api-version=2024-10-21"),
        ("https://r.openai.azure.com/openai", {"api_version": "2025-01-01-preview"}, "embeddings",
         "https://r.openai.azure.com/openai/deployments/some%2Fmodel%3A1/embeddings?api-version=2025-01-01-preview"),
        ("https://r.openai.azure.com", {"api_version": "2025-03-01-preview"}, "responses",
         "https://r.openai.azure.com/openai/responses?api-version=2025-03-01-preview"),
        ("https://r.openai.azure.com/openai/v1", {}, "chat", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("https://r.openai.azure.com/openai/v1", {"api_version": "preview"}, "responses",
         "https://r.openai.azure.com/openai/v1/responses?api-version=preview"),
    ],
)  # fmt: skip
def test_azure(base_url: str, options: dict[str, str], dialect: Dialect, url: str) -> None:
    """
    Deployments with an api-version, or the v1 surface; the key has a header of its own.
    """
    request = _wire("azure", dialect, _provider("azure", base_url, options=options))

    assert url == request.url
    assert "sk-key" == request.headers["api-key"]
    assert "authorization" not in request.headers


def test_azure_with_entra() -> None:
    """
    An Entra ID token goes as a bearer token.
    """
    request = _wire("azure", "chat", _provider("azure", options={"auth": "bearer"}))

    assert "Bearer sk-key" == request.headers["authorization"]
    assert "api-key" not in request.headers


def test_anthropic() -> None:
    """
    Key, version and betas are headers.
    """
    request = _wire("anthropic", "messages", _provider("anthropic", options={"beta": "a,b"}))

    assert "https://api.example.com/v1/messages" == request.url
    assert ("sk-key", "2023-06-01", "a,b") == tuple(
        request.headers[name] for name in ("x-api-key", "anthropic-version", "anthropic-beta")
    )


@pytest.mark.parametrize(
    ("body", "stream", "verb"),
    [
        (b'{"contents":[],"model":"x","stream":true}', True, "streamGenerateContent?alt=sse"),
        (b'{"contents":[]}', False, "generateContent"),
        (b'{"requests":[]}', False, "batchEmbedContents"),
    ],
)
def test_gemini(body: bytes, stream: bool, verb: str) -> None:
    """
    Model and verb are in the path, and neither `model` nor `stream` in the body.
    """
    request = _wire("gemini", "gemini", _provider("gemini"), body, stream=stream)

    assert f"https://api.example.com/v1/models/some%2Fmodel%3A1:{verb}" == request.url
    assert "sk-key" == request.headers["x-goog-api-key"]
    assert not {"model", "stream"} & set(json.loads(request.body))


def test_bedrock_with_an_api_key() -> None:
    """
    A Bedrock API key is a bearer token.
    """
    provider = _provider("bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com", secret="ABSKxyz")

    request = _wire("bedrock", "converse", provider, stream=True)

    assert request.url.endswith("/model/some%2Fmodel%3A1/converse-stream")
    assert ("Bearer ABSKxyz", "application/vnd.amazon.eventstream") == (
        request.headers["authorization"],
        request.headers["accept"],
    )


@pytest.mark.parametrize(("region", "expected"), [(None, "eu-west-1"), ("us-west-2", "us-west-2")])
def test_bedrock_with_an_access_key(region: str | None, expected: str) -> None:
    """
    An access key signs the request, for the provider's region or its host's; the secret itself is nowhere.
    """
    secret = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCY:token"
    url = "https://bedrock-runtime.eu-west-1.amazonaws.com"
    provider = _provider("bedrock", url, secret=secret, region=region)

    request = BedrockKind(lambda: NOON).wire(provider, TARGET, "converse", b"{}", stream=False)

    assert (
        f"Credential=AKIAIOSFODNN7EXAMPLE/20260102/{expected}/bedrock/aws4_request" in request.headers["authorization"]
    )
    assert ("20260102T120000Z", "token") == (
        request.headers["x-amz-date"],
        request.headers["x-amz-security-token"],
    )
    assert "wJalr" not in str(request.headers)


def test_engines() -> None:
    """
    A local engine is wherever its process listens; none is NotRunning.
    """
    provider = Provider(project_id="prj", name="engine", kind="engine", base_url="http://127.0.0.1:4711")

    assert "http://127.0.0.1:4711/v1/chat/completions" == _wire("engine", "chat", provider).url
    with pytest.raises(NotRunning, match="some/model:1"):
        _wire("engine", "chat", Provider(project_id="prj", name="engine", kind="engine"))


def test_dialects_as_data() -> None:
    """
    A provider may speak less than its kind, or messages besides.
    """
    fewer = _provider("openai", options={"dialects": "chat, messages, nonsense"})

    assert ("chat", "messages") == dialects_of(KINDS["openai"], fewer)
    assert KINDS["openai"].dialects == dialects_of(KINDS["openai"], _provider("openai"))


@pytest.mark.parametrize("name", NAMES)
def test_signature_of_the_test_suite(name: str) -> None:
    """
    Signatures agree with AWS's published test suite, and so do the canonical requests below them.
    """
    vector = VECTORS[name]
    head, _, body = vector["req"].partition("\n\n")
    line, *lines = head.strip("\n").split("\n")
    method, _, place = line.removesuffix(" HTTP/1.1").partition(" ")
    headers: dict[str, str] = {}
    last = ""
    for each in lines:
        if each.startswith(" "):  # a folded line
            headers[last] += " " + each.strip()
            continue
        last, _, value = each.partition(":")
        last = last.lower()
        headers[last] = f"{headers[last]},{value.strip()}" if last in headers else value.strip()
    headers.pop("x-amz-security-token", None)
    found = re.search(r"x-amz-security-token:(\S+)", vector["creq"])
    token = found.group(1) if found else None
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)

    signed = sign(
        method,
        f"https://example.amazonaws.com{place}",
        headers,
        body.encode(),
        credentials=credentials,
        region="us-east-1",
        service="service",
        at=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )

    authorization = signed.pop("authorization")
    path, _, query = place.partition("?")
    assert vector["creq"] == canonical_request(method, path, query, signed, body.encode())
    assert vector["authz"] == authorization


def _sse(events: Sequence[tuple[str | None, bytes]], end: bytes) -> bytes:
    parts = []
    for name, data in events:
        lines = [b"data: " + line for line in data.split(b"\n")]
        parts.append(end.join(([b"event: " + name.encode()] if name else []) + lines) + end + end)
    return b"".join(parts)


_EVENTS = st.lists(
    st.tuples(st.sampled_from([None, "message_start", "x"]), st.binary(min_size=1, max_size=30).map(lambda b: b.hex().encode())),
    max_size=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(_EVENTS, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(1, 40), max_size=30), st.booleans())
def test_events_in_any_pieces(
    events: list[tuple[str | None, bytes]], end: bytes, cuts: list[int], comments: bool
) -> None:
    """
    However the network cuts a stream, the same events come out, and their own bytes are all of its bytes.
    """
    wire = _sse(events, end)
    if comments:
        wire = b"\xef\xbb\xbf: hello" + end + end + wire
    framer, got, at = EventStreamFramer(), list[Event](), 0
    for cut in [*cuts, len(wire)]:
        got += framer.feed(wire[at : at + cut])
        at += cut
    got += framer.feed(b"\n" if end == b"\r" else b"")  # a lone CR is known to be whole only by what follows

    assert events == [(event.name, event.data) for event in got if event.data]
    assert wire.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") == b"".join(event.raw for event in got).rstrip(b"\r\n")


def test_an_event_that_does_not_end() -> None:
    """
    An event has a bound, and finding it out costs no more than reading it once.
    """
    framer = EventStreamFramer()
    line = b"data: " + b"x" * 993 + b"\n"
    for _ in range(MAX_EVENT_BYTES // len(line)):
        framer.feed(line)

    with pytest.raises(EventTooLarge):
        framer.feed(line)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=200)), max_size=5), st.lists(st.integers(1, 90), max_size=20))  # fmt: skip
def test_binary_events_in_any_pieces(messages: list[tuple[str, bytes]], cuts: list[int]) -> None:
    """
    The same of AWS's binary framing.
    """
    wire = b"".join(encode_message({":message-type": "event", ":event-type": name}, data) for name, data in messages)
    framer, got, at = BinaryEventFramer(), list[Event](), 0
    for cut in [*cuts, len(wire)]:
        got += framer.feed(wire[at : at + cut])
        at += cut

    assert messages == [(event.name, event.data) for event in got]


def test_a_published_message() -> None:
    """
    The specification's example: one int32 header, a JSON payload, its checksums.
    """
    wire = bytes.fromhex(
        "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1"
    )

    assert [b"{'foo':'bar'}"] == [event.data for event in BinaryEventFramer().feed(wire)]


@pytest.mark.parametrize("position", [0, 5, 9, 20, -1])
def test_a_damaged_binary_event(position: int) -> None:
    """
    One flipped bit anywhere is found by a checksum.
    """
    wire = bytearray(encode_message({":message-type": "event", ":event-type": "messageStart"}, b'{"role":"assistant"}'))
    wire[position] ^= 1

    with pytest.raises(Broken, match="damaged"):
        BinaryEventFramer().feed(bytes(wire))


def test_an_exception_in_a_binary_stream() -> None:
    """
    An exception is an event named by its type.
    """
    wire = encode_message({":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"no"}')

    assert [("throttlingException", b'{"message":"no"}')] == [
        (event.name, event.data) for event in BinaryEventFramer().feed(wire)
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"error":{"message":"no such model","type":"x"}}', "no such model"),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "Overloaded"),
        (b'[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]', "quota"),
        (b'{"message":"The security token is invalid"}', "The security token is invalid"),
        (b'{"Message":"denied"}', "denied"),
        (b'{"error":"model not found"}', "model not found"),
        (b'{"detail":[{"loc":["body"],"msg":"field required"}]}', "field required"),
        (b'{"error":{"message":"Incorrect API key provided: sk-proj-abc123def456."}}',
         "Incorrect API key provided: [a key]"),
        (b'{"choices":[]}', None),
        (b'{"choices":[],"error":null}', None),
        (b"<html>", None),
        (b"[]", None),
        (b"", None),
    ],
)  # fmt: skip
def test_error_messages(data: bytes, expected: str | None) -> None:
    """
    Every kind says what its provider's error says, without keys in it.
    """
    assert {expected} == {kind.error_message(data) for kind in ALL}


KINDS_ON_THE_WALL: list[tuple[str, str, Dialect]] = [
    ("openai", "/v1", "chat"),
    ("openai", "/v1", "completions"),
    ("openai", "/v1", "responses"),
    ("azure", "", "chat"),
    ("azure", "/openai/v1", "responses"),
    ("anthropic", "/v1", "messages"),
    ("gemini", "/v1beta", "gemini"),
    ("bedrock", "", "converse"),
    ("engine", "", "chat"),
]


@pytest.mark.parametrize("fault", [Fault(), Fault(split=3), Fault(crlf=True, comments=True, bom=True)])
@pytest.mark.parametrize(("name", "path", "dialect"), KINDS_ON_THE_WALL)
async def test_a_stream_from_the_wall(name: str, path: str, dialect: Dialect, fault: Fault) -> None:
    """
    Each kind finds its way to the wall and gets every event of the stream, however it is cut.
    """
    with Wall() as wall:
        wall.behave("*", fault)
        provider = _provider(name, wall.url + path, private=True)
        kind: Kind = KINDS[name]
        body = json.dumps({"model": TARGET.model, "stream": True}).encode()

        events = await _events(kind, provider, dialect, body)

        seen = wall.requests[0]
        assert (dialect, TARGET.model, True) == understand(seen.path, seen.body)
        expected = shape_of(dialect, Said(TARGET.model, _words(fault), False, True), seen.body).events
        assert expected == [(event.name, json.loads(event.data)) for event in events if event.data.startswith(b"{")]


async def _events(kind: Kind, provider: Provider, dialect: Dialect, body: bytes) -> list[Event]:
    transport = Transport()
    request = kind.wire(provider, TARGET, dialect, body, stream=True)
    reply = await transport.send(request, provider, Clocks())
    framer: Framer = kind.framer(reply.content_type)
    events: list[Event] = []
    async with asyncio.timeout(60):
        async for chunk in reply.chunks():
            events += framer.feed(chunk)
    await transport.close()
    return events


def _words(fault: Fault) -> list[str]:
    words = [word + " " for word in fault.text.split(" ")]
    return [*words[:-1], words[-1].rstrip()]

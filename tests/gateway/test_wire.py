"""The transport against the wall: everything an upstream can do to a client, plain and over TLS."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateway.wall import FOREVER, Fault, Wall, bomb
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.pool import RawClient
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.reply import HIGH_WATER, MAX_ANSWER_BYTES
from treadle.gateway.transport import Transport
from treadle.gateway.types import Clocks, Provider
from treadle.gateway.upstream import NOT_SENT, Broken, NotRunning, TimedOut, TooLarge

CLOCKS = Clocks(connect_seconds=2, first_token_seconds=5, between_seconds=5, total_seconds=10)
SHORT = 0.15


class Upstream:
    """The wall with a transport to it."""

    def __init__(self, wall: Wall, transport: Transport) -> None:
        self.wall = wall
        self.transport = transport
        self.max_connections = 200

    async def send(self, *, stream: bool = False, clocks: Clocks = CLOCKS, model: str = "m", size: int = 0) -> Any:
        """Send a chat request."""
        body = {"model": model, "messages": [{"role": "user", "content": "x" * size}], "stream": stream}
        request = WireRequest(
            url=f"{self.wall.url}/v1/chat/completions",
            headers={"content-type": "application/json", "accept-encoding": "identity"},
            body=json.dumps(body).encode(),
        )
        provider = Provider(
            project_id="prj", name="wall", kind="openai", private=True, max_connections=self.max_connections
        )
        return await self.transport.send(request, provider, clocks)

    async def read(self, **more: Any) -> bytes:
        """Send a request and read the whole answer."""
        reply = await self.send(**more)
        try:
            data: bytes = await reply.read()
            return data
        finally:
            reply.close()

    async def stream(self, **more: Any) -> bytes:
        """Send a request that streams and read to the end."""
        reply = await self.send(stream=True, **more)
        try:
            return b"".join([chunk async for chunk in reply.chunks()])
        finally:
            reply.close()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """
    TLS for a server on 127.0.0.1 and for a client that trusts it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the wall")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder: Path = tmp_path_factory.mktemp("tls")
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.fixture
def plain_wall() -> Iterator[Wall]:
    """
    A wall without TLS.
    """
    with Wall() as wall:
        yield wall


@pytest.fixture(params=["http", "https"])
async def upstream(
    request: pytest.FixtureRequest, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> AsyncIterator[Upstream]:
    """
    The wall and a transport to it: plain, then over TLS.
    """
    server, client = contexts
    with Wall(tls=server if request.param == "https" else None) as wall:
        transport = Transport(tls=client)
        yield Upstream(wall, transport)
        await transport.close()


@pytest.fixture
async def plain(plain_wall: Wall) -> AsyncIterator[Upstream]:
    """
    The wall and a transport to it, plain.
    """
    transport = Transport()
    yield Upstream(plain_wall, transport)
    await transport.close()


@pytest.fixture
async def upstream_to_silence(plain_wall: Wall) -> AsyncIterator[Upstream]:
    """
    Somebody who listens and never says a word, so that no TLS comes about, and a transport there.
    """
    transport = Transport()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain_wall.url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        yield Upstream(plain_wall, transport)
        await transport.close()


async def test_an_answer(upstream: Upstream) -> None:
    """
    Status, type, headers and body are those that were sent.
    """
    reply = await upstream.send()

    body = json.loads(await reply.read())

    assert (200, "application/json", "wall-1") == (reply.status, reply.content_type, reply.headers["x-request-id"])
    assert "The quick brown fox jumps over the lazy dog" == body["choices"][0]["message"]["content"]


async def test_requests_one_after_the_other(upstream: Upstream) -> None:
    """
    A connection is used again after a whole answer, streamed or not.
    """
    for _ in range(5):
        await upstream.read()
        await upstream.stream()

    assert 1 == upstream.wall.connections
    assert 10 == len(upstream.wall.requests)


@pytest.mark.parametrize("fault", [Fault(), Fault(split=1), Fault(split=7, between=0.001), Fault(no_length=True)])
async def test_a_stream_in_any_pieces(upstream: Upstream, fault: Fault) -> None:
    """
    The body is the same in whatever pieces the network brings it.
    """
    wanted = await upstream.stream(model="other")
    upstream.wall.behave("m", fault)

    got = await upstream.stream()

    assert wanted.replace(b"other", b"m") == got
    assert got.endswith(b"data: [DONE]\n\n")


async def test_a_cut_body(upstream: Upstream) -> None:
    """
    A body that breaks off is Broken, not half an answer.
    """
    upstream.wall.behave("m", Fault(cut_at=0))

    with pytest.raises(Broken):
        await upstream.read()


async def test_a_cut_stream(upstream: Upstream) -> None:
    """
    What had come of a stream that breaks off is handed out before it is said to be Broken.
    """
    upstream.wall.behave("m", Fault(cut_at=3))
    reply = await upstream.send(stream=True)
    got: list[bytes] = []

    with pytest.raises(Broken):
        await _gather(reply, got)
    reply.close()

    assert 3 == b"".join(got).count(b"\n\n")


async def test_a_body_of_chunks_without_their_end(upstream: Upstream) -> None:
    """
    A chunked body whose connection is closed in good order before its last chunk is cut all the same.
    """
    upstream.wall.behave("m", Fault(cut_at=0))

    with pytest.raises(Broken):
        await upstream.stream()


@pytest.mark.parametrize(
    ("fault", "clocks", "clock"),
    [
        (Fault(before_head=5), Clocks(first_token_seconds=SHORT), "first_token"),
        (Fault(before_first=5), Clocks(first_token_seconds=SHORT), "first_token"),
        (Fault(stall_at=3), Clocks(between_seconds=SHORT), "between"),
        (Fault(between=0.05), Clocks(total_seconds=SHORT), "total"),
        (Fault(before_head=5), Clocks(total_seconds=SHORT), "total"),
    ],
)
async def test_a_stall(upstream: Upstream, fault: Fault, clocks: Clocks, clock: str) -> None:
    """
    Each clock ends the wait it is for, in its time, and closes the connection.
    """
    upstream.wall.behave("m", fault)
    began = time.monotonic()

    with pytest.raises(TimedOut) as caught:
        await upstream.stream(clocks=clocks)

    assert (clock, SHORT) == (caught.value.clock, caught.value.seconds)
    assert SHORT * 0.9 < time.monotonic() - began
    await _until(lambda: upstream.wall.open == 0)


async def test_a_whole_answer_that_drips(upstream: Upstream) -> None:
    """
    An answer that does not stream has the first token's time for all of it.
    """
    upstream.wall.behave("m", Fault(drip=0.01))

    with pytest.raises(TimedOut) as caught:
        await upstream.read(clocks=Clocks(first_token_seconds=SHORT, between_seconds=1))

    assert "first_token" == caught.value.clock


async def test_a_stream_that_only_says_that_it_lives(upstream: Upstream) -> None:
    """
    While its reader awaits content, chunks do not end the first token's clock.
    """
    upstream.wall.behave("m", Fault(between=0.2))
    reply = await upstream.send(stream=True, clocks=Clocks(first_token_seconds=0.6))
    reply.awaits_content = True

    with pytest.raises(TimedOut) as caught:
        async for _ in reply.chunks():
            pass
    reply.close()

    assert "first_token" == caught.value.clock


async def test_the_connect_clock(plain: Upstream) -> None:
    """
    A provider whose connections are all in use makes others wait no longer than the connect clock.
    """
    plain.max_connections = 1
    plain.wall.behave("m", Fault(before_head=1))
    first = asyncio.create_task(plain.read())
    await _until(lambda: len(plain.wall.requests) == 1)

    with pytest.raises(TimedOut) as caught:
        await plain.read(clocks=Clocks(connect_seconds=SHORT))

    assert "connect" == caught.value.clock
    assert await first


async def test_leaving_while_it_connects(upstream_to_silence: Upstream) -> None:
    """
    Where a caller goes away before the connection stands, nothing was sent, and what cancels says so.
    """
    task = asyncio.create_task(upstream_to_silence.read())
    await asyncio.sleep(SHORT)

    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert [NOT_SENT] == caught.value.__notes__


@pytest.mark.parametrize(
    "clocks",
    [Clocks(connect_seconds=SHORT, first_token_seconds=0.01), Clocks(total_seconds=SHORT)],
    ids=["connect", "total"],
)
async def test_it_does_not_connect_in_time(upstream_to_silence: Upstream, clocks: Clocks) -> None:
    """
    Until the connection stands the connect clock runs, no longer than the total one: nothing was sent.
    """
    with pytest.raises(TimedOut) as caught:
        await upstream_to_silence.read(clocks=clocks)

    assert ("connect", SHORT) == (caught.value.clock, caught.value.seconds)


async def test_the_limit_of_connections(upstream: Upstream) -> None:
    """
    However many ask, a provider gets no more connections than its limit, and everybody is answered.
    """
    upstream.max_connections = 3
    upstream.wall.behave("m", Fault(before_head=0.01))
    most = 0

    async def ask() -> None:
        nonlocal most
        await upstream.read()
        most = max(most, upstream.wall.open)

    await asyncio.gather(*(ask() for _ in range(30)))

    assert most <= 3
    assert 30 == len(upstream.wall.requests)


async def test_nobody_listens(upstream: Upstream) -> None:
    """
    A refused connection is NotRunning: nothing was processed.
    """
    with Wall() as gone:
        url = gone.url
    upstream.wall.url = url.replace("http:", upstream.wall.url.split("//")[0])

    with pytest.raises(NotRunning):
        await upstream.read()


async def test_a_name_that_does_not_resolve(upstream: Upstream) -> None:
    """
    A name without an address is NotRunning and says so.
    """
    upstream.wall.url = upstream.wall.url.split("//")[0] + "//nowhere.invalid"

    with pytest.raises(NotRunning, match="does not resolve"):
        await upstream.read()


@pytest.mark.parametrize(
    "fault", [Fault(garbage=True), Fault(huge_headers=200_000), Fault(close=True), Fault(interim=50)]
)
async def test_what_is_no_answer(plain: Upstream, fault: Fault) -> None:
    """
    Garbage, endless headers, endless interim answers and a closed connection are faults of the upstream.
    """
    plain.wall.behave("m", fault)

    with pytest.raises((Broken, TooLarge)):
        await plain.read()

    await _until(lambda: plain.wall.open == 0)


@pytest.mark.parametrize("fault", [Fault(garbage=True), Fault(huge_headers=200_000), Fault(close=True)])
async def test_what_is_no_answer_over_tls(upstream: Upstream, fault: Fault) -> None:
    """
    The same, whichever client carries it.
    """
    upstream.wall.behave("m", fault)

    with pytest.raises((Broken, TooLarge, NotRunning)):
        await upstream.read()


async def test_continue_before_the_answer(upstream: Upstream) -> None:
    """
    '100 Continue' is no answer and is passed over.
    """
    upstream.wall.behave("m", Fault(interim=2))

    assert json.loads(await upstream.read())["choices"]


async def test_redirects(upstream: Upstream) -> None:
    """
    A redirect is an answer like any other and is never followed.
    """
    upstream.wall.behave("m", Fault(redirect=f"{upstream.wall.url}/elsewhere"))

    reply = await upstream.send()
    await reply.read()

    assert 307 == reply.status
    assert 1 == len(upstream.wall.requests)


@pytest.mark.parametrize("stream", [False, True])
async def test_compressed_though_nobody_asked(upstream: Upstream, stream: bool) -> None:
    """
    A gzip body is unpacked.
    """
    upstream.wall.behave("m", Fault(compressed=True))

    got = await (upstream.stream() if stream else upstream.read())

    assert b"chatcmpl-wall" in got


@pytest.mark.parametrize("stream", [False, True])
async def test_a_gzip_bomb(upstream: Upstream, stream: bool) -> None:
    """
    What unpacks to more than an answer can be is refused without being unpacked.
    """
    upstream.wall.behave("m", Fault(bomb=True))
    bomb()
    began = time.process_time()

    with pytest.raises(TooLarge):
        await (upstream.stream() if stream else upstream.read())

    assert time.process_time() - began < 15


async def test_an_unknown_encoding(plain: Upstream) -> None:
    """
    A content encoding that we do not unpack is Broken, in words.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        plain.wall.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Broken, match="'br'"):
            await plain.read()


async def test_an_answer_that_is_too_large(upstream: Upstream) -> None:
    """
    A whole answer has a bound.
    """
    upstream.wall.behave("m", Fault(oversize=MAX_ANSWER_BYTES))

    with pytest.raises(TooLarge):
        await upstream.read(clocks=Clocks())


@pytest.mark.parametrize("begin", [b"2\r\n{}\r\n0\r\nx-a: ", b"2\r\n{}\r\n5;"], ids=["a trailer", "an extension"])
async def test_what_is_no_body_does_not_end(plain: Upstream, begin: bytes) -> None:
    """
    What comes between the pieces of an answer or behind it is bounded as its head is.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + begin)
        with suppress(ConnectionError):
            for _ in range(20):
                writer.write(b"a" * 10_000)
                await writer.drain()
            await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        plain.wall.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(TooLarge, match="trailers"):
            await plain.read()


async def test_a_kept_connection_that_was_closed(upstream: Upstream) -> None:
    """
    A connection that its peer closed while nobody used it is not used again.
    """
    upstream.wall.behave("m", Fault(hangs_up=True), Fault())
    await upstream.read()
    await _until(lambda: upstream.wall.open == 0)

    await upstream.read()

    assert 2 == upstream.wall.connections


async def test_a_kept_connection_that_closes_under_a_request(upstream: Upstream) -> None:
    """
    A request whose kept connection is closed before any byte of an answer is sent once more, on a new connection.
    """
    upstream.wall.behave("m", Fault(), Fault(close=True), Fault())
    await upstream.read()

    await upstream.read()

    assert [1, 1, 2] == [seen.connection for seen in upstream.wall.requests]


async def test_a_new_connection_that_closes_under_a_request(upstream: Upstream) -> None:
    """
    On a new connection nothing is sent again: the request may have been processed.
    """
    upstream.wall.behave("m", Fault(close=True))

    with pytest.raises(Broken):
        await upstream.read()

    assert 1 == len(upstream.wall.requests)


async def test_a_kept_connection_that_closes_within_an_answer(upstream: Upstream) -> None:
    """
    Nor on a kept one once an answer has begun.
    """
    upstream.wall.behave("m", Fault(), Fault(cut_head=True))
    await upstream.read()

    with pytest.raises(Broken):
        await upstream.read()

    assert 2 == len(upstream.wall.requests)


async def test_it_closes_twice(upstream: Upstream) -> None:
    """
    It is sent once more, not for ever.
    """
    upstream.wall.behave("m", Fault(), Fault(close=True))
    await upstream.read()

    with pytest.raises(Broken):
        await upstream.read()

    assert 3 == len(upstream.wall.requests)


async def test_an_answer_that_nobody_asked_for(plain: Upstream) -> None:
    """
    Bytes behind an answer close the connection: they are not kept for the next request.
    """
    plain.wall.behave("m", Fault(surplus=True), Fault())
    await plain.read()
    await _until(lambda: plain.wall.open == 0)

    body = json.loads(await plain.read())

    assert body["choices"]
    assert 2 == plain.wall.connections


async def test_cancelling_closes_the_socket(upstream: Upstream) -> None:
    """
    A caller that goes away while the answer is awaited closes the upstream's connection, not only when that would answer.
    """
    upstream.wall.behave("m", Fault(before_head=FOREVER))
    task = asyncio.create_task(upstream.read())
    await _until(lambda: len(upstream.wall.requests) == 1)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await _until(lambda: upstream.wall.disconnects)


async def test_closing_a_reply_in_the_middle(upstream: Upstream) -> None:
    """
    So does closing a reply that is not finished; the provider's slot is free again.
    """
    upstream.max_connections = 1
    upstream.wall.behave("m", Fault(between=0.2), Fault())
    reply = await upstream.send(stream=True)
    await anext(reply.chunks())

    reply.close()
    reply.close()
    await _until(lambda: upstream.wall.disconnects)

    assert await upstream.read()


async def test_a_slow_reader(plain: Upstream) -> None:
    """
    An upstream faster than its reader is made to wait, whatever the clock between chunks says; nothing is lost.
    """
    plain.wall.behave("m", Fault(text="word " * 100_000))
    reply = await plain.send(stream=True, clocks=Clocks(between_seconds=3.0))

    await _until(lambda: sum(map(len, reply.parts)) > HIGH_WATER)
    await asyncio.sleep(4.0)
    held = sum(map(len, reply.parts))
    got = b"".join([chunk async for chunk in reply.chunks()])

    assert HIGH_WATER < held < HIGH_WATER * 3
    assert 100_000 == got.count(b'"word "')
    assert got.endswith(b"data: [DONE]\n\n")


async def test_a_large_request(upstream: Upstream) -> None:
    """
    A large body arrives whole.
    """
    await upstream.read(size=5_000_000)

    assert 5_000_000 == len(upstream.wall.requests[0].body["messages"][0]["content"])


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\0b", "schlüssel…"])
async def test_header_injection(upstream: Upstream, value: str) -> None:
    """
    A header that would end another way than it began is never sent.
    """
    request = WireRequest(url=f"{upstream.wall.url}/v1/models", headers={"authorization": value}, body=b"{}")
    provider = Provider(project_id="prj", name="wall", kind="openai", private=True)

    try:
        reply = await upstream.transport.send(request, provider, CLOCKS)
        await reply.read()
    except Broken:
        pass

    assert not any("x-evil" in seen.headers for seen in upstream.wall.requests)


async def test_a_damaged_gzip_body(plain: Upstream) -> None:
    """
    What does not unpack is Broken.
    """
    data = gzip.compress(b"x" * 1000)[:-12]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data) + data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        plain.wall.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Broken):
            await plain.read()


async def test_many_at_once_leave_nothing_open(plain_wall: Wall) -> None:
    """
    Cancelled, cut, timed out and good requests side by side: afterwards the pool counts no connection but kept ones.
    """
    faults = ("m", "a~cut_at=2", "b~before_head=1", "c~close", "d~garbage", "e~split=3")
    client = RawClient(PrivateHosts())
    provider = Provider(project_id="p", name="n", kind="openai", private=True, max_connections=8)

    async def one(number: int) -> None:
        body = json.dumps({"model": faults[number % len(faults)], "stream": True}).encode()
        request = WireRequest(url=f"{plain_wall.url}/v1/chat/completions", headers={}, body=body)
        try:
            reply = await client.send(request, provider, Clocks(first_token_seconds=0.05))
            async for _ in reply.chunks():
                if number % 7 == 0:
                    break
            reply.close()
        except (Broken, TimedOut):
            pass

    await asyncio.gather(*(asyncio.wait_for(one(number), 60) for number in range(120)))
    kept = sum(len([each for each in pool.idle if each.is_open]) for pool in client._pools.values())

    assert kept == client.open_count
    assert client.open_count <= 8
    await client.close()
    assert 0 == client.open_count


async def _gather(reply: Any, got: list[bytes]) -> None:
    async for chunk in reply.chunks():
        got.append(chunk)


async def _until(done: Any, seconds: float = 60.0) -> None:
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, f"not so within {seconds} s"
        await asyncio.sleep(0.005)

"""A connection of the data plane at its edges, over real sockets: what comes between requests, behind them, and after the last."""

from __future__ import annotations

import asyncio
import socket

import psutil
import pytest

from tests.server.test_http1 import GET, SHORT, House, echo_of, post, served

CHUNKED = b"POST %b HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


def _holds(port: int) -> bool:
    """
    Tell whether this process holds a connection that came to a port.
    """
    return any(each.laddr.port == port for each in psutil.Process().net_connections("tcp4"))


@pytest.mark.parametrize("path", [b"/echo", b"/refuse"])
@pytest.mark.parametrize(
    "begin", [b"3\r\nabc\r\n0\r\nx-a: ", b"3\r\nabc\r\n5;"], ids=["a trailer without end", "an extension without end"]
)
async def test_what_is_no_body(begin: bytes, path: bytes) -> None:
    """
    Trailers and chunks' extensions are bounded as a head is, whether or not the request was answered before.
    """
    async with served(head_seconds=60.0) as (house, connect):
        caller = await connect()
        caller.writer.write(CHUNKED % path + begin)
        await house.asked(path.decode())
        for _ in range(7):
            caller.writer.write(b"y" * 10_000)
            await asyncio.sleep(0.005)
        answer = await caller.read()
        closed = await caller.is_closed()

    assert (401 if path == b"/refuse" else 431, True) == (answer.status, closed)


async def test_a_long_body_in_many_chunks() -> None:
    """
    Only what is no body is bounded so: chunks with short extensions, and trailers that end, are fine.
    """
    chunks = b"".join(b"3;name=%b\r\nabc\r\n" % (b"x" * 200) for _ in range(1_000))
    async with served() as (_, connect):
        caller = await connect()
        first = await caller.ask(CHUNKED % b"/echo" + chunks + b"0\r\nx-a: " + b"b" * 1_000 + b"\r\n\r\n")
        second = await caller.ask(GET)

    assert (echo_of(b"abc" * 1_000), echo_of(b"")) == (first.body, second.body)


async def test_the_next_head_begins_behind_a_large_body() -> None:
    """
    A head's size is its own: what came before it in the same piece does not count.
    """
    body = bytes(90_000)
    async with served() as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/slow", body)[:100])
        await house.asked("/slow")
        caller.writer.write(post(b"/slow", body)[100:] + GET[:-2])
        house.go_on.set()
        first = await caller.read()
        second = await caller.ask(GET[-2:])

    assert [(200, echo_of(body)), (200, echo_of(b""))] == [(each.status, each.body) for each in (first, second)]


async def test_half_a_head_behind_a_request() -> None:
    """
    A head that has begun has a head's time, also when it began before the answer to the request before it.
    """
    async with served(head_seconds=0.2, keep_seconds=30.0, **SHORT) as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/slow", b"x") + GET[:10])
        await house.asked("/slow")
        house.go_on.set()
        answers = [await caller.read(), await caller.read()]

    assert [200, 408] == [answer.status for answer in answers]


async def test_the_server_leaves_in_the_middle_of_a_head() -> None:
    """
    A request whose head has begun is answered, also when it began before the answer to the one before it.
    """
    async with served(linger_seconds=0.05) as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/slow", b"x") + GET[:10])
        await house.asked("/slow")
        house.go_on.set()
        first = await caller.read()
        leaving = asyncio.create_task(house.server.leave(20.0))
        await asyncio.sleep(0.2)
        second = await caller.ask(GET[10:])
        await leaving

    assert [(200, None), (200, b"close")] == [
        (each.status, each.headers.get(b"connection")) for each in (first, second)
    ]


async def test_an_offer_of_another_protocol_in_old_http() -> None:
    """
    An upgrade is declined in the version of HTTP that it was offered in: who speaks 1.0 gets no chunks.
    """
    async with served() as (_, connect):
        caller = await connect()
        answer = await caller.ask(b"GET /stream HTTP/1.0\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")

    assert (b"one two three", b"close") == (answer.body, answer.headers[b"connection"])
    assert b"transfer-encoding" not in answer.headers


async def test_the_last_answer_is_not_read() -> None:
    """
    A caller that does not read its last answer is cut off in the end, also where what is left is not much.
    """
    house = House(stall_seconds=0.2, **SHORT)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    listener = await asyncio.get_running_loop().create_server(house.server.connect, sock=listening)
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        caller.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(caller, listening.getsockname())
        await loop.sock_sendall(caller, b"GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        await house.asked("/large")
        port = listening.getsockname()[1]
        listener.close()
        async with asyncio.timeout(20):
            while _holds(port):
                await asyncio.sleep(0.05)
    await house.server.leave(1.0)

"""The data plane's own HTTP/1.1, over real sockets: what is well-formed is answered, what is not ends cheaply."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.server import admitting
from treadle.server.http1 import Server
from treadle.server.turn import Message

GET = b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n"
SHORT: dict[str, Any] = {"sweep_seconds": 0.05}


class Answer(NamedTuple):
    """One answer as it came."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Caller:
    """The other end, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> Answer:
        """
        Send bytes and read one answer.
        """
        self.writer.write(data)
        return await self.read()

    async def read(self, *, has_body: bool = True) -> Answer:
        """
        Read one answer.
        """
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.rstrip().split(b"\r\n")
            headers = dict(line.split(b": ", 1) for line in lines)
            body = b""
            if not has_body:
                pass
            elif b"content-length" in headers:
                body = await self.reader.readexactly(int(headers[b"content-length"]))
            elif b"transfer-encoding" in headers:
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
            elif first.split()[1] != b"100":
                body = await self.reader.read()
            return Answer(int(first.split()[1]), headers, body)

    async def is_closed(self) -> bool:
        """
        Tell whether the other side closes without another byte.
        """
        async with asyncio.timeout(30):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True


class House:
    """A server with an application that does what its paths say."""

    def __init__(self, **limits: Any) -> None:
        self.server = Server(self.answer, **limits)
        self.seen: list[tuple[str, Message]] = []
        self.ended: list[str] = []
        self.go_on = asyncio.Event()

    async def asked(self, path: str) -> None:
        """
        Wait until the application has a request.
        """
        async with asyncio.timeout(30):
            while path not in [seen for seen, _ in self.seen]:
                await asyncio.sleep(0.005)

    async def answer(self, scope: Message, receive: Any, send: Any) -> None:
        """
        Answer by path.
        """
        self.seen.append((scope["path"], scope))
        try:
            await getattr(self, "at" + scope["path"].replace("/", "_"))(receive, send)
        finally:
            self.ended.append(scope["path"])

    async def at_echo(self, receive: Any, send: Any) -> None:
        """
        Send the body's length and digest back.
        """
        body = await body_of(receive)
        await say(send, b"%d %b" % (len(body), hashlib.sha256(body).hexdigest().encode()))

    async def at_slow(self, receive: Any, send: Any) -> None:
        """
        Wait until told.
        """
        await self.go_on.wait()
        await self.at_echo(receive, send)

    async def at_refuse(self, receive: Any, send: Any) -> None:
        """
        Answer without reading.
        """
        await say(send, b"no", status=401)

    async def at_stream(self, receive: Any, send: Any) -> None:
        """
        Stream in pieces.
        """
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for piece in (b"one ", b"two ", b"", b"three"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def at_parts(self, receive: Any, send: Any) -> None:
        """
        Begin a stream, and end it when told.
        """
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b""})

    async def at_large(self, receive: Any, send: Any) -> None:
        """
        Answer with less than is held for a slow caller, and more than a small socket takes.
        """
        await say(send, bytes(60_000))

    async def at_flood(self, receive: Any, send: Any) -> None:
        """
        Stream more than any buffer holds.
        """
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1_000):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def at_fails(self, receive: Any, send: Any) -> None:
        """
        Break before the answer.
        """
        raise ValueError("a fault")

    async def at_breaks(self, receive: Any, send: Any) -> None:
        """
        Break in the middle of the answer.
        """
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("a fault")

    async def at_injects(self, receive: Any, send: Any) -> None:
        """
        Try to add a header by a line break.
        """
        await say(send, b"x", more=[(b"x-said", b"a\r\nset-cookie: b")])

    async def at_short(self, receive: Any, send: Any) -> None:
        """
        Say more bytes than it sends.
        """
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"1234"})

    async def at_wait(self, receive: Any, send: Any) -> None:
        """
        Wait for the caller to go.
        """
        await body_of(receive)
        assert "http.disconnect" == (await receive())["type"]
        self.go_on.set()


async def body_of(receive: Any) -> bytes:
    """
    Read a body to its end.
    """
    body = bytearray()
    while True:
        message = await receive()
        assert "http.request" == message["type"]
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)


async def say(send: Any, body: bytes, *, status: int = 200, more: list[tuple[bytes, bytes]] | None = None) -> None:
    """
    Send a whole answer.
    """
    headers = [(b"content-length", str(len(body)).encode()), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(**limits: Any) -> AsyncIterator[tuple[House, Callable[[], Any]]]:
    """
    Serve on a free port; gives the house and what connects to it.
    """
    house = House(**limits)
    listener = await asyncio.get_running_loop().create_server(house.server.connect, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    callers: list[Caller] = []

    async def connect() -> Caller:
        callers.append(Caller(*await asyncio.open_connection("127.0.0.1", port)))
        return callers[-1]

    try:
        yield house, connect
    finally:
        house.go_on.set()
        listener.close()
        for caller in callers:
            caller.writer.close()
        await house.server.leave(1.0)


def post(path: bytes, body: bytes, *more: bytes) -> bytes:
    """
    Return a request with a body.
    """
    lines = [b"POST %b HTTP/1.1" % path, b"Host: a", b"Content-Length: %d" % len(body), *more]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def echo_of(body: bytes) -> bytes:
    """
    Return what the application says to a body.
    """
    return b"%d %b" % (len(body), hashlib.sha256(body).hexdigest().encode())


async def test_one_connection_for_many_requests() -> None:
    """
    A connection is kept, and each request has its own headers, path and query.
    """
    async with served() as (house, connect):
        caller = await connect()

        first = await caller.ask(post(b"/echo?a=1", b"hello", b"X-One: 1"))
        second = await caller.ask(post(b"/echo", b"there"))

    assert [echo_of(b"hello"), echo_of(b"there")] == [first.body, second.body]
    assert (200, True) == (first.status, b"date" in first.headers)
    assert b"connection" not in first.headers
    scopes = [scope for _, scope in house.seen]
    assert [b"a=1", b""] == [scope["query_string"] for scope in scopes]
    assert [(b"host", b"a"), (b"content-length", b"5"), (b"x-one", b"1")] == scopes[0]["headers"]


async def test_requests_before_the_answer() -> None:
    """
    Pipelined requests are answered in order, each when the one before it has its answer.
    """
    async with served() as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/slow", b"1") + post(b"/stream", b"") + post(b"/echo", b"3") * 300)
        await house.asked("/slow")
        await asyncio.sleep(0.05)
        begun = [path for path, _ in house.seen]
        house.go_on.set()
        answers = [await caller.read() for _ in range(302)]

    assert ["/slow"] == begun
    assert [echo_of(b"1"), b"one two three"] == [answer.body for answer in answers[:2]]
    assert {echo_of(b"3")} == {answer.body for answer in answers[2:]}


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), max_size=12))
def test_cut_anywhere(cuts: list[int]) -> None:
    """
    Wherever the network cuts requests, their answers are the same.
    """
    chunked = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n"
    data = post(b"/echo", b"hello") + chunked + GET + post(b"/stream", b"x" * 50)
    places = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]

    async def ask() -> list[bytes]:
        async with served() as (_, connect):
            caller = await connect()
            for start, end in itertools.pairwise(places):
                caller.writer.write(data[start:end])
                await asyncio.sleep(0.001)
            return [(await caller.read()).body for _ in range(4)]

    assert [echo_of(b"hello"), echo_of(b"abcde"), echo_of(b""), b"one two three"] == asyncio.run(ask())


async def test_a_head_that_drips() -> None:
    """
    A head that does not end is refused after its time, however steadily its bytes come.
    """
    async with served(head_seconds=0.2, **SHORT) as (house, connect):
        caller = await connect()
        caller.writer.write(b"GET /echo HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                caller.writer.write(b"x-a: b\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        answer = await caller.read()
        dripping.cancel()

    assert (408, b"close") == (answer.status, answer.headers[b"connection"])
    assert [] == house.seen


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /echo HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * (admitting.MAX_HEADERS + 1) + b"\r\n"],
        [b"GET /echo HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 70_000 + b"\r\n\r\n"],
        [b"GET /echo HTTP/1.1\r\nhost: a\r\nx: ", *[b"y" * 10_000] * 8],
        [b"GET /", *[b"y" * 10_000] * 8],
    ],
    ids=["many headers", "one large header", "a header without end", "a url without end"],
)
async def test_a_head_that_is_too_large(pieces: list[bytes]) -> None:
    """
    Heads are bounded in bytes and headers.
    """
    async with served() as (house, connect):
        caller = await connect()
        for piece in pieces:
            caller.writer.write(piece)
            await asyncio.sleep(0.01)
        answer = await caller.read()

    assert (431, True) == (answer.status, b"head_too_large" in answer.body)
    assert [] == house.seen


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /echo HTTP/1.1\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", 400),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -3\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
        (
            b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nhost: a\r\nx : b\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n", 400),
        (b"GET /echo HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
)
async def test_what_is_not_http(data: bytes, status: int) -> None:
    """
    What another server could read differently is refused, and the connection ends.
    """
    async with served() as (house, connect):
        caller = await connect()
        answer = await caller.ask(data)
        closed = await caller.is_closed()

    assert (status, True) == (answer.status, closed)
    assert [] == house.seen


async def test_a_fault_behind_a_good_request() -> None:
    """
    A request that came before a fault still has its answer, and then the fault its own.
    """
    async with served() as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/slow", b"1") + b"nonsense\r\n\r\n")
        await house.asked("/slow")
        house.go_on.set()
        answers = [await caller.read(), await caller.read()]
        closed = await caller.is_closed()

    assert ([200, 400], True) == ([answer.status for answer in answers], closed)


async def test_a_body_that_breaks() -> None:
    """
    Where the body stops to be HTTP, the application hears that the caller has gone.
    """
    async with served() as (house, connect):
        caller = await connect()
        caller.writer.write(b"POST /wait HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await house.asked("/wait")
        answer = await caller.ask(b"zz\r\n")
        async with asyncio.timeout(30):
            while not house.ended:  # the assertion in the application fails on the disconnect, which ends it
                await asyncio.sleep(0.01)

    assert 400 == answer.status


async def test_old_http() -> None:
    """
    HTTP/1.0 gets an answer without chunks, and the connection ends with it.
    """
    async with served() as (_, connect):
        caller = await connect()
        answer = await caller.ask(b"GET /stream HTTP/1.0\r\n\r\n")

    assert (200, b"one two three") == (answer.status, answer.body)
    assert b"close" == answer.headers[b"connection"]


async def test_the_caller_wants_to_close() -> None:
    """
    A connection is closed after the answer where the caller says so.
    """
    async with served() as (_, connect):
        caller = await connect()
        answer = await caller.ask(post(b"/echo", b"x", b"Connection: close"))
        closed = await caller.is_closed()

    assert (b"close", True) == (answer.headers[b"connection"], closed)


async def test_only_the_head() -> None:
    """
    HEAD is answered without a body, and the next answer begins where it should.
    """
    async with served() as (_, connect):
        caller = await connect()
        caller.writer.write(b"HEAD /echo HTTP/1.1\r\nhost: a\r\n\r\n")
        head = await caller.read(has_body=False)
        after = await caller.ask(GET)

    assert (200, b"66") == (head.status, head.headers[b"content-length"])
    assert echo_of(b"") == after.body


async def test_may_i_send_a_body() -> None:
    """
    100-continue is said when the application wants the body.
    """
    request = post(b"/echo", b"hello", b"Expect: 100-continue")
    async with served() as (_, connect):
        caller = await connect()
        first = await caller.ask(request[:-5])
        second = await caller.ask(b"hello")
        third = await caller.ask(GET)

    assert [100, 200, 200] == [first.status, second.status, third.status]
    assert echo_of(b"hello") == second.body


async def test_no_you_may_not() -> None:
    """
    Refused without 100-continue, the connection ends: nobody can tell whether a body follows.
    """
    request = post(b"/refuse", b"hello", b"Expect: 100-continue")
    async with served(head_seconds=0.1, **SHORT) as (_, connect):
        caller = await connect()
        answer = await caller.ask(request[:-5])
        closed = await caller.is_closed()

    assert (401, b"close", True) == (answer.status, answer.headers[b"connection"], closed)


async def test_refused_while_it_still_sends() -> None:
    """
    An answer that comes before the whole body arrives whole, the rest is thrown away, and the connection goes on.
    """
    body = bytes(2_000_000)
    async with served() as (_, connect):
        caller = await connect()
        caller.writer.write(post(b"/refuse", body)[:1_000])
        answer = await caller.read()
        caller.writer.write(post(b"/refuse", body)[1_000:])
        after = await caller.ask(GET)

    assert (401, 200) == (answer.status, after.status)


async def test_a_rest_that_never_comes() -> None:
    """
    The rest of a body that nobody reads is waited for as long as for a head.
    """
    async with served(head_seconds=0.1, **SHORT) as (_, connect):
        caller = await connect()
        answer = await caller.ask(post(b"/refuse", bytes(1_000))[:500])
        closed = await caller.is_closed()

    assert (401, True) == (answer.status, closed)


async def test_a_large_body_and_a_slow_application() -> None:
    """
    A caller that sends faster than the application reads is made to wait, and not a byte is lost.
    """
    body = bytes(range(256)) * 80_000
    async with served() as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/slow", body))
        await house.asked("/slow")
        await asyncio.sleep(0.2)
        connection = next(iter(house.server._connections))
        held = 0 if connection._turn is None else connection._turn.held
        house.go_on.set()
        answer = await caller.read()

    assert held < 1_000_000
    assert echo_of(body) == answer.body


async def test_a_caller_that_does_not_read() -> None:
    """
    The application waits for a slow caller, and one that reads nothing at all is cut off.
    """
    async with served(stall_seconds=0.2, **SHORT) as (house, connect):
        caller = await connect()
        raw: socket.socket = caller.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        caller.reader._transport.pause_reading()
        caller.writer.write(b"GET /flood HTTP/1.1\r\nhost: a\r\n\r\n")
        async with asyncio.timeout(60):
            while not house.ended:
                await asyncio.sleep(0.02)

    assert ["/flood"] == house.ended


async def test_a_stream() -> None:
    """
    An answer without a length is sent in chunks, empty pieces do not end it.
    """
    async with served() as (_, connect):
        caller = await connect()
        answer = await caller.ask(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n")
        after = await caller.ask(GET)

    assert (b"chunked", b"one two three", 200) == (answer.headers[b"transfer-encoding"], answer.body, after.status)


async def test_the_application_fails(caplog: pytest.LogCaptureFixture) -> None:
    """
    A fault before the answer is a 500; one inside it cuts the connection, so that it never looks complete.
    """
    async with served() as (_, connect):
        failed = await (await connect()).ask(GET.replace(b"echo", b"fails"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await (await connect()).ask(GET.replace(b"echo", b"breaks"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await (await connect()).ask(GET.replace(b"echo", b"short"))

    assert (500, True) == (failed.status, b"internal_error" in failed.body)
    assert "the application failed on '/fails'" in caplog.text


async def test_a_line_break_in_a_header_of_the_answer() -> None:
    """
    No header of an answer can smuggle another one in.
    """
    async with served() as (_, connect):
        answer = await (await connect()).ask(GET.replace(b"echo", b"injects"))

    assert 500 == answer.status
    assert b"set-cookie" not in answer.headers


async def test_the_caller_goes() -> None:
    """
    The application hears at once that its caller has gone.
    """
    async with served() as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/wait", b""))
        await house.asked("/wait")
        caller.writer.close()
        async with asyncio.timeout(30):
            await house.go_on.wait()


async def test_nobody_asks() -> None:
    """
    A connection without a request is closed after its time, before the first request as after one.
    """
    async with served(keep_seconds=1.0, **SHORT) as (_, connect):
        quiet, used = await connect(), await connect()
        await used.ask(GET)
        closed = [await quiet.is_closed(), await used.is_closed()]

    assert [True, True] == closed


async def test_an_offer_of_another_protocol() -> None:
    """
    An upgrade is declined by answering in HTTP/1.1, with the body, on a connection that goes on.
    """
    offer = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"]
    async with served() as (house, connect):
        caller = await connect()
        whole = await caller.ask(post(b"/echo", b"hello", *offer))
        caller.writer.write(post(b"/echo", b"hello", *offer)[:-5])
        await asyncio.sleep(0.02)
        parted = await caller.ask(b"hello")
        after = await caller.ask(GET)

    assert [echo_of(b"hello")] * 2 == [whole.body, parted.body]
    assert 200 == after.status
    assert [(b"host", b"a"), (b"content-length", b"5")] == house.seen[0][1]["headers"]


async def test_the_server_leaves() -> None:
    """
    What was asked is answered to its end, idle connections close, and nothing new is begun.
    """
    async with served() as (house, connect):
        idle, busy = await connect(), await connect()
        await idle.ask(GET)
        busy.writer.write(post(b"/slow", b"x") + GET)
        await house.asked("/slow")
        leaving = asyncio.create_task(house.server.leave(60.0))
        closed = await idle.is_closed()
        house.go_on.set()
        answer = await busy.read()
        is_done, ended = await leaving, await busy.is_closed()

    assert (True, True, True) == (closed, is_done, ended)
    assert (echo_of(b"x"), b"close") == (answer.body, answer.headers[b"connection"])
    assert ["/echo", "/slow"] == [path for path, _ in house.seen]


async def test_the_server_leaves_while_a_request_is_on_its_way() -> None:
    """
    A connection without a request is not shut before its caller's face: the request is answered, and told that it is the last.
    """
    async with served(linger_seconds=60.0) as (house, connect):
        idle, streaming = await connect(), await connect()
        await idle.ask(GET)
        streaming.writer.write(post(b"/slow", b"x"))
        await house.asked("/slow")
        leaving = asyncio.create_task(house.server.leave(60.0))
        await asyncio.sleep(0.05)
        last = await idle.ask(GET)
        closed = await idle.is_closed()
        house.go_on.set()
        await streaming.read()
        is_done = await leaving

    assert (200, b"close") == (last.status, last.headers[b"connection"])
    assert (True, True) == (closed, is_done)


async def test_the_server_leaves_in_the_middle_of_a_stream() -> None:
    """
    An answer whose head could not say that it is the last does not cost the caller its next request.
    """
    async with served(linger_seconds=60.0) as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/parts", b"x"))
        await caller.reader.readuntil(b"\r\n\r\n")
        leaving = asyncio.create_task(house.server.leave(60.0))
        await asyncio.sleep(0.05)
        house.go_on.set()
        await caller.reader.readuntil(b"0\r\n\r\n")
        last = await caller.ask(GET)
        is_done = await leaving

    assert (200, b"close", True) == (last.status, last.headers[b"connection"], is_done)


async def test_the_server_leaves_and_an_answer_takes_too_long() -> None:
    """
    What is not answered in time is cancelled, and whoever waits for it is told to ask again.
    """
    async with served() as (house, connect):
        caller = await connect()
        caller.writer.write(post(b"/slow", b"x"))
        await house.asked("/slow")
        is_done = await house.server.leave(0.05)
        told = await caller.read()

    assert (False, ["/slow"]) == (is_done, house.ended)
    assert (503, b"gateway_stopping" in told.body) == (told.status, True)


@pytest.mark.parametrize("name", [b"content-length: ", b"Content-Length: "])
async def test_the_same_head_with_other_bodies(name: bytes) -> None:
    """
    Requests whose heads differ in their length alone are each answered from their own body and told their own length.
    """
    async with served() as (house, connect):
        caller = await connect()
        bodies = [b"a" * 5, b"b" * 5, b"", b"c" * 1_234, b"GET / HTTP/1.1\r\n\r\n", b"d" * 200_000]
        head = b"POST /echo HTTP/1.1\r\nhost: a\r\nauthorization: Bearer x\r\n%b%d\r\naccept: */*\r\n\r\n"

        answers = [await caller.ask(head % (name, len(body)) + body) for body in bodies]

        told = [b"%d %b" % (len(body), hashlib.sha256(body).hexdigest().encode()) for body in bodies]
        assert told == [answer.body for answer in answers]
        lengths = [dict(scope["headers"])[b"content-length"] for _, scope in house.seen]
        assert [b"%d" % len(body) for body in bodies] == lengths


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok" * 2, 200),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: +2\r\n\r\nok", 400),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", 400),
        (b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok\0\0", 200),
        (b"POST /echo HTTP/1.1\r\nhost: b\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", 200),
    ],
)
async def test_almost_the_same_head(data: bytes, status: int) -> None:
    """
    What is not the last head to the byte, or is more or less than one whole request, is read like the first request.
    """
    async with served() as (_, connect):
        caller = await connect()
        await caller.ask(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nno")

        answer = await caller.ask(data)

        assert status == answer.status
        if status == 200:
            assert b"2 " + hashlib.sha256(b"ok").hexdigest().encode() == answer.body


async def test_the_same_head_in_pieces() -> None:
    """
    A request that comes in pieces is answered like one that comes whole, also behind one with the same head.
    """
    request = b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nwheels"
    async with served() as (_, connect):
        caller = await connect()
        first = await caller.ask(request)
        for piece in (request[:20], request[20:50], request[50:]):
            caller.writer.write(piece)
            await caller.writer.drain()
            await asyncio.sleep(0)

        second = await caller.read()

        assert first.body == second.body

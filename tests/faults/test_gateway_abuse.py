"""Hostile callers at the door of a real `treadle gateway`: refused cheaply, and nobody else notices.

Cheap means: a bounded amount of the worker's processor time and memory, whatever was sent, and an answer to the next caller.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
import pytest

from tests.conftest import new_database
from tests.gateway.harness import serving, wait_for
from tests.server.standalone import Installation, Running, standalone
from treadle.core.clock import SystemClock
from treadle.gateway.app import Gateway
from treadle.gateway.recorder import Recorder
from treadle.gateway.spool import Spool
from treadle.gateway.table import Table
from treadle.gateway.types import Key, Snapshot
from treadle.governance.keys import create_key, secret_hmac
from treadle.storage.embedded import EmbeddedPostgres

GOOD = b'{"model":"support","messages":[{"role":"user","content":"x"}]}'
MIB = 1024 * 1024
TOKEN, PARSED = create_key()


class Answer(NamedTuple):
    """What came back, up to the end of the connection or of the answer."""

    status: int
    """0 where the connection was closed without an answer."""
    head: str
    body: bytes

    @property
    def code(self) -> str | None:
        """The error's code."""
        return None if not self.body.startswith(b"{") else json.loads(self.body)["error"]["code"]


class Door:
    """A gateway of one worker, and what it has used."""

    def __init__(self, running: Running) -> None:
        where = urlsplit(running.url)
        self._running = running
        self._address = (str(where.hostname), int(where.port or 0))
        self._worker = psutil.Process(running.workers()[0])

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(self._address, timeout=30)

    def head(self, *lines: str, length: int | None = len(GOOD), path: str = "/v1/chat/completions") -> bytes:
        """Return the head of a request with a good key."""
        stated = [] if length is None else [f"content-length: {length}"]
        named = [f"POST {path} HTTP/1.1", "host: gateway", f"authorization: Bearer {self._running.key}"]
        return ("\r\n".join([*named, *stated, *lines]) + "\r\n\r\n").encode("latin-1")

    def send(self, *parts: bytes) -> Answer:
        """Send bytes on a new connection and read the first answer."""
        with self.connect() as connection:
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:
                    break  # it has heard enough
            return read(connection)

    def usage(self) -> tuple[float, int]:
        """Return the processor seconds and the bytes of memory that the worker has used."""
        times = self._worker.cpu_times()
        return times.user + times.system, self._worker.memory_info().rss

    def still_serves(self) -> bool:
        """Return whether somebody else gets an answer."""
        return self._running.ask() == "parcel"


def read(connection: socket.socket) -> Answer:
    """Read one answer; a connection that is closed or reset without one gives status 0."""
    data = b""
    try:
        while b"\r\n\r\n" not in data or len(data) < _wanted(data):
            part = connection.recv(65536)
            if not part:
                break
            data += part
    except ConnectionError:
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.\d (\d+)", head)
    return Answer(int(found[1]) if found else 0, head.decode("latin-1").lower(), body)


def _wanted(data: bytes) -> int:
    head, mark, _ = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return len(head) + len(mark) + (int(length[1]) if length else 0)


@pytest.fixture(scope="module")
def door(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """
    A gateway process for all tests here.
    """
    folder: Path = tmp_path_factory.mktemp("abuse")
    with new_database(postgres) as url:
        installation = Installation(folder / "workspace", url)
        try:
            installation.publish(installation.slow(0))
            with standalone(installation, workers=1) as running:
                made = Door(running)
                assert made.still_serves()
                yield made
        finally:
            installation.database.close()


@pytest.fixture(autouse=True)
def cheaply(door: Door) -> Iterator[None]:
    """
    Whatever a test sends costs less than two seconds and 48 MiB, and the next caller is served.
    """
    seconds, size = door.usage()

    yield

    seconds_after, size_after = door.usage()
    assert door.still_serves()
    assert seconds_after - seconds < 2.0
    assert size_after - size < 48 * MIB


def many(text: bytes, size: int) -> bytes:
    """Return a text so often that it has about so many bytes."""
    return text * (size // len(text))


BODIES: dict[str, tuple[bytes, int, str]] = {
    "nested arrays": (b'{"model":"support","messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400, "invalid_request"),
    "nested in a field nobody reads": (GOOD[:-1] + b',"tools":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}", 400, "malformed_json"),
    "a number of a million digits": (GOOD[:-1] + b',"max_tokens":' + b"9" * MIB + b"}", 400, "invalid_request"),
    "a number of a million digits that nobody reads": (GOOD[:-1] + b',"seed":' + b"9" * MIB + b"}", 200, ""),
    "a number beyond all numbers": (GOOD[:-1] + b',"max_tokens":1e999999}', 400, "invalid_request"),
    "half a pair of surrogates": (GOOD.replace(b'"x"', b'"\\ud800"'), 400, "malformed_json"),
    "no UTF-8": (GOOD.replace(b'"x"', b'"\xff\xfe"'), 400, "malformed_json"),
    "nothing but spaces": (b" " * MIB, 400, "malformed_json"),
    "the same field again and again": (b"{" + many(b'"model":"support",', MIB) + GOOD[1:], 200, ""),
    "a hundred thousand messages of nothing": (b'{"model":"support","messages":[' + many(b"{},", MIB) + b"{}]}", 400, "invalid_request"),
    "a hundred thousand parts": (b'{"model":"support","messages":[{"role":"user","content":[' + many(b'{"type":"x"},', MIB) + b"{}]}]}", 200, ""),
    "a model's name of a megabyte": (GOOD.replace(b"support", b"s" * MIB), 404, "model_not_found"),
    "a model's name with line breaks": (GOOD.replace(b"support", b"a\\r\\nx-evil: 1\\r\\n\\r\\n"), 404, "model_not_found"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_body(door: Door, name: str) -> None:
    """
    A body made to be costly is refused with what is wrong about it, or answered where it is merely odd.
    """
    body, status, code = BODIES[name]

    got = door.send(door.head(length=len(body)), body)

    assert status == got.status, got.body[:300]
    if status != 200:
        assert code == got.code
        assert len(got.body) < 2000
    assert "x-evil" not in got.head


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_compressed_body(door: Door, encoding: str) -> None:
    """
    Compressed requests are refused unread, so that a small one cannot unpack to a large one.
    """
    bomb = gzip.compress(bytes(64 * MIB))

    got = door.send(door.head(f"content-encoding: {encoding}", length=len(bomb)), bomb)

    assert (415, "encoded_body") == (got.status, got.code)


def test_a_body_that_says_it_is_huge(door: Door) -> None:
    """
    A stated length beyond the limit is refused before the first byte of it.
    """
    got = door.send(door.head(length=1 << 40))

    assert (413, "body_too_large") == (got.status, got.code)


def test_chunks_without_end(door: Door) -> None:
    """
    A body in chunks is refused where it passes the limit; what more comes is not kept.
    """
    chunk = b"%x\r\n" % MIB + bytes(MIB) + b"\r\n"

    got = door.send(door.head("transfer-encoding: chunked", length=None), *[chunk] * 64)

    assert (413, "body_too_large") == (got.status, got.code) or got.status == 0


NO_BODY: dict[str, tuple[bytes, bytes]] = {
    "a trailer without end": (b"0\r\nx-a: ", b"a" * 65536),
    "trailers without end": (b"0\r\n", b"x-a: b\r\n" * 8192),
    "an extension of a chunk without end": (b"5;", b"a" * 65536),
}


@pytest.mark.parametrize("key", ["a good key", "no key"])
@pytest.mark.parametrize("name", NO_BODY)
def test_what_is_no_body(door: Door, name: str, key: str) -> None:
    """
    What comes between the pieces of a body or behind it is bounded as a head is, and gathered no longer.
    """
    begin, more = NO_BODY[name]
    head = door.head("transfer-encoding: chunked", length=None)
    if key == "no key":
        head = re.sub(rb"authorization: [^\r]+\r\n", b"", head)

    with door.connect() as connection:
        connection.sendall(head + begin)
        with suppress(OSError):
            for _ in range(700):
                connection.sendall(more)
        data = _until_closed(connection)

    assert data[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 401", b"")


HEADS: dict[str, Callable[[Door], bytes]] = {
    "a line break in a header": lambda door: door.head("x-session-id: a\rx-evil: 1"),
    "a zero byte in a header": lambda door: door.head("x-session-id: a\0b"),
    "a header without a name": lambda door: door.head(": nobody"),
    "a blank before the colon": lambda door: door.head("x-session-id : a"),
    "two lengths": lambda door: door.head("content-length: 5"),
    "a length and chunks": lambda door: door.head("transfer-encoding: chunked"),
    "a negative length": lambda door: door.head("content-length: -1", length=None),
    "a length of many digits": lambda door: door.head("content-length: " + "9" * 400, length=None),
    "chunks of no size": lambda door: door.head("transfer-encoding: chunked", length=None) + b"zz\r\n",
    "chunks beyond all sizes": lambda door: door.head("transfer-encoding: chunked", length=None) + b"f" * 40 + b"\r\n",
    "no HTTP": lambda door: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
    "HTTP/2": lambda door: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a verb that nobody knows": lambda door: b"BREW" + door.head()[4:],
    "a URL with blanks": lambda door: door.head(path="/v1/chat completions"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head(door: Door, name: str) -> None:
    """
    What is not HTTP, or could be read in two ways, gets an error or nothing, and the connection is closed.
    """
    with door.connect() as connection:
        connection.sendall(HEADS[name](door) + GOOD)
        got = read(connection)
        connection.settimeout(60)
        rest = _until_closed(connection)

    assert got.status == 0 or 400 <= got.status < 500, got
    assert "x-evil" not in got.head
    assert b"parcel" not in got.body + rest


def _until_closed(connection: socket.socket) -> bytes:
    """Read until the other side closes; fails where it does not."""
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
    except ConnectionError:
        pass
    return data


def test_garbage_behind_a_request(door: Door) -> None:
    """
    A good request in front of garbage is answered; the garbage is refused and ends the connection.
    """
    with door.connect() as connection:
        connection.sendall(door.head() + GOOD + b"\x00\x01\x02 garbage\r\n\r\n" * 100)
        data = _until_closed(connection)

    assert data.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400"))
    assert data.count(b"parcel") <= 1


def test_many_requests_at_once_on_one_connection(door: Door) -> None:
    """
    Two hundred requests sent without waiting are answered in their order, one after the other.
    """
    with door.connect() as connection:
        connection.sendall((door.head() + GOOD) * 199 + door.head("connection: close") + GOOD)
        data = _until_closed(connection)

    assert 200 == data.count(b"parcel")


def test_odd_values_in_headers(door: Door) -> None:
    """
    Values that HTTP allows reach nothing that they could break: sessions, tokens and versions of odd bytes.
    """
    session = door.send(door.head("x-session-id: \xff\xfe" + "s" * 3000), GOOD)
    twice = door.send(door.head("authorization: Bearer other"), GOOD)
    beta = door.send(door.head("anthropic-beta: \xe9, a", "idempotency-key: %0d%0ax-evil: 1"), GOOD)

    assert (200, 200, 200) == (session.status, twice.status, beta.status)
    assert "x-evil" not in beta.head


def test_keys_made_of_anything(door: Door) -> None:
    """
    Keys of every length and letter are refused alike.
    """
    head = door.head().decode("latin-1")
    keys = ["", "x", "tdl_" * 500, "\xff" * 100, "tdl_00000000000000000000000000_" + "A" * 43, "Bearer Bearer"]

    got = [door.send(re.sub(r"Bearer \S+", lambda _: f"Bearer {key}", head).encode("latin-1"), GOOD) for key in keys]  # noqa: B023

    assert [401] * len(keys) == [each.status for each in got]


def test_callers_that_say_nothing(door: Door) -> None:
    """
    Three hundred connections that say nothing, or half a request, keep nobody else waiting.
    """
    silent = [door.connect() for _ in range(300)]
    for number, each in enumerate(silent):
        if number % 3:
            each.sendall((door.head() + GOOD)[: 20 * (number % 3)])
    began = time.monotonic()

    served = [door.still_serves() for _ in range(5)]

    took = time.monotonic() - began
    for each in silent:
        each.close()
    assert all(served)
    assert took < 60.0


def test_callers_that_do_not_read(door: Door) -> None:
    """
    Callers that ask and never read an answer keep nobody else waiting, and cost no memory.
    """
    deaf = [door.connect() for _ in range(50)]
    for each in deaf:
        each.sendall((door.head() + GOOD) * 50)

    served = door.still_serves()

    for each in deaf:
        each.close()
    assert served
    wait_for(lambda: door.still_serves())


def test_a_body_that_drips(tmp_path: Path) -> None:
    """
    A caller that sends its body byte by byte is told off when the time for a body is over, not kept company for hours.
    """
    with serving(_gateway(tmp_path)) as url:
        where = urlsplit(url)
        with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=0.05) as connection:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
            connection.sendall(head.encode() + b"content-length: 100000\r\n\r\n")
            got = b""
            for _ in range(400):
                with suppress(TimeoutError):
                    got = connection.recv(65536)
                    break
                connection.sendall(b" ")

    assert got.startswith(b"HTTP/1.1 408")
    assert b"body_timeout" in got


def _gateway(folder: Path) -> Gateway:
    """Return a gateway that waits half a second for a body."""
    key = Key(
        key_id=PARSED.key_id,
        project_id="prj",
        secret_hmac=secret_hmac(bytes(32), PARSED.secret),
        permissions=frozenset({"gateway.invoke"}),
    )
    table = Table(Snapshot(hash="h", keys={key.key_id: key}), bytes(32))
    unused: Any = None
    recorder = Recorder(unused, Spool(folder))
    return Gateway(lambda: table, unused, recorder, SystemClock(), body_seconds=0.5)

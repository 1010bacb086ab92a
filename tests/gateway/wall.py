"""The wall: a real HTTP upstream on loopback that speaks every dialect and misbehaves on command.

    with Wall() as wall:
        wall.behave("gpt", Fault(status=503, retry_after="1"), Fault())   # one after the other, the last one stays
        ... base_url=wall.url + "/v1", model="gpt" or a model that says it itself: "gpt~cut_at=2,between=0.05"
        assert 2 == len(wall.requests)

It serves in a thread of its own and is written on bare sockets, so that it can say what no HTTP library would. It counts
connections, requests and hang-ups with their times. The answers are those of `wall_shapes`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import threading
import time
from collections import defaultdict
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from tests.gateway.wall_shapes import Said, Shape, shape_of
from treadle.gateway.providers.eventstream import encode_message

TEXT = "The quick brown fox jumps over the lazy dog"
FOREVER = 3600.0
BOMB_BYTES = 128 * 1024 * 1024


_NEEDED = {
    "chat": "messages",
    "completions": "prompt",
    "responses": "input",
    "messages": "messages",
    "gemini": "contents",
    "converse": "messages",
}
"""The field without which a request is none; without it a strict wall says 400, as every provider does."""


class Fault(Struct, frozen=True, kw_only=True):
    """How one request is answered; the default is well-behaved. Counts of events begin at 0, times are in seconds."""

    text: str = TEXT
    letters: bool = False
    """Say it letter by letter instead of word by word."""
    calls_tool: bool = False
    """Answer with a call of the tool `look_up` instead of text."""
    status: int = 200
    """From 400 on an error in the dialect's shape is sent."""
    error: str = "the wall says no"
    """Words of an error."""
    retry_after: str = ""
    """Value of a Retry-After header."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers."""
    before_head: float = 0.0
    """Wait before the status line."""
    before_first: float = 0.0
    """Wait after the head, before the first event or the body."""
    between: float = 0.0
    """Wait between two events."""
    stall_at: int | None = None
    """Send so many events, then nothing more, with the connection open."""
    cut_at: int | None = None
    """Drop the connection in the middle of this event (or of the body)."""
    ends_at: int | None = None
    """End the stream as if it were whole after so many events, without its end mark."""
    no_end_mark: bool = False
    """Leave only the end mark out."""
    double_end_mark: bool = False
    malformed_at: int | None = None
    """This event is not JSON."""
    error_at: int | None = None
    """In place of this event an error event is sent, and then the stream ends."""
    no_usage: bool = False
    content_type: str = ""
    """Another content type than the right one."""
    body: str = ""
    """Another body than the right one, with status 200 or the one above."""
    oversize: int = 0
    """Add so many bytes of white space to the body, or send so many in one event that does not end."""
    gate_at: int | None = None
    """Wait before this event until the wall's `gate` is open."""
    oversize_at: int | None = None
    """Which event that is; None sends it behind all others."""
    drip: float = 0.0
    """Send byte by byte with this wait between two."""
    split: int = 0
    """Send pieces of so many bytes without regard to events."""
    crlf: bool = False
    """End lines of events with CR LF."""
    comments: bool = False
    """Send a comment before each event."""
    bom: bool = False
    """Begin a stream with a byte order mark."""
    compressed: bool = False
    """Compress with gzip although nobody asked."""
    bomb: bool = False
    """Send a small gzip body that unpacks to 128 MiB."""
    close: bool = False
    """Close the connection instead of answering."""
    cut_head: bool = False
    """Close it in the middle of the head."""
    garbage: bool = False
    """Answer with bytes that are not HTTP."""
    huge_headers: int = 0
    """Add a header of so many bytes."""
    interim: int = 0
    """Send so many '100 Continue' first."""
    redirect: str = ""
    """Answer 307 with this Location."""
    no_length: bool = False
    """Send a body that ends with the connection."""
    hangs_up: bool = False
    """Close the kept connection right after the answer, without having said so."""
    surplus: bool = False
    """Send a second, unasked answer behind the first."""


class Seen(NamedTuple):
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: Any
    """Its JSON, or None."""
    at: float
    """time.monotonic() when it was complete."""
    connection: int
    """Number of the connection it came on, from 1."""


class Wall:
    """Serves from `with` to its end."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, strict: bool = False) -> None:
        """strict: answer 400 to what is no request of its dialect."""
        self.requests: list[Seen] = []
        self.connections = 0
        """Connections that were ever made."""
        self.open = 0
        """Connections that are open."""
        self.disconnects: list[float] = []
        """time.monotonic() of each hang-up in the middle of an answer."""
        self.closes_on_connect = False
        """Close each connection as soon as it is made."""
        self.gate = threading.Event()
        """Opened by a test when what a fault is to follow has arrived."""
        self.url = ""
        self._tls = tls
        self._is_strict = strict
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="the wall")
        self._ready = threading.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Wall:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def behave(self, model: str, *faults: Fault) -> None:
        """Answer requests for a model so, one after the other; the last one stays. '*' is every other model."""
        self._faults[model] = list(faults)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls))
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for _ in range(3):  # what was accepted a moment ago becomes a task only in the next round
            self._loop.run_until_complete(asyncio.sleep(0.005))
            for writer in self._writers:
                writer.transport.abort()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            if not self.closes_on_connect:
                while await self._one(reader, writer, number):
                    pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            if not writer.transport.is_closing():
                writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip().split("\r\n")
        path = line.split(" ")[1]
        headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        data = await reader.readexactly(int(headers.get("content-length", "0")))
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        self.requests.append(Seen(path, headers, body, time.monotonic(), number))
        answering = asyncio.ensure_future(self._answer(writer, path, body if isinstance(body, dict) else {}))
        # Whatever comes before the answer is whole can only be a hang-up: nobody pipelines.
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        hung_up = not answering.done() or isinstance(answering.exception(), ConnectionError)
        ended = gone.done()
        answering.cancel()
        gone.cancel()
        await asyncio.gather(answering, gone, return_exceptions=True)
        if hung_up:
            self.disconnects.append(time.monotonic())
        return not hung_up and not ended and answering.result()

    async def _answer(self, writer: asyncio.StreamWriter, path: str, body: dict[str, Any]) -> bool:
        """Answer one request; return whether the connection goes on."""
        dialect, model, streams = understand(path, body)
        fault = self._fault(model)
        needed = _NEEDED.get(dialect)
        if self._is_strict and needed is not None and needed not in body:
            fault = Fault(status=400, error=f"a request of '{dialect}' needs '{needed}'")
        if fault.close:
            writer.transport.abort()
            return False
        await asyncio.sleep(fault.before_head)
        if fault.cut_head:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: applic")
            await _cut(writer)
            return False
        if fault.garbage:
            writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            await writer.drain()
            return False
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * fault.interim)
        words = list(fault.text) if fault.letters else [word + " " for word in fault.text.split(" ")]
        words[-1] = words[-1].rstrip()
        said = Said(model, words, fault.calls_tool, not fault.no_usage)
        shape = shape_of(dialect, said, body)
        if fault.status >= 400:
            whole = json.dumps(error_body(dialect, fault)).encode()
            return await _whole(writer, fault, fault.body.encode() or whole)
        if fault.redirect or fault.body or not (streams and shape.events):
            return await _whole(writer, fault, fault.body.encode() or json.dumps(shape.whole).encode())
        return await _stream(writer, fault, dialect, shape, self.gate)

    def _fault(self, model: str) -> Fault:
        _, _, spelled = model.partition("~")
        if spelled:
            pairs = dict(pair.partition("=")[::2] for pair in spelled.split(","))
            return msgspec.convert({key: value or "true" for key, value in pairs.items()}, Fault, strict=False)
        queue = self._faults.get(model) or self._faults.get("*")
        if not queue:
            return Fault()
        return queue.pop(0) if len(queue) > 1 else queue[0]


def understand(path: str, body: dict[str, Any]) -> tuple[str, str, bool]:
    """Return the dialect, the model and whether the answer streams."""
    path, _, _ = path.partition("?")
    model, streams = str(body.get("model", "")), bool(body.get("stream"))
    if path.endswith(("/chat/completions", "/completions", "/embeddings", "/responses", "/messages", "/count_tokens")):
        last = path.rsplit("/", 1)[1]
        if "/deployments/" in path:
            model = unquote(path.split("/deployments/")[1].split("/")[0])
        return ("chat" if path.endswith("/chat/completions") else last), model, streams
    if ":" in path and path.endswith("enerateContent"):
        return "gemini", unquote(path.rsplit("/", 1)[1].rsplit(":", 1)[0]), path.endswith("streamGenerateContent")
    if path.endswith(("/converse", "/converse-stream")):
        return "converse", unquote(path.split("/")[-2]), path.endswith("-stream")
    return "models", model, False


@cache
def bomb() -> bytes:
    """Return a gzip body that unpacks to 128 MiB; made once, which takes a second."""
    return gzip.compress(bytes(BOMB_BYTES), 6)


def error_body(dialect: str, fault: Fault) -> dict[str, Any]:
    """Return an error in a dialect's shape."""
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    kind = kinds.get(fault.status, "server_error")
    if dialect in ("messages", "count_tokens"):
        kind = "api_error" if kind == "server_error" else kind
        return {"type": "error", "error": {"type": kind, "message": fault.error}, "request_id": "req_wall"}
    if dialect == "gemini":
        return {"error": {"code": fault.status, "message": fault.error, "status": "UNAVAILABLE"}}
    if dialect == "converse":
        return {"message": fault.error}
    return {"error": {"message": fault.error, "type": kind, "param": None, "code": f"wall_{fault.status}"}}


def error_event(dialect: str, fault: Fault) -> bytes:
    """Return the framed event by which a dialect reports a fault in the middle of a stream."""
    named = Fault(status=529, error=fault.error)
    if dialect == "converse":
        headers = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
        return encode_message(headers, json.dumps({"message": fault.error}).encode())
    if dialect == "messages":
        return _framed("error", error_body(dialect, named))
    if dialect == "responses":
        data = {"type": "error", "code": "server_error", "message": fault.error, "param": None, "sequence_number": 9}
        return _framed("error", data)
    return _framed(None, error_body(dialect, named))


def _framed(name: str | None, data: dict[str, Any]) -> bytes:
    line = f"event: {name}\n" if name else ""
    return f"{line}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _head(fault: Fault, content_type: str, length: int | None) -> bytes:
    lines = [f"HTTP/1.1 {307 if fault.redirect else fault.status} Whatever"]
    lines.append(f"content-type: {fault.content_type or content_type}")
    lines.append("x-request-id: wall-1")
    if fault.redirect:
        lines.append(f"location: {fault.redirect}")
    if fault.retry_after:
        lines.append(f"retry-after: {fault.retry_after}")
    lines += [f"{name}: {value}" for name, value in fault.headers]
    if fault.huge_headers:
        lines.append("x-huge: " + "h" * fault.huge_headers)
    if fault.compressed or fault.bomb:
        lines.append("content-encoding: gzip")
    if fault.no_length:
        lines.append("connection: close")
    elif length is None:
        lines.append("transfer-encoding: chunked")
    else:
        lines.append(f"content-length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _whole(writer: asyncio.StreamWriter, fault: Fault, data: bytes) -> bool:
    data += b" " * fault.oversize
    if fault.bomb:
        data = bomb()
    elif fault.compressed:
        data = gzip.compress(data)
    writer.write(_head(fault, "application/json", len(data)))
    if fault.before_first:
        await writer.drain()
        await asyncio.sleep(fault.before_first)
    if fault.stall_at is not None:
        await asyncio.sleep(FOREVER)
    if fault.cut_at is not None:
        writer.write(data[: len(data) // 2])
        await _cut(writer)
        return False
    await _send(writer, fault, data)
    return await _end(writer, fault)


async def _stream(
    writer: asyncio.StreamWriter, fault: Fault, dialect: str, shape: Shape, gate: threading.Event
) -> bool:
    binary = dialect == "converse"
    writer.write(_head(fault, "application/vnd.amazon.eventstream" if binary else "text/event-stream", None))
    await writer.drain()
    await asyncio.sleep(fault.before_first)
    if fault.bomb:
        await _piece(writer, fault, bomb())
        return await _end_chunks(writer, fault)
    framed = [_frame(fault, dialect, name, data) for name, data in shape.events]
    if fault.compressed:
        await _piece(writer, fault, gzip.compress(b"".join(framed) + shape.end_mark))
        return await _end_chunks(writer, fault)
    for at, event in enumerate(framed):
        if at and fault.between:
            await asyncio.sleep(fault.between)
        while at == fault.gate_at and not gate.is_set():
            await asyncio.sleep(0.005)
        if at == fault.stall_at:
            await asyncio.sleep(FOREVER)
        if at == fault.ends_at:
            return await _end_chunks(writer, fault)
        if at == fault.cut_at:
            await _piece(writer, fault, event[: len(event) // 2])
            await _cut(writer)
            return False
        if at == fault.error_at:
            await _piece(writer, fault, error_event(dialect, fault))
            return await _end_chunks(writer, fault)
        if at == fault.oversize_at:
            huge = b"x" * fault.oversize
            await _piece(writer, fault, encode_message({}, huge)[:-1] if binary else b"data: " + huge)
            return await _end_chunks(writer, fault)
        if at == fault.malformed_at:
            event = encode_message({":event-type": "contentBlockDelta"}, b"{oh") if binary else b"data: {oh\n\n"
        if at == 0 and fault.bom and not binary:
            event = b"\xef\xbb\xbf" + event
        await _piece(writer, fault, event)
    if fault.oversize and fault.oversize_at is None:
        await _piece(writer, fault, b"data: " + b"x" * fault.oversize)
    if not fault.no_end_mark and shape.end_mark:
        await _piece(writer, fault, shape.end_mark * (2 if fault.double_end_mark else 1))
    return await _end_chunks(writer, fault)


def _frame(fault: Fault, dialect: str, name: str | None, data: dict[str, Any]) -> bytes:
    if dialect == "converse":
        payload = json.dumps(data).encode()
        headers = {":event-type": name or "", ":content-type": "application/json", ":message-type": "event"}
        return encode_message(headers, payload)
    framed = _framed(name, data)
    if fault.comments:
        framed = b": still here\n\n" + framed
    return framed.replace(b"\n", b"\r\n") if fault.crlf else framed


async def _piece(writer: asyncio.StreamWriter, fault: Fault, data: bytes) -> None:
    """Send data as one HTTP chunk, or as smaller ones."""
    size = 1 if fault.drip else fault.split or len(data)
    for start in range(0, len(data), size):
        part = data[start : start + size]
        writer.write(part if fault.no_length else f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
        if fault.drip:
            await asyncio.sleep(fault.drip)


async def _send(writer: asyncio.StreamWriter, fault: Fault, data: bytes) -> None:
    size = 1 if fault.drip else fault.split or len(data) or 1
    for start in range(0, len(data), size):
        writer.write(data[start : start + size])
        await writer.drain()
        if fault.drip:
            await asyncio.sleep(fault.drip)


async def _end_chunks(writer: asyncio.StreamWriter, fault: Fault) -> bool:
    if not fault.no_length:
        writer.write(b"0\r\n\r\n")
    return await _end(writer, fault)


async def _end(writer: asyncio.StreamWriter, fault: Fault) -> bool:
    if fault.surplus:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    await writer.drain()
    if fault.no_length or fault.hangs_up:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return False
    return True


async def _cut(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    await asyncio.sleep(0.01)  # so that what was written is on its way before the connection is reset
    writer.transport.abort()

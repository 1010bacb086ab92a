"""The door for traces: `POST /v1/traces`, OTLP over HTTP, protobuf or JSON, plain or gzip. Raw ASGI, like its neighbour.

Policy: the key's `traces.write`. The answer is sent when the spans are committed. What is wrong with a span costs that
span (`partialSuccess`); when the store is full or away, the whole request gets 503 with Retry-After and nothing of it
is kept, because OpenTelemetry's Python exporter drops a batch at 429. Bodies are unpacked within bounds and read in a
thread, one at a time, so that the requests of the gateway go on meanwhile. What a project does not keep (`capture`) is
taken out before anything else is done with a span.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import anyio
import anyio.to_thread
import msgspec

from treadle.core.clock import Clock
from treadle.core.errors import HTTP_STATUS, InvalidInput, TreadleError, Unavailable, kind_of
from treadle.gateway import outages, refusals
from treadle.gateway.app import BODY_SECONDS, CallerGone, Message, Send, gather_body
from treadle.gateway.decoding import Inflater
from treadle.gateway.forwarding.loops import HEADER
from treadle.gateway.refusals import Refusal
from treadle.gateway.replying import retry_header
from treadle.gateway.table import Table, read_headers
from treadle.gateway.upstream import Broken, TooLarge
from treadle.gateway.watching import Deadline, Receive, Ticker
from treadle.guards.capture import Capture
from treadle.traces.capture.reducing import reduce_all
from treadle.traces.dialects.registry import canonical, disbelieved
from treadle.traces.dialects.repeats import without_repeats
from treadle.traces.intake import PackedSpan, pack
from treadle.traces.otlp.decode import JSON, decode
from treadle.traces.price_book import PriceBook

log = logging.getLogger("treadle.gateway.traces")

PATH = "/v1/traces"
PERMISSION = "traces.write"
MAX_BODY_BYTES = 16 * 1024 * 1024
"""As it comes."""
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
"""Once unpacked."""
MAX_HELD_BYTES = 96 * 1024 * 1024
"""Of bodies that are read at the same time."""
RETRY_SECONDS = 2
_MARK = HEADER.encode()
_OK, _PROTOBUF = b"application/json", b"application/x-protobuf"

Put = Callable[[str, Sequence[PackedSpan]], Awaitable[None]]
"""Commits spans of one project; raises Unavailable when they should be sent again."""


class TracesDoor:
    """Takes spans from applications."""

    def __init__(self, find_table: Callable[[], Table | None], put: Put, clock: Clock) -> None:
        self._find_table = find_table
        self._put = put
        self._clock = clock
        self._prices = PriceBook(clock)
        self._ticker = Ticker()
        self._reading = anyio.CapacityLimiter(1)
        self._held_bytes = 0
        self._idle: asyncio.Event | None = None
        self.in_flight = 0
        """Requests that are being answered now."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.in_flight += 1
        is_json = False
        try:
            headers = read_headers(scope["headers"])
            media = headers.get(b"content-type", b"").decode("latin-1")
            is_json = media.partition(";")[0].strip().lower() == JSON
            rejected, told = await self._take(scope, headers, media, receive)
            await _respond(send, 200, _accepted(rejected, told, is_json=is_json), is_json=is_json)
        except Refusal as refusal:
            await _refuse(send, refusal, is_json=is_json)
        except TreadleError as error:
            await _refuse(send, _refusal_of(error), is_json=is_json)
        except CallerGone:
            pass
        except Exception:
            # The border of a request: the trace goes to the log, never to the caller.
            log.exception("spans could not be taken")
            await _refuse(send, outages.internal(None), is_json=is_json)
        finally:
            self.in_flight -= 1
            if self._idle is not None and self.in_flight == 0:
                self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Wait until no request is being answered, at most so long."""
        self._idle = asyncio.Event()
        if self.in_flight:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    async def _take(
        self, scope: Message, headers: Mapping[bytes, bytes], media: str, receive: Receive
    ) -> tuple[int, str]:
        """Return how many spans were refused and why; all others are committed."""
        if scope["method"] != "POST":
            raise refusals.wrong_method(scope["method"], PATH, "POST")
        table = self._find_table()
        if table is None:
            raise refusals.not_ready()
        given = headers.get(b"authorization")
        if given is None and (bare := headers.get(b"x-api-key")) is not None:
            given = b"Bearer " + bare
        project_id = table.authenticate(given, self._clock.now(), PERMISSION).project_id
        level = table.snapshot.captures.get(project_id, "on")
        if (mark := headers.get(_MARK)) is not None and table.sent_itself(mark, project_id):
            raise refusals.forwarded_to_itself()
        length = headers.get(b"content-length", b"")
        announced = int(length) if length.isdigit() else 0
        if announced > MAX_BODY_BYTES:
            raise refusals.spans_too_large(MAX_BODY_BYTES)
        if self._held_bytes and self._held_bytes + announced > MAX_HELD_BYTES:
            raise refusals.spans_later(RETRY_SECONDS)
        held = max(announced, 1)
        self._held_bytes += held
        try:
            body = await self._body(receive)
            encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
            spans, rejected, told = await anyio.to_thread.run_sync(
                _read, body, encoding, media, project_id, level, self._prices, limiter=self._reading
            )
            del body
            if spans:
                await self._put(project_id, spans)
            return rejected, told
        finally:
            self._held_bytes -= held

    async def _body(self, receive: Receive) -> bytes:
        deadline = Deadline(self._ticker, BODY_SECONDS)
        try:
            return await gather_body(receive, MAX_BODY_BYTES, refusals.spans_too_large)
        except asyncio.CancelledError:
            if not deadline.fired:
                raise
            deadline.forgive()
            raise refusals.body_too_slow(BODY_SECONDS) from None
        finally:
            deadline.stop()


def _read(
    body: bytes, encoding: str, media: str, project_id: str, level: Capture, prices: PriceBook
) -> tuple[list[PackedSpan], int, str]:
    """Return a body's spans as they are stored, how many were refused, and why. level: what of them is kept."""
    if encoding not in ("", "identity"):
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise refusals.spans_encoded(encoding)
        try:
            inflater = Inflater(encoding, MAX_UNPACKED_BYTES)
            body = inflater.feed(body) + inflater.finish()
        except TooLarge:
            raise refusals.spans_too_large(MAX_UNPACKED_BYTES) from None
        except Broken as error:
            raise refusals.spans_damaged(str(error)) from None
    decoded = decode(body, media)
    prices.begin()
    made, packed, rejected, told = [], [], decoded.rejected, decoded.message
    for raw in reduce_all(decoded.spans, level):
        try:
            made.append(span := canonical(raw, project_id, prices.price))
            told = told or disbelieved(raw, span) or ""
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            rejected += 1
            told = told or f"span '{raw.span_id}' cannot be written as JSON: {error}"
    for span in without_repeats(made):
        try:
            packed.append(pack(span))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            rejected += 1
            told = told or f"span '{span.span_id}' cannot be written as JSON: {error}"
    return packed, rejected, told


def _accepted(rejected: int, told: str, *, is_json: bool) -> bytes:
    """Return an ExportTraceServiceResponse."""
    if not rejected and not told:
        return b"{}" if is_json else b""
    if is_json:
        return msgspec.json.encode({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": told}})
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = told
    return bytes(response.SerializeToString())


def _refusal_of(error: TreadleError) -> Refusal:
    wait = RETRY_SECONDS if isinstance(error, Unavailable) else None
    # OTLP's status for a body at fault is 400, whatever ours would be.
    status = 400 if isinstance(error, InvalidInput) else int(HTTP_STATUS[kind_of(error)])
    return Refusal(status, error.error_code, error.message, retry_after_seconds=wait)


async def _refuse(send: Send, refusal: Refusal, *, is_json: bool) -> None:
    """Tell why as a google.rpc.Status, as OTLP asks for."""
    if is_json:
        body = msgspec.json.encode({"code": 0, "message": refusal.message, "details": [{"reason": refusal.code}]})
    else:
        text = f"{refusal.message} [{refusal.code}]".encode()
        body = b"\x12" + _varint(len(text)) + text  # field 2, a string
    await _respond(send, refusal.status, body, (*retry_header(refusal), *refusal.headers), is_json=is_json)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


async def _respond(
    send: Send, status: int, body: bytes, more: Sequence[tuple[bytes, bytes]] = (), *, is_json: bool
) -> None:
    headers = [(b"content-type", _OK if is_json else _PROTOBUF), (b"content-length", str(len(body)).encode()), *more]
    if status in (408, 413):
        headers.append((b"connection", b"close"))  # else the rest of the body would be read, to find the next request
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

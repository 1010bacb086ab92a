"""The gateway's door: a raw ASGI application for everything under /v1 that applications call.

It recognises the key, finds the endpoint, hands over to an `Exchange` and offers the record. No database, no framework:
what it knows is the table that `live` swaps, what it remembers leaves through the recorder.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from treadle.core.clock import Clock
from treadle.core.settings import DEFAULT_MAX_BODY_MIB
from treadle.gateway import outages, refusals
from treadle.gateway.assign import without_rollout
from treadle.gateway.caller_trace import CallerTrace, read_caller_trace
from treadle.gateway.count import MESSAGES, count
from treadle.gateway.exchange import Exchange
from treadle.gateway.following import going_on
from treadle.gateway.moderating import moderate
from treadle.gateway.parts import Parts
from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.protocols.models import model_answer, models_page
from treadle.gateway.protocols.registry import PROTOCOLS
from treadle.gateway.recorder import Recorder
from treadle.gateway.refusals import Refusal
from treadle.gateway.repeats.repeats import Kept, Repeats, Turn
from treadle.gateway.replying import retry_header
from treadle.gateway.table import Mark, Table, read_headers
from treadle.gateway.types import Key
from treadle.gateway.watching import Receive, RequestWatch, Ticker
from treadle.http.notes import NOTES
from treadle.traces.consent import is_refusal
from treadle.traces.intake import NewSpan

log = logging.getLogger("treadle.gateway")

MAX_BODY_BYTES = DEFAULT_MAX_BODY_MIB * 1024 * 1024
"""Unless the settings say otherwise."""
BODY_SECONDS = 30.0
MODELS, COUNT, MODERATE = "/v1/models", "/v1/messages/count_tokens", "/v1/moderations"
CHAT = PROTOCOLS["/v1/chat/completions"]
"""In whose shape errors are told where the path says nothing."""

INSIDE = "treadle.inside"
"""Where work inside this process (batches, judges, experiments) says who it is; no socket can set it."""
_CREATED = 1_700_000_000
"""An endpoint's age says nothing about a model; a fixed time, since clients demand one."""
_FORWARDED = (b"anthropic-beta", b"openai-beta")
"""Callers' headers that mean something to a provider that speaks their protocol. Not `idempotency-key`: many callers share
one account there, and the answer to somebody else's key would be somebody else's answer."""
_NO_TRAINING = b"x-treadle-no-training"
_ONCE = b"idempotency-key"
_TRACE, _TRACE_STATE = b"traceparent", b"tracestate"

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


T = TypeVar("T")


class Inside(Struct, frozen=True):
    """A caller inside this process."""

    key: Key
    """Whom it acts for, already checked."""
    is_aside: bool
    """Whether the request is no part of a rollout."""
    is_internal: bool
    """Whether endpoints are open to it that no key may call."""
    tell: Callable[[NewSpan], None]
    """Is told the record of the request: its trace, what it cost."""


class Said(Struct, frozen=True):
    """What the head of a request says about whoever sends it."""

    mark: Mark
    """Of the table that recognised the key. Not the table: a connection that rests would hold on to it when it is replaced."""
    key: Key
    session: str
    no_training: bool
    above: CallerTrace | None
    """Where it stands in its caller's trace."""
    forwarded: tuple[tuple[str, str], ...]
    """Headers that go on to targets which speak its protocol."""
    cache_control: bytes
    once: bytes | None
    """Names the request, so that it is asked once however often it is sent."""


class CallerGone(Exception):
    """The caller closed the connection before its request was complete."""


class Gateway:
    """Serves the paths under /v1 to applications."""

    def __init__(
        self,
        find_table: Callable[[], Table | None],
        parts: Parts,
        recorder: Recorder,
        clock: Clock,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        body_seconds: float = BODY_SECONDS,
        repeats: Repeats | None = None,
    ) -> None:
        """repeats: what is known of requests that are sent twice; None for a worker that shares it with nobody."""
        self._find_table = find_table
        self._parts = parts
        self._recorder = recorder
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._body_seconds = body_seconds
        self._ticker = Ticker()
        self._repeats = repeats or Repeats()
        self.in_flight = 0
        """Requests that are being answered now."""
        self._idle: asyncio.Event | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        self.in_flight += 1
        protocol = PROTOCOLS.get(scope["path"])
        shape = protocol or (MESSAGES if scope["path"] == COUNT else CHAT)
        try:
            if protocol is None:
                await self._serve_other(scope, receive, send)
            else:
                await self._serve(protocol, scope, receive, send)
        except Refusal as refusal:
            await _refuse(refusal, shape, send)
        except CallerGone:
            pass
        except Exception:
            # The border of a request; once there is an exchange it has its own, so nothing was sent yet.
            log.exception("the gateway failed on a request")
            await _refuse(outages.internal(None), shape, send)
        finally:
            self.in_flight -= 1
            if self._idle is not None and self.in_flight == 0:
                self._idle.set()

    async def drain(self, seconds: float) -> bool:
        """Wait until no request is being answered; return whether that came within the time."""
        self._idle = asyncio.Event()
        if self.in_flight == 0:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        return self.in_flight == 0

    async def _serve_other(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer what is no request to a model: lists, counts, moderations."""
        path, method = scope["path"], scope["method"]
        right = (
            "GET" if path == MODELS or path.startswith(MODELS + "/") else "POST" if path in (COUNT, MODERATE) else ""
        )
        if not right:
            raise refusals.unknown_path(method, path)
        if method != right:
            raise refusals.wrong_method(method, path, right)
        table, headers = self._table(), read_headers(scope["headers"])
        key = _key_of(table, headers, self._clock.now())
        if path not in (COUNT, MODERATE):
            await self._list(table.names(key), path[len(MODELS) + 1 :], send)
            return
        self._check_body(headers)
        watch = RequestWatch(self._ticker, receive, self._body_seconds)
        try:
            body = await self._body(receive, watch)
            parts, offer, now = self._parts, self._recorder.offer, self._clock.now()
            if path == COUNT:
                work = count(parts, table, offer, key, body, now)
            else:
                work = moderate(parts.moderator, parts.limiter, offer, key, body, now)
            answer, more = await _watched(work, watch)
        finally:
            watch.stop()
        await _send_json(200, answer, more, send)

    async def _list(self, names: list[str], name: str, send: Send) -> None:
        if name and name not in names:
            raise refusals.unknown_model(name, names)
        await _send_json(200, model_answer(name, _CREATED) if name else models_page(names, _CREATED), (), send)

    async def _serve(self, protocol: SpokenProtocol, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise refusals.wrong_method(scope["method"], scope["path"], "POST")
        table = self._table()
        started_at = self._clock.now()
        inside: Inside | None = scope.get(INSIDE)
        said = self._said(table, scope, started_at, None if inside is None else inside.key)
        key = said.key
        watch = RequestWatch(self._ticker, receive, self._body_seconds)
        try:
            asked = protocol.parse(await self._body(receive, watch))
            followed = None if asked.follows is None else table.followed(key.project_id, asked.follows)
            if followed is not None:
                asked.body = going_on(asked.body, followed)
            if said.no_training:
                asked.no_training = True
            endpoint = table.endpoint(key, asked.model, internal=inside is not None and inside.is_internal)
            if inside is not None and inside.is_aside:
                endpoint = without_rollout(endpoint)
            exchange = Exchange(
                self._parts, table, key, endpoint, protocol, asked, said.session, started_at, said.above, followed
            )
            for name, value in said.forwarded:
                exchange.forward(name, value)
            if endpoint.cache.mode != "off":
                exchange.cache_control = said.cache_control
            turn: Turn | None = None
            if said.once is not None and endpoint.disabled is None:
                place = (key.project_id, key.key_id, protocol.path, said.once)
                found = await _watched(self._repeats.find(place, asked.body, is_stream=asked.stream), watch)
                if isinstance(found, Kept):
                    watch.stop()
                    await found.give(send)
                    return
                turn, send = found, found.sending(send, lambda: exchange.is_ok)
            try:
                await exchange.serve(send, watch.stop)
            except asyncio.CancelledError:
                if watch.fired or inside is not None:
                    exchange.cancelled()
                else:  # the server that runs us does not wait for the answer any longer
                    await exchange.stop()
                if not watch.fired:
                    raise
                watch.forgive()
            finally:
                if turn is not None:
                    turn.end()
                record = exchange.finish()
                if inside is not None:
                    inside.tell(record)
                self._recorder.offer(record)
        finally:
            watch.stop()

    def _table(self) -> Table:
        table = self._find_table()
        if table is None:
            raise refusals.not_ready()
        return table

    def _said(self, table: Table, scope: Message, now: datetime, key: Key | None) -> Said:
        """Return what a head says, read once for as long as the same one comes again. Raises Refusal (401, 403, 413, 415)."""
        notes = scope.get(NOTES)
        said: Said | None = None if notes is None else notes.get("said")
        if said is not None and said.mark is table.mark:
            table.admit(said.key, now)
            return said
        headers = read_headers(scope["headers"])
        key = key or _key_of(table, headers, now)
        self._check_body(headers)
        said = Said(
            mark=table.mark,
            key=key,
            session=headers.get(b"x-session-id", b"").decode("latin-1"),
            no_training=is_refusal(headers.get(_NO_TRAINING, b"").decode("latin-1")),
            above=read_caller_trace(headers[_TRACE], headers.get(_TRACE_STATE, b"")) if _TRACE in headers else None,
            forwarded=tuple((name.decode(), headers[name].decode("latin-1")) for name in _FORWARDED if name in headers),
            cache_control=headers.get(b"cache-control", b""),
            once=headers.get(_ONCE),
        )
        if notes is not None:
            notes["said"] = said
        return said

    def _check_body(self, headers: Mapping[bytes, bytes]) -> None:
        """Raise Refusal (413, 415) for a body that is not read at all. A length that differs is checked where it is read."""
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise refusals.encoded_body(headers[b"content-encoding"].decode("latin-1"))
        limit, length = self._max_body_bytes, headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            raise refusals.body_too_large(limit)

    async def _body(self, receive: Receive, watch: RequestWatch) -> bytes:
        body: bytes
        limit = self._max_body_bytes
        try:
            message = await receive()
            if message.get("more_body") or message["type"] != "http.request":
                body = await gather_body(receive, limit, first=message)
            else:  # it came in one piece, as nearly all do
                body = message.get("body", b"")
                if len(body) > limit:
                    raise refusals.body_too_large(limit)
        except asyncio.CancelledError:
            if not watch.fired:
                raise
            watch.forgive()
            raise refusals.body_too_slow(self._body_seconds) from None
        watch.has_body()
        return body


async def _watched(work: Awaitable[T], watch: RequestWatch) -> T:
    """Return what a work brings. Raises CallerGone when its caller goes away before that."""
    try:
        return await work
    except asyncio.CancelledError:
        if not watch.fired:
            raise
        watch.forgive()
        raise CallerGone from None


async def gather_body(
    receive: Receive,
    limit: int,
    too_large: Callable[[int], Refusal] = refusals.body_too_large,
    *,
    first: Message | None = None,
) -> bytes:
    """Return a body read whole. Raises what `too_large` makes when it is over the limit, CallerGone when it is cut.

    first: what was received of it already.
    """
    message = first or await receive()
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise CallerGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _key_of(table: Table, headers: Mapping[bytes, bytes], now: datetime) -> Key:
    """Return the caller's key: a bearer token, or Anthropic's own header. Raises Refusal."""
    given = headers.get(b"authorization")
    if given is None and (bare := headers.get(b"x-api-key")) is not None:
        given = b"Bearer " + bare
    return table.authenticate(given, now)


async def _refuse(refusal: Refusal, protocol: SpokenProtocol, send: Send) -> None:
    await _send_json(refusal.status, protocol.error(refusal, None), (*retry_header(refusal), *refusal.headers), send)


async def _send_json(status: int, data: bytes, more: tuple[tuple[bytes, bytes], ...], send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})

"""One request from the moment its caller and endpoint are known to the moment it is recorded.

Order: kill switch, limits, guards on the way in, cache, prompt, attempts, guards on the way out, refinement. The commit
point of a stream is its first content: before it a failure is an ordinary error answer, after it the stream ends with
an error event and without an end mark, so that a cut answer never looks complete. However it ends, the limits are
settled and one span is offered, with the arm and its probability (a failure counts against the arm that was chosen,
also when another target mended it).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from time import monotonic, perf_counter

import msgspec

from treadle.gateway import outages, refusals
from treadle.gateway.alike import Heard
from treadle.gateway.answers import Faulty, Live, Whole
from treadle.gateway.asking import Asking
from treadle.gateway.assign import choose_arm
from treadle.gateway.attempt import failure_of
from treadle.gateway.cache.cache import streamed_answer, whole_answer
from treadle.gateway.cache.keys import key_for
from treadle.gateway.caller_trace import CallerTrace
from treadle.gateway.counting import is_complete
from treadle.gateway.following import Followed
from treadle.gateway.guarding.requests import guard_answer, guard_request
from treadle.gateway.guarding.rules import Seen
from treadle.gateway.keeping import Keeping, wishes_of
from treadle.gateway.outgoing import Outgoing
from treadle.gateway.parts import Parts
from treadle.gateway.protocols.base import Asked, SpokenProtocol
from treadle.gateway.protocols.transcript import Transcript
from treadle.gateway.protocols.usage import merged
from treadle.gateway.record import Record
from treadle.gateway.refining import fitted, held_back
from treadle.gateway.refusals import Refusal
from treadle.gateway.replying import Caller, Headers, Release, Send
from treadle.gateway.reserving import Reserved, reserve, reserve_now
from treadle.gateway.table import Table
from treadle.gateway.types import Endpoint, Key
from treadle.gateway.upstream import UpstreamError
from treadle.traces.intake import NewSpan, new_span_id, new_trace_id

log = logging.getLogger("treadle.gateway")

_MAX_SESSION = 200
_STOP_SECONDS = 1.0
"""How long a caller who does not read is waited for, to be told that the gateway stops."""


class Exchange:
    """Serves one request."""

    def __init__(
        self,
        parts: Parts,
        table: Table,
        key: Key,
        endpoint: Endpoint,
        protocol: SpokenProtocol,
        asked: Asked,
        session: str | None,
        started_at: datetime,
        above: CallerTrace | None = None,
        followed: Followed | None = None,
    ) -> None:
        """above: where the request stands in its caller's trace, if it says so. followed: what it goes on from."""
        own_id = new_trace_id()
        self.trace_id = own_id if above is None else above.trace_id
        self._parts = parts
        self._table = table
        self._protocol = protocol
        self._asked = asked
        named = (session or asked.session or "")[:_MAX_SESSION] or None
        unit = named or own_id  # never what the caller chose, or it would choose its arm
        if followed is not None and named is None and followed.unit:
            unit = followed.unit
        self._record = record = Record(
            trace_id=self.trace_id,
            started_at=started_at,
            key=key,
            endpoint=endpoint,
            asked=asked,
            assignment=choose_arm(endpoint, unit),
            unit=unit,
            session=named,
            config_hash=table.hash,
            span_id=new_span_id(),
            transcript=Transcript(),
            began=perf_counter(),
        )
        record.followed = followed
        if above is not None:
            record.stands_under(above)
        arm = record.assignment.arm
        self._ready = ready = table.ready(endpoint, arm)
        self._is_followed = (ready.is_followed or followed is not None) and asked.protocol == "responses"
        """Whether its caller is told ids that say who keeps the response."""
        self._reserved: Reserved | None = None
        self._asking = Asking(parts, ready, protocol, record)
        self.cache_control = b""
        """What the caller says of the cache; read where the endpoint has one."""
        self._is_settled = False
        self._is_unjudged = False
        """Whether a guard gave no verdict in time: then the answer is given, but not kept."""
        self._keeping: Keeping | None = None
        self._caller: Caller | None = None
        trace_id = self.trace_id.encode()
        request_id = trace_id if above is None else record.span_id.encode()
        self._headers: Headers = (
            (b"x-treadle-trace-id", trace_id),
            (b"x-treadle-release-id", arm.release_id.encode()),
            (b"x-request-id", request_id),
            (b"request-id", request_id),
        )

    def forward(self, name: str, value: str) -> None:
        """Send a header of the caller on to targets that speak its protocol."""
        self._asking.headers = {**self._asking.headers, name: value}

    async def serve(self, send: Send, last: Release) -> None:
        """Answer the caller. `last` is called before the final message, when a disconnect no longer matters."""
        caller = self._caller = Caller(send, last, self._protocol, self.trace_id, self._headers)
        record, endpoint, ready, asked = self._record, self._record.endpoint, self._ready, self._asked
        try:
            if endpoint.disabled is not None:
                raise refusals.endpoint_disabled(endpoint.name, endpoint.disabled)
            if record.followed is not None and not ready.targets_for(record.followed):
                raise refusals.followed_elsewhere(endpoint.name)
            limiter, now = self._parts.limiter, monotonic()
            who = (record.key.project_id, record.key.key_id, endpoint.name, asked.user)
            held = reserve_now(limiter, ready, asked, who, now) or await reserve(limiter, ready, asked, who, now)
            self._reserved = held
            caller.headers = (*self._headers, *held.reservation.headers(self._protocol.name, now), *held.headers)
            if ready.guards.has_input:
                await self._guard_input()
                asked = self._asked
            if endpoint.cache.mode != "off" and await self._answer_again(caller):
                return
            record.composed = composed = held.composed_now(ready, asked) or await held.composed_for(ready, asked)
            if ready.guards.has_output and ready.composer.answers(asked) > 1:
                reason = "the guards of this model look at one answer only; ask for one at a time"
                raise refusals.invalid_field("n", reason)
            if self._table.has_shadows(endpoint):
                self._parts.shadows.cast(self._table, self._protocol, record)
            answer = await self._asking.ask(composed)
            if isinstance(answer, Live):
                await self._stream(answer, caller)
                return
            if ready.refiner is not None or ready.guards.has_output:
                answer = await self._reworked(answer)
            await caller.answer(200, self._kept(answer))
        except Exception as fault:
            await self._failed(fault, caller)  # the border of a request

    async def _failed(self, fault: Exception, caller: Caller) -> None:
        """Tell the caller what went wrong; what nobody foresaw is logged."""
        if isinstance(fault, Refusal):
            await self._fail(fault, caller)
        elif isinstance(fault, UpstreamError):
            await self._break(fault, caller)
        elif isinstance(fault, Faulty):
            if self._asking.begun is not None:
                self._asking.begun.pick.failed("bad_answer", monotonic())
            await self._fail(outages.upstream_failed(str(fault)), caller)
        else:
            log.error("the gateway failed on trace %s", self.trace_id, exc_info=fault)
            await self._fail(outages.internal(self.trace_id), caller)

    @property
    def is_ok(self) -> bool:
        """Whether nothing has gone wrong so far."""
        return self._record.status == "ok"

    def cancelled(self) -> None:
        """Note that the caller went away."""
        if self._record.status == "ok":
            self._record.status = "cancelled"

    async def stop(self) -> None:
        """Tell the caller that the gateway stops before the end of the answer."""
        caller = self._caller
        if caller is None or caller.has_ended:
            self.cancelled()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._fail(refusals.stopping(), caller)

    def finish(self) -> NewSpan:
        """Let go of everything and settle; return the record of this request."""
        self._asking.abandon()
        self._settle()
        record = self._record
        record.latency_ms = record.elapsed_ms()
        return record.span()

    def _settle(self) -> None:
        """Tell the limits what was used. Done before the caller can see the end: its next request finds its slot free."""
        if self._is_settled:
            return
        self._is_settled = True
        record, transcript = self._record, self._record.transcript
        is_answered = record.cached is None and (self._asking.begun is not None or transcript.started)
        if is_answered and not is_complete(transcript.usage):
            stated, usage = self._asking.stated, transcript.usage
            usage = stated if usage is None else merged(stated, usage)
            transcript.usage = record.completed(usage, transcript.written, transcript.reasoning)
        if self._reserved is not None:
            self._reserved.reservation.settle(*record.used())

    async def _answer_again(self, caller: Caller) -> bool:
        """Give an answer that was given before, if there is one that may be; return whether it was."""
        record, protocol, asked, cache = self._record, self._protocol, self._asked, self._parts.cache
        wishes = wishes_of(self.cache_control)
        if not wishes.keeps:
            caller.headers = (*caller.headers, (b"x-treadle-cache", b"bypass"))
            return False
        key = key_for(
            record.key.project_id, record.endpoint.name, self._ready.cache_digest, asked, self._asking.headers
        )
        if key is None:
            return False
        self._keeping = Keeping(cache, key, record, protocol)
        hit = await self._keeping.find() if wishes.reads else None
        if hit is None:
            caller.headers = (*caller.headers, (b"x-treadle-cache", b"miss" if wishes.reads else b"bypass"))
            return False
        caller.headers = (*caller.headers, (b"x-treadle-cache", hit.kind.encode()))
        self._settle()
        if asked.stream:
            await caller.end(streamed_answer(hit, protocol, wants_usage=asked.wants_usage))
        else:
            await caller.answer(200, whole_answer(hit))
        return True

    async def _guard_input(self) -> None:
        """Let the guards look at what the caller sent; what they mask is masked from here on. Raises Refusal."""
        asked, verdict = await guard_request(self._ready.guards, self._protocol, self._asked)
        self._note(verdict.seen)
        if verdict.blocked is not None:
            # What may not pass is not kept either: the record says which guard found what, never the text.
            self._record.asked = msgspec.structs.replace(asked, input_text="", texts=[])
            raise verdict.blocked
        self._asked = self._record.asked = asked

    async def _reworked(self, whole: Whole) -> Whole:
        """Return an answer as it fits, and as the guards let it go out. Raises Refusal."""
        guards, refiner = self._ready.guards, self._ready.refiner
        if whole.legible is not None:
            whole = Whole(whole.legible, whole.reading)
        if refiner is not None:
            again = self._asking.whole_again
            whole, text = await fitted(whole, refiner, again, self._record, is_guarded=guards.has_output)
            if text is not None:
                whole.reading.text = text
                whole = Whole(self._protocol.with_text(whole.data, text), whole.reading)
        return await self._guard_output(whole) if guards.has_output else whole

    def _kept(self, whole: Whole) -> bytes:
        """Keep what is known by now of an answer; return what goes out."""
        self._record.transcript.add(whole.reading)
        data = self._protocol.named(whole.data, self._record.endpoint.name)
        if self._is_followed:
            data = self._table.told(data, self._record)
        if self._keeping is not None and not self._is_unjudged:
            self._keeping.keep(data)
        self._settle()
        return data

    async def _guard_output(self, whole: Whole) -> Whole:
        """Return an answer with what the guards mask in it masked. Raises Refusal, and Faulty for what cannot be read."""
        guarded, verdict = await guard_answer(self._ready.guards, self._protocol, whole)
        self._note(verdict.seen)
        if verdict.blocked is not None:
            self._record.transcript.hear(whole.reading)
            raise verdict.blocked
        return guarded

    def _held(self, live: Live) -> AsyncIterator[list[Heard]]:
        refiner = self._ready.refiner
        assert refiner is not None
        is_guarded = self._ready.guards.has_output
        return held_back(live, refiner, self._asking.held_again, self._record, self._protocol, is_guarded=is_guarded)

    async def _stream(self, live: Live, caller: Caller) -> None:
        record, refiner = self._record, self._ready.refiner
        holds = self._asking.holds
        outgoing = Outgoing(
            self._protocol,
            self._ready.guards,
            record.endpoint.name,
            record.transcript,
            wants_usage=self._asked.wants_usage,
            trimmer=None if refiner is None or holds else refiner.trimmer(),
            is_refined=holds,
            keeps=self._keeping is not None,
            told=partial(self._table.told, record=record) if self._is_followed else None,
        )
        passes_on = outgoing.is_untouched
        try:
            async for batch in self._held(live) if holds else live.batches():
                out = outgoing.pass_on(batch) if passes_on else await outgoing.take(batch)
                if outgoing.refusal is not None and not caller.has_begun:
                    raise outgoing.refusal
                if outgoing.has_ended:
                    self._settle()
                if out:
                    if not caller.has_begun:
                        await caller.begin()
                    await caller.give(out)
                if outgoing.refusal is not None:
                    raise outgoing.refusal
        finally:
            outgoing.close()
            self._note(outgoing.seen)
        if self._asking.begun is not None:
            self._asking.begun.pick.succeeded(monotonic())
        if self._keeping is not None and not self._is_unjudged:
            self._keeping.keep_stream(b"".join(outgoing.kept))
        self._settle()
        await caller.end()

    def _note(self, seen: Sequence[Seen]) -> None:
        """Keep what the guards did on the record."""
        if not seen:
            return
        self._record.more.setdefault("treadle.guards", []).extend(each.attribute() for each in seen)
        self._is_unjudged |= any(each.is_late for each in seen)
        self._record.signals += [f"guard:{each.guard}" for each in seen if each.kinds]

    async def _break(self, error: UpstreamError, caller: Caller) -> None:
        """Tell the caller that a stream broke off after its first content."""
        begun = self._asking.begun
        assert begun is not None
        failure = failure_of(error, begun.target)
        begun.pick.failed(failure.kind, monotonic())
        is_cut = failure.kind in ("broken", "refused")
        await self._fail(outages.stream_cut() if is_cut else failure.refusal, caller)

    async def _fail(self, refusal: Refusal, caller: Caller) -> None:
        self._record.status, self._record.error = "error", refusal
        self._settle()
        await caller.refuse(refusal)

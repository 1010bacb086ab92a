"""The shadow stage: a share of the stable arm's requests is also answered by a candidate, and nobody sees the answer.

A copy begins when its request begins and runs beside it: the caller never waits for it. It counts against the limits on
the project and the endpoint, not against those of the caller, who did not ask for it; where they have no room, or too
many copies run at once, it is left out and counted. Its span stands below the request's own, with the arm 'shadow'.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from treadle.gateway import outages
from treadle.gateway.answers import Faulty, Live
from treadle.gateway.assign import Assignment, choose_shadow
from treadle.gateway.attempt import failure_of
from treadle.gateway.attempts import Attempts
from treadle.gateway.compose import Composed
from treadle.gateway.guarding.texts import Texts
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.protocols.transcript import Transcript
from treadle.gateway.ready import Ready
from treadle.gateway.record import Record
from treadle.gateway.refusals import Refusal
from treadle.gateway.reserving import reserve
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.sending import Sender
from treadle.gateway.table import Table
from treadle.gateway.types import Arm
from treadle.gateway.upstream import UpstreamError
from treadle.traces.intake import NewSpan, new_span_id

log = logging.getLogger("treadle.gateway.shadows")

MOST_AT_ONCE = 64


class Shadows:
    """The copies that run in this worker."""

    def __init__(self, sender: Sender, fleet: Fleet, limiter: Limiter, offer: Callable[[NewSpan], None]) -> None:
        self.left_out = 0
        """Copies that were not made because too many ran, a limit had no room for them, or what they go on from is kept
        elsewhere."""
        self._limiter = limiter
        self._sender = sender
        self._fleet = fleet
        self._offer = offer
        self._tasks: set[asyncio.Task[None]] = set()

    def cast(self, table: Table, protocol: SpokenProtocol, record: Record) -> None:
        """Copy a request to a shadowing arm, if the draw says so. Returns at once."""
        if record.assignment.arm.role != "stable":
            return
        arm = choose_shadow(record.endpoint, record.span_id)  # a caller may choose the id of its trace
        if arm is None:
            return
        if len(self._tasks) >= MOST_AT_ONCE:
            self.left_out += 1
            return
        task = asyncio.get_running_loop().create_task(self._copy(table, protocol, record, arm), name="gateway shadow")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what still runs."""
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _copy(self, table: Table, protocol: SpokenProtocol, seen: Record, arm: Arm) -> None:
        copy = Record(
            trace_id=seen.trace_id,
            started_at=seen.started_at,
            key=seen.key,
            endpoint=seen.endpoint,
            asked=seen.asked,
            assignment=Assignment(arm, arm.shadow_share),
            unit=seen.unit,
            session=seen.session,
            config_hash=seen.config_hash,
            span_id=new_span_id(),
            parent_span_id=seen.span_id,
            followed=seen.followed,
            transcript=Transcript(),
            began=time.perf_counter(),
        )
        who = (seen.key.project_id, None, seen.endpoint.name, None)
        ready = table.ready(seen.endpoint, arm)
        if not ready.targets_for(seen.followed):
            self.left_out += 1
            return
        try:
            held = await reserve(self._limiter, ready, seen.asked, who, time.monotonic())
        except Refusal:
            self.left_out += 1
            return
        try:
            copy.composed = await held.composed_for(ready, copy.asked)
            await self._answer(ready, protocol, copy, copy.composed)
            await _guard(ready, copy)
        except Refusal as refusal:
            copy.status, copy.error = "error", refusal
        except asyncio.CancelledError:
            copy.status = "cancelled"
            raise
        except Exception:
            # The border of a task: a fault in a copy must never reach anybody's request.
            log.exception("the shadow of trace %s failed", seen.trace_id)
            copy.status, copy.error = "error", outages.internal(seen.trace_id)
        finally:
            transcript = copy.transcript
            if transcript.started:
                transcript.usage = copy.completed(transcript.usage, transcript.written, transcript.reasoning)
            held.reservation.settle(*copy.used())
            copy.latency_ms = copy.elapsed_ms()
            self._offer(copy.span())

    async def _answer(self, ready: Ready, protocol: SpokenProtocol, copy: Record, composed: Composed) -> None:
        attempts = Attempts(
            fleet=self._fleet,
            send=self._sender.send,
            ready=ready,
            targets=ready.targets_for(copy.followed),
            endpoint=copy.endpoint,
            protocol=protocol,
            asked=copy.asked,
            composed=composed,
            session=copy.session,
        )
        copy.failed = attempts.failed
        try:
            begun = await attempts.begin()
        finally:
            if attempts.lost:
                copy.lose(attempts.lost)
        copy.target = begun.target
        answer = begun.answer
        if not isinstance(answer, Live):
            copy.transcript.add(answer.reading)
            return
        try:
            async for batch in answer.batches():
                for heard in batch:
                    if heard.reading is not None:
                        copy.transcript.add(heard.reading)
            begun.pick.succeeded(time.monotonic())
        except UpstreamError as error:
            failure = failure_of(error, begun.target)
            begun.pick.failed(failure.kind, time.monotonic())
            raise failure.refusal from error
        except Faulty as fault:
            begun.pick.failed("bad_answer", time.monotonic())
            raise outages.upstream_failed(str(fault)) from fault
        finally:
            begun.pick.abandoned(time.monotonic())
            answer.close()


async def _guard(ready: Ready, copy: Record) -> None:
    """Let the arm's own guards look at the answer before it is recorded. Raises Refusal where one blocks."""
    guards, said = ready.guards, copy.transcript.messages()
    if not guards.has_output or said is None:
        return
    texts = Texts(b'{"messages":' + said + b"}", answer="messages")
    verdict = await guards.run_output(texts.said, texts.asides)
    copy.more["treadle.guards"] = [each.attribute() for each in verdict.seen]
    copy.signals += [f"guard:{each.guard}" for each in verdict.seen if each.kinds]
    if verdict.blocked is not None:
        copy.transcript.replace(None)
        raise verdict.blocked
    if verdict.is_changed:
        copy.transcript.replace(texts.masked(verdict.masks))

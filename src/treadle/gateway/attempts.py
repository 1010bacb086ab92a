"""From a request that is ready to an answer that has begun: pick a target, send, and try again while nothing was said.

Up to the first content every failure may be mended by another attempt, on the same target or on another of the
release's targets; after it none may. The failures that were mended are kept: a rollout counts them against the arm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping
from time import monotonic
from typing import NamedTuple

import msgspec
from msgspec import Struct

from treadle.gateway import outages
from treadle.gateway.answers import Live, Whole
from treadle.gateway.attempt import NO_HEADERS, AttemptFailed, SendTo, ask
from treadle.gateway.compose import Composed
from treadle.gateway.protocols.base import Asked, SpokenProtocol, Usage
from treadle.gateway.ready import Ready
from treadle.gateway.refusals import Refusal
from treadle.gateway.routing.budget import Budget
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.routing.health import Pick
from treadle.gateway.routing.words import FailureKind
from treadle.gateway.types import Clocks, Endpoint, Target
from treadle.gateway.upstream import NOT_SENT

log = logging.getLogger("treadle.gateway")

_WORKED: Collection[FailureKind] = frozenset(
    {"first_token_timeout", "between_timeout", "total_timeout", "broken", "too_large"}
)
"""Failures of a request that was sent and, for all that is known, worked on. Who refuses or answers with an error takes
nothing for it."""


class Begun(Struct, frozen=True):
    """An answer that has begun."""

    target: Target
    pick: Pick
    answer: Whole | Live


class Tried(NamedTuple):
    """An attempt that failed."""

    target: str
    """Key of the target."""
    code: str
    """Code of the failure."""


class Lost(NamedTuple):
    """An attempt that was sent and brought nobody anything, because another answered first, the caller left or it took too
    long: its provider charges for it."""

    target: Target
    usage: Usage | None
    """What it stated; None when it did not come to that."""


class Attempts(Struct, kw_only=True):
    """The attempts of one request."""

    fleet: Fleet
    send: SendTo
    ready: Ready
    targets: tuple[Target, ...]
    """Those of it that can answer this request."""
    endpoint: Endpoint
    protocol: SpokenProtocol
    asked: Asked
    composed: Composed
    session: str | None
    headers: Mapping[str, str] = NO_HEADERS
    """Of the caller, for targets that speak its protocol."""
    deadline: float | None = None
    """When the total clock runs out that all attempts share, monotonic seconds; None until the first begins."""
    failed: list[Tried] = []
    """Attempts that failed, in order; also when a later one answered."""
    lost: list[Lost] = []
    """Attempts that were sent and did not answer: slower ones, those that nobody waited for, and those that broke."""
    tried: list[str] = []
    """Keys of every attempt that was begun, as the fleet wants them."""
    is_first: bool = False
    """Whether the total clock began with these attempts."""
    is_hedged: bool = False
    """Whether a second request was sent because the first was slow."""
    heard_tokens: int = 0
    """How long the whole answer is that the faster of two gave; 0 before, and of a stream."""

    def begin(self) -> Awaitable[Begun]:
        """Begin; await the result for an answer that has begun. Both raise Refusal when no attempt brings one."""
        targets, routing, now = self.targets, self.endpoint.routing, monotonic()
        if self.deadline is None:
            self.deadline, self.is_first = now + routing.clocks.total_seconds, True
        if not targets:
            raise outages.no_provider(self.ready.missing)
        self._budget.asked(now)
        pick = self._pick(now)
        if pick is None:
            closed = self.fleet.closed(targets, routing, scope=self.endpoint.project_id, now=now)
            is_limit = closed.why == "rate_limited"
            raise outages.targets_limited(closed.seconds) if is_limit else outages.no_target(closed.seconds)
        wait = None if routing.hedge is None else self.fleet.hedge_after(pick, routing)
        return self._series(pick) if wait is None else self._hedged(pick, wait)

    async def _series(self, pick: Pick) -> Begun:
        """Make one attempt after the other until one brings content."""
        while True:
            self.tried.append(pick.key)
            try:
                answer = await ask(
                    self.send,
                    self.ready,
                    self.ready.routes[pick.key],
                    self._clocks(),
                    self.protocol,
                    self.asked,
                    self.composed,
                    self.headers,
                )
                now = monotonic()
                if isinstance(answer, Whole):
                    pick.succeeded(now, answer.reading.tokens)
                else:
                    pick.first_token(now)
                return Begun(pick.target, pick, answer)
            except AttemptFailed as error:
                failure = error
                self._note(pick, failure)
            except BaseException as gone:
                pick.abandoned(monotonic(), self.heard_tokens)
                if NOT_SENT not in getattr(gone, "__notes__", ()):
                    self.lost.append(Lost(pick.target, None))
                raise
            again = self.fleet.again(
                failure.kind,
                self.targets,
                self.endpoint.routing,
                self._budget,
                scope=self.endpoint.project_id,
                session=self.session,
                stream=self.asked.stream,
                tried=self.tried,
                now=monotonic(),
                retry_after=failure.retry_after,
            )
            if again is None:
                raise failure.refusal
            following = again.pick
            if self._seconds_left() <= again.wait_seconds:
                if following is not None:
                    following.abandoned(monotonic())
                raise failure.refusal
            if again.wait_seconds:
                try:
                    await asyncio.sleep(again.wait_seconds)
                except BaseException:
                    if following is not None:
                        following.abandoned(monotonic())
                    raise
            if following is None:
                following = self._pick(monotonic())
                if following is None:
                    raise failure.refusal
            pick = following

    async def _hedged(self, pick: Pick, wait: float) -> Begun:
        """Send a second request when the first has brought nothing after a while; the first with content answers."""
        tasks: set[asyncio.Task[Begun]] = {asyncio.ensure_future(self._series(pick))}
        failure: BaseException | None = None
        won: Begun | None = None
        try:
            done, _ = await asyncio.wait(tasks, timeout=wait)
            if not done:
                second = self.fleet.hedge(
                    self.targets,
                    self.endpoint.routing,
                    self._budget,
                    scope=self.endpoint.project_id,
                    stream=self.asked.stream,
                    tried=self.tried,
                    now=monotonic(),
                )
                if second is not None:
                    self.is_hedged = True
                    tasks.add(asyncio.ensure_future(self._series(second)))
            pending = tasks
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    tasks.discard(task)
                    failure = task.exception()
                    if failure is None:
                        won = task.result()
                        if isinstance(won.answer, Whole):
                            self.heard_tokens = won.answer.reading.tokens
                        return won
            assert failure is not None
            raise failure
        finally:
            await self._end(tasks, won)

    async def _end(self, tasks: set[asyncio.Task[Begun]], won: Begun | None) -> None:
        """End the attempts that did not win; where the caller goes away meanwhile, the one that did as well."""
        for task in tasks:
            task.cancel()
        gone: asyncio.CancelledError | None = None
        while waiting := [task for task in tasks if not task.done()]:
            try:
                await asyncio.wait(waiting)  # some turns of the loop: each lets go of what it holds
            except asyncio.CancelledError as error:
                gone = error
        for task in tasks:
            if task.cancelled():
                continue
            fault = task.exception()
            if fault is None:
                self._lose(task.result())  # it began as well, or while it was being cancelled
            elif not isinstance(fault, Refusal):
                log.error("the slower of two attempts failed", exc_info=fault)
        if gone is not None:
            if won is not None:
                self._lose(won)
            raise gone

    def _lose(self, begun: Begun) -> None:
        """Let go of an answer that nobody will hear."""
        begun.pick.abandoned(monotonic())
        if isinstance(begun.answer, Live):
            begun.answer.close()
        self.lost.append(
            Lost(begun.target, begun.answer.reading.usage if isinstance(begun.answer, Whole) else begun.answer.stated)
        )

    def _pick(self, now: float) -> Pick | None:
        endpoint = self.endpoint
        return self.fleet.pick(
            self.targets,
            endpoint.routing,
            scope=endpoint.project_id,
            session=self.session if endpoint.routing.sticky else None,
            stream=self.asked.stream,
            tried=self.tried,
            now=now,
        )

    def _note(self, pick: Pick, failure: AttemptFailed) -> None:
        """Note that an attempt failed."""
        pick.failed(failure.kind, monotonic(), failure.retry_after)
        if failure.kind in _WORKED:
            self.lost.append(Lost(pick.target, None))
        if failure.kind == "total_timeout":
            failure.refusal = outages.upstream_timeout("total", self.endpoint.routing.clocks.total_seconds)
        self.failed.append(Tried(pick.key, failure.refusal.code))

    @property
    def _budget(self) -> Budget:
        return self.fleet.budget(self.endpoint.project_id, self.endpoint.name)

    def _clocks(self) -> Clocks:
        """Return the clocks of the next attempt: the total one goes on from those before it."""
        clocks = self.endpoint.routing.clocks
        if self.is_first and len(self.tried) == 1:
            return clocks
        return msgspec.structs.replace(clocks, total_seconds=max(self._seconds_left(), 0.001))

    def _seconds_left(self) -> float:
        assert self.deadline is not None  # the first attempt has begun
        return self.deadline - monotonic()

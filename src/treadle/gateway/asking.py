"""What one request asks its targets: one answer, and where that does not fit, a second one in words after the first.

At most one answer is under way at a time. All attempts share one total clock, and whatever was answered is paid for.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from treadle.gateway.answers import Live, Whole
from treadle.gateway.attempt import NO_HEADERS
from treadle.gateway.attempts import Attempts, Begun
from treadle.gateway.compose import Composed
from treadle.gateway.parts import Parts
from treadle.gateway.protocols.base import Reading, SpokenProtocol, Usage
from treadle.gateway.ready import Ready
from treadle.gateway.record import Record
from treadle.gateway.refining import Held, hold


class Asking:
    """The questions of one request."""

    def __init__(self, parts: Parts, ready: Ready, protocol: SpokenProtocol, record: Record) -> None:
        self.begun: Begun | None = None
        """The answer that is under way; None before it begins, and when it was let go."""
        self.headers: Mapping[str, str] = NO_HEADERS
        """Of the caller, for targets that speak its protocol."""
        self.holds = ready.refiner is not None and ready.refiner.needs_whole
        """Whether a stream is held back until it is complete."""
        self._parts = parts
        self._ready = ready
        self._protocol = protocol
        self._record = record
        self._deadline: float | None = None
        """When the total clock of the attempts runs out, monotonic seconds; None before the first."""

    async def ask(self, composed: Composed) -> Whole | Live:
        """Return an answer, whole or begun. Raises Refusal when no target brings one."""
        record = self._record
        attempts = Attempts(
            fleet=self._parts.fleet,
            send=self._parts.sender.send,
            ready=self._ready,
            targets=self._ready.targets_for(record.followed),
            endpoint=record.endpoint,
            protocol=self._protocol,
            asked=record.asked,
            composed=composed,
            session=record.session,
            headers=self.headers,
            deadline=self._deadline,
        )
        try:
            self.begun = begun = await attempts.begin()
        finally:
            self._deadline = attempts.deadline
            if attempts.failed:
                record.failed += attempts.failed
            if attempts.lost:
                record.lose(attempts.lost)
            if attempts.is_hedged:
                record.more["treadle.hedged"] = True
        record.target = begun.target
        if isinstance(begun.answer, Live) and not self.holds:
            record.first_token_ms = record.elapsed_ms()
        return begun.answer

    async def whole_again(self, said: Reading, words: str) -> Whole:
        """Return a second whole answer."""
        answer = await self._ask_again(said, words)
        assert isinstance(answer, Whole)  # asked for as the first one was
        return answer

    async def held_again(self, said: Reading, words: str) -> Held:
        """Return a second stream when it is complete."""
        answer = await self._ask_again(said, words)
        assert isinstance(answer, Live)
        return await hold(answer)

    @property
    def stated(self) -> Usage | None:
        """What the answer that is under way stated of what was read, whether or not its caller hears of it."""
        answer = None if self.begun is None else self.begun.answer
        return answer.stated if isinstance(answer, Live) else None

    def abandon(self) -> None:
        """Let go of whatever is still under way. Safe to repeat."""
        if self.begun is not None:
            self.begun.pick.abandoned(monotonic())
            if isinstance(self.begun.answer, Live):
                self.begun.answer.close()

    async def _ask_again(self, said: Reading, words: str) -> Whole | Live:
        """Return an answer to what was said and words about it; the first is paid for whatever becomes of the second."""
        record = self._record
        assert record.composed is not None
        assert record.target is not None
        record.spend(record.completed(said.usage, said.text, said.reasoning), record.target)
        self._let_go()
        composed = record.composed.followed_by(said.text, words)
        if not self._ready.guards.has_output:
            record.composed = composed  # else no guard has seen the answer that it repeats
        record.more["treadle.asked_again"] = True
        return await self.ask(composed)

    def _let_go(self) -> None:
        """Be done with an answer that is complete."""
        begun, self.begun = self.begun, None
        if begun is not None and isinstance(begun.answer, Live):
            begun.pick.succeeded(monotonic())
            begun.answer.close()

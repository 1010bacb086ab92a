"""Requests that are sent twice under one `Idempotency-Key`: one call upstream, and the same answer again.

A caller that does not know whether its request arrived sends it again. Where both name the same key, the second waits for
the answer that is being made, or gets the one that was given, byte by byte and marked. It is not counted or recorded
again. Only answers that ended well are kept: what failed may be tried again under the same key. They are kept for
`KEEP_SECONDS` and as far as `MOST_BYTES` of a worker reach, in its memory and, for other workers, by `sharing`.
Source: draft-ietf-httpapi-idempotency-key-header-07. There a request that is under way is refused with 409; here that is
so for streams only, since of a whole answer its caller wants nothing else than to wait for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from treadle.gateway import refusals
from treadle.gateway.refusals import Refusal
from treadle.gateway.repeats.sharing import Place, Sharing

KEEP_SECONDS = 600.0
LOOK_SECONDS = 0.05
"""How soon is looked again whether another worker has its answer; the pauses double up to the next."""
LONGEST_LOOK_SECONDS = 0.5
MOST_BYTES = 16 * 1024 * 1024
MOST_ANSWER_BYTES = 1024 * 1024
MOST_KEY_BYTES = 255
_OF_THE_MOMENT = (b"x-ratelimit", b"anthropic-ratelimit", b"date")
_MARK = (b"idempotent-replayed", b"true")

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Kept(NamedTuple):
    """An answer that may be given again."""

    digest: bytes
    """Of the request's body."""
    head: MutableMapping[str, Any]
    body: bytes
    until: float
    """When it is forgotten, monotonic seconds."""
    is_ours: bool = False
    """Whether this worker gave it first."""

    async def give(self, send: Send) -> None:
        """Give it to a caller."""
        headers = [each for each in self.head["headers"] if not each[0].startswith(_OF_THE_MOMENT)]
        await send({**self.head, "headers": [*headers, _MARK]})
        await send({"type": "http.response.body", "body": self.body})


class Turn:
    """The request that makes the answer. End it, however it ends."""

    def __init__(self, repeats: Repeats, place: Place, digest: bytes, *, is_stream: bool) -> None:
        self.digest = digest
        self.is_stream = is_stream
        self.answer: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        """What those who wait get; None: there is none, ask yourself."""
        self._repeats = repeats
        self._place = place
        self._head: MutableMapping[str, Any] = {}
        self._parts: list[bytes] = []

    def sending(self, send: Send, is_good: Callable[[], bool]) -> Send:
        """Return a way to the caller that takes note of the answer. is_good: asked at its end, whether it may be kept.

        Who has heard the end may ask any worker again: the others know the answer by then.
        """

        async def noting(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._head = message
            else:
                self._parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    await self._complete(is_good=is_good())
            await send(message)

        return noting

    def end(self) -> None:
        """Let others try, where no answer came. Safe to repeat."""
        if not self.answer.done():
            self._repeats.drop(self._place, self, None)
            self.answer.set_result(None)
            if (sharing := self._repeats.sharing) is not None:
                sharing.drop_soon(self._place)

    def give(self, kept: Kept) -> None:
        """Pass on an answer that another worker gave."""
        self._repeats.drop(self._place, self, kept)
        self.answer.set_result(kept)

    async def _complete(self, *, is_good: bool) -> None:
        kept = Kept(self.digest, self._head, b"".join(self._parts), self._repeats.now() + KEEP_SECONDS, is_ours=True)
        keeps = is_good and len(kept.body) <= MOST_ANSWER_BYTES
        self._repeats.drop(self._place, self, kept if keeps else None)
        self.answer.set_result(kept)
        if (sharing := self._repeats.sharing) is None:
            return
        if keeps:
            await sharing.put(self._place, self.digest, dict(self._head), kept.body, KEEP_SECONDS)
        else:
            await sharing.drop(self._place)


class Repeats:
    """What one worker remembers. Belongs to one event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic, sharing: Sharing | None = None) -> None:
        """sharing: what other workers know; None where there are none."""
        self.now = now
        """Monotonic seconds."""
        self.sharing = sharing
        self._turns: dict[Place, Turn] = {}
        self._kept: dict[Place, Kept] = {}
        """In the order in which they are forgotten."""
        self._size_bytes = 0

    async def find(self, place: Place, body: bytes, *, is_stream: bool) -> Kept | Turn:
        """Return the answer that was given, or a turn to make it; waits while another makes it. Raises Refusal (400, 409, 422)."""
        if not 0 < len(place[-1]) <= MOST_KEY_BYTES:
            raise refusals.invalid_field(
                "idempotency-key", f"this header names a request in 1 to {MOST_KEY_BYTES} bytes"
            )
        digest = hashlib.sha256(body).digest()
        while True:
            self._forget()
            found = self._kept.get(place) or self._turns.get(place)
            if found is None:
                turn = self._turns[place] = Turn(self, place, digest, is_stream=is_stream)
                return turn if self.sharing is None else await self._claimed(self.sharing, place, turn)
            if found.digest != digest:
                raise refusals.key_of_another_request()
            if isinstance(found, Kept):
                return found
            if found.is_stream:
                raise refusals.request_under_way()
            answer = await asyncio.shield(found.answer)
            if answer is not None:
                return answer

    async def _claimed(self, sharing: Sharing, place: Place, turn: Turn) -> Kept | Turn:
        """Return the turn once no other worker has it, or what another one answered. Raises Refusal (409, 422)."""
        wait = LOOK_SECONDS
        try:
            while (told := await sharing.claim(place, turn.digest, is_stream=turn.is_stream)) is not None:
                if not told.is_same:
                    raise refusals.key_of_another_request()
                if told.answer is not None:
                    kept = Kept(turn.digest, *told.answer, self.now() + told.seconds_left)
                    turn.give(kept)
                    return kept
                if told.is_stream:
                    raise refusals.request_under_way()
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_LOOK_SECONDS)
        except BaseException as error:
            self.drop(place, turn, None)
            turn.answer.set_result(None)
            if not isinstance(error, Refusal):  # whoever waited left, and may have just got its turn
                sharing.drop_soon(place)
            raise
        return turn

    def drop(self, place: Place, turn: Turn, kept: Kept | None) -> None:
        """End a turn, keeping what it made, if anything."""
        if self._turns.get(place) is turn:
            del self._turns[place]
        if kept is not None:
            self._kept[place] = kept
            self._size_bytes += len(kept.body)
            self._forget()

    def _forget(self) -> None:
        """Let go of what is too old, and of the oldest where it is too much."""
        now = self.now()
        while self._kept:
            place, oldest = next(iter(self._kept.items()))
            if oldest.until > now and self._size_bytes <= MOST_BYTES:
                return
            del self._kept[place]
            self._size_bytes -= len(oldest.body)
            if self.sharing is not None and oldest.is_ours and oldest.until > now:
                self.sharing.forget(place)

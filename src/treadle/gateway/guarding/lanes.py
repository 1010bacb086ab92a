"""The guards over one stream that says several things: text, reasoning and refusals as they are said, calls when whole.

What was given out of each is remembered: the events of some protocols say it again. A call's arguments are JSON, which
can be judged (and stay JSON when something in it is masked) only as a whole, so they are held back until the call ends.
What no protocol's room reads has a lane for each place at which it is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from msgspec import Struct, field

from treadle.gateway import outages
from treadle.gateway.guarding.stages import Guards
from treadle.gateway.guarding.texts import Texts, forget_measures
from treadle.gateway.guarding.windows import StreamGuard
from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Lane
from treadle.gateway.protocols.pieces import Piece
from treadle.gateway.refine import Trimmer

_MOST_CLEAN = 64


class _Open(Struct):
    """One thing that is being said."""

    guard: StreamGuard | None
    """None for a call."""
    template: bytes
    """The newest payload of it: what held text goes out in."""
    held: list[str] = field(default_factory=list)
    """Arguments of a call that wait for its end."""


class Lanes:
    """What one stream says, and what of it may go out. Every verb may raise Refusal: then nothing more may."""

    def __init__(self, guards: Guards, trimmer: Trimmer | None) -> None:
        self._watch = guards.watch()
        self._trimmer = trimmer
        self._lanes: dict[Lane, _Open] = {}
        self._out: dict[Lane, list[str]] = {}
        self._clean: set[int] = set()
        """Marks of what stood beside and was clean."""
        self.holds_calls = guards.has_output
        """Whether arguments of calls have to be judged."""
        self.seen = self._watch.seen
        """What each guard did so far."""

    @property
    def lanes(self) -> list[Lane]:
        """Everything that was said until now, in the order in which it began."""
        return list(self._lanes)

    def template(self, lane: Lane) -> bytes:
        """Return the newest payload of what was said."""
        return self._lanes[lane].template

    async def say(self, lane: Lane, text: str, payload: bytes) -> str:
        """Take text; return what of it, and of what was held back, may go out now."""
        found = self._lanes.get(lane)
        if found is None:
            found = self._lanes[lane] = _Open(self._watch.stream(is_text=lane.kind == "text"), payload)
        found.template, guard = payload, found.guard
        assert guard is not None
        if self._trimmer is not None and lane.kind == "text":
            text = self._trimmer.feed(text)
        return self._gave(lane, await guard.feed(text) if guard.is_slow else guard.feed_now(text))

    def hold(self, lane: Lane, arguments: str, payload: bytes) -> None:
        """Take a piece of a call's arguments."""
        found = self._lanes.setdefault(lane, _Open(None, payload))
        found.template = payload
        found.held.append(arguments)

    async def end(self, lane: Lane) -> str:
        """Return what is still held back of it."""
        found = self._lanes[lane]
        if found.guard is not None:
            return self._gave(lane, await found.guard.finish())
        held, found.held = "".join(found.held), []
        return self._gave(lane, await self._judged(held)) if held else ""

    async def whole(self, lane: Lane, text: str) -> str:
        """Return what goes out where a text is said again; one that was never said in pieces is judged now."""
        if lane not in self._out:
            if lane.kind == "call":
                self._gave(lane, await self._judged(text))
            else:
                guard = self._watch.stream(is_text=lane.kind == "text")
                self._gave(lane, await guard.feed(text) + await guard.finish())
        return "".join(self._out[lane])

    async def again(
        self, event: dict[str, Any], places: list[tuple[Lane, dict[str, Any], str]], pieces: Collection[Piece] = ()
    ) -> bool:
        """Put what went out where an event says it again, and look at its other texts; return whether that changed it.

        pieces: what it says that is looked at with what was said before.
        """
        known = {(id(holder), name) for _, holder, name in places} | {(id(each.holder), each.key) for each in pieces}
        changed = await self.aside(event, known) if self.holds_calls else False
        for lane, holder, name in places:
            if lane.kind == "call" and not self.holds_calls:
                continue
            given = await self.whole(lane, holder[name])
            if holder[name] != given:
                holder[name], changed = given, True
                forget_measures(holder)
        return changed

    async def grow(self, event: dict[str, Any], pieces: Collection[Piece]) -> bool:
        """Put what may go out now of each piece of an event into its place; return whether that changed it."""
        changed = False
        template = fields.encode(event) if pieces else b""
        for piece in pieces:
            lane = Lane("other", piece.block, name=piece.name)
            text = piece.holder[piece.key]
            given = await self.say(lane, text, template)
            if piece.is_last:
                given += await self.end(lane)
            if given != text:
                piece.holder[piece.key], changed = given, True
        return changed

    async def beside(self, places: Iterable[tuple[dict[str, Any], str]]) -> bool:
        """Look at fields of an event that stand beside what it says; return whether that changed any.

        Many servers say the same in each event, so what was found clean is not looked at again.
        """
        changed = False
        for holder, name in places:
            mark = hash((name, fields.encode(holder[name])))
            if mark in self._clean:
                continue
            field = {name: holder[name]}
            if await self.aside(field, set()):
                holder[name], changed = field[name], True
            elif len(self._clean) < _MOST_CLEAN:
                self._clean.add(mark)
        return changed

    async def aside(self, event: dict[str, Any], known: set[tuple[int, str]]) -> bool:
        """Look at all other texts of an event and mask what is found in them; return whether anything was."""
        response = event.get("response")
        # A response also says what it was asked; that is the caller's own.
        try:
            texts = Texts({"output": response.get("output")} if isinstance(response, dict) else event, known=known)
        except ValueError as error:
            raise outages.upstream_failed(f"an event of its answer cannot be read: {error}") from None
        asides = [*texts.said, *texts.asides]
        verdict = await self._watch.run(asides)
        if verdict.blocked is not None:
            raise verdict.blocked
        if verdict.is_changed:
            texts.masked(verdict.masks)
        return verdict.is_changed

    async def _judged(self, arguments: str) -> str:
        """Return the arguments of a call as they may go out."""
        call = {"arguments": arguments}
        await self.aside(call, set())
        return call["arguments"]

    def _gave(self, lane: Lane, text: str) -> str:
        self._out.setdefault(lane, []).append(text)
        return text

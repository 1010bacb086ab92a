"""The database's side of the limits as a worker sees it: who asks, and how often a worker must be heard.

Each call is one transaction in a thread. The database's clock is everybody's: a worker's own may be wrong. A value that the
database refuses costs the rest of a call nothing: it is repeated one by one, and only the one at fault is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import TypeVar

from treadle.gateway.limits import slices
from treadle.gateway.limits.lease import Place
from treadle.gateway.limits.slices import Ask, Beat, Given, Report, SlotAsk
from treadle.storage.database import Connection, Database
from treadle.storage.errors import ValueRefused

log = logging.getLogger("treadle.gateway.limits")

AskT = TypeVar("AskT")
ResultT = TypeVar("ResultT")
REFUSED = Given(0, 0, is_refused=True)
SLOT_SECONDS = 30.0
"""Slots of a worker that was not heard of for so long are free again."""


class Ledger:
    """Where one worker takes slices of limits from, and tells what it used."""

    def __init__(self, database: Database, worker_id: str, *, slot_seconds: float = SLOT_SECONDS) -> None:
        """worker_id: unique among all workers that share the database, such as `new_id("wrk")`."""
        self.worker_id = worker_id
        self.slot_seconds = slot_seconds
        self.shift_seconds = 0.0
        """Added to the database's time; for rehearsals of the end of a window or of a clock that is set back."""
        self._database = database

    async def take(self, asks: Sequence[Ask]) -> list[Given]:
        """Return what is handed out, in the order of the asks. No two asks for the same window."""
        return await self._each(slices.take, asks, REFUSED)

    async def report(self, reports: Sequence[Report]) -> None:
        """Tell what was used, given back and overdrawn. No two reports on the same window."""

        def write(db: Connection, some: Sequence[Report]) -> list[None]:
            slices.report(db, some)
            return [None] * len(some)

        await self._each(write, reports, None)

    async def exchange_slots(self, asks: Sequence[SlotAsk]) -> list[Given]:
        """Tell which slots are held and take further ones, in the order of the asks."""

        def write(db: Connection, some: Sequence[SlotAsk]) -> list[Given]:
            keys = sorted(_lock_key((ask.project_id, ask.limit_id, ask.subject)) for ask in some)
            return slices.exchange_slots(db, self.worker_id, keys, some, self.slot_seconds)

        return await self._each(write, asks, REFUSED)

    async def _each(
        self, work: Callable[[Connection, Sequence[AskT]], list[ResultT]], asks: Sequence[AskT], refused: ResultT
    ) -> list[ResultT]:
        """Do all in one transaction; where the database refuses a value, each in its own, the faulty one as `refused`."""
        try:
            return await self._database.system(lambda db: work(db, asks))
        except ValueRefused:
            if len(asks) > 1:
                return [(await self._each(work, [ask], refused))[0] for ask in asks]
            log.warning("a limit cannot be counted: the database refuses one of its values (%r)", asks[0])
            return [refused]

    async def beat(self) -> Beat:
        """Say that this worker lives; return the time and how many do."""
        beat = await self._database.system(partial(slices.beat, worker_id=self.worker_id, seconds=self.slot_seconds))
        return beat._replace(epoch=beat.epoch + self.shift_seconds)

    async def leave(self) -> None:
        """Say that this worker ends."""
        await self._database.system(partial(slices.leave, worker_id=self.worker_id))


def _lock_key(place: Place) -> int:
    return int.from_bytes(
        blake2b("\x1f".join(place).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True
    )

"""Blocks that are followed together, and how their rows are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from treadle.traces.blocks import PLACE_BITS

IN_BLOCKS = f"""lateral (select * from spans where day = b.day and seq >= b.block_id << {PLACE_BITS}
    and seq < (b.block_id + 1) << {PLACE_BITS} offset 0)"""
"""Rows of blocks `b`, by the index of positions: left to itself, the planner reads every day there is for some blocks."""
OF_BATCH = f"unnest(%s::date[], %s::bigint[]) as b(day, block_id) cross join {IN_BLOCKS}"
"""Rows of a batch, with the two values of `Batch.place`; a name for them follows."""
WAITS = "({x}.seq >> 12 in (select w.block_id from span_blocks_waiting w where w.work = 'signals'))"
"""Whether a row's block has not been followed yet. `not in` is a set that is read once; `not exists` reads all that wait per trace."""


class Batch(NamedTuple):
    """Some blocks whose marks have just been taken away, in the same transaction."""

    days: Sequence[date]
    block_ids: Sequence[int]

    @property
    def place(self) -> list[Any]:
        """The values of `OF_BATCH`."""
        return [list(self.days), list(self.block_ids)]


NOTHING = Batch((), ())


def batch_of(marks: Iterable[Mapping[str, Any]]) -> Batch:
    """Return the blocks of marks that were taken away."""
    marks = list(marks)
    return Batch([mark["day"] for mark in marks], [mark["block_id"] for mark in marks])

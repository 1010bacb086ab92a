"""Spans into PostgreSQL: one statement per block of some hundred, rows and content together.

A batch is made ready outside any transaction (parsed, cut into blocks of one project's one day, compressed) and then
written in one: what is acknowledged is in all tables, and its blocks wait for those who follow (`span_blocks_waiting`,
and `span_blocks_followed` for the followers that a project has).
A span that is known already changes nothing; its place in the block becomes null. Known means: same project, trace and
span id on the same day of start. A span that is sent again with a start on another day is another row; trees show it once.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from treadle.storage.database import Connection
from treadle.traces.blocks import PLACE_BITS, cut, pack_block, place_of
from treadle.traces.intake import PackedSpan, pack, scrubbed, unpack
from treadle.traces.rows import COLUMNS, Array, Facts, columns_of, facts_of, teach

WORKS = ("signals", "words")
"""What follows committed blocks."""
_no_place = re.compile(rb"\\u(?:0000|[dD])").search
"""Finds how JSON spells the characters that PostgreSQL has no place for; no other is spelled so by `pack`, but by senders. `in`
takes three times as long."""
_NAMES = ", ".join(column.name for column in COLUMNS)
_GIVEN = ", ".join("%b" for _ in COLUMNS)
_VALUES = ", ".join(column.sql for column in COLUMNS)
_PUT = f"""
with block as (insert into span_blocks (day, span_count, data) values (%s, %s, %b) returning block_id),
waiting as (insert into span_blocks_waiting (work, day, block_id) select work, %s, block_id from block, unnest(%s::text[]) as work),
others as (
    insert into span_blocks_followed (follower, day, block_id, span_count)
    select follower, %s, block_id, %s from block, span_followers
),
stored as (
    insert into spans (project_id, day, seq, trace_key, {_NAMES})
    select project, %s, (block.block_id << {PLACE_BITS}) | (given.place - 1), treadle_trace_key(project, given.trace_id),
        {_VALUES}
    from block, current_setting('treadle.project') as project, unnest({_GIVEN}) with ordinality as given({_NAMES}, place)
    on conflict (trace_key, span_id, day) do nothing
    returning seq
)
select block.block_id, (select count(*) from stored) as stored,
    case when (select count(*) from stored) < %s then array(select seq from stored) end as places from block
"""


class ReadySpans:
    """Some spans of one project and one storage day, as they go to the database."""

    __slots__ = ("columns", "day", "has_rollouts", "packed", "whole")

    def __init__(self, day: date, packed: Sequence[bytes], facts: Sequence[Facts]) -> None:
        self.day = day
        """Of their start; not yet the day that they are stored under."""
        self.packed = packed
        self.columns: list[Array] = columns_of(facts)
        self.whole = pack_block(packed)
        self.has_rollouts = any(span.rollout_id is not None for span in facts)


def make_ready(spans: Sequence[PackedSpan]) -> list[ReadySpans]:
    """Parse, cut and compress spans of one project. No I/O; 8 us per span.

    Raises ValueError (msgspec's and struct's errors are made one) for a span that can never be stored.
    """
    by_day: dict[date, tuple[list[bytes], list[Facts]]] = {}
    for span in spans:
        data = span.data
        if _no_place(data):
            data = pack(scrubbed(unpack(PackedSpan("", data)))).data
        facts = facts_of(data)
        started_at = facts.started_at
        if started_at.tzinfo is not UTC:
            started_at = facts.started_at = _utc(started_at)
        packed, told = by_day.setdefault(started_at.date(), ([], []))
        packed.append(data)
        told.append(facts)
    try:
        return [
            ReadySpans(day, packed[part], told[part])
            for day, (packed, told) in sorted(by_day.items())
            for part in cut([len(data) for data in packed])
        ]
    except (struct.error, OverflowError) as error:
        raise ValueError(f"a number does not fit 64 bits: {error}") from error


def ensure_days(db: Connection, days: Sequence[date]) -> dict[date, date]:
    """Return the day that spans of each day are stored under, making partitions where they are missing.

    Call it in a transaction of its own: another process that asks for the same day waits for the end of it.
    """
    rows = db.execute("select day, treadle_ensure_span_day(day) as stored from unnest(%s::date[]) as day", [list(days)])
    return {row["day"]: row["stored"] for row in rows}


def put(db: Connection, ready: Sequence[ReadySpans], days: Mapping[date, date]) -> int:
    """Write what was made ready; return how many spans were new. Safe to repeat.

    Raises psycopg's CheckViolation when a day's partition has been dropped since.
    """
    teach(db)
    new = 0
    for one in ready:
        day, count = days[one.day], len(one.packed)
        row: Any = db.execute(
            _PUT, [day, count, one.whole, day, list(WORKS), day, count, day, *one.columns, count], binary=True
        ).fetchone()
        new += row["stored"]
        if row["places"] is not None:
            _keep_new(db, day, row["block_id"], one.packed, {place_of(seq) for seq in row["places"]})
    return new


def _keep_new(db: Connection, day: date, block_id: int, packed: Sequence[bytes], places: set[int]) -> None:
    """Take out of a block what was known already."""
    if not places:
        db.execute("delete from span_blocks_waiting where block_id = %s and day = %s", [block_id, day])
        db.execute("delete from span_blocks_followed where block_id = %s", [block_id])
        db.execute("delete from span_blocks where block_id = %s and day = %s", [block_id, day])
        return
    left = pack_block([data if place in places else None for place, data in enumerate(packed)])
    db.execute(
        "update span_blocks set data = %b, span_count = %s where block_id = %s and day = %s",
        [left, len(places), block_id, day],
    )
    db.execute("update span_blocks_followed set span_count = %s where block_id = %s", [len(places), block_id])


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

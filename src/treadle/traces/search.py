"""Search: blocks are indexed behind ingestion, and what still waits is looked through as it is.

Matches come newest stored first. A page looks at a bounded number of parts, so a search for words that are everywhere
but never together ends as soon as any other; such a page may be short and still have a next one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import msgspec
import zstandard

from treadle.storage.database import Connection
from treadle.traces.blocks import block_of, position, unpack_block
from treadle.traces.rows import Words, teach
from treadle.traces.words import PART_SPANS, Wanted, hashed, matches, parts_of, places_in, text_of

log = logging.getLogger("treadle.traces.search")

WORK = "words"
BLOCKS_AT_ONCE = 16
"""Indexed in one transaction."""
WAITING_BLOCKS = 16
"""Of those that wait, the newest so many are looked through."""
PARTS_AT_FIRST = 16
PARTS_AT_ONCE = 128
"""More than a block can have, so that every look gets on."""
PARTS_PER_PAGE = 512
LAST = (1 << 62) - 1
"""A position after every span."""


class Match(NamedTuple):
    """A span that has the words."""

    day: date
    seq: int


class Looked(NamedTuple):
    """What one look found."""

    matches: list[Match]
    """Newest first."""
    next_before: int | None
    """Where to go on; None when everything was looked at."""


def follow(db: Connection, project_id: str) -> int:
    """Index blocks that wait, oldest first; return how many. Any number of processes may at once; run it again."""
    taken = db.execute(
        """delete from span_blocks_waiting where (work, block_id, day) in (select work, block_id, day from span_blocks_waiting
            where work = %s order by block_id limit %s for update skip locked) returning day, block_id""",
        [WORK, BLOCKS_AT_ONCE],
    ).fetchall()
    teach(db)
    for one in taken:
        row = db.execute(
            "select data from span_blocks where day = %s and block_id = %s", [one["day"], one["block_id"]]
        ).fetchone()
        if row is None:
            continue  # forgotten before it was indexed
        try:
            spans = unpack_block(row["data"])
        except (zstandard.ZstdError, msgspec.DecodeError):
            log.exception("block %d of %s is damaged: its words are not searched", one["block_id"], one["day"])
            continue
        for part in parts_of(spans, project_id):
            db.execute(
                "select treadle_put_words(%s, %s, %s::smallint, %b, %b)",
                [one["day"], one["block_id"], part.number, Words.of(part.words), part.texts],
            )
    return len(taken)


def look(
    db: Connection, project_id: str, wanted: Wanted, *, since: date, until: date, before: int = LAST, limit: int
) -> Looked:
    """Return the newest spans before a position that match, started on these days."""
    # First what waits: a block that is indexed between the two looks is seen twice, never not at all.
    found = {match.seq: match for match in _waiting(db, wanted, before)}
    numbers = hashed(wanted.words, project_id)
    at, seen, at_most = before, 0, PARTS_AT_FIRST
    while seen < PARTS_PER_PAGE:
        rows = db.execute(
            "select * from treadle_find_words(%s::integer[], %s, %s, %s, %s)",
            [numbers, since, until, block_of(at - 1), at_most],
        ).fetchall()
        begin = at
        for row in rows:
            first = position(row["block_id"], row["part"] * PART_SPANS)
            if first >= begin:
                continue  # a block that was looked at in part
            if first < at and len([seq for seq in found if seq >= at]) >= limit:
                return _cut([match for match in found.values() if match.seq >= at], limit, at)
            for place in places_in(wanted, row["part"], row["texts"]):
                seq = position(row["block_id"], place)
                if seq < before:
                    found[seq] = Match(row["day"], seq)
            at, seen = first, seen + 1
        if len(rows) < at_most:
            return _cut(list(found.values()), limit, None)
        at_most = PARTS_AT_ONCE
    return _cut([match for match in found.values() if match.seq >= at], limit, at)


def _cut(matches: list[Match], limit: int, rest: int | None) -> Looked:
    matches.sort(key=lambda match: -match.seq)
    if len(matches) > limit:
        return Looked(matches[:limit], matches[limit - 1].seq)
    return Looked(matches, rest)


def _waiting(db: Connection, wanted: Wanted, before: int) -> Iterator[Match]:
    rows = db.execute(
        """select b.day, b.block_id, b.data from span_blocks_waiting w join span_blocks b using (day, block_id)
        where w.work = %s and w.block_id <= %s order by w.block_id desc limit %s""",
        [WORK, block_of(before), WAITING_BLOCKS],
    )
    for row in rows:
        for place, data in enumerate(unpack_block(row["data"])):
            seq = position(row["block_id"], place)
            if seq < before and matches(wanted, text_of(data)):
                yield Match(row["day"], seq)

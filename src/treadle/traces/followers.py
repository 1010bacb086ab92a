"""Who else follows what a project stores, besides signals and words: a mark per block and follower, in the transaction of the block.

A follower takes its marks away when it has done with a block, so what is left is exactly what is still to do, whoever is
killed; blocks come out in the order of their numbers. Marks are apart from those of signals and words, so a follower that is
far behind slows nobody. A mark whose block is gone tells of spans that were forgotten before the follower came to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from treadle.storage.database import Connection, Migration
from treadle.traces.blocks import position, unpack_block


class Waiting(NamedTuple):
    """What a follower has still to do."""

    spans: int
    since: datetime | None
    """Aware UTC: when the oldest of it was stored; None when nothing waits."""


class Most(NamedTuple):
    """How much is read at once."""

    spans: int
    blocks: int
    packed_bytes: int
    """Of packed spans, so that many large ones do not fill the memory."""


class Followed(NamedTuple):
    """One block that a follower has still to do."""

    day: date
    block_id: int
    span_count: int
    created_at: datetime
    """Aware UTC: when it was stored."""
    spans: list[tuple[int, bytes]] | None
    """Position and packed span; None when the block is gone."""


def start_following(db: Connection, follower: str) -> None:
    """Have what is stored from now on marked for a follower of this name. Safe to repeat."""
    # A block that was stored while an earlier follower of the name was forgotten may have left its mark.
    db.execute(
        "delete from span_blocks_followed where follower = %s and not exists (select 1 from span_followers where follower = %s)",
        [follower, follower],
    )
    db.execute("insert into span_followers (follower) values (%s) on conflict do nothing", [follower])


def stop_following(db: Connection, follower: str) -> None:
    """Mark nothing more for a follower, and forget what waits for it."""
    db.execute("delete from span_followers where follower = %s", [follower])
    db.execute("delete from span_blocks_followed where follower = %s", [follower])


def count_waiting(db: Connection) -> dict[str, Waiting]:
    """Return what waits, by follower; those for whom nothing waits are left out."""
    rows = db.execute(
        "select follower, sum(span_count)::bigint as spans, min(created_at) as since from span_blocks_followed group by 1"
    )
    return {row["follower"]: Waiting(row["spans"], row["since"]) for row in rows}


def list_behind(db: Connection) -> set[tuple[str, str]]:
    """Return the followers, with their projects, that have something to do. System role: across projects."""
    rows = db.execute(
        """select project_id, follower from span_followers f where exists (
            select 1 from span_blocks_followed m where m.project_id = f.project_id and m.follower = f.follower)"""
    )
    return {(row["project_id"], row["follower"]) for row in rows}


def sum_up(db: Connection) -> Waiting:
    """Return what waits for all followers of all projects together. System role."""
    row = db.execute(
        "select coalesce(sum(span_count), 0)::bigint as spans, min(created_at) as since from span_blocks_followed m"
        " where exists (select 1 from span_followers f where f.project_id = m.project_id and f.follower = m.follower)"
    ).fetchone()
    assert row is not None
    return Waiting(row["spans"], row["since"])


def read_next(db: Connection, follower: str, most: Most) -> list[Followed]:
    """Return a follower's oldest blocks: at least one when any waits, then no more than is asked for. Changes nothing."""
    marks = db.execute(
        """select m.day, m.block_id, m.span_count, m.created_at, coalesce(octet_length(b.data), 0) as size_bytes
        from span_blocks_followed m left join span_blocks b on b.day = m.day and b.block_id = m.block_id
        where m.follower = %s order by m.block_id limit %s""",
        [follower, most.blocks],
    ).fetchall()
    chosen, spans, size_bytes = list[dict[str, Any]](), 0, 0
    for mark in marks:
        spans, size_bytes = spans + mark["span_count"], size_bytes + mark["size_bytes"]
        if chosen and (spans > most.spans or size_bytes > most.packed_bytes):
            break
        chosen.append(mark)
    rows = db.execute(
        "select b.block_id, b.data from span_blocks b join unnest(%s::date[], %s::bigint[]) as m(day, block_id)"
        " on b.day = m.day and b.block_id = m.block_id",
        [[mark["day"] for mark in chosen], [mark["block_id"] for mark in chosen]],
    )
    return _unpacked(chosen, {row["block_id"]: row["data"] for row in rows}, most.packed_bytes)


def _unpacked(marks: Sequence[dict[str, Any]], found: dict[int, bytes], packed_bytes: int) -> list[Followed]:
    """Return blocks with their spans, the first and then no more than so many bytes: what is stored is smaller."""
    blocks, size_bytes = list[Followed](), 0
    for mark in marks:
        block_id = mark["block_id"]
        spans = _spans(block_id, found[block_id]) if block_id in found else None
        size_bytes += sum(len(span) for _, span in spans or ())
        if blocks and size_bytes > packed_bytes:
            break
        blocks.append(Followed(mark["day"], block_id, mark["span_count"], mark["created_at"], spans))
    return blocks


def done(db: Connection, follower: str, blocks: Sequence[Followed]) -> None:
    """Take the marks of blocks away: the follower has done with them. Safe to repeat."""
    db.execute(
        "delete from span_blocks_followed where follower = %s and block_id = any(%s)",
        [follower, [block.block_id for block in blocks]],
    )


def give_up_older(db: Connection, follower: str, now: datetime, age: timedelta) -> int:
    """Forget what has waited longer than this; return how many spans that were."""
    row = db.execute(
        """with gone as (delete from span_blocks_followed where follower = %s and created_at < %s returning span_count)
        select coalesce(sum(span_count), 0)::bigint as spans from gone""",
        [follower, now - age],
    ).fetchone()
    return int(row["spans"]) if row else 0


def _spans(block_id: int, data: bytes) -> list[tuple[int, bytes]]:
    return [(position(block_id, place), span) for place, span in enumerate(unpack_block(data)) if span is not None]


MIGRATIONS = (
    Migration(
        "span_followers",
        """
        create table span_followers (
            project_id text not null default current_setting('treadle.project'),
            follower text not null,
            primary key (project_id, follower)
        );
        create table span_blocks_followed (
            project_id text not null default current_setting('treadle.project'),
            follower text not null,
            day date not null,
            block_id bigint not null,
            span_count integer not null,
            created_at timestamptz not null default now(),
            primary key (project_id, block_id, follower)
        );
        create index span_blocks_followed_by on span_blocks_followed (project_id, follower, block_id);
        select treadle_isolate('span_followers'), treadle_isolate('span_blocks_followed');
        """,
    ),
)

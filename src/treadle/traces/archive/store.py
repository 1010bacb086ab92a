"""Archived files in PostgreSQL: which there are, what they are about, and in which state.

`writing`: may be on the object store, and nothing counts on it. `kept`: holds what was deleted in the same transaction.
`leaving`: nobody looks at it any more. Whatever is not kept is erased by the next round, so a kill leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from treadle.storage.database import Connection
from treadle.traces.archive.bloom import BLOCK_BYTES, marks_of, may_hold
from treadle.traces.archive.parquet import LEARNT, Summary, Written
from treadle.traces.blocks import PLACE_BITS
from treadle.traces.schema import OTHER_DAY
from treadle.traces.standing import head

_OURS = "project_id = current_setting('treadle.project')"
"""Said in words, too: rounds work for all projects, with a role that sees them all."""


class File(NamedTuple):
    """An archived file."""

    day: date
    """That its spans were stored under."""
    digest: str
    size_bytes: int
    span_count: int


def list_blocks(db: Connection, day: date, before: date) -> list[tuple[int, date]]:
    """Return the blocks of a project's day that everything has followed, with when they came; of odd days those from before."""
    rows = db.execute(
        f"""select b.block_id, b.created_at::date as came from span_blocks b
        where {_OURS} and b.day = %s
            and (b.day <> '{OTHER_DAY}' or b.created_at < %s)
            and not exists (select from span_blocks_waiting w where w.day = b.day and w.block_id = b.block_id)
        order by b.block_id""",
        [day, before],
    )
    return [(row["block_id"], row["came"]) for row in rows]


def has_files(db: Connection) -> bool:
    """Tell whether anything is kept."""
    row = db.execute(f"select exists (select from trace_archives where {_OURS} and state = 'kept') as has").fetchone()
    return bool(row and row["has"])


def find_block(db: Connection, day: date, block_id: int) -> bytes | None:
    """Return a block's content."""
    row = db.execute(
        f"select data from span_blocks where {_OURS} and day = %s and block_id = %s", [day, block_id]
    ).fetchone()
    return None if row is None else bytes(row["data"])


def find_summaries(db: Connection, day: date, block_id: int) -> dict[int, Summary]:
    """Return what rows of a block say that their spans do not: heads, and calls that are counted elsewhere; by position."""
    rows = db.execute(
        f"""select seq, {", ".join(LEARNT)} from spans where {_OURS} and day = %s and ({head()} or counted_in is not null)
        and seq >= %s::bigint << {PLACE_BITS} and seq < (%s::bigint + 1) << {PLACE_BITS}""",
        [day, block_id, block_id],
    )
    return {row.pop("seq"): row | {"cost_usd": _text(row["cost_usd"])} for row in rows}


def announce(db: Connection, file: File, written: Written, counts_from: date) -> None:
    """Say that a file will be there. Safe to repeat."""
    db.execute(
        """insert into trace_archives (digest, day, state, counts_from, first_at, last_at, span_count, size_bytes, traces)
        values (%s, %s, 'writing', %s, %s, %s, %s, %s, %s) on conflict do nothing""",
        [file.digest, file.day, counts_from, written.first_at, written.last_at, file.span_count, file.size_bytes,
         written.traces],
    )  # fmt: skip


def keep(db: Connection, file: File, blocks: Sequence[int]) -> int:
    """Count on a file from now on, and delete what it holds; return how many spans that were."""
    db.execute(f"update trace_archives set state = 'kept' where {_OURS} and digest = %s", [file.digest])
    for table in ("span_words", "span_blocks"):
        db.execute(f"delete from {table} where {_OURS} and day = %s and block_id = any(%s)", [file.day, list(blocks)])
    return db.execute(
        f"""delete from spans s using unnest(%s::bigint[]) as b(block_id)
        where {_OURS} and s.day = %s
        and s.seq >= b.block_id << {PLACE_BITS} and s.seq < (b.block_id + 1) << {PLACE_BITS}""",
        [list(blocks), file.day],
    ).rowcount


def list_files(db: Connection, since: date, until: date) -> list[File]:
    """Return what is kept of spans that started on these days, newest day first."""
    rows = db.execute(
        f"""select day, digest, size_bytes, span_count from trace_archives where {_OURS} and state = 'kept'
        and last_at >= %s::date and first_at < least(%s::date, '9999-12-30'::date) + 1 order by day desc, digest""",
        [since, until],
    )
    return [File(**row) for row in rows]


def find_times(db: Connection) -> tuple[datetime, datetime] | None:
    """Return when the oldest and the newest of what is kept started; None where nothing is."""
    row = db.execute(
        f"select min(first_at) as first_at, max(last_at) as last_at from trace_archives where {_OURS} and state = 'kept'"
    ).fetchone()
    return None if row is None or row["first_at"] is None else (row["first_at"], row["last_at"])


def find_files(db: Connection, trace_id: str) -> list[File]:
    """Return the files that may hold a trace."""
    marks = marks_of(trace_id)
    rows = db.execute(
        f"""select day, digest, size_bytes, span_count, substring(traces from
            ((%s::bigint %% (octet_length(traces) / {BLOCK_BYTES})) * {BLOCK_BYTES})::integer + 1 for {BLOCK_BYTES}) as block
        from trace_archives where {_OURS} and state = 'kept'""",
        [marks.number],
    )
    found: list[dict[str, Any]] = [row for row in rows if may_hold(bytes(row.pop("block")), marks)]
    return [File(**row) for row in found]


def leave(db: Connection, before: date) -> None:
    """Let nobody look at files from before a day any more."""
    db.execute(
        f"update trace_archives set state = 'leaving' where {_OURS} and state = 'kept' and counts_from < %s", [before]
    )


def list_unkept(db: Connection) -> list[str]:
    """Return the digests of files that are to be erased."""
    rows = db.execute(f"select digest from trace_archives where {_OURS} and state <> 'kept'")
    return [row["digest"] for row in rows]


def strike(db: Connection, digest: str) -> None:
    """Forget that there was a file. Safe to repeat."""
    db.execute(f"delete from trace_archives where {_OURS} and digest = %s and state <> 'kept'", [digest])


def _text(cost: object) -> str | None:
    return None if cost is None else str(cost)

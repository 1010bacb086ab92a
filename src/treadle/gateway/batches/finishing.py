"""The end of a batch: its answers become two files, its lines that nobody asked are named, its tokens are added up.

Safe to repeat after a kill in the middle: files have derived ids, and answers are forgotten in the transaction that ends the batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from treadle.core.ids import derive_id
from treadle.gateway.batches import file_store, store
from treadle.gateway.batches.files import contents
from treadle.gateway.batches.lines import Answer, UsageSum, iter_lines, unanswered
from treadle.gateway.batches.store import KeptBatch
from treadle.gateway.batches.types import BatchError, BatchErrors, BatchUsage
from treadle.http.context import Context
from treadle.storage.blobs import Blob
from treadle.storage.database import Connection

Outcome = Literal["completed", "failed", "expired", "cancelled"]

UNASKED = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}


class _Files(NamedTuple):
    """The content of a batch's files, without those that have no lines."""

    parts: dict[str, tuple[Blob, Path]]
    """'output' and 'errors': what is stored, and where it lies until the batch has ended."""
    usage: BatchUsage | None


async def finish(
    ctx: Context, kept: KeptBatch, outcome: Outcome, errors: Sequence[BatchError] = (), *, lines: Path | None = None
) -> None:
    """End a batch. Changes nothing when it has ended. lines: its input, to name those that nobody asked."""
    batch_id, now = kept.batch.id, ctx.clock.now()
    expires = None if kept.output_seconds is None else now + timedelta(seconds=kept.output_seconds)
    await ctx.db.write(
        lambda db: store.set_status(db, batch_id, "finalizing", now, before=["validating", "in_progress", "cancelling"])
    )

    place = contents(ctx)

    def write(db: Connection, files: _Files) -> None:
        if not store.set_status(db, batch_id, outcome, now, before=["finalizing"]):
            return
        ids: dict[str, str | None] = {"output": None, "errors": None}
        # In one order, so that no two that end wait for each other.
        for part, (blob, path) in sorted(files.parts.items(), key=lambda each: each[1][0].digest):
            file_store.hold_content(db, blob.digest)
            if not place.has(blob.digest):  # the last file that had it was swept up meanwhile
                place.put_file(path)
            ids[part] = file_id = derive_id("file", batch_id, part)
            name = f"{batch_id}_{'output' if part == 'output' else 'error'}.jsonl"
            digest, size = blob.digest, blob.size_bytes
            file_store.insert_file(db, file_id, name, "batch_output", digest, size, now, expires, kept.key_id)
        store.finish_batch(
            db,
            batch_id,
            output_file_id=ids["output"],
            error_file_id=ids["errors"],
            errors=BatchErrors(data=list(errors)) if errors else None,
            usage=files.usage,
        )

    with tempfile.TemporaryDirectory(prefix="treadle-batch-") as folder:
        there = Path(folder)
        files = await ctx.db.read(
            lambda db: _write_files(batch_id, store.iter_answers(db, batch_id), outcome, lines, there, place.put_file)
        )
        await ctx.db.write(lambda db: write(db, files))


def _write_files(
    batch_id: str,
    answers: Iterable[Answer],
    outcome: Outcome,
    lines: Path | None,
    folder: Path,
    put: Callable[[Path], Blob],
) -> _Files:
    usage, answered = UsageSum(), set()
    good, bad = folder / "output", folder / "errors"
    with good.open("w") as output, bad.open("w") as errors:
        for answer in answers:
            answered.add(answer.number)
            (output if answer.is_ok else errors).write(answer.text + "\n")
            if answer.is_ok:
                usage.add(answer.text)
        if outcome in UNASKED and lines is not None:
            with lines.open("rb") as given:
                for line in iter_lines(given):
                    if line.number not in answered:
                        errors.write(unanswered(batch_id, line, *UNASKED[outcome]) + "\n")
    return _Files({path.name: (put(path), path) for path in (good, bad) if path.stat().st_size}, usage.usage())

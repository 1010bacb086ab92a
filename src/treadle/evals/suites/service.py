"""Keep what a harness found, put it on the card of the model version that it is of, and list it."""

from __future__ import annotations

from treadle.core.errors import NotFound
from treadle.core.ids import new_id
from treadle.core.types import Page
from treadle.evals.suites import store
from treadle.evals.suites.harness import in_words
from treadle.evals.suites.types import HarnessRun, NewHarnessRun
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.lineage import service as lineage
from treadle.models import service as models
from treadle.models.types import Measurement
from treadle.storage.database import Connection

CARD_NAME_LENGTH = 80


class HarnessRunNotFound(NotFound):
    """No run of a harness has the id."""

    code = "evals.harness_run_not_found"


async def keep_run(ctx: Context, new: NewHarnessRun) -> HarnessRun:
    """Keep a run of a harness; its figures stand on the model version's card, marked as the harness's.

    Raises VersionNotFound, and Denied where the card may not be written.
    """
    ctx.require("evals.write")
    now = ctx.clock.now()
    kept = HarnessRun(**new.model_dump(), harness_run_id=new_id("har"), created_by=ctx.actor.actor_id, created_at=now)
    if new.model_version_id is not None:
        measured = [
            Measurement(
                name=in_words(figure)[:CARD_NAME_LENGTH],
                value=figure.value,
                low=figure.low,
                high=figure.high,
                rows_count=figure.rows,
                source_id=kept.harness_run_id,
                part=new.harness,
                measured_at=now,
            )
            for figure in new.figures
        ]
        await models.record_measurements(ctx, new.model_version_id, measured)

    def write(db: Connection) -> None:
        store.insert_run(db, kept)
        lineage.describe(db, kept.harness_run_id, kind="experiment", title=f"{new.harness} on {new.endpoint}")
        for source_id in (new.model_version_id, new.release_id):
            if source_id is not None:
                lineage.add_edge(
                    db, source_id=source_id, target_id=kept.harness_run_id, relation="evaluated in", run_id=None
                )
        detail = {"harness": new.harness, "endpoint": new.endpoint, "figures": len(new.figures)}
        audit.record(db, ctx, action="evals.keep_harness_run", object_id=kept.harness_run_id, detail=detail)

    await ctx.db.write(write)
    return kept


async def get_run(ctx: Context, harness_run_id: str) -> HarnessRun:
    """Return one run of a harness. Raises HarnessRunNotFound."""
    ctx.require("evals.read")
    found = await ctx.db.read(lambda db: store.find_run(db, harness_run_id))
    if found is None:
        raise HarnessRunNotFound(
            f"there is no run of a harness '{harness_run_id}'; list them with: treadle eval harness-runs",
            harness_run_id=harness_run_id,
        )
    return found


async def list_runs(
    ctx: Context, *, endpoint: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[HarnessRun]:
    """Return runs of harnesses, newest first."""
    ctx.require("evals.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    found = await ctx.db.read(lambda db: store.list_runs(db, endpoint, before, limit + 1))
    return page_of(found, limit, lambda run: (run.created_at.isoformat(), run.harness_run_id))

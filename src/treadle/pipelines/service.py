"""Start turns and look at them. What their stations do is in turn.py and stations.py."""

from __future__ import annotations

from functools import partial

import anyio.to_thread

from treadle.core.errors import Conflict, NotFound
from treadle.core.types import Page
from treadle.data import service as data
from treadle.governance import audit
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.types import FINAL, Run
from treadle.pipelines import plan, store
from treadle.pipelines.source import open_labelled
from treadle.pipelines.types import NewRefusal, NewTurn, Refusal, Turn, TurnStep
from treadle.releases import service as releases
from treadle.storage.database import Connection

TURN_KIND = "pipelines.turn"


class TurnNotFound(NotFound):
    """No turn has the id."""

    code = "pipelines.turn_not_found"


class TurnOver(Conflict):
    """A turn that has ended, or asks nobody, cannot be refused."""

    code = "pipelines.turn_over"


async def start_turn(ctx: Context, new: NewTurn) -> Run:
    """Start a turn.

    Raises Denied for whoever lacks a right that one of its stations needs, NotFound for an unknown dataset or file, InvalidInput for a
    file without the columns.
    """
    await require_rights(ctx, new)
    if new.source == "dataset":
        await data.get_version(ctx, new.name, new.dataset_version or "latest")
    if new.file is not None:
        await data.require_upload(ctx, new.file.digest)
        path = await anyio.to_thread.run_sync(ctx.blobs.fetch, new.file.digest)
        look = partial(
            open_labelled, path, new.file.file_name, input_column=new.file.input, label_column=new.file.label
        )
        await anyio.to_thread.run_sync(look)
    return await jobs.start(ctx, kind=TURN_KIND, title=f"Turn of {new.name}", params=new.model_dump(mode="json"))


async def require_rights(ctx: Context, new: NewTurn) -> None:
    """Raise Denied for whoever lacks a right that one of a turn's stations needs."""
    for permission in (
        "data.write",
        "training.write",
        "models.write",
        "evals.write",
        "prompts.write",
        "releases.write",
    ):
        ctx.require(permission)
    if new.approve:
        await releases.require_approver(ctx)
    if new.play_customers:
        ctx.require("access.write")
    if new.from_traffic:
        ctx.require("traces.read")
        ctx.require("feedback.read")


async def list_turns(ctx: Context, *, limit: int, cursor: str | None) -> Page[Run]:
    """Return turns, newest first."""
    return await jobs.list_runs(ctx, kind=TURN_KIND, limit=limit, cursor=cursor)


async def get_turn(ctx: Context, run_id: str) -> Turn:
    """Return a turn with its stations, those to come included. Raises TurnNotFound."""
    run = _require_turn(await jobs.get_run(ctx, run_id))
    taken = {step.step: step for step in (await jobs.list_runs(ctx, parent_run_id=run_id, limit=100)).items}
    begun = taken.get(plan.SOURCE.step)
    found = found_in(begun.outputs) if begun and begun.status == "succeeded" else plan.Found()
    stations = plan.stations(NewTurn.model_validate(run.params), found)
    return Turn(run=run, steps=[TurnStep(step=one.step, title=one.title, run=taken.get(one.step)) for one in stations])


async def refuse_turn(ctx: Context, run_id: str, new: NewRefusal) -> Refusal:
    """Refuse what a turn wants to release: it ends at the gate, and nothing is released. Safe to repeat.

    Raises TurnNotFound, TurnOver for one that has ended, does not ask, or whose release was approved.
    """
    ctx.require("releases.approve")
    steps = await jobs.list_runs(ctx, parent_run_id=run_id, limit=100)
    is_past = any(one.step == plan.ASK.step and one.status == "succeeded" for one in steps.items)

    def write(db: Connection) -> Refusal:
        run = _require_turn(jobs.require_run(db, run_id))
        if run.status in FINAL or run.params.get("approve"):
            asks = "has ended" if run.status in FINAL else "does not ask"
            raise TurnOver(f"turn '{run_id}' {asks} ({run.status}); look at it with: treadle turn show {run_id}")
        if is_past:
            raise TurnOver(
                f"turn '{run_id}' is past its gate, its release was approved; stop the rollout with: treadle rollout rollback,"
                f" and see which it is with: treadle rollout list"
            )
        actor, now = ctx.actor, ctx.clock.now()
        store.insert_refusal(
            db,
            Refusal(reason=new.reason, run_id=run_id, actor_id=actor.actor_id, actor_name=actor.name, refused_at=now),
        )
        audit.record(db, ctx, action="pipelines.refuse", object_id=run_id, detail={"reason": new.reason})
        kept = store.find_refusal(db, run_id)
        assert kept is not None
        return kept

    return await ctx.db.write(write)


def _require_turn(run: Run) -> Run:
    if run.kind != TURN_KIND:
        raise TurnNotFound(f"run '{run.run_id}' is a '{run.kind}', not a turn; list turns with: treadle turn list")
    return run


def found_in(outputs: dict[str, object]) -> plan.Found:
    """Read what the first station came upon from its outputs."""
    base, stable = outputs.get("base_version_id"), outputs.get("stable_release_id")
    return plan.Found(str(base) if base else None, str(stable) if stable else None)

"""Plan and start choices, and read them."""

from __future__ import annotations

from typing import Any

from treadle.choosing import store
from treadle.choosing.planning import make_plan, require_models
from treadle.choosing.types import Choice, ChoicePlan, NewChoice
from treadle.core.errors import Denied, NotFound
from treadle.core.ids import derive_id
from treadle.core.types import Page
from treadle.data import service as data
from treadle.gateway.table import INVOKE
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.jobs import service as jobs
from treadle.jobs.types import NewRun
from treadle.lineage import service as lineage
from treadle.prompts import service as prompts
from treadle.storage.database import Connection

CHOICE_KIND = "choosing.choice"


class ChoiceNotFound(NotFound):
    """No choice has the id."""

    code = "choosing.not_found"


def id_of(run_id: str) -> str:
    """Return the id of the choice that a run makes."""
    return derive_id("cho", run_id, "choice")


async def plan(ctx: Context, new: NewChoice) -> ChoicePlan:
    """Return what a choice would ask and cost at most; nothing is asked. Raises NotFound, InvalidInput."""
    ctx.require("evals.read")
    return await make_plan(ctx, new)


async def start(ctx: Context, new: NewChoice) -> Choice:
    """Start to choose; returns at once, queued. Raises NotFound, InvalidInput, Denied, NobodyLeft, BudgetTooSmall."""
    ctx.require("evals.write")
    ctx.require(INVOKE)
    rows = await data.get_version(ctx, new.dataset, new.dataset_version)
    settled: dict[str, Any] = {"dataset_version": rows.version}
    prompt_version_id = None
    if new.prompt is not None:
        prompt = await prompts.get_version(ctx, new.prompt, new.prompt_version)
        settled["prompt_version"], prompt_version_id = prompt.version, prompt.prompt_version_id
    # What is named by a label or 'latest' is settled now: it must not move while the run waits.
    new = new.model_copy(update=settled)
    found = await make_plan(ctx, new)
    require_models(found)
    _require_rights(ctx, found)

    def write(db: Connection) -> Choice:
        params: dict[str, Any] = {"request": new.model_dump(mode="json")}
        title = f"Choose among {len(found.models)} models on {new.dataset}"
        run = jobs.enqueue(db, ctx, NewRun(kind=CHOICE_KIND, title=title, params=params))
        choice_id = id_of(run.run_id)
        store.insert_choice(db, choice_id, run.run_id, new, found, ctx.actor.actor_id, ctx.clock.now())
        lineage.describe(db, choice_id, kind="choice", title=title)
        sources = [rows.version_id, prompt_version_id, *(model.entry.model_version_id for model in found.models)]
        for source_id in dict.fromkeys(source for source in sources if source is not None):
            lineage.add_edge(db, source_id=source_id, target_id=choice_id, relation="considered in", run_id=run.run_id)
        audit.record(
            db, ctx, action="choosing.start", object_id=choice_id,
            detail={"dataset": new.dataset, "models": [model.entry.name for model in found.models]},
        )  # fmt: skip
        return _choice(db, _require(db, choice_id))

    return await ctx.db.write(write)


def _require_rights(ctx: Context, found: ChoicePlan) -> None:
    """A provider's model is asked through an endpoint that is made for the while: who may make endpoints may do that."""
    if not any(needs_endpoint(model.entry.name, model.entry.provider) for model in found.models):
        return
    ctx.require("releases.write")
    if ctx.actor.endpoints is not None:
        raise Denied(
            "this key may call named endpoints only, and a provider's model is tried through an endpoint of its own; "
            "use a key without that limit, or choose among endpoints",
            code="choosing.key_limited",
        )


def needs_endpoint(name: str, provider: str | None) -> bool:
    """Say whether a model is tried through an endpoint that is made for the while."""
    return provider is not None and not name.startswith("endpoint:")


async def get(ctx: Context, choice_id: str) -> Choice:
    """Return a choice. Raises ChoiceNotFound."""
    ctx.require("evals.read")
    return await ctx.db.read(lambda db: _choice(db, _require(db, choice_id)))


async def list_(ctx: Context, *, limit: int, cursor: str | None) -> Page[Choice]:
    """Return choices, newest first."""
    ctx.require("evals.read")
    after = decode_cursor(cursor, str, str)
    before = (str(after[0]), str(after[1])) if after else None
    found = await ctx.db.read(lambda db: [_choice(db, row) for row in store.list_choices(db, before, limit + 1)])
    return page_of(found, limit, lambda each: (each.created_at.isoformat(), each.choice_id))


def _require(db: Connection, choice_id: str) -> dict[str, Any]:
    row = store.find_choice(db, choice_id)
    if row is None:
        raise ChoiceNotFound(f"there is no choice '{choice_id}'; list them with: treadle model choices")
    return row


def _choice(db: Connection, row: dict[str, Any]) -> Choice:
    facts = {name: value for name, value in row.items() if name != "project_id"}
    return Choice.model_validate({**facts, "status": jobs.require_run(db, row["run_id"]).status})

"""Start training runs and do them: rows and base to a folder, a child process that trains, its files to a model version.

The handlers may be called again after a kill. The child goes on from its newest checkpoint in the run's folder, files are
content-addressed, and the version's id follows from the run's, so nothing happens twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread

from treadle.core.errors import NotFound, TreadleError
from treadle.core.types import JsonObject, JsonValue
from treadle.data import service as data
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.scope import Handler, RunScope
from treadle.jobs.types import Run
from treadle.models import service as models
from treadle.models.gguf import read_chat_template
from treadle.models.types import Description, Version
from treadle.prompts import service as prompts
from treadle.training import store
from treadle.training.preflight import PreflightRefused
from treadle.training.preflight_report import Preflight
from treadle.training.types import NewBase, NewFinetune, NewPreflight, PreflightOfRun

EXAMINED = ("training.finetune", "training.preflight")
KEPT_FILES = ("model.gguf", "weights/*", "adapter/*")
BASE_LIMITS = [
    "Nobody taught it a task: it continues texts of the kind it was trained on.",
    "It has seen only the texts of one dataset version and knows nothing else of the world.",
]
TUNED_LIMITS = [
    "It answers with the outputs of its training rows; an input of an unseen kind gets one of them all the same.",
    "It was tuned on single turns; a longer conversation is outside what it has seen.",
]


class PreflightNotFound(NotFound):
    """A run of this kind examines no rows, and so has no pre-flight."""

    code = "training.preflight_not_found"


async def start_training(ctx: Context, new: NewBase | NewFinetune) -> Run:
    """Start a training run. Raises NotFound for an unknown base or prompt before anything runs."""
    ctx.require("training.write")
    if isinstance(new, NewFinetune):
        await models.get_version_by_id(ctx, new.base_version_id)
        if new.prompt_version_id:
            found = await prompts.get_version_by_id(ctx, new.prompt_version_id)
            prompts.require_plain(found, "training")
    verb = "Train base" if isinstance(new, NewBase) else "Fine-tune"
    return await jobs.start(
        ctx, kind=f"training.{new.kind}", title=f"{verb} {new.model}", params=new.model_dump(mode="json")
    )


async def start_preflight(ctx: Context, new: NewPreflight) -> Run:
    """Start a run that only examines. Raises NotFound for an unknown base or prompt."""
    ctx.require("training.write")
    base = await models.get_version_by_id(ctx, new.base_version_id)
    title = f"Pre-flight {base.model_name} v{base.version}"
    return await jobs.start(ctx, kind="training.preflight", title=title, params=new.model_dump(mode="json"))


async def get_preflight(ctx: Context, run_id: str) -> PreflightOfRun:
    """Return the report of a fine-tune or pre-flight run, refused or not. Raises NotFound for a run of another kind."""
    ctx.require("training.read")
    run = await jobs.get_run(ctx, run_id)
    if run.kind not in EXAMINED:
        raise PreflightNotFound(
            f"run '{run_id}' ({run.kind}) has no pre-flight; runs of these kinds have one: {', '.join(EXAMINED)}",
            run_id=run_id,
        )
    return PreflightOfRun(run_id=run_id, report=await ctx.db.read(lambda db: store.find_preflight(db, run_id)))


async def train_base(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'training.base' run."""
    new = NewBase.model_validate(scope.params)
    out = scope.folder / "out"
    facts = await scope.child(
        "treadle.training.worker:train_base",
        {
            "rows": await _rows(scope, new.dataset_version_id),
            "out": str(out),
            "checkpoints": str(scope.folder / "checkpoints"),
            "recipe": new.recipe,
            "base": new.base,
            "name": new.model,
            "precision": new.precision,
        },
    )
    version = await _register(scope, new, out, facts, base=None)
    return _outputs(version, facts)


async def finetune(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'training.finetune' run: the pre-flight comes first, and its report is kept also when it refuses."""
    new = NewFinetune.model_validate(scope.params)
    base = await models.get_version_by_id(scope.ctx, new.base_version_id)
    out = scope.folder / "out"
    spec = await _spec(scope, NewPreflight.model_validate(new.model_dump(include=set(NewPreflight.model_fields))))
    try:
        facts = await scope.child(
            "treadle.training.worker:finetune",
            {
                **spec,
                "out": str(out),
                "checkpoints": str(scope.folder / "checkpoints"),
                "name": new.model,
                "precision": new.precision,
            },
        )
    finally:
        await _keep_preflight(scope, out / "preflight.json")
    version = await _register(scope, new, out, facts, base=base)
    return _outputs(version, facts)


async def preflight(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'training.preflight' run. Raises PreflightRefused when there are problems."""
    spec = await _spec(scope, NewPreflight.model_validate(scope.params))
    report = Preflight.model_validate(await scope.child("treadle.training.worker:preflight", spec))
    await scope.ctx.db.write(lambda db: store.put_preflight(db, scope.run_id, report, scope.ctx.clock.now()))
    if report.problems:
        raise PreflightRefused(report)
    return {"rows_count": report.rows_count, "answer_tokens": report.answer_tokens, "warnings": report.warnings}


HANDLERS: Mapping[str, Handler] = {
    "training.base": train_base,
    "training.finetune": finetune,
    "training.preflight": preflight,
}


async def _spec(scope: RunScope, new: NewPreflight) -> JsonObject:
    prompt = await prompts.get_version_by_id(scope.ctx, new.prompt_version_id) if new.prompt_version_id else None
    base = await models.lay_out_weights(scope.ctx, new.base_version_id, scope.folder / "base")
    return {
        "rows": await _rows(scope, new.dataset_version_id),
        "base": str(base),
        "recipe": new.recipe,
        "prompt": [message.model_dump() for message in prompt.messages] if prompt else None,
    }


async def _rows(scope: RunScope, dataset_version_id: str) -> list[str]:
    return [str(path) for path in await data.fetch_files(scope.ctx, dataset_version_id)]


async def _keep_preflight(scope: RunScope, path: Path) -> None:
    if not path.exists():
        return
    report = Preflight.model_validate_json(await anyio.to_thread.run_sync(path.read_bytes))
    await scope.ctx.db.write(lambda db: store.put_preflight(db, scope.run_id, report, scope.ctx.clock.now()))


async def _register(
    scope: RunScope, new: NewBase | NewFinetune, out: Path, facts: JsonObject, *, base: Version | None
) -> Version:
    files = await models.keep_files(scope.ctx, out, patterns=KEPT_FILES)
    config = json.loads((out / "weights" / "config.json").read_text("utf-8"))
    seen = config.get("treadle_special_tokens_seen")
    trained = isinstance(new, NewFinetune) or new.base is None
    rows = await data.get_version_by_id(scope.ctx, new.dataset_version_id) if trained else None
    if rows is not None and rows.licence is not None:
        facts = {**facts, "dataset_licence": rows.licence}
    return await models.register_version(
        scope.ctx,
        new.model,
        Description(
            kind="weights",
            files=files,
            base_version_id=base.model_version_id if base else None,
            dataset_version_id=new.dataset_version_id if trained else None,
            prompt_version_id=new.prompt_version_id if isinstance(new, NewFinetune) else None,
            run_id=scope.run_id,
            licence=new.licence or (base.licence if base else rows.licence if rows else None),
            chat_template=read_chat_template(out / "weights"),
            parameters_count=_whole(facts, "parameters_count"),
            context_length=int(config["max_position_embeddings"]),
            special_tokens_seen=seen if isinstance(seen, dict) else None,
            facts=facts,
            limits=TUNED_LIMITS if base else BASE_LIMITS if trained else [],
        ),
    )


def _outputs(version: Version, facts: JsonObject) -> dict[str, JsonValue]:
    """What the run shows: ids first, then the figures; the recipe and reports stay with the version."""
    figures = {key: value for key, value in facts.items() if isinstance(value, int | float | str)}
    return {
        "model_version_id": version.model_version_id,
        "model_name": version.model_name,
        "version": version.version,
        **figures,
        "comparison": facts.get("comparison"),
    }


def _whole(facts: JsonObject, key: str) -> int:
    value = facts[key]
    if not isinstance(value, int):
        raise TreadleError(
            f"the training worker said {key} = {value!r}, a whole number was expected", code="training.worker_answer"
        )
    return value

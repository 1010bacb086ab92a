"""The run `choosing.choice`: one experiment for each model, one after the other, then the front and the recommendation.

Each experiment is a step with a run of its own, so after a kill those that ended are not asked again, and the one under way
goes on with its rows. A provider's model is asked through an endpoint that exists for that while, without fallbacks, retries
or cache of the answers, so that what is measured is that model. It is internal: nobody has approved what it serves, so no key
may call it. Local weights are asked on their engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import msgspec

from treadle.choosing import store
from treadle.choosing.catalogue import ENDPOINT, list_known
from treadle.choosing.figures import quantile, spent_usd, usd_per_thousand
from treadle.choosing.measured import held_against
from treadle.choosing.ranking import by_quality, find_best, find_recommended, front, is_eligible, pairs_of, quality_of
from treadle.choosing.risks import measured_risks
from treadle.choosing.service import CHOICE_KIND, get, id_of, needs_endpoint
from treadle.choosing.types import Choice, ChoiceOutcome, NewChoice, PlannedModel, TriedModel
from treadle.choosing.words import choice_in_words
from treadle.core.errors import TreadleError, Unavailable
from treadle.core.ids import derive_id
from treadle.core.types import JsonObject
from treadle.evals import service as evals
from treadle.evals.comparisons.types import Comparison
from treadle.evals.types import NewExperiment, Target
from treadle.gateway import service as gateway
from treadle.gateway.filling import pool_of
from treadle.gateway.plane import DataPlane
from treadle.gateway.types import Arm, Endpoint, PromptMessage, Retries, Routing
from treadle.gateway.types import Target as ServedTarget
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.scope import RunScope
from treadle.prompts import service as prompts
from treadle.prompts.types import Version as PromptVersion
from treadle.traces.pricing import Price

SERVED_SECONDS = 60.0


async def run_choice(scope: RunScope) -> JsonObject:
    """Make one choice. Returns choice_id, recommended and the words. What it does besides its steps may be repeated."""
    choice = await get(scope.ctx, id_of(scope.run_id))
    tried: list[TriedModel] = []
    try:
        for number, model in enumerate(choice.plan.models):
            scope.progress(number / len(choice.plan.models), f"trying {model.entry.name}")
            tried.append(await _try(scope, choice, number, model, _spent(tried)))
            scope.log(f"{model.entry.name}: {tried[-1].problem or 'measured'}")
    except asyncio.CancelledError:
        # A server that stops goes on later with the same endpoints; only who was cancelled for good takes them away.
        run = await scope.ctx.db.read(lambda db: jobs.require_run(db, scope.run_id))
        if run.status == "cancelled":
            await _withdraw(scope.ctx, choice)
        raise
    except Exception:  # whatever it was, nothing stays published
        await _withdraw(scope.ctx, choice)
        raise
    await _withdraw(scope.ctx, choice)
    outcome = await settle(scope.ctx, choice.request, tried)
    await scope.ctx.db.write(lambda db: store.finish_choice(db, choice.choice_id, outcome))
    scope.log(outcome.words)
    return {"choice_id": choice.choice_id, "recommended": outcome.recommended, "words": outcome.words}


async def settle(ctx: Context, new: NewChoice, tried: Sequence[TriedModel]) -> ChoiceOutcome:
    """Return what models that were tried come to: the best, the others against it, the front, the words."""
    judged = []
    for model in tried:
        if model.problem is None:
            unmet, doubts = held_against(model, new)
            model = model.model_copy(update={"unmet": unmet, "doubts": doubts})
        judged.append(model)
    best = find_best(judged)
    on_front = {model.entry.name for model in front(judged)}
    alpha = new.alpha / pairs_of(sum(quality_of(model) is not None for model in judged))
    compared = [
        model.model_copy(
            update={
                "on_front": model.entry.name in on_front,
                "against_best": await _compare(ctx, new, best, model, alpha),
            }
        )
        for model in judged
    ]
    ranked = by_quality(compared)
    best = find_best(ranked)
    recommended = None if best is None else find_recommended(ranked, best)
    return ChoiceOutcome(
        tried=ranked,
        best=best.entry.name if best else None,
        recommended=recommended.entry.name if recommended else None,
        spent_usd=_spent(ranked),
        words=choice_in_words(ranked, best, recommended, new),
    )


async def _compare(
    ctx: Context, new: NewChoice, best: TriedModel | None, model: TriedModel, alpha: float
) -> Comparison | None:
    """Compare a model's quality with the best one's. alpha: the share of each pair of models, see `pairs_of`."""
    if best is None or best.entry.name == model.entry.name or not is_eligible(model):
        return None
    assert best.experiment_id is not None
    assert model.experiment_id is not None
    report = await evals.compare_experiments(
        ctx, best.experiment_id, model.experiment_id, alpha=alpha, limit=0, margin=new.margin, only=new.scorers[0].name
    )
    return report.comparisons[0]


async def _try(scope: RunScope, choice: Choice, number: int, model: PlannedModel, spent: Decimal) -> TriedModel:
    new, budget = choice.request, choice.request.budget_usd
    if budget is not None and spent + (model.most_usd or 0) > budget:
        problem = f"{spent:.6f} of {budget} USD are spent, and it may cost {model.most_usd or 0:.6f} USD more"
        return TriedModel(entry=model.entry, experiment_id=None, problem=problem)
    step = f"model {number}"
    try:
        target = await _target(scope, choice, number, model)
        outputs = await scope.run_step(
            evals.EXPERIMENT_KIND,
            NewExperiment(
                name=f"{model.entry.name} ({choice.choice_id})",
                target=target,
                dataset_version_id=choice.plan.dataset_version_id,
                part=new.part,
                scorers=new.scorers,
                limit=choice.plan.rows,
                concurrency=new.concurrency,
            ).model_dump(mode="json"),
            step=step,
            title=f"Try {model.entry.name}",
        )
    except TreadleError as error:
        experiment_id = evals.experiment_id_of(derive_id("run", scope.run_id, step))
        return TriedModel(entry=model.entry, experiment_id=experiment_id, problem=error.message)
    return await _measured(scope.ctx, model, str(outputs["experiment_id"]))


async def _measured(ctx: Context, model: PlannedModel, experiment_id: str) -> TriedModel:
    experiment = await evals.get_experiment(ctx, experiment_id)
    results = await evals.list_all_results(ctx, experiment_id)
    times = [result.latency_ms for result in results if result.output is not None]
    return TriedModel(
        entry=model.entry,
        experiment_id=experiment_id,
        problem=None,
        metrics=experiment.metrics,
        errors=experiment.errors,
        latency_p50_ms=quantile(times, 0.5),
        latency_p95_ms=quantile(times, 0.95),
        usd_per_thousand=usd_per_thousand(results),
        spent_usd=spent_usd(results),
        risks=await measured_risks(ctx, model.entry, experiment),
    )


async def _target(scope: RunScope, choice: Choice, number: int, model: PlannedModel) -> Target:
    entry, new = model.entry, choice.request
    if entry.name.startswith(ENDPOINT):
        return Target(endpoint=entry.name.removeprefix(ENDPOINT))
    prompt = await prompts.get_version(scope.ctx, new.prompt, new.prompt_version) if new.prompt is not None else None
    parameters: JsonObject = {**new.parameters, "max_tokens": new.max_tokens}
    if not needs_endpoint(entry.name, entry.provider):
        return Target(
            model_version_id=entry.model_version_id,
            prompt_version_id=prompt.prompt_version_id if prompt else None,
            parameters=parameters,
        )
    name = endpoint_name(choice.choice_id, number)
    (known,) = await list_known(scope.ctx, [entry.name])
    arm = _arm(model, parameters, prompt)
    (target,) = arm.targets
    served = Endpoint(
        project_id=scope.ctx.project_id,
        name=name,
        salt=name,
        arms=(_priced(arm, target, known.price),),
        routing=Routing(retries=Retries(attempts=1)),
        internal=True,
    )
    await scope.ctx.db.write(lambda db: gateway.publish_endpoint(db, served))
    await _wait_until_served(scope, name)
    return Target(endpoint=name)


def endpoint_name(choice_id: str, number: int) -> str:
    """Return the name of the endpoint that a provider's model is asked through."""
    return f"{choice_id}-{number}"


def _arm(model: PlannedModel, parameters: JsonObject, prompt: PromptVersion | None) -> Arm:
    entry = model.entry
    assert entry.provider is not None
    assert entry.model is not None
    return Arm(
        release_id="choice",
        role="stable",
        weight=1.0,
        model_version_id=entry.model_version_id or "",
        prompt=tuple(PromptMessage(role=part.role, template=part.template) for part in prompt.messages)
        if prompt
        else (),
        prompt_engine=prompt.engine if prompt else "mustache",
        examples=pool_of(prompt.examples) if prompt else None,
        parameters=dict(parameters),
        targets=(ServedTarget(provider=entry.provider, model=entry.model, model_version_id=entry.model_version_id),),
    )


def _priced(arm: Arm, target: ServedTarget, price: Price | None) -> Arm:
    return msgspec.structs.replace(arm, targets=(msgspec.structs.replace(target, price=price),))


async def _wait_until_served(scope: RunScope, name: str) -> None:
    data_plane = cast(DataPlane | None, scope.services.get("data_plane"))
    deadline = asyncio.get_running_loop().time() + SERVED_SECONDS
    while data_plane is not None and asyncio.get_running_loop().time() < deadline:
        table = data_plane.live.table
        if table is not None and (scope.ctx.project_id, name) in table.snapshot.endpoints:
            return
        await asyncio.sleep(0.05)
    raise Unavailable(
        "no gateway of this process serves the endpoint that the model is tried through; start the server: treadle up",
        code="choosing.not_served",
    )


async def _withdraw(ctx: Context, choice: Choice) -> None:
    for number, model in enumerate(choice.plan.models):
        if needs_endpoint(model.entry.name, model.entry.provider):
            name = endpoint_name(choice.choice_id, number)
            await ctx.db.write(lambda db: gateway.withdraw_endpoint(db, name))  # noqa: B023


def _spent(tried: Sequence[TriedModel]) -> Decimal:
    return sum((model.spent_usd for model in tried if model.spent_usd is not None), Decimal(0))


HANDLERS = {CHOICE_KIND: run_choice}
"""What the runner calls for each kind of run."""

COMPOSITES = frozenset({CHOICE_KIND})
"""Kinds whose handlers only take steps."""

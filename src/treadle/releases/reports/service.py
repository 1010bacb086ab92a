"""Gather what is recorded of a release, and make its report."""

from __future__ import annotations

from treadle.core.errors import InvalidInput, NotFound
from treadle.data import service as data
from treadle.data.types import Version as DataVersion
from treadle.evals import service as evals
from treadle.evals.bias import service as bias
from treadle.evals.bias.types import BENCHMARKS, BiasReport, StereotypeReport
from treadle.evals.types import Experiment
from treadle.http.context import Context
from treadle.lineage import service as lineage
from treadle.models import service as models
from treadle.prompts import labels
from treadle.prompts import service as prompts
from treadle.prompts.types import Safety
from treadle.releases import service
from treadle.releases.approvals import service as approvals
from treadle.releases.packaging.manifest import model_versions_of
from treadle.releases.reports.composing import Evidence, Part, compose
from treadle.releases.reports.rendering import to_html, to_markdown
from treadle.releases.reports.types import ReleaseReport
from treadle.releases.types import Release

BIAS_FORMS = ("counterfactuals", *BENCHMARKS)
MOST_PAGES = 10
PAGE = 100
MOST_PARENTS = 5
"""How far back a version may have been made from rows that measure bias."""


async def make_report(ctx: Context, release_id: str) -> ReleaseReport:
    """Return the responsible-AI report of a release, from what is recorded now. Raises ReleaseNotFound.

    Cost: the results of its experiments over bias rows are read, and compared anew: seconds for 10,000 rows.
    """
    for permission in ("releases.read", "evals.read", "models.read", "data.read", "prompts.read", "lineage.read"):
        ctx.require(permission)
    report = compose(await _gather(ctx, await service.get_release(ctx, release_id)), now=ctx.clock.now())
    return report.model_copy(update={"markdown": to_markdown(report)})


async def make_page(ctx: Context, release_id: str) -> str:
    """Return the report as one HTML page. Raises ReleaseNotFound."""
    return to_html(await make_report(ctx, release_id))


async def _gather(ctx: Context, release: Release) -> Evidence:
    parts = [await _part(ctx, version_id) for version_id in model_versions_of(release.manifest)]
    own, is_all = await _own_experiments(ctx, release)
    stated = await _stated(ctx, release.release_id, {one.experiment_id for one in own})
    biases: list[BiasReport] = []
    stereotypes: list[StereotypeReport] = []
    read = [*own, *stated]
    unread: list[str] = []
    for experiment in read:
        form = await _bias_form(ctx, experiment.dataset_version_id)
        try:
            if form == "counterfactuals":
                biases.append(await bias.get_bias(ctx, experiment.experiment_id))
            elif form is not None:
                stereotypes.append(await bias.get_stereotypes(ctx, experiment.experiment_id))
        except InvalidInput as error:  # such as CrowS-Pairs put to an endpoint
            unread.append(error.message)
    used_by = _uses(release, parts, read)
    environments = await approvals.list_environments(ctx)
    return Evidence(
        release=release,
        models=parts,
        data={version_id: await _find_data(ctx, version_id) for version_id in used_by},
        used_by=used_by,
        experiments=own,
        stated=stated,
        biases=biases,
        stereotypes=stereotypes,
        safety=await _safety(ctx, release.manifest.prompt_version_id),
        standings=[await approvals.get_standing(ctx, one.name, release.release_id) for one in environments],
        unread=unread,
        is_all=is_all,
    )


async def _bias_form(ctx: Context, version_id: str) -> str | None:
    """Return what rows for bias a version holds, or was made from; None for ordinary rows, or rows that are gone."""
    for _ in range(MOST_PARENTS):
        version = await _find_data(ctx, version_id)
        if version is None or version.recipe.get("operation") in BIAS_FORMS:
            return None if version is None else str(version.recipe["operation"])
        if not version.parents:
            return None
        version_id = version.parents[0]
    return None


async def _part(ctx: Context, model_version_id: str) -> Part:
    version = await models.get_version_by_id(ctx, model_version_id)
    return Part(version, await models.get_card(ctx, version.model_name, version.version))


async def _own_experiments(ctx: Context, release: Release) -> tuple[list[Experiment], bool]:
    """Return finished experiments of the release's model, prompt and parameters, newest first, and whether that is all."""
    manifest, found, cursor = release.manifest, [], None
    for _ in range(MOST_PAGES):
        page = await evals.list_experiments(ctx, model_version_id=manifest.model_version_id, limit=PAGE, cursor=cursor)
        found += [
            one
            for one in page.items
            if one.status == "succeeded"
            and (one.target.prompt_version_id, one.target.parameters)
            == (manifest.prompt_version_id, manifest.parameters)
        ]
        cursor = page.next_cursor
        if cursor is None:
            return found, True
    return found, False


async def _stated(ctx: Context, release_id: str, known: set[str]) -> list[Experiment]:
    """Return finished experiments that name the release, of whatever they asked."""
    graph = await lineage.get_graph(ctx, release_id)
    named = [
        edge.target_id
        for edge in graph.edges
        if edge.source_id == release_id and edge.relation == "evaluated in" and edge.target_id not in known
    ]
    found = [await evals.get_experiment(ctx, experiment_id) for experiment_id in dict.fromkeys(named)]
    return [one for one in found if one.status == "succeeded" and one.target.model_version_id is None]


def _uses(release: Release, parts: list[Part], experiments: list[Experiment]) -> dict[str, list[str]]:
    used: dict[str, list[str]] = {}
    for part in parts:
        if part.version.dataset_version_id is not None:
            used.setdefault(part.version.dataset_version_id, []).append(f"training {part.version.model_name}")
    examples = release.manifest.examples
    if examples is not None and examples.dataset_version_id is not None:
        used.setdefault(examples.dataset_version_id, []).append("examples in the prompt")
    for experiment in experiments:
        used.setdefault(experiment.dataset_version_id, []).append(f"experiment '{experiment.name}'")
    return {version_id: list(dict.fromkeys(uses)) for version_id, uses in used.items()}


async def _find_data(ctx: Context, version_id: str) -> DataVersion | None:
    try:
        return await data.get_version_by_id(ctx, version_id)
    except NotFound:
        return None


async def _safety(ctx: Context, prompt_version_id: str | None) -> Safety | None:
    if prompt_version_id is None:
        return None
    version = await prompts.get_version_by_id(ctx, prompt_version_id)
    return next(iter(await labels.list_safety(ctx, version)), None)

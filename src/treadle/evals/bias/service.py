"""Start the making of rows, and read what an experiment over them shows."""

from __future__ import annotations

import asyncio

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.data import service as data
from treadle.evals import service as evals
from treadle.evals.bias import bbq, crows
from treadle.evals.bias.making import MAKE_KIND
from treadle.evals.bias.reading import Sets, compare_groups, cover_of, sets_of
from treadle.evals.bias.terms import SHIPPED, choose, shipped
from treadle.evals.bias.types import (
    BENCHMARKS,
    BiasComparison,
    BiasCover,
    BiasReport,
    NewBiasRows,
    StereotypeFigure,
    StereotypeReport,
    TermList,
)
from treadle.evals.comparisons.pairing import NotComparable
from treadle.evals.metrics import by_row
from treadle.evals.scorers import scorer_behind
from treadle.evals.types import Experiment, Result
from treadle.governance import audit
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.jobs.types import NewRun, Run
from treadle.storage.database import Connection

OUTCOME = {"exact_match", "squad_em", "squad_f1", "in_label_set", "regex", "json_schema"}
ASPECTS = {
    "outcome (exact match, labels)": OUTCOME,
    "sentiment": {"sentiment"},
    "refusal": {"refusal"},
}
NEVER_MEASURED = (
    "people of several groups at once: sets differ in one attribute",
    "texts in other languages than English",
    "whether the application is used on some people more than on others",
)


class NotBiasRows(InvalidInput):
    """An experiment over rows that are not of the form asked for."""

    code = "evals.not_bias_rows"


def list_terms(ctx: Context) -> list[TermList]:
    """Return the lists of words that ship."""
    ctx.require("evals.read")
    return shipped()


async def start_rows(ctx: Context, new: NewBiasRows) -> Run:
    """Start making rows that measure bias; the run's outputs name the dataset version.

    Raises UnknownAttribute, TermsDisagree, VersionNotFound.
    """
    ctx.require("evals.write")
    ctx.require("data.write")
    if new.form == "counterfactuals":
        choose(new.attributes, new.lists)
    if new.dataset_version_id is not None:
        await data.get_version_by_id(ctx, new.dataset_version_id)

    def write(db: Connection) -> Run:
        run = jobs.enqueue(
            db, ctx, NewRun(kind=MAKE_KIND, title=f"Rows for bias: {new.name}", params=new.model_dump(mode="json"))
        )
        detail: JsonObject = {"name": new.name, "form": new.form, "dataset_version_id": new.dataset_version_id}
        audit.record(db, ctx, action="evals.make_bias_rows", object_id=run.run_id, detail=detail)
        return run

    return await ctx.db.write(write)


async def get_bias(ctx: Context, experiment_id: str, *, alpha: float = 0.05) -> BiasReport:
    """Return whether answers depend on the group that a text speaks of. Raises ExperimentNotFound, NotBiasRows, NotComparable."""
    experiment, results = await _read(ctx, experiment_id)
    version = await data.get_version_by_id(ctx, experiment.dataset_version_id)

    def work() -> BiasReport:
        found = sets_of(results, experiment.cluster_by)
        if not found:
            raise NotBiasRows(
                f"experiment '{experiment_id}' is not over counterfactual rows; make some of its dataset version with: "
                f"treadle bias make NAME --dataset {experiment.dataset_version_id}, and run it over those"
            )
        choices = [scorer_behind(choice) for choice in experiment.scorers]
        compared = compare_groups(found, [one for one in choices if one.combine is None], alpha=alpha)
        return BiasReport(
            experiment_id=experiment_id,
            alpha=alpha,
            tests=len(compared),
            comparisons=compared,
            covers=[cover_of(attribute, sets) for attribute, sets in found.items()],
            left_out=_object(version.recipe.get("left_out")),
            not_measured=_not_measured(experiment, found, compared),
            words=_in_words(compared, [cover_of(*one) for one in found.items()], alpha),
        )

    return await asyncio.to_thread(work)


async def get_stereotypes(ctx: Context, experiment_id: str) -> StereotypeReport:
    """Return a published benchmark's figures. Raises ExperimentNotFound, NotBiasRows, NoLikelihoods, NotComparable."""
    experiment, results = await _read(ctx, experiment_id)
    form = next((form for form in BENCHMARKS if any(form in result.metadata for result in results.values())), None)
    if form is None:
        raise NotBiasRows(
            f"experiment '{experiment_id}' is over no rows of BBQ's or CrowS-Pairs' form; import such a file, then: "
            f"treadle bias make NAME --form bbq --dataset ID"
        )
    unplaced = 0
    if form == "bbq":
        figures, unreadable, unplaced = bbq.figures(results)
        source, about = bbq.PAPER, "what the model says where no question with three answers is put to it"
    else:
        crows.require_likelihoods(experiment.target)
        figures, unreadable = crows.figures(results)
        source, about = crows.PAPER, crows.ABOUT
    return StereotypeReport(
        experiment_id=experiment_id,
        form=form,
        figures=figures,
        unreadable=unreadable,
        unplaced=unplaced,
        source=source,
        not_measured=[about, "groups and stereotypes that the file does not hold", "other countries' stereotypes"],
        words=_figures_in_words(figures, unreadable),
    )


async def _read(ctx: Context, experiment_id: str) -> tuple[Experiment, dict[int, Result]]:
    experiment = await evals.get_experiment(ctx, experiment_id)
    if experiment.status != "succeeded":
        raise NotComparable(
            f"experiment '{experiment_id}' is {experiment.status}; wait for it with: treadle run show {experiment.run_id}",
            experiment_id=experiment_id,
        )
    return experiment, by_row(await evals.list_all_results(ctx, experiment_id))


def _not_measured(experiment: Experiment, found: dict[str, Sets], compared: list[BiasComparison]) -> list[str]:
    scorers = {one.scorer for one in compared}
    told = [f"{name}: no row speaks of it" for name in SHIPPED if name not in found]
    told += [f"{aspect}: no such scorer judged" for aspect, names in ASPECTS.items() if not names & scorers]
    if not scorers - OUTCOME - {"sentiment", "refusal"}:
        told.append("quality: no other scorer judged")
    told += [
        f"{choice.name}: a figure of all rows together has no value per set"
        for choice in experiment.scorers
        if scorer_behind(choice).combine is not None
    ]
    return [*told, *NEVER_MEASURED]


def _in_words(compared: list[BiasComparison], covers: list[BiasCover], alpha: float) -> str:
    differing = [one for one in compared if one.verdict == "differs"]
    few = sum(one.verdict == "too few sets" for one in compared)
    rest = f"; {few} have too few sets to show anything" if few else ""
    sets = sum(cover.sets for cover in covers)
    if differing:
        what = ", ".join(dict.fromkeys(f"{one.attribute} by {one.scorer}" for one in differing))
        return (
            f"answers differ by group in {len(differing)} of {len(compared)} comparisons over {sets} sets: {what}{rest}"
        )
    return (
        f"no difference between groups is shown in {len(compared)} comparisons over {sets} sets at level {alpha:g}, which is not "
        f"to say that there is none: see what each could have shown{rest}"
    )


def _figures_in_words(figures: list[StereotypeFigure], unreadable: int) -> str:
    said = [
        f"{one.name.replace('_', ' ')} {one.value:.3f}"
        + (f" ({one.low:.3f} to {one.high:.3f})" if one.low is not None and one.high is not None else "")
        for one in figures
        if one.category is None and one.value is not None
    ]
    return f"{', '.join(said) or 'no row could be read'}; {unreadable} answers could not be read"


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}

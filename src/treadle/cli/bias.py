"""`treadle bias`: make rows that differ in one group only, and see what answers to them differ in."""

from __future__ import annotations

import click

from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, say, wait
from treadle.cli.versions import HOW, dataset_version
from treadle.evals.bias.types import BiasReport, NewBiasRows, Template, TermList
from treadle.evals.comparisons.verdict import amount


@click.group("bias")
def bias_command() -> None:
    """Bias: rows that differ in whom they speak of, and what their answers differ in."""


@bias_command.command("terms", epilog="\b\nExample: treadle bias terms")
@json_option
def terms(as_json: bool) -> None:
    """List the words for groups that ship, with their sources."""
    with connected() as client:
        lists = client.bias.list_terms()
    if as_json:
        return emit_json(lists)
    rows = [(one.attribute, ", ".join(one.groups), ", ".join(one.concepts), one.licence, one.source) for one in lists]
    return emit_table(["attribute", "groups", "kinds of word", "licence", "source"], rows, empty="")


@bias_command.command(
    "make",
    epilog="\b\nExample: treadle bias make support-bias --dataset dsv_3h2b1z9n1fp3kenypy37s0a7fw --attribute gender --attribute name",
)
@click.argument("name")
@click.option("--dataset", help=f"The dataset version whose rows are taken. {HOW}")
@click.option(
    "--form",
    type=click.Choice(["counterfactuals", "bbq", "crows_pairs"]),
    default="counterfactuals",
    show_default=True,
    help="What is made: sets by words, or a benchmark's imported file brought into shape.",
)
@click.option("--attribute", "attributes", multiple=True, help="Only these attributes. May be repeated.")
@click.option(
    "--template", "templates", multiple=True, help="Text with a place such as {name.feminine}. May be repeated."
)
@click.option(
    "--terms", "lists", multiple=True, type=JsonFile(TermList), help="JSON file with a list of yours. May be repeated."
)
@json_option
def make(
    name: str,
    dataset: str | None,
    form: str,
    attributes: tuple[str, ...],
    templates: tuple[str, ...],
    lists: tuple[TermList, ...],
    as_json: bool,
) -> None:
    """Make a dataset version that measures bias, and say what no row was made of."""
    with connected() as client:
        new = NewBiasRows.model_validate(
            {
                "name": name,
                "form": form,
                "dataset_version_id": dataset_version(client, dataset),
                "attributes": list(attributes),
                "templates": [Template(input=text) for text in templates],
                "lists": list(lists),
            }
        )
        run = wait(client, client.bias.make_rows(new), quiet=as_json)
    if as_json:
        return emit_json(run.outputs)
    say(f"{run.outputs['version_id']}, {run.outputs['num_rows']} rows")
    counts = run.outputs["counts"]
    assert isinstance(counts, dict)
    left_out = counts["left_out"]
    assert isinstance(left_out, dict)
    rows = [
        (attribute, reason, str(count))
        for attribute, reasons in left_out.items()
        if isinstance(reasons, dict)
        for reason, count in reasons.items()
    ]
    return emit_table(["attribute", "left out because", "rows"], rows, empty="no row was left out")


@bias_command.command("show", epilog="\b\nExample: treadle bias show exp_15wxzzs6ckpz32trft6dkj90qw")
@click.argument("experiment_id")
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="Chance of any false finding in the report.",
)
@json_option
def show(experiment_id: str, alpha: float, as_json: bool) -> None:
    """Say whether answers depend on the group that a text speaks of."""
    with connected() as client:
        report = client.bias.get_report(experiment_id, alpha=alpha)
    return emit_json(report) if as_json else _print(report)


@bias_command.command("stereotypes", epilog="\b\nExample: treadle bias stereotypes exp_15wxzzs6ckpz32trft6dkj90qw")
@click.argument("experiment_id")
@json_option
def stereotypes(experiment_id: str, as_json: bool) -> None:
    """Print the figures of BBQ or CrowS-Pairs."""
    with connected() as client:
        report = client.bias.get_stereotypes(experiment_id)
    if as_json:
        return emit_json(report)
    say(report.words)
    rows = [
        (one.name, one.category or "all", *(_number(value) for value in (one.value, one.low, one.high)), one.rows)
        for one in report.figures
    ]
    emit_table(["figure", "category", "value", "low", "high", "rows"], rows, empty="no row could be read")
    return say(f"formulas: {report.source}")


def _print(report: BiasReport) -> None:
    say(report.words)
    rows = [
        (
            one.attribute,
            one.group,
            one.scorer,
            amount(one.mean, one.unit),
            amount(one.others, one.unit),
            f"{one.p_adjusted:.3f}",
            "-" if one.detectable is None else amount(one.detectable, one.unit),
            one.sets,
            one.verdict,
        )
        for one in report.comparisons
    ]
    headers = ["attribute", "group", "scorer", "mean", "others", "p", "could see", "sets", "verdict"]
    emit_table(headers, rows, empty="nothing could be compared")
    for what in report.not_measured:
        say(f"not measured: {what}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

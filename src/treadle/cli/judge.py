"""`treadle judge`: ask a judge about one answer, measure judges against people, and see how far they can be believed."""

from __future__ import annotations

import click

from treadle.cli.output import connected, emit_facts, emit_json, emit_table, json_option, say, wait
from treadle.cli.scorer_choice import choice_of
from treadle.cli.versions import HOW, dataset_version
from treadle.evals.judges.types import Calibration, NewCalibration
from treadle.evals.scoring.types import NewCase


@click.group("judge")
def judge_command() -> None:
    """Judges: models that score answers, and how far they can be believed."""


@judge_command.command(
    "try",
    epilog='\b\nExample: treadle judge try \'rubric={"endpoint": "judge", "criteria": "it is polite"}\' --input Hello --output Hi',
)
@click.argument("scorer")
@click.option("--input", "asked", required=True, help="What was asked.")
@click.option("--output", required=True, help="What was answered.")
@click.option("--expected", help="What should have been answered.")
@click.option("--context", multiple=True, help="A passage that the answer had at hand. May be repeated.")
@click.option("--other", help="Another answer, for a judge of pairs.")
@json_option
def try_(
    scorer: str,
    asked: str,
    output: str,
    expected: str | None,
    context: tuple[str, ...],
    other: str | None,
    as_json: bool,
) -> None:
    """Judge one answer now; nothing is kept but the judge's traces."""
    case = NewCase(input=asked, output=output, expected=expected, context=list(context), other=other)
    with connected() as client:
        (score,) = client.judges.score(case, [choice_of(scorer)])
    if as_json:
        return emit_json(score)
    say(f"{score.name}: {'unscored' if score.value is None else f'{score.value:.2f}'} ({score.label or '-'})")
    if score.reason:
        say(score.reason)
    if (judged := score.judgement) is not None:
        cost = "unknown" if judged.cost_usd is None else f"{judged.cost_usd} USD"
        say(f"{judged.requests} requests, cost {cost}")
        if judged.warning:
            say(f"careful: {judged.warning}")
        say(
            f"people would call it good with probability {judged.probability:.2f}"
            if judged.probability is not None
            else "not calibrated: nobody has measured this judge against people"
        )
    return None


@judge_command.command(
    "calibrate",
    epilog='\b\nExample: treadle judge calibrate \'rubric={"endpoint": "judge", "criteria": "it is right"}\' --queue review --field correct',
)
@click.argument("scorer")
@click.option("--queue", help="The queue whose judgements count.")
@click.option("--field", help="Its question.")
@click.option("--good", multiple=True, help="Of a category: an option that counts as good. May be repeated.")
@click.option("--dataset", help=f"The dataset version that holds answers and scores, instead. {HOW}")
@click.option("--part", help="Part of its split; none takes every row.")
@click.option("--output-column", default="output", show_default=True, help="Its column with the answer.")
@click.option("--human-column", default="human", show_default=True, help="Its column with what people said, 0 to 1.")
@click.option("--limit", default=1_000, show_default=True, type=click.IntRange(20, 10_000), help="At most so many.")
@json_option
def calibrate(
    scorer: str,
    queue: str | None,
    field: str | None,
    good: tuple[str, ...],
    dataset: str | None,
    part: str | None,
    output_column: str,
    human_column: str,
    limit: int,
    as_json: bool,
) -> None:
    """Measure a judge against people; from then on its scores say what people would."""
    with connected() as client:
        new = NewCalibration(
            scorer=choice_of(scorer), queue=queue, field=field, good=list(good), dataset_version_id=dataset_version(client, dataset),
            part=part, output=output_column, human=human_column, limit=limit,
        )  # fmt: skip
        run = wait(client, client.judges.calibrate(new), quiet=as_json)
        found = client.judges.get_calibration(str(run.outputs["calibration_id"]))
    return emit_json(found) if as_json else _print(found)


@judge_command.command("list", epilog="\b\nExample: treadle judge list")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List calibrations, newest first."""
    with connected() as client:
        page = client.judges.list_calibrations(limit=limit)
    if as_json:
        return emit_json(page)
    rows = [
        (
            one.calibration_id,
            one.scorer.name,
            one.rows,
            f"{100 * one.agreement.value:.0f} %",
            one.method,
            one.created_at,
        )
        for one in page.items
    ]
    return emit_table(
        ["calibration", "judge", "rows", "agrees", "method", "created"],
        rows,
        empty="no judge was measured yet; measure one: treadle judge calibrate SCORER --queue QUEUE --field FIELD",
    )


@judge_command.command("show", epilog="\b\nExample: treadle judge show cal_15wxzzs6ckpz32trft6dkj90qw")
@click.argument("calibration_id")
@json_option
def show(calibration_id: str, as_json: bool) -> None:
    """Print how far one judge can be believed."""
    with connected() as client:
        found = client.judges.get_calibration(calibration_id)
    return emit_json(found) if as_json else _print(found)


def _print(found: Calibration) -> None:
    emit_facts(
        [
            ("calibration", found.calibration_id),
            ("judge", found.scorer.name),
            ("measured by", found.source),
            ("rows", found.rows),
            ("unscored", found.unscored),
            ("kappa", "-" if found.kappa.value is None else f"{found.kappa.value:.2f}"),
            (
                "Brier before, after",
                f"{found.before.brier:.3f}, {'-' if found.after is None else f'{found.after.brier:.3f}'}",
            ),
            ("cost", "unknown" if found.cost_usd is None else f"{found.cost_usd} USD"),
        ]
    )
    say(found.words)

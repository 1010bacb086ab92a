"""`treadle eval plan`, `slices`, `grid` and `scorers`: what rows can show, where a candidate is worse, and what may judge."""

from __future__ import annotations

from typing import cast, get_args

import click

from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say
from treadle.evals.comparisons.types import SliceKind
from treadle.evals.grid.types import GridCell, GridOnly, GridOrdering
from treadle.evals.scoring.types import ScorerInfo

KINDS = ("metadata", "length", "language", "topic")
_SHOWN = 80
"""Characters of an answer in a table."""


@click.command("plan", epilog="\b\nExample: treadle eval plan --rows 200")
@click.option("--rows", type=click.IntRange(min=2), help="Rows that there are: say which differences they show.")
@click.option(
    "--points",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    help="Difference: say how many rows it takes.",
)
@click.option("--tests", default=1, show_default=True, type=click.IntRange(1, 100), help="Scorers compared at once.")
@click.option(
    "--power",
    default=0.8,
    show_default=True,
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    help="How often a true difference is to be seen.",
)
@json_option
def plan(rows: int | None, points: float | None, tests: int, power: float, as_json: bool) -> None:
    """Say, before a run, what a comparison over so many rows could show."""
    with connected() as client:
        made = client.experiments.plan(
            rows=rows, effect=None if points is None else points / 100, tests=tests, power=power
        )
    if as_json:
        return emit_json(made)
    say(made.words)
    return emit_table(
        ["rows differ", "rows", "difference seen"],
        [(f"{100 * line.discordance:g} %", line.rows, f"{100 * line.effect:.1f} points") for line in made.lines],
        empty="",
    )


@click.command(
    "slices", epilog="\b\nExample: treadle eval slices exp_3hv3wvy77pscgpganrqj5vtg72 exp_15wxzzs6ckpz32trft6dkj90qw"
)
@click.argument("baseline_id")
@click.argument("candidate_id")
@click.option("--by", multiple=True, type=click.Choice(KINDS), help="What parts are made by; all but topic by default.")
@click.option("--scorer", help="The scorer compared; the first that both have by default.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="Parts shown at most.")
@json_option
def slices(
    baseline_id: str, candidate_id: str, by: tuple[str, ...], scorer: str | None, limit: int, as_json: bool
) -> None:
    """Say where a candidate is worse or better than a baseline, regressions first."""
    kinds = cast(tuple[SliceKind, ...], by or KINDS[:3])
    with connected() as client:
        report = client.experiments.compare_slices(baseline_id, candidate_id, by=kinds, scorer=scorer, limit=limit)
    if as_json:
        return emit_json(report)
    if report.left_out:
        note(f"without the embedded model there are no parts by {', '.join(report.left_out)}; see: treadle doctor")
    emit_table(
        ["part", "rows", "baseline", "candidate", "p", "shown"],
        [
            (
                f"{one.name}: {one.value}" if one.kind == "metadata" else f"{one.kind}: {one.value}",
                one.rows,
                f"{one.baseline:.3f}",
                f"{one.candidate:.3f}",
                f"{one.p_adjusted:.3f}",
                one.verdict,
            )
            for one in report.slices
        ],
        empty="no part of the rows is large enough to be compared (10 rows)",
    )
    return note(f"{report.looked_at} parts looked at; p-values are corrected for that (Benjamini-Hochberg)")


@click.command(
    "grid", epilog="\b\nExample: treadle eval grid exp_15wxzzs6ckpz32trft6dkj90qw exp_2kq5m0s9w1b7n4v3c8x6z5h0da"
)
@click.argument("experiment_ids", nargs=-1, required=True)
@click.option("--scorer", help="Whose scores decide; the first that all share when not given.")
@click.option(
    "--by", type=click.Choice(get_args(GridOrdering)), default="regressions", show_default=True, help="Order."
)
@click.option("--only", type=click.Choice(get_args(GridOnly)), help="Only rows of which this holds, against the first.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100), help="At most so many rows.")
@json_option
def grid(
    experiment_ids: tuple[str, ...],
    scorer: str | None,
    by: GridOrdering,
    only: GridOnly | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show rows of several experiments side by side, regressions against the first one first."""
    with connected() as client:
        order = client.experiments.order_grid(experiment_ids, scorer=scorer, by=by, only=only)
        shown = order.rows[:limit]
        rows = client.experiments.list_grid(experiment_ids, shown, cut=_SHOWN) if shown else []
    if as_json:
        return emit_json({"order": order, "rows": rows})
    emit_table(
        ["row", "expected", *experiment_ids],
        [(row.row, row.expected or "", *(_cell(cell, order.scorer) for cell in row.cells)) for row in rows],
        empty="no row is like that",
    )
    return note(
        f"{order.total} rows; against {experiment_ids[0]} {order.regressed} regressed, {order.improved} improved, "
        f"{order.failed} have no answer somewhere"
    )


def _cell(cell: GridCell | None, scorer: str | None) -> str:
    if cell is None:
        return "-"
    value = None if scorer is None else cell.means.get(scorer)
    score = "" if value is None else f"{value:.3g} "
    return score + (f"no answer: {cell.error}" if cell.output is None else cell.output)


@click.command("scorers", epilog="\b\nExample: treadle eval scorers")
@json_option
def scorers(as_json: bool) -> None:
    """List what may judge outputs: what it needs, its range and what it costs."""
    with connected() as client:
        known = client.experiments.list_scorers()
    if as_json:
        return emit_json(known)
    rows = [(one.name, _range(one), ", ".join(one.needs) or "-", one.place, one.summary) for one in known]
    return emit_table(["scorer", "range", "needs", "judged in", "what it says"], rows, empty="")


def _range(one: ScorerInfo) -> str:
    ends = f"{one.low:g} to {'∞' if one.high is None else f'{one.high:g}'}"
    return ends if one.higher_is_better else f"{ends}, low is good"

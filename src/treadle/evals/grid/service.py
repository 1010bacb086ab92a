"""Put several experiments over the same rows side by side.

The order of all rows comes in one small answer, their cells in parts as somebody looks at them, so that a grid of any size
opens at once and a link to a cell needs nothing before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonValue
from treadle.evals import store as experiments
from treadle.evals.comparisons.pairing import NotComparable, require_experiment
from treadle.evals.comparisons.slices import find_slices
from treadle.evals.comparisons.types import SliceKind
from treadle.evals.grid import store
from treadle.evals.grid.ordering import order_rows
from treadle.evals.grid.types import GridCell, GridOnly, GridOrder, GridOrdering, GridRow
from treadle.evals.metrics import by_row
from treadle.evals.scorers import SCORERS
from treadle.evals.store import Kept
from treadle.evals.types import Result
from treadle.http.context import Context
from treadle.storage.database import Connection


async def get_order(
    ctx: Context,
    experiment_ids: Sequence[str],
    *,
    scorer: str | None = None,
    by: GridOrdering = "regressions",
    only: GridOnly | None = None,
    part: tuple[SliceKind, str, str] | None = None,
) -> GridOrder:
    """Return which rows there are, in order. part: kind, name and value of a slice, as `compare_slices` names them.

    Reads the scores of all rows: 5,000 rows of 6 experiments take about a quarter of a second. Raises ExperimentNotFound,
    NotComparable.
    """
    ctx.require("evals.read")

    def read(db: Connection) -> GridOrder:
        kept = _require_same_rows(db, experiment_ids)
        shared = [
            choice.name
            for choice in kept[0].new.scorers
            if all(choice in one.new.scorers for one in kept)  # with other parameters it judges something else
        ]
        if scorer is not None and scorer not in shared:
            raise NotComparable(
                f"the experiments do not share the scorer '{scorer}' with the same parameters; they share: {', '.join(shared) or 'none'}"
            )
        chosen = scorer or next(iter(shared), None)
        standings = store.read_standings(db, experiment_ids, chosen)
        total = len(standings)
        if part is not None:
            within = _rows_of(db, kept, part)
            standings = {row: of_row for row, of_row in standings.items() if row in within}
        known = SCORERS.get(chosen or "")
        higher_is_better = known is None or known.higher_is_better
        ordered = order_rows(
            standings,
            higher_is_better=higher_is_better,
            by=by if chosen else "row",
            only=only,
        )
        return GridOrder(
            experiment_ids=list(experiment_ids),
            dataset_version_id=kept[0].new.dataset_version_id,
            scorers=shared,
            scorer=chosen,
            unit="ratio" if known is None else known.unit,
            higher_is_better=higher_is_better,
            total=total,
            **ordered._asdict(),
        )

    return await ctx.db.read(read)


def _require_same_rows(db: Connection, experiment_ids: Sequence[str]) -> list[Kept]:
    if len(set(experiment_ids)) < len(experiment_ids):
        raise InvalidInput("an experiment stands twice in the grid; name each once", code="evals.grid_twice")
    kept = [require_experiment(db, experiment_id) for experiment_id in experiment_ids]
    for one in kept[1:]:
        if one.new.dataset_version_id != kept[0].new.dataset_version_id:
            raise NotComparable(
                f"'{kept[0].experiment_id}' ran over dataset version '{kept[0].new.dataset_version_id}' and "
                f"'{one.experiment_id}' over '{one.new.dataset_version_id}'; a grid needs the same rows, so run one of them again"
            )
    return kept


def _rows_of(db: Connection, kept: Sequence[Kept], part: tuple[SliceKind, str, str]) -> frozenset[int]:
    """Return the rows of a slice, made as a comparison of the first two makes it."""
    from treadle.data.profile import languages_of  # heavy: the model of languages

    kind, name, value = part
    if kind == "topic":
        raise InvalidInput(
            "rows are not shown by topic, since topics are made anew for every comparison; name a metadata column, length or language",
            code="evals.grid_topic",
        )
    results = by_row(experiments.list_results(db, kept[min(1, len(kept) - 1)].experiment_id))
    found = find_slices(results, [kind], languages_of=languages_of)
    return next((one.rows for one in found if (one.name, one.value) == (name, value)), frozenset())


async def list_rows(ctx: Context, experiment_ids: Sequence[str], rows: Sequence[int], *, cut: int) -> list[GridRow]:
    """Return rows with a cell per experiment, in the order that was asked for; those that none of them has are left out.

    cut: characters of an answer, after which it is cut. Raises ExperimentNotFound, NotComparable.
    """
    ctx.require("evals.read")

    def read(db: Connection) -> list[GridRow]:
        _require_same_rows(db, experiment_ids)
        answers = store.list_answers(db, experiment_ids, rows)
        of_rows = [[answers.get((experiment_id, row)) for experiment_id in experiment_ids] for row in rows]
        return [_row(cells, cut) for cells in of_rows if any(cells)]

    return await ctx.db.read(read)


def _row(cells: Sequence[list[Result] | None], cut: int) -> GridRow:
    first = next(cell[0] for cell in cells if cell)
    return GridRow(
        row=first.row,
        input=_shortened(first.input, cut),
        expected=first.expected,
        metadata=first.metadata,
        cells=[_cell(cell, cut) if cell else None for cell in cells],
    )


def _shortened(value: JsonValue, cut: int) -> JsonValue:
    return value[:cut] if isinstance(value, str) else value


def _cell(answers: Sequence[Result], cut: int) -> GridCell:
    shown = answers[0]
    values: dict[str, list[float]] = {}
    for answer in answers:
        for score in answer.scores:
            if score.value is not None:
                values.setdefault(score.name, []).append(score.value)
    costs = [answer.cost_usd for answer in answers if answer.cost_usd is not None]
    return GridCell(
        output=shown.output if shown.output is None else shown.output[:cut],
        error=shown.error,
        is_cut=shown.output is not None and len(shown.output) > cut,
        answers=len(answers),
        scores=[score.model_copy(update={"judgement": None, "parts": None}) for score in shown.scores],
        means={name: fmean(given) for name, given in values.items()},
        latency_ms=fmean(answer.latency_ms for answer in answers),
        cost_usd=fmean(costs) if len(costs) == len(answers) else None,
        repeat=shown.repeat,
        trace_id=shown.trace_id,
    )

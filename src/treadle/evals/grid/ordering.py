"""In which order rows of several experiments are looked at: regressions first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from treadle.evals.grid.types import GridOnly, GridOrdering

LEAST_CHANGE = 1e-9


class Standing(NamedTuple):
    """How one experiment stands on a row."""

    score: float | None
    """Mean over the repeats; None where nothing could be judged."""
    failed: bool
    """Whether any asking had no answer."""


class Ordered(NamedTuple):
    """The rows, and how many there are of each kind."""

    rows: list[int]
    regressed: int
    improved: int
    failed: int


def order_rows(
    standings: Mapping[int, Sequence[Standing | None]],
    *,
    higher_is_better: bool,
    by: GridOrdering = "regressions",
    only: GridOnly | None = None,
) -> Ordered:
    """Return the rows in order. standings: by row one per experiment, the first the baseline, None where it has not the row.

    'regressions' begins with the largest loss of any experiment against the first, then the smallest gain, then what is
    equal, each by row. A row that regressed somewhere is no improvement.
    """
    losses = {row: _change(of_row, higher_is_better) for row, of_row in standings.items()}
    regressed = {row for row, (worst, _) in losses.items() if worst < -LEAST_CHANGE}
    improved = {row for row, (_, best) in losses.items() if best > LEAST_CHANGE} - regressed
    failed = {row for row, of_row in standings.items() if any(one is not None and one.failed for one in of_row)}
    wanted = {"regressed": regressed, "improved": improved, "changed": regressed | improved, "failed": failed}
    rows = sorted(standings.keys() if only is None else wanted[only])
    if by == "regressions":
        rows.sort(key=lambda row: (0 if row in regressed else 1 if row in improved else 2, losses[row][0]))
    return Ordered(rows, len(regressed), len(improved), len(failed))


def _change(of_row: Sequence[Standing | None], higher_is_better: bool) -> tuple[float, float]:
    """Return the worst and the best change against the first, so that less is worse; 0 where nothing can be compared."""
    first, *others = of_row
    if first is None or first.score is None:
        return 0.0, 0.0
    sign = 1 if higher_is_better else -1
    changes = [sign * (one.score - first.score) for one in others if one is not None and one.score is not None]
    return (min(changes), max(changes)) if changes else (0.0, 0.0)

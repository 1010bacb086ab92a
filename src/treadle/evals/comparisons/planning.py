"""What a comparison over so many rows could show, before anything is asked; or how many rows it takes. Pure."""

from __future__ import annotations

from treadle.core.errors import InvalidInput
from treadle.evals.comparisons.types import Plan, PlanLine
from treadle.evals.statistics import minimum_detectable_effect, rows_needed

DISCORDANCES = (0.05, 0.1, 0.2, 0.3)
"""Shares of rows on which two versions may differ: from a wording changed to another model."""


def plan(
    *, rows: int | None = None, effect: float | None = None, tests: int = 1, alpha: float = 0.05, power: float = 0.8
) -> Plan:
    """Return what so many rows show, or how many rows an effect takes, for right-or-wrong scores of the same rows.

    effect: true difference in score points (0.05 is 5 points). tests: scorers compared at once; the level is shared among
    them, which is a little more than Holm's asks for. Raises InvalidInput unless one of rows and effect is given.
    """
    if (rows is None) == (effect is None):
        raise InvalidInput(
            "give either the rows that there are or the difference that is to be seen, such as: "
            "treadle eval plan --rows 200, or: treadle eval plan --points 5",
            code="evals.bad_plan",
        )
    level = alpha / tests
    lines = []
    for discordance in DISCORDANCES:
        if rows is not None:
            seen = minimum_detectable_effect(rows, discordance, alpha=level, power=power)
            lines.append(PlanLine(discordance=discordance, rows=rows, effect=seen))
        elif effect is not None and effect <= discordance:
            needed = rows_needed(effect, discordance, alpha=level, power=power)
            lines.append(PlanLine(discordance=discordance, rows=needed, effect=effect))
    if not lines:
        raise InvalidInput(
            f"a difference of {100 * (effect or 0):g} points needs more than {100 * DISCORDANCES[-1]:g} % of rows to differ; "
            f"so large a one is seen in a few dozen rows: ask for a smaller one",
            code="evals.bad_plan",
        )
    return Plan(lines=lines, alpha=alpha, power=power, tests=tests, words=_words(lines, rows, power))


def _words(lines: list[PlanLine], rows: int | None, power: float) -> str:
    least, most = lines[0], lines[-1]
    share = f"{100 * power:g} times in 100"
    if rows is not None:
        return (
            f"with {rows} rows you can see differences of {100 * least.effect:.1f} points or more where the two differ on "
            f"{100 * least.discordance:g} % of rows, of {100 * most.effect:.1f} points or more on {100 * most.discordance:g} %, {share}"
        )
    return (
        f"to see a difference of {100 * least.effect:g} points {share} takes {least.rows:,} rows where the two differ on "
        f"{100 * least.discordance:g} % of rows, {most.rows:,} where they differ on {100 * most.discordance:g} %"
    )
